"""A damaged file of outlines, of any format, is an RoiError or its unusable parts are named."""

from __future__ import annotations

import json
import plistlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from tests.builder import to_bytes
from tests.fuzz import tried
from tests.training.rois.test_dicom_formats import highdicom_segmentation, own_plane, structure_set
from tests.training.rois.test_masks import LABELS, nifti, png, segmentation
from tests.training.rois.test_osirix_formats import TEXTS, WITH_UIDS, archive, export, line, report
from tests.training.rois.vectors import POINTS, UID, counts
from training.deidentify import to_file
from training.rois.drawing import RoiError
from training.rois.placing import Plane, rasterise
from training.rois.readers import read_drawings

EXPLICIT = "1.2.840.10008.1.2.1"
NUMBER = re.compile(rb"-?\d+(\.\d+)?")
# What stands for a number in a damaged file.
WORDS = (b"", b"-1", b"0", b"1e999", b"nan", b"9" * 30, b"null", b"[]", b"\0", b"\xff")
PLANE = Plane(counts(), (2.0, 1.5))


def with_names(source: Dataset) -> bytes:
    source.SOPInstanceUID = "1.2.9"
    source.setdefault("SOPClassUID", "1.2.840.10008.5.1.4.1.1.88.33")
    return to_file(source, EXPLICIT)


def contour() -> Dataset:
    return structure_set([own_plane(*point) for point in POINTS])


@pytest.fixture(scope="module")
def slicer(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    names = {"Segment0_Name": "gland", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
    folder: Path = tmp_path_factory.mktemp("slicer")
    return segmentation(LABELS.T[:, :, None], folder, **names)


FORMATS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: (WITH_UIDS + line(11, POINTS)).encode(),
    "xml": lambda: plistlib.dumps(export(TEXTS)),
    "binary plist": lambda: plistlib.dumps(export(TEXTS), fmt=plistlib.FMT_BINARY),
    "json": lambda: json.dumps(export(TEXTS, SOPInstanceUID=UID)).encode(),
    "sr": lambda: with_names(report(archive(11, POINTS, "{{0, 0}, {0, 0}}"))),
    "rtstruct": lambda: with_names(contour()),
    "seg": lambda: to_bytes(highdicom_segmentation("BINARY")),
    "label map": lambda: to_bytes(highdicom_segmentation("LABELMAP")),
    "png": lambda: png(LABELS),
    "nifti": lambda: nifti(LABELS.T[:, :, None]),
}
NO_CLASS = plistlib.dumps({"$objects": [{"$class": plistlib.UID(9)}]}, fmt=plistlib.FMT_BINARY)
WHOLE = {name: make() for name, make in FORMATS.items()}


def read_all(data: bytes) -> None:
    """As an import does. Anything but an RoiError fails the test."""
    try:
        found = read_drawings(data)
    except RoiError:
        return
    for drawing in found.drawings:
        try:
            rasterise(drawing, PLANE)
        except RoiError:
            continue


PLACES = st.integers(0, 1 << 20)
CHANGES = st.lists(st.tuples(PLACES, st.integers(0, 255)), max_size=4)


@pytest.mark.parametrize("name", [*WHOLE, "nrrd"])
@given(changes=CHANGES, word=st.sampled_from(WORDS), place=PLACES, length=PLACES)
@tried(40)
def test_no_damage_ends_an_import(
    slicer: bytes, name: str, changes: list[tuple[int, int]], word: bytes, place: int, length: int
) -> None:
    whole = slicer if name == "nrrd" else WHOLE[name]
    assert read_drawings(whole).drawings
    data = bytearray(whole)
    for at, value in changes:
        data[at % len(data)] = value
    read_all(bytes(data))
    numbers = list(NUMBER.finditer(whole))
    if numbers:
        number = numbers[place % len(numbers)]
        read_all(whole[: number.start()] + word + whole[number.end() :])
    read_all(whole[: length % len(whole)])


def without(source: Dataset, *path: str) -> Dataset:
    """The same without one attribute of the first items along the path."""
    inner = source
    for keyword in path[:-1]:
        inner = inner[keyword].value[0]
    del inner[path[-1]]
    return source


@pytest.mark.parametrize(
    ("path", "drawings"),
    [
        (("StructureSetROISequence", "ROINumber"), 1),
        (("ROIContourSequence", "ReferencedROINumber"), 1),
        (("ROIContourSequence", "ContourSequence", "ContourImageSequence"), 1),
        (("ROIContourSequence", "ContourSequence", "ContourData"), 0),
    ],
)
def test_a_structure_set_that_lacks_an_attribute_keeps_what_is_left(
    path: tuple[str, ...], drawings: int
) -> None:
    found = read_drawings(with_names(without(contour(), *path)))
    assert len(found.drawings) == drawings


def test_a_contour_whose_points_are_no_numbers_is_named() -> None:
    source = contour()
    source.ROIContourSequence[0].ContourSequence[0].ContourData = ["1e999"] * 9
    found = read_drawings(with_names(source))
    assert found.problems == ("ROI 1: ContourData: a value is not a number",)


@pytest.mark.parametrize(
    "data",
    [
        b'{"Images": [{"ROIs": 5}]}',
        b'{"Images": [{"ROIs": [7]}]}',
        b"<?xml version='1.0' encoding='UTF-1'?><plist/>",
        with_names(report(NO_CLASS)),
    ],
)
def test_what_is_built_otherwise_than_its_format_is_damaged(data: bytes) -> None:
    with pytest.raises(RoiError, match="the file is damaged"):
        read_drawings(data)
