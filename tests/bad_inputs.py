"""Files that must end as a refusal, never as a crash: name -> (bytes, code of the refusal).

The codes are part of the REST interface (`GET /adjuvant/jobs`): a test that has to change one
here breaks somebody's statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import JPEGLSLossless, RLELossless

from tests.builder import nm_dataset, thyroid_counts, to_bytes


@dataclass(frozen=True)
class BadInput:
    """`data()` makes the file; `code` is `Refusal.code` as `adjuvant.image.read_scan` gives it.

    `stored` is False where an archive cannot be expected to take the file at all.
    """

    data: Callable[[], bytes]
    code: str
    stored: bool = True


def scan(**tags: Any) -> Dataset:
    """A small valid scan (64 x 64) with the given attributes changed."""
    return nm_dataset(thyroid_counts(64, 64), **tags)


def _of(**tags: Any) -> Callable[[], bytes]:
    return lambda: to_bytes(scan(**tags))


def _counts(counts: np.ndarray[Any, Any]) -> Callable[[], bytes]:
    return lambda: to_bytes(nm_dataset(counts))


def _truncated() -> bytes:
    """PixelData itself says that it is shorter than Rows x Columns."""
    ds = scan()
    ds.PixelData = ds.PixelData[:1000]
    return to_bytes(ds)


def _cut_file() -> bytes:
    """The transfer broke off in the middle of the pixels."""
    return to_bytes(scan())[:-3000]


def _dynamic() -> bytes:
    ds = nm_dataset(thyroid_counts(64, 64, 4), ImageType=["ORIGINAL", "PRIMARY", "DYNAMIC"])
    ds.FrameIncrementPointer = [
        Tag("EnergyWindowVector"),
        Tag("PhaseVector"),
        Tag("TimeSliceVector"),
    ]
    ds.PhaseVector, ds.TimeSliceVector = [1] * 4, [1, 2, 3, 4]
    return to_bytes(ds)


def _dynamic_without_image_type() -> bytes:
    """Only FrameIncrementPointer tells."""
    ds = nm_dataset(thyroid_counts(64, 64, 4), ImageType=["ORIGINAL", "PRIMARY"])
    ds.FrameIncrementPointer = [Tag("PhaseVector"), Tag("TimeSliceVector")]
    ds.PhaseVector, ds.TimeSliceVector = [1] * 4, [1, 2, 3, 4]
    return to_bytes(ds)


def _type(value: str) -> Callable[[], bytes]:
    return _of(ImageType=["ORIGINAL", "PRIMARY", value, "EMISSION"])


def _broken_stream(syntax: str) -> Callable[[], bytes]:
    def build() -> bytes:
        ds = scan()
        ds.compress(syntax, generate_instance_uid=False)
        # 20 bytes: the offset table and the item's own header (PS3.5 A.4) stay whole.
        ds.PixelData = ds.PixelData[:20] + b"\xa5" * (len(ds.PixelData) - 20)
        return to_bytes(ds)

    return build


def _rgb() -> bytes:
    ds = scan(PhotometricInterpretation="RGB", SamplesPerPixel=3, PlanarConfiguration=0)
    ds.PixelData = ds.PixelData * 3
    return to_bytes(ds)


def _unknown_syntax() -> bytes:
    """A transfer syntax that no handler knows (MPEG2 Main Profile)."""
    ds = scan()
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
    return to_bytes(ds)


def _lossy() -> bytes:
    ds = scan(LossyImageCompression="01", LossyImageCompressionRatio="30")
    return to_bytes(ds)


BAD_INPUTS: dict[str, BadInput] = {
    "not dicom": BadInput(lambda: b"hello, world" * 20, "not-dicom", stored=False),
    "no bytes": BadInput(lambda: b"", "not-dicom", stored=False),
    "cut in the middle": BadInput(_cut_file, "pixel-data", stored=False),
    "pixels too short": BadInput(_truncated, "pixel-data"),
    "without PixelData": BadInput(_of(PixelData=None), "pixel-data"),
    "empty PixelData": BadInput(_of(PixelData=b""), "pixel-data"),
    "broken RLE": BadInput(_broken_stream(RLELossless), "pixel-data"),
    "broken JPEG-LS": BadInput(_broken_stream(JPEGLSLossless), "pixel-data"),
    "unknown transfer syntax": BadInput(_unknown_syntax, "transfer-syntax"),
    "lossy": BadInput(_lossy, "lossy"),
    "zero frames": BadInput(_of(NumberOfFrames=0), "frames"),
    "negative frames": BadInput(_of(NumberOfFrames=-1), "frames"),
    "too many frames": BadInput(_of(NumberOfFrames=100000), "frames"),
    "missing Rows": BadInput(_of(Rows=None), "matrix"),
    "missing Columns": BadInput(_of(Columns=None), "matrix"),
    "zero Rows": BadInput(_of(Rows=0), "matrix"),
    "one pixel": BadInput(_counts(np.array([[7]], np.uint16)), "matrix"),
    "huge header, few bytes": BadInput(_of(Rows=65535, Columns=65535), "matrix"),
    "4096 x 4096": BadInput(_counts(np.full((4096, 4096), 3, np.uint16)), "matrix"),
    "BitsAllocated 12": BadInput(_of(BitsAllocated=12), "pixel-format"),
    "BitsAllocated 1": BadInput(_of(BitsAllocated=1, BitsStored=1, HighBit=0), "pixel-format"),
    "missing BitsAllocated": BadInput(_of(BitsAllocated=None), "pixel-format"),
    "BitsStored 17": BadInput(_of(BitsStored=17), "pixel-format"),
    "PixelRepresentation 2": BadInput(_of(PixelRepresentation=2), "pixel-format"),
    "MONOCHROME1": BadInput(_of(PhotometricInterpretation="MONOCHROME1"), "photometric"),
    "PALETTE COLOR": BadInput(_of(PhotometricInterpretation="PALETTE COLOR"), "photometric"),
    "RGB": BadInput(_rgb, "photometric"),
    "missing PhotometricInterpretation": BadInput(
        _of(PhotometricInterpretation=None), "photometric"
    ),
    "empty image": BadInput(_counts(np.zeros((64, 64), np.uint16)), "flat-image"),
    "flat image": BadInput(_counts(np.full((64, 64), 9, np.uint16)), "flat-image"),
    "negative counts": BadInput(
        _counts(thyroid_counts(64, 64).astype(np.int16) - 5), "pixel-values"
    ),
    "rescale slope 0": BadInput(_of(RescaleSlope="0", RescaleIntercept="0"), "rescale"),
    "dynamic": BadInput(_dynamic, "not-static"),
    "dynamic, only by its vectors": BadInput(_dynamic_without_image_type, "not-static"),
    "transmission": BadInput(
        _of(ImageType=["ORIGINAL", "PRIMARY", "STATIC", "TRANSMISSION"]), "not-emission"
    ),
    "whole body": BadInput(_type("WHOLE BODY"), "not-static"),
    "gated": BadInput(_type("GATED"), "not-static"),
    "tomo": BadInput(_type("TOMO"), "not-static"),
    "gated tomo": BadInput(_type("GATED TOMO"), "not-static"),
    "recon tomo": BadInput(_type("RECON TOMO"), "not-static"),
    "recon gated tomo": BadInput(_type("RECON GATED TOMO"), "not-static"),
    "unknown image type": BadInput(_type("SOMETHING"), "not-static"),
}
