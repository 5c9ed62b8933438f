"""The pixels of an NM image: checked, decoded, and turned into counts (PS3.3 C.8.4.10).

Every size is checked before memory is asked for, so that a header of a few bytes cannot ask for
gigabytes. The codes of refusals are explained in `image.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom import uid as uids
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array

from adjuvant.codestream import JPEG_2000, declared_size, rle_is_bounded
from adjuvant.errors import Refusal
from adjuvant.header import UNREADABLE, numbers, quiet, text, uid, value, whole_number
from adjuvant.jpeg_2000 import is_bounded
from adjuvant.preprocess import Image

NATIVE = {
    uids.ImplicitVRLittleEndian,
    uids.ExplicitVRLittleEndian,
    uids.ExplicitVRBigEndian,
    uids.DeflatedExplicitVRLittleEndian,
}
LOSSLESS = {
    uids.RLELossless,
    uids.JPEGLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEG2000Lossless,
    uids.HTJ2KLossless,
    uids.HTJ2KLosslessRPCL,
    # May be lossy or not; LossyImageCompression, obligatory after a loss, decides.
    uids.JPEG2000,
    uids.HTJ2K,
}
LOSSY = {uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit, uids.JPEGLSNearLossless}

EXTENDED_OFFSETS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")

# PS3.3 C.7.6.3.1.2; anything else in a header is not repeated in a message.
PHOTOMETRIC = {
    "MONOCHROME1",
    "MONOCHROME2",
    "PALETTE COLOR",
    "RGB",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_ICT",
    "YBR_RCT",
}

# Below this no gland can be told from noise, above it memory is at stake (decoded: 4 bytes each).
MINIMUM_MATRIX = 16
MAXIMUM_PIXELS = 2**24


@dataclass(frozen=True)
class Limits:
    """What is refused unread, because no planar scan is that large."""

    maximum_matrix: int = 2048
    maximum_frames: int = 64


@dataclass(frozen=True)
class Layout:
    """The checked description of the pixels: frames, rows, columns, and bytes of one pixel."""

    frames: int
    rows: int
    columns: int
    pixel_bytes: int

    @property
    def size(self) -> int:
        """Bytes of all pixels, uncompressed."""
        return self.frames * self.rows * self.columns * self.pixel_bytes


def require_layout(source: Dataset, limits: Limits) -> Layout:
    """The size of the image; raises Refusal (matrix, frames, pixel-format) where impossible."""
    rows, columns = (_side(source, word, limits) for word in ("Rows", "Columns"))
    frames = 1
    if value(source, "NumberOfFrames") is not None:
        frames = whole_number(source, "NumberOfFrames") or 0
    if not 1 <= frames <= limits.maximum_frames:
        wanted = f"between 1 and {limits.maximum_frames}"
        raise Refusal("frames", f"NumberOfFrames is {frames}, not {wanted}")
    if frames * rows * columns > MAXIMUM_PIXELS:
        size = f"{frames} frames of {rows} x {columns}"
        raise Refusal("frames", f"{size} are more than {MAXIMUM_PIXELS} pixels")
    bits = whole_number(source, "BitsAllocated")
    if bits not in (8, 16):
        raise Refusal("pixel-format", f"BitsAllocated is {_told(bits)}, not 8 or 16")
    return Layout(frames, rows, columns, bits // 8)


def _side(source: Dataset, keyword: str, limits: Limits) -> int:
    side = whole_number(source, keyword)
    if side is None or not MINIMUM_MATRIX <= side <= limits.maximum_matrix:
        wanted = f"between {MINIMUM_MATRIX} and {limits.maximum_matrix}"
        raise Refusal("matrix", f"{keyword} is {_told(side)}, not {wanted}")
    return side


def _told(number: int | None) -> str:
    return "missing" if number is None else str(number)


def require_counts(source: Dataset) -> None:
    """One sample per pixel, MONOCHROME2, whole numbers (PS3.3 C.8.4.10.1), or Refusal."""
    photometric = text(source, "PhotometricInterpretation")
    if photometric != "MONOCHROME2":
        known = photometric if photometric in PHOTOMETRIC else "missing or unknown"
        raise Refusal("photometric", f"PhotometricInterpretation is {known}, not MONOCHROME2")
    samples = whole_number(source, "SamplesPerPixel")
    if samples != 1:
        raise Refusal("photometric", f"SamplesPerPixel is {_told(samples)}, not 1")
    allocated = whole_number(source, "BitsAllocated") or 0
    stored = whole_number(source, "BitsStored")
    if stored is None or not 1 <= stored <= allocated:
        raise Refusal("pixel-format", f"BitsStored is {_told(stored)}, not 1 to {allocated}")
    high = whole_number(source, "HighBit")
    if high is not None and high != stored - 1:
        raise Refusal("pixel-format", f"HighBit is {high}, not BitsStored - 1")
    signed = whole_number(source, "PixelRepresentation")
    if signed not in (0, 1):
        raise Refusal("pixel-format", f"PixelRepresentation is {_told(signed)}, not 0 or 1")


def require_syntax(source: Dataset) -> None:
    """Raise Refusal (lossy, transfer-syntax) unless the stored values can be had unchanged.

    Lossy compression is refused: counts are measurements, their noise is part of what the network
    was trained on, and nobody has shown that results survive it.
    """
    syntax = _syntax(source)
    if syntax in LOSSY or text(source, "LossyImageCompression") == "01":
        raise Refusal(
            "lossy", "the image was compressed with loss: its counts are not those measured"
        )
    if syntax not in NATIVE | LOSSLESS:
        name = syntax.name if syntax.is_transfer_syntax else "missing or unknown"
        raise Refusal("transfer-syntax", f"TransferSyntaxUID is {name}, which is not read here")


def _syntax(source: Dataset) -> uids.UID:
    meta = getattr(source, "file_meta", Dataset())
    return uid(meta, "TransferSyntaxUID")


def decode(source: Dataset, layout: Layout) -> NDArray[Any]:
    """Stored values (frames, rows, columns), 8 or 16 bit; raises Refusal (pixel-data)."""
    pixels = source.get_item("PixelData", keep_deferred=True)
    stored = len(pixels.value or b"") if pixels is not None else 0
    if not stored:
        raise Refusal("pixel-data", "PixelData is missing or empty")
    if _syntax(source) in NATIVE and stored < layout.size:
        raise Refusal("pixel-data", f"PixelData has {stored} bytes instead of {layout.size}")
    try:
        with quiet():
            if _syntax(source) in LOSSLESS:
                require_honest_frames(source, layout)
            stored_values = pixel_array(source)
    except UNREADABLE as fault:
        kind = type(fault).__name__
        raise Refusal("pixel-data", f"PixelData cannot be decoded ({kind})") from None
    expected = (layout.frames, layout.rows, layout.columns)
    if stored_values.size != layout.frames * layout.rows * layout.columns:
        raise Refusal("pixel-data", f"PixelData decodes to {stored_values.shape}, not {expected}")
    return stored_values.reshape(expected)


def require_honest_frames(source: Dataset, layout: Layout) -> None:
    """No compressed frame asks its decoder for more memory than the header says; else Refusal
    (pixel-data).

    An Extended Offset Table is refused: with it the decoder may take other frames than those that
    are looked at here. Only images beyond 4 GB need one (PS3.3 C.7.6.3.1.8).
    """
    for keyword in EXTENDED_OFFSETS:
        if keyword in source:
            raise Refusal("pixel-data", f"{keyword} is present, by which frames are not read here")
    pixels, syntax = source.PixelData, _syntax(source)
    for frame in generate_frames(pixels, number_of_frames=layout.frames):
        if syntax == uids.RLELossless:
            size = layout.rows * layout.columns  # of one byte plane (PS3.5 G.2)
            if not rle_is_bounded(frame, 2 * size):  # some writers pad
                raise Refusal("pixel-data", "an RLE frame unpacks to more than its matrix")
            continue
        declared = declared_size(frame, syntax)
        if declared != (layout.rows, layout.columns, 1):
            size_said = f"{declared.rows} x {declared.columns}" if declared else "of unknown size"
            wanted = f"{layout.rows} x {layout.columns}"
            raise Refusal("pixel-data", f"a compressed frame is {size_said}, not {wanted}")
        if syntax in JPEG_2000 and not is_bounded(frame):
            raise Refusal("pixel-data", "a JPEG 2000 frame is cut into too many or unknown parts")


def rescale(source: Dataset, stored: NDArray[Any]) -> Image:
    """Stored values -> counts, float32; NM has no Modality LUT, but some cameras write a slope.

    Raises Refusal (rescale, pixel-values): a negative count is the sign of a difference image, or
    of an overflow, and is not cut to zero here.
    """
    counts: Image = stored.astype(np.float32)
    if value(source, "RescaleSlope") is not None or value(source, "RescaleIntercept") is not None:
        slope = numbers(source, "RescaleSlope") if "RescaleSlope" in source else [1.0]
        intercept = numbers(source, "RescaleIntercept") if "RescaleIntercept" in source else [0.0]
        if len(slope) != 1 or len(intercept) != 1 or slope[0] <= 0:
            raise Refusal("rescale", "RescaleSlope and RescaleIntercept are no usable pair")
        counts = (counts * slope[0] + intercept[0]).astype(np.float32)
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise Refusal("pixel-values", f"the smallest pixel is {counts.min():g}: not a count image")
    return counts
