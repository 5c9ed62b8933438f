"""A segmentation is decoded only where its frames are as large as its header says, and
costs no more than its segments do."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from adjuvant.errors import Refusal
from adjuvant.results import marks
from adjuvant.results.marks import Place, read_marks

LABELS = np.zeros((2, 64, 64), np.uint8)
LABELS[0, 8:16, 8:16] = 1


def label_map(syntax: str) -> Dataset:
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SegmentationType = "LABELMAP"
    found.set_pixel_data(LABELS, "MONOCHROME2", 8, generate_instance_uid=False)
    found.SegmentSequence = [Dataset()]
    found.SegmentSequence[0].SegmentNumber = 1
    found.PerFrameFunctionalGroupsSequence = [Dataset(), Dataset()]
    found.compress(syntax, generate_instance_uid=False)
    return found


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_a_compressed_one_is_read(syntax: str) -> None:
    assert read_marks(label_map(syntax))[1][Place()].sum() == 64


def of_frame(syntax: str, frame: bytes) -> Dataset:
    found = label_map(RLELossless)
    found.file_meta.TransferSyntaxUID = syntax
    found.PixelData = encapsulate([frame, frame])
    return found


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            of_frame(
                JPEG2000Lossless,
                b"\xff\x4f\xff\x51\0\x29\0\0"
                + struct.pack(">8I", 65535, 65535, 0, 0, 65535, 65535, 0, 0)
                + b"\0\x01\x07\x01\x01\0",
            ),
            "a compressed frame is 65535 x 65535, not 64 x 64",
        ),
        (
            of_frame(RLELossless, struct.pack("<16I", 1, 64, *14 * [0]) + b"\x81\0" * 4000),
            "an RLE frame unpacks to more than its matrix",
        ),
    ],
    ids=["jpeg 2000", "rle"],
)
def test_one_that_asks_for_more_memory_than_its_header_says_is_refused_undecoded(
    source: Dataset, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "pixel_array", lambda _: pytest.fail("it is decoded"))
    with pytest.raises(Refusal, match=said) as refused:
        read_marks(source)
    assert refused.value.code == "segmentation"


def many_labels(side: int) -> Dataset:
    """A label map with one segment and another label in each pixel."""
    found = label_map(RLELossless)
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    del found.NumberOfFrames
    labels = np.arange(side * side, dtype=np.uint16).reshape(side, side)
    found.set_pixel_data(labels, "MONOCHROME2", 16, generate_instance_uid=False)
    found.PerFrameFunctionalGroupsSequence = [Dataset()]
    return found


def test_labels_of_no_segment_cost_nothing() -> None:
    source = many_labels(96)
    tracemalloc.start()
    marked = read_marks(source)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {number: here[Place()].sum() for number, here in marked.items()} == {1: 1}
    assert peak < 50 * 96 * 96  # a mask for each label has 96 * 96 times 96 * 96 bytes


def test_a_label_map_of_too_many_segments_is_refused_undecoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = label_map(RLELossless)
    source.SegmentSequence = [Dataset() for _ in range(5)]
    for number, segment in enumerate(source.SegmentSequence):
        segment.SegmentNumber = number + 1
    monkeypatch.setattr(marks, "MOST_PIXELS", 5 * LABELS.size)
    assert list(read_marks(source)) == [1, 2, 3, 4, 5]
    monkeypatch.setattr(marks, "MOST_PIXELS", 5 * LABELS.size - 1)
    monkeypatch.setattr(marks, "pixel_array", lambda _: pytest.fail("it is decoded"))
    with pytest.raises(Refusal, match=f"{5 * LABELS.size} pixels"):
        read_marks(source)
