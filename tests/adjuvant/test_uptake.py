"""Uptake is a figure where camera, activity and time are known; else a remark says what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset

from adjuvant.findings import Findings, FrameMeasures
from adjuvant.scan import Frame, Scan
from adjuvant.uptake import Calibration, activity_mbq, with_uptake

CAMERA = Calibration({"CAMERA1": 80.0, "*": 40.0})
# 121,000 counts in 1,000 pixels over 1 a pixel, in 300 s: 400 cps net.
MEASURED = FrameMeasures(1, "anterior", 200_000.0, 1000, 20.0, 121_000.0, 1.0, 121.0)


def code_item(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", "isotope"
    return item


def header() -> Dataset:
    """80 MBq of Tc-99m at 10:00, imaged one half-life later: 40 MBq."""
    dataset, given = Dataset(), Dataset()
    dataset.StationName = "CAMERA1"
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20260105", "160036.5"
    given.RadionuclideTotalDose = 80
    given.RadiopharmaceuticalStartTime = "1000"
    given.RadionuclideCodeSequence = [code_item("72454006")]
    dataset.RadiopharmaceuticalInformationSequence = [given]
    return dataset


def scan(dataset: Dataset, view: str | None = "anterior", seconds: float | None = 300.0) -> Scan:
    frame = Frame(1, np.ones((8, 8), np.float32), view, seconds)
    return Scan(dataset, (frame,), (2.0, 2.0), False)


def findings(measured: FrameMeasures = MEASURED) -> Findings:
    return Findings("thyroid", (), (measured,), ())


def test_uptake_is_net_count_rate_over_sensitivity_and_decayed_activity() -> None:
    assert activity_mbq(header()) == pytest.approx(40, rel=1e-4)
    (measured,) = with_uptake(findings(), scan(header()), CAMERA).measures
    # 400 cps / (80 cps/MBq) = 5 MBq of 40.
    assert measured.uptake_percent == pytest.approx(12.5, rel=1e-3)
    dataset = header()
    dataset.StationName = "ANOTHER"
    (measured,) = with_uptake(findings(), scan(dataset), CAMERA).measures
    assert measured.uptake_percent == pytest.approx(25, rel=1e-3)


def test_without_calibration_nothing_is_said() -> None:
    assert with_uptake(findings(), scan(header()), Calibration({"OTHER": 50.0})) == findings()


def test_the_injection_may_have_been_on_the_day_before() -> None:
    dataset = header()
    dataset.AcquisitionTime = "020000"
    dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartTime = "195924"
    assert activity_mbq(dataset) == pytest.approx(40, rel=1e-4)


def of_iodine(start: str | None) -> Dataset:
    """80 MBq of I-123, imaged at 16:00:36 on 5 January."""
    dataset = header()
    (given,) = dataset.RadiopharmaceuticalInformationSequence
    given.RadionuclideCodeSequence = [code_item("21572004")]
    if start is not None:
        del given.RadiopharmaceuticalStartTime
        given.RadiopharmaceuticalStartDateTime = start
    return dataset


def test_a_date_of_injection_counts() -> None:
    assert activity_mbq(of_iodine("20260104160036")) == pytest.approx(80 * 0.5 ** (24 / 13.27))


def of_technetium(start: str, time: str | None = None, zone: str | None = None) -> Dataset:
    """80 MBq of Tc-99m, imaged at 16:00:36 on 5 January."""
    dataset = header()
    (given,) = dataset.RadiopharmaceuticalInformationSequence
    del given.RadiopharmaceuticalStartTime
    given.RadiopharmaceuticalStartDateTime = start
    if time is not None:
        given.RadiopharmaceuticalStartTime = time
    if zone is not None:
        dataset.TimezoneOffsetFromUTC = zone
    return dataset


@pytest.mark.parametrize(
    "dataset",
    [
        lambda: of_technetium("20260105100000"),
        lambda: of_technetium("20260105100000.5", "100030"),
        lambda: of_technetium("20260105100000+0100", "1000", "+0100"),
        lambda: of_technetium("20260105090000+0000", "1000", "+0100"),
        lambda: of_technetium("20260105033000-0530", None, "+0100"),
    ],
)
def test_a_date_may_be_told_in_another_time_zone(dataset: Callable[[], Dataset]) -> None:
    assert activity_mbq(dataset()) == pytest.approx(40, rel=1e-3)


def injected_at(time: str) -> Dataset:
    dataset = header()
    dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartTime = time
    return dataset


@pytest.mark.parametrize(
    ("dataset", "missing"),
    [
        (lambda: of_iodine(None), "the header has no RadiopharmaceuticalStartDateTime"),
        (lambda: injected_at("160136"), "the header has no RadiopharmaceuticalStartDateTime"),
        (lambda: injected_at("0600"), "the header has no RadiopharmaceuticalStartDateTime"),
        (lambda: injected_at("10"), "the header has no RadiopharmaceuticalStartTime"),
        (lambda: of_technetium("2026010510"), "the header has no RadiopharmaceuticalStartTime"),
        (lambda: of_iodine("20260106090000"), "the injection is later than the acquisition"),
        # The day, the month, the year of another visit; nothing of all that ends a reading.
        (lambda: of_technetium("20260104154036"), "the injection is 24 h before the acquisition"),
        (lambda: of_iodine("20260102160036"), "the injection is 72 h before the acquisition"),
        (lambda: of_iodine("19700101000000"), "the injection is 491008 h before the acquisition"),
        (lambda: of_technetium("20260105140000+0000"), "the header has no TimezoneOffsetFromUTC"),
        (
            lambda: of_technetium("20260105140000", "1500"),
            "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are different times",
        ),
    ],
)
def test_the_time_of_the_injection_is_not_guessed(
    dataset: Callable[[], Dataset], missing: str
) -> None:
    found = with_uptake(findings(), scan(dataset()), CAMERA)
    assert found.measures[0].uptake_percent is None
    assert found.remarks == (f"Frame 1: uptake is not measured: {missing}.",)


def test_no_uptake_is_above_100_percent() -> None:
    found = with_uptake(findings(), scan(header()), Calibration({"*": 5.0}))
    assert found.measures[0].uptake_percent is None
    (remark,) = found.remarks
    assert "it would be more than 100 %: sensitivity, activity or times are wrong" in remark


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ((0.2, 2.0), "Frame 1: uptake of 12.50 % is above the reference range 0.2 to 2 %."),
        ((20.0, 30.0), "Frame 1: uptake of 12.50 % is below the reference range 20 to 30 %."),
        ((12.51, 30.0), "Frame 1: uptake of 12.50 % is below the reference range 12.51 to 30 %."),
        ((12.5, 30.0), None),
        ((5.0, 15.0), None),
        (None, None),
    ],
)
def test_the_reference_range_is_the_departments(
    reference: tuple[float, float] | None, said: str | None
) -> None:
    found = with_uptake(findings(), scan(header()), replace(CAMERA, reference=reference))
    assert found.remarks == (() if said is None else (said,))


def lacking(keyword: str) -> Dataset:
    dataset = header()
    holder = dataset if keyword in dataset else dataset.RadiopharmaceuticalInformationSequence[0]
    delattr(holder, keyword)
    return dataset


def of_two_isotopes() -> Dataset:
    dataset = header()
    (given,) = dataset.RadiopharmaceuticalInformationSequence
    dataset.RadiopharmaceuticalInformationSequence = [given, given]
    return dataset


def of_dose(number: float) -> Dataset:
    dataset = header()
    dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = number
    return dataset


@pytest.mark.parametrize(
    ("dataset", "missing"),
    [
        (lambda: lacking("RadiopharmaceuticalInformationSequence"), "RadionuclideTotalDose"),
        (lambda: lacking("RadionuclideTotalDose"), "RadionuclideTotalDose"),
        (lambda: lacking("RadiopharmaceuticalStartTime"), "RadiopharmaceuticalStartTime"),
        (lambda: lacking("RadionuclideCodeSequence"), "RadionuclideCodeSequence"),
        (lambda: lacking("AcquisitionTime"), "AcquisitionTime"),
        (of_two_isotopes, "several radiopharmaceuticals"),
        (lambda: of_dose(8e7), "8e+07 cannot be an activity in MBq"),
        # 2.2 mCi, which would make 37 times the uptake.
        (lambda: of_dose(2.2), "2.2 cannot be an activity in MBq"),
        (lambda: of_dose(0), "0 cannot be an activity in MBq"),
    ],
)
def test_what_is_missing_is_named(dataset: Callable[[], Dataset], missing: str) -> None:
    found = with_uptake(findings(), scan(dataset()), CAMERA)
    assert found.measures[0].uptake_percent is None
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("Frame 1: uptake is not measured: ")
    assert missing in found.remarks[0]


def test_a_pinhole_a_missing_duration_and_a_missing_background_are_named() -> None:
    pinhole = replace(scan(header()), pinhole=True)
    assert "collimator magnifies" in with_uptake(findings(), pinhole, CAMERA).remarks[0]
    untold = replace(scan(header()), pinhole=None)
    assert "no CollimatorType" in with_uptake(findings(), untold, CAMERA).remarks[0]
    endless = scan(header(), seconds=None)
    assert "ActualFrameDuration" in with_uptake(findings(), endless, CAMERA).remarks[0]
    crowded = findings(replace(MEASURED, background_counts_per_pixel=None))
    assert "no background" in with_uptake(crowded, scan(header()), CAMERA).remarks[0]


def test_a_sensitivity_holds_for_one_energy_window() -> None:
    dataset = header()
    dataset.EnergyWindowVector = [1, 2]
    found = with_uptake(findings(), scan(dataset), CAMERA)
    assert found.measures[0].uptake_percent is None
    assert found.remarks == (
        "Frame 1: uptake is not measured: the scan has several energy windows.",
    )


def test_decay_is_not_corrected_for_twice() -> None:
    dataset = header()
    dataset.CorrectedImage, dataset.DecayCorrection = ["UNIF", "LIN"], "NONE"
    assert with_uptake(findings(), scan(dataset), CAMERA).remarks == ()
    for keyword, said in (("CorrectedImage", ["UNIF", "DECY"]), ("DecayCorrection", "ADMIN")):
        corrected = header()
        setattr(corrected, keyword, said)
        found = with_uptake(findings(), scan(corrected), CAMERA)
        assert found.measures[0].uptake_percent is None
        assert found.remarks == (
            "Frame 1: uptake is not measured: the counts are corrected for decay.",
        )


def test_only_anterior_views_with_a_gland_are_measured() -> None:
    oblique = scan(header(), view="left anterior oblique")
    assert with_uptake(findings(), oblique, CAMERA) == findings()
    empty = findings(replace(MEASURED, gland_pixels=0, gland_counts=0.0))
    assert with_uptake(empty, scan(header()), CAMERA) == empty
