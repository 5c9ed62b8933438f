"""What the header tells about the acquisition, and nothing that it does not tell."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.tag import Tag

from adjuvant.acquisition import (
    VIEWS_BY_CODE,
    duration_s,
    frame_views,
    frame_windows_kev,
    magnifies,
    require_static,
    spacing_mm,
)
from adjuvant.errors import Refusal
from tests.headers import code_item, nm_dataset, thyroid_counts

SMALL = thyroid_counts(64, 64)
THREE = thyroid_counts(64, 64, 3)


def seen_as(value: str, scheme: str, meaning: str) -> str | None:
    ds = nm_dataset(SMALL, SeriesDescription="")
    item = ds.DetectorInformationSequence[0]
    item.ViewCodeSequence = [code_item(value, scheme, meaning)]
    return frame_views(ds, 1)[0]


@pytest.mark.parametrize("code", VIEWS_BY_CODE)
def test_every_known_code_names_its_view(code: str):
    assert seen_as(code, "SCT", "") == VIEWS_BY_CODE[code]


@pytest.mark.parametrize(
    ("words", "view"),
    [
        ("FACE ANT", "anterior"),
        ("Anterior", "anterior"),
        ("face antérieure", "anterior"),
        ("POST", "posterior"),
        ("LAO 45", "left anterior oblique"),
        ("OAD", "right anterior oblique"),
        ("LPO", "left posterior oblique"),
        ("ANT + POST", None),
        ("ANTON", None),
        ("Antero-posterior", None),
        ("incidence postéro-antérieure", None),
        ("ventro-dorsal", None),
        ("dorso ventral", None),
        ("OBLIQUE ANTERIEURE GAUCHE", "left anterior oblique"),
        ("", None),
    ],
)
def test_private_codes_are_read_by_their_words(words: str, view: str | None):
    assert seen_as("X1", "99NMG", words) == view


def test_the_detector_vector_points_each_frame_to_its_view():
    ds = nm_dataset(THREE, views=("anterior", "posterior", "left anterior oblique"))
    ds.DetectorVector = [3, 1, 2]
    assert frame_views(ds, 3) == ("left anterior oblique", "anterior", "posterior")


@pytest.mark.parametrize(
    ("vector", "windows", "expected"),
    [
        ([1, 2, 1], [(126, 154), (92, 125)], ((126, 154), (92, 125), (126, 154))),
        ([1, 1, 1], [(126, 154), (92, 125)], (None, None, None)),
        ([1, 2, 3], [(126, 154), (92, None)], ((126, 154), None, None)),
        ([1, 2], [(126, 154), (92, 125)], (None, None, None)),
        ([1, 2, 2], [(154, 126)], (None, None, None)),
    ],
)
def test_energy_windows_are_told_where_frames_differ_in_them(
    vector: list[int],
    windows: list[tuple[float, float | None]],
    expected: tuple[tuple[float, float] | None, ...],
):
    ds = nm_dataset(THREE, EnergyWindowVector=vector, EnergyWindowInformationSequence=[])
    for lower, upper in windows:
        window, limits = Dataset(), Dataset()
        limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = lower, upper
        window.EnergyWindowRangeSequence = [limits]
        ds.EnergyWindowInformationSequence.append(window)
    assert frame_windows_kev(ds, 3) == expected


def test_a_vector_that_points_nowhere_tells_nothing():
    ds = nm_dataset(THREE, views=("anterior", "posterior"))
    ds.DetectorVector = [1, 3, 0]
    assert frame_views(ds, 3) == ("anterior", None, None)


def test_without_a_vector_one_detector_saw_all_frames_and_several_tell_nothing():
    ds = nm_dataset(THREE, views=("posterior",), DetectorVector=None)
    assert frame_views(ds, 3) == ("posterior",) * 3
    ds = nm_dataset(THREE, views=("anterior", "posterior"), DetectorVector=None)
    assert frame_views(ds, 3) == (None,) * 3


def test_a_single_frame_may_be_named_at_the_top_or_in_the_description():
    ds = nm_dataset(SMALL, DetectorInformationSequence=None, SeriesDescription="Cou postérieur")
    assert frame_views(ds, 1) == ("posterior",)
    ds.ViewCodeSequence = [code_item("G-5206", "SRT", "")]
    assert frame_views(ds, 1) == ("right anterior oblique",)


@pytest.mark.parametrize(
    ("description", "view"),
    [
        ("POST", "posterior"),
        ("Thyroid 20 min post inj", None),
        ("post thyroidectomy", None),
        ("POST-THERAPY", None),
        ("Thyroid 20 min post", None),
        ("THYROIDE décubitus dorsal", None),
        ("ANT, decubito dorsal", None),
        ("Cou POST", None),
        ("Thyroid antero-posterior", None),
        ("post inj LAO 45", "left anterior oblique"),
        ("Oblique antérieure gauche", "left anterior oblique"),
        ("OBLIQUE ANT G", "left anterior oblique"),
        ("OBL ANT DROITE", "right anterior oblique"),
        ("ANT OBL LEFT", "left anterior oblique"),
        ("Links ventral schräg", "left anterior oblique"),
        ("rechts anterieur schuin", "right anterior oblique"),
        ("obliqua anteriore sinistra", "left anterior oblique"),
        ("oblicua posterior derecha", "right posterior oblique"),
        ("ANT OBLIQUE", None),
        ("oblique left and right anterior", None),
        ("ANT, profil gauche", None),
        ("ANT LAT", None),
        ("antérieur, latérale droite", None),
        ("ANT LATE", "anterior"),
        ("Thyroid anterior late 24h", "anterior"),
        ("Left lobe obl ant", None),
        ("Oblique antérieure, lobe gauche", None),
        ("left lobe, obl ant right", "right anterior oblique"),
        ("Thyroid posterior", "posterior"),
        ("Thyroid ANT", "anterior"),
    ],
)
def test_words_that_mean_more_than_a_view_name_none(description: str, view: str | None):
    ds = nm_dataset(SMALL, DetectorInformationSequence=None, SeriesDescription=description)
    assert frame_views(ds, 1) == (view,)


@pytest.mark.parametrize(
    ("value", "meaning", "view"),
    [
        ("R-12345", "Oblique anterior", None),
        ("G-A1", "Oblique posterior", None),
        ("R-12345", "Left oblique anterior", "left anterior oblique"),
        ("LAO", "Oblique", "left anterior oblique"),
        ("G-A1", "Anterior", "anterior"),
    ],
)
def test_the_letter_of_a_private_code_is_no_side(value: str, meaning: str, view: str | None):
    ds = nm_dataset(SMALL, DetectorInformationSequence=None)
    ds.ViewCodeSequence = [code_item(value, "99PRIVATE", meaning)]
    assert frame_views(ds, 1) == (view,)


def test_a_transmission_image_is_refused():
    kinds = ["ORIGINAL", "PRIMARY", "STATIC", "TRANSMISSION"]
    with pytest.raises(Refusal, match="'TRANSMISSION'") as refused:
        require_static(nm_dataset(SMALL, ImageType=kinds), 1)
    assert refused.value.code == "not-emission"
    require_static(nm_dataset(SMALL, ImageType=[*kinds[:3], "EMISSION"]), 1)


def test_several_frames_are_not_named_by_the_description():
    ds = nm_dataset(THREE, DetectorInformationSequence=None, SeriesDescription="Neck ANT")
    assert frame_views(ds, 3) == (None, None, None)


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [
        (["1.2", "1.2"], (1.2, 1.2)),
        (["2.4", "1.2"], (2.4, 1.2)),
        (["0", "0"], None),
        (["-1", "1"], None),
        (["0.04", "0.04"], None),
        (["1e200", "1e200"], None),
        (["1e308", "1e-300"], None),
        ("", None),
        ("1.2", None),
        (None, None),
    ],
)
def test_spacing_is_two_sizes_of_pixels_or_nothing(
    spacing: list[str] | str | None, expected: tuple[float, float] | None
):
    assert spacing_mm(nm_dataset(SMALL, PixelSpacing=spacing)) == expected


def test_duration_is_in_seconds_and_needs_a_positive_number():
    assert duration_s(nm_dataset(SMALL, ActualFrameDuration=168000)) == 168
    for absent in (0, -5, "", None):
        assert duration_s(nm_dataset(SMALL, ActualFrameDuration=absent)) is None


@pytest.mark.parametrize(
    ("kinds", "grid", "expected"),
    [
        (["PARA"], "LEHR", False),
        (["PINH"], "", True),
        (["FANB"], "", True),
        (["PARA", "PINH"], "", True),
        (["PARA", ""], "", None),
        ([""], "PINHOLE 4MM", True),
        ([""], "Sténopé", True),
        (["UNKN"], "", None),
        (["UNKN"], "PINHOLE 4MM", True),
        (["PARA"], "PIN-HOLE", True),
        (["PARA"], "Pin Hole 6", True),
        (["PARA"], "PIN_HOLE", True),
        (["ASTG"], "", True),
        (["SLNT"], "", False),
    ],
)
def test_the_collimator_is_told_by_its_type(kinds: list[str], grid: str, expected: bool | None):
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.DetectorInformationSequence = [Dataset() for _ in kinds]
    for item, kind in zip(ds.DetectorInformationSequence, kinds, strict=True):
        item.CollimatorType, item.CollimatorGridName = kind, grid
    assert magnifies(ds) is expected


def test_no_detector_tells_no_collimator():
    assert magnifies(Dataset()) is None


def test_without_a_kind_one_frame_is_static_and_several_need_their_vectors():
    require_static(nm_dataset(SMALL, ImageType=["ORIGINAL", "PRIMARY"]), 1)
    require_static(nm_dataset(THREE, ImageType=["ORIGINAL", "PRIMARY"]), 3)
    with pytest.raises(Refusal, match="neither ImageType nor FrameIncrementPointer"):
        require_static(nm_dataset(THREE, ImageType=None, FrameIncrementPointer=None), 3)
    with pytest.raises(Refusal, match="WholeBodyTechnique is present"):
        require_static(nm_dataset(SMALL, ImageType=None, WholeBodyTechnique="1PS"), 1)


def test_vectors_overrule_a_static_image_type():
    ds = nm_dataset(THREE, FrameIncrementPointer=[Tag("TimeSliceVector")])
    with pytest.raises(Refusal, match=r"FrameIncrementPointer names \(0054,0100\)"):
        require_static(ds, 3)
