"""The patient's sides are marked only where nothing in the header contradicts the view."""

from __future__ import annotations

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from adjuvant.sides import contradicted_frames, right_is_on_the_left
from tests.adjuvant.results.examples import scan_of, views
from tests.builder import nm_dataset, thyroid_counts


def test_an_anterior_and_a_posterior_view_are_mirrored():
    scan = views("anterior", "posterior")
    assert [right_is_on_the_left(frame, scan.header) for frame in scan.frames] == [True, False]


def test_nothing_is_claimed_of_oblique_views():
    scan = views("left anterior oblique")
    assert right_is_on_the_left(scan.frames[0], scan.header) is None


def test_nothing_is_claimed_of_unknown_views():
    source = nm_dataset(thyroid_counts())
    del source.DetectorInformationSequence[0].ViewCodeSequence
    scan = scan_of(source)
    assert right_is_on_the_left(scan.frames[0], scan.header) is None


@pytest.mark.parametrize(("row", "expected"), [("L", True), ("R", None), ("A", True)])
def test_patient_orientation_can_contradict_an_anterior_view(row: str, expected: bool | None):
    scan = scan_of(nm_dataset(thyroid_counts(), PatientOrientation=[row, "F"]))
    assert right_is_on_the_left(scan.frames[0], scan.header) is expected


@pytest.mark.parametrize(("cosine", "expected"), [(1, True), (-1, None), (0.2, True)])
def test_the_detectors_orientation_can_contradict_an_anterior_view(
    cosine: float, expected: bool | None
):
    source = nm_dataset(thyroid_counts())
    source.DetectorInformationSequence[0].ImageOrientationPatient = [cosine, 0, 0, 0, 0, -1]
    scan = scan_of(source)
    assert right_is_on_the_left(scan.frames[0], scan.header) is expected


def test_each_frame_is_judged_by_its_own_detector():
    source = nm_dataset(thyroid_counts(frames=2), views=("anterior", "posterior"))
    front, back = source.DetectorInformationSequence
    front.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    back.ImageOrientationPatient = [-1, 0, 0, 0, 0, -1]
    scan = scan_of(source)
    assert [right_is_on_the_left(frame, scan.header) for frame in scan.frames] == [True, False]


@pytest.mark.parametrize(
    ("view", "row", "mirrored"),
    [
        ("anterior", "R", True),
        ("anterior", "L", False),
        ("anterior", "A", False),
        ("left anterior oblique", "RP", True),
        ("left anterior oblique", "LP", False),
        ("right anterior oblique", "R", True),
        ("posterior", "L", True),
        ("posterior", "R", False),
    ],
)
def test_a_frame_is_named_only_where_the_header_contradicts_its_view(
    view: str, row: str, mirrored: bool
):
    scan = scan_of(nm_dataset(thyroid_counts(), views=(view,), PatientOrientation=[row, "F"]))
    assert contradicted_frames(scan) == (frozenset({1}) if mirrored else frozenset())


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (["L", "F"], False),
        (["F", "R"], True),
        (["L", "H"], True),
        (["H", "L"], True),
        (["L"], False),
    ],
)
def test_an_image_whose_head_is_not_at_the_top_contradicts_its_view(
    orientation: list[str], turned: bool
):
    scan = scan_of(nm_dataset(thyroid_counts(), PatientOrientation=orientation))
    assert contradicted_frames(scan) == (frozenset({1}) if turned else frozenset())


@pytest.mark.parametrize(
    ("cosines", "turned"),
    [
        ([1, 0, 0, 0, 0, -1], False),
        ([1, 0, 0, 0, 0, 1], True),
        ([0, 0, -1, -1, 0, 0], True),
        ([1, 0, 0, 0, 1, 0], False),
    ],
)
def test_a_detector_that_looks_at_a_turned_patient_contradicts_the_view(
    cosines: list[float], turned: bool
):
    source = nm_dataset(thyroid_counts())
    source.DetectorInformationSequence[0].ImageOrientationPatient = cosines
    assert contradicted_frames(scan_of(source)) == (frozenset({1}) if turned else frozenset())


def test_a_header_without_a_view_contradicts_nothing():
    source = nm_dataset(thyroid_counts(), PatientOrientation=["R", "F"])
    del source.DetectorInformationSequence[0].ViewCodeSequence
    assert contradicted_frames(scan_of(source)) == frozenset()


def test_an_orientation_that_is_no_number_says_nothing():
    source = nm_dataset(thyroid_counts())
    detector = source.DetectorInformationSequence[0]
    words = b"left\\0\\0\\0\\0\\-1 "
    tag = Tag("ImageOrientationPatient")
    detector[tag] = RawDataElement(tag, "DS", len(words), words, 0, False, True)
    assert contradicted_frames(scan_of(source)) == frozenset()
