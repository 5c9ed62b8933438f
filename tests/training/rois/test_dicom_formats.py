"""RT Structure Set and DICOM SEG: the pentagon out of each, and what is refused."""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import SecondaryCaptureImageStorage

from adjuvant.image import Limits, read_scan
from adjuvant.results.seg import pack
from tests.builder import nm_dataset, to_bytes
from tests.training.department import Visit, scan
from tests.training.rois.vectors import MATRIX, POINTS, UID, counts, expected
from tests.viewer.objects import two_views
from training.datasets.plane import plane_of
from training.rois.drawing import Drawings, RoiError
from training.rois.placing import Plane, rasterise
from training.rois.readers import read_dicom_drawings, read_drawings
from training.rois.rtstruct import RTSTRUCT_CLASS
from training.rois.segmentation import read_segmentation

SPACING = (2.0, 1.5)  # mm between rows, between columns


def structure_set(
    *contours: list[tuple[float, float, float]], kind: str = "CLOSED_PLANAR"
) -> Dataset:
    """One ROI with these contours, in mm."""
    items = []
    for points in contours:
        image = Dataset()
        image.ReferencedSOPInstanceUID = UID
        item = Dataset()
        item.ContourImageSequence = [image]
        item.ContourGeometricType = kind
        item.ContourData = [value for point in points for value in point]
        items.append(item)
    roi, contour, source = Dataset(), Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 1, "THYROID"
    contour.ReferencedROINumber, contour.ContourSequence = 1, items
    source.SOPClassUID = RTSTRUCT_CLASS
    source.StructureSetROISequence = [roi]
    source.ROIContourSequence = [contour]
    return source


def own_plane(x: float, y: float) -> tuple[float, float, float]:
    """Corner-based pixels -> mm of the image's own plane: 0 is the centre of the first pixel."""
    return ((x - 0.5) * SPACING[1], (y - 0.5) * SPACING[0], 0.0)


def pixels(found: Drawings, plane: Plane) -> np.ndarray:
    assert found.problems == ()
    (drawing,) = found.drawings
    assert drawing.reference.instance == UID
    return rasterise(drawing, plane)


def test_a_contour_in_mm_of_the_image_plane_gives_the_pixels_computed_by_hand() -> None:
    found = read_dicom_drawings(structure_set([own_plane(*point) for point in POINTS]))
    np.testing.assert_array_equal(pixels(found, Plane(counts(), SPACING)), expected())


def test_a_contour_follows_the_place_of_the_image_in_the_patient() -> None:
    # An anterior view: along a row is the patient's left (+x), down a column is feet (-z).
    origin = (-100.0, 40.0, 300.0)
    placed = [
        (origin[0] + x, origin[1], origin[2] - y)
        for x, y, _ in map(lambda p: own_plane(*p), POINTS)
    ]
    plane = Plane(counts(), SPACING, origin, (1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
    np.testing.assert_array_equal(
        pixels(read_dicom_drawings(structure_set(placed)), plane), expected()
    )


@pytest.mark.parametrize("axes", [[0.0] * 6, [1.0, 0.0, 0.0], [5.0, 0.0, 0.0, 0.0, 5.0, 0.0]])
def test_an_orientation_that_is_none_is_not_told(axes: list[float]) -> None:
    source = scan(Visit(2, 1))
    detector = source.DetectorInformationSequence[0]
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [10.0, 20.0, 30.0], axes
    found = read_scan(source, Limits())
    assert plane_of(found, found.frames[0]).origin_mm == (0, 0, 0)
    detector.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]
    found = read_scan(source, Limits())
    assert plane_of(found, found.frames[0]).column_axis == (0, 0, -1)


def test_an_inner_contour_cuts_a_hole_where_the_contours_are_exclusive() -> None:
    hole = [own_plane(*one) for one in [(3, 2), (5, 2), (5, 3), (3, 3)]]
    outer = [own_plane(*one) for one in POINTS]
    holed = expected()
    holed[2, 3:5] = False
    for kind, wanted in (("CLOSEDPLANAR_XOR", holed), ("CLOSED_PLANAR", expected())):
        found = read_dicom_drawings(structure_set(outer, hole, kind=kind))
        np.testing.assert_array_equal(pixels(found, Plane(counts(), SPACING)), wanted)


def test_mm_without_a_pixel_size_are_refused() -> None:
    (drawing,) = read_dicom_drawings(
        structure_set([own_plane(*point) for point in POINTS])
    ).drawings
    with pytest.raises(RoiError, match="in mm and the image has no PixelSpacing"):
        rasterise(drawing, Plane(counts()))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (structure_set([(0, 0, 0)] * 3, kind="OPEN_PLANAR"), "ContourGeometricType is not CLOSED"),
        (structure_set([(0, 0, 0)] * 2), "ContourData has 6 values"),
        (structure_set(), "it has no contour"),
    ],
)
def test_contours_without_an_area_are_named(source: Dataset, said: str) -> None:
    found = read_dicom_drawings(source)
    assert found.drawings == ()
    assert said in found.problems[0]


def highdicom_segmentation(kind: str) -> Dataset:
    """The pentagon as highdicom writes it, over a picture that stands for the scan."""
    source = Dataset()
    source.SOPClassUID, source.SOPInstanceUID = SecondaryCaptureImageStorage, UID
    source.StudyInstanceUID = source.SeriesInstanceUID = "1.2.3"
    source.Modality, (source.Rows, source.Columns) = "NM", MATRIX
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"):
        setattr(source, keyword, None)
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(source, keyword, None)
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Thyroid",
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=hd.sr.CodedConcept("69748006", "SCT", "Thyroid"),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    return hd.seg.Segmentation(
        source_images=[source],
        pixel_array=expected()[None].astype(np.uint8),
        segmentation_type=kind,
        segment_descriptions=[segment],
        series_instance_uid="1.2.4",
        series_number=2,
        sop_instance_uid="1.2.5",
        instance_number=1,
        manufacturer="Test",
        manufacturer_model_name="Test",
        software_versions="1",
        device_serial_number="1",
    )


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_segmentation_of_highdicom_gives_the_pixels_computed_by_hand(kind: str) -> None:
    found = read_drawings(to_bytes(highdicom_segmentation(kind)))
    (drawing,) = found.drawings
    assert "Thyroid" in drawing.name
    np.testing.assert_array_equal(pixels(found, Plane(counts())), expected())


def test_a_fractional_segmentation_has_no_outline() -> None:
    source = highdicom_segmentation("BINARY")
    source.SegmentationType = "FRACTIONAL"
    with pytest.raises(RoiError, match="SegmentationType is not BINARY or LABELMAP"):
        read_segmentation(source)


def own_result() -> tuple[Dataset, Dataset]:
    """A scan of two views and our own segmentation of it: gland and a nodule on both."""
    found = two_views()
    return found.source, found.segmentation


def test_our_own_segmentation_is_no_truth_until_a_person_drew_in_it() -> None:
    _, seg = own_result()
    with pytest.raises(RoiError, match="no person drew this segmentation"):
        read_segmentation(seg)
    seg.SegmentSequence[0].SegmentAlgorithmType = "MANUAL"
    found = read_segmentation(seg)
    # Only the segment of the person, on both views, as it stands in the file.
    assert [drawing.reference.frame for drawing in found.drawings] == [1, 2]
    packed = b"".join(
        pack(np.asarray(rasterise(one, Plane(np.zeros(one.matrix, np.float32)))))
        for one in found.drawings
    )
    assert packed == seg.PixelData[: len(packed)]


def test_a_segmentation_cut_short_is_refused() -> None:
    source = highdicom_segmentation("BINARY")
    source.PixelData = b"\0\0"
    with pytest.raises(RoiError, match="cannot be read"):
        read_segmentation(source)


def test_a_scan_holds_no_outlines() -> None:
    scan = nm_dataset(np.arange(1024, dtype=np.uint16).reshape(32, 32))
    assert read_scan(scan, Limits()).shape == (32, 32)
    with pytest.raises(RoiError, match="holds no outlines"):
        read_drawings(to_bytes(scan))
