"""Results say what made them, and are recognised by that alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset

from adjuvant.header import quiet
from adjuvant.image import Limits, read_scan
from adjuvant.results.capture import build_capture
from adjuvant.results.provenance import (
    MANUFACTURER,
    code_item,
    device_uid,
    is_own,
    processing_equipment,
    series_description,
    series_number,
    warning,
)
from adjuvant.results.report import build_report
from adjuvant.results.seg import build_segmentation
from tests.adjuvant.results.examples import dciodvfy, findings, model, scan_of, views
from tests.builder import nm_dataset, thyroid_counts, to_bytes

BUILDERS = [build_segmentation, build_capture, build_report]


@pytest.mark.parametrize("build", BUILDERS)
def test_the_contributing_equipment_follows_ihe_ai_results(build):
    scan = views("anterior")
    camera, ours = build(scan, findings(scan), model()).ContributingEquipmentSequence
    assert camera.PurposeOfReferenceCodeSequence[0].CodeValue == "109101"
    assert camera.Manufacturer == scan.header.Manufacturer
    purpose = ours.PurposeOfReferenceCodeSequence[0]
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109102", "DCM")
    assert ours.Manufacturer == MANUFACTURER
    assert list(ours.SoftwareVersions) == ["adjuvant 0.1.0", "thyroid 0.1.0"]
    assert ours.DeviceUID == device_uid(model().digest)


@pytest.mark.parametrize("build", BUILDERS)
def test_what_a_camera_says_of_itself_is_cut_to_what_its_vr_allows(build, tmp_path: Path):
    source = nm_dataset(thyroid_counts())
    source.SoftwareVersions = ["6.5", "7.0"]
    data = to_bytes(source)
    for keyword, valid in (("Manufacturer", b"Phantom Works "), ("Model", b"Planar One")):
        told = b"LO" + len(valid).to_bytes(2, "little")
        assert told + valid in data
        long = keyword.encode() + bytes(100 - len(keyword)).replace(b"\0", b"x")
        data = data.replace(told + valid, b"LO\x64\0" + long)
    scan = read_scan(data, Limits())
    result = build(scan, findings(scan), model())
    camera = result.ContributingEquipmentSequence[0]
    assert camera.Manufacturer == "Manufacturer" + 52 * "x"
    assert camera.ManufacturerModelName == "Model" + 59 * "x"
    assert list(camera.SoftwareVersions) == ["6.5", "7.0"]
    assert dciodvfy(result, tmp_path) == []


@pytest.mark.parametrize("build", BUILDERS)
def test_results_are_recognised_and_scans_are_not(build):
    scan = views("anterior")
    assert is_own(build(scan, findings(scan), model()))
    assert not is_own(scan.header)


def test_a_description_makes_nobodys_object_ours():
    foreign = Dataset()
    foreign.SeriesDescription = "AI thyroid outline"
    foreign.Manufacturer = "Another"
    assert not is_own(foreign)


def test_our_processing_equipment_alone_is_enough():
    converted = Dataset()
    converted.Manufacturer = "A gateway that rewrites this"
    converted.ContributingEquipmentSequence = [processing_equipment(model())]
    assert is_own(converted)


def test_our_name_for_another_purpose_is_not():
    item = Dataset()
    item.Manufacturer = MANUFACTURER
    item.PurposeOfReferenceCodeSequence = [code_item("109101", "DCM", "Acquisition Equipment")]
    other = Dataset()
    other.ContributingEquipmentSequence = [item]
    assert not is_own(other)


def test_the_warning_holds_for_simulated_weights_only_and_fits_a_long_string():
    assert warning(model()) == "Trained on simulated scans - not for clinical use"
    assert warning(model(data="mixed")) != ""
    assert warning(model(data="clinical")) == ""
    assert len(series_description("x" * 90, model())) == 64
    assert series_description("thyroid outline", model(data="clinical")) == "AI thyroid outline"


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, 191), (None, 91), (12, 1291), (-4, 91), (2_000_000_000, 91)],
)
def test_series_numbers_stand_behind_the_scans(number: int | None, expected: int):
    source = Dataset()
    source.SeriesNumber = number
    assert series_number(source, "seg") == expected


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    ("tags", "moment"),
    [
        ({}, ("20260902", "101500")),
        ({"ContentDate": None}, ("20260902", "101500")),
        ({"ContentDate": "20260903", "ContentTime": None}, ("20260903", "000000")),
        ({"ContentDate": "", "AcquisitionDate": "20260904"}, ("20260904", "101500")),
        ({"ContentDate": "20261399"}, ("20260902", "101500")),
        ({"ContentTime": "2560"}, ("20260902", "000000")),
        ({"ContentTime": "1015"}, ("20260902", "1015")),
    ],
)
def test_the_moment_is_the_scans_own(build, tags, moment):
    with quiet():
        source = nm_dataset(thyroid_counts(), **tags)
    scan = scan_of(source)
    result = build(scan, findings(scan), model())
    assert (result.ContentDate, result.ContentTime) == moment


def test_a_scan_without_any_date_gets_the_present_one():
    undated = dict.fromkeys(("ContentDate", "AcquisitionDate", "SeriesDate", "StudyDate"))
    scan = scan_of(nm_dataset(thyroid_counts(), **undated))
    result = build_segmentation(scan, findings(scan), model())
    assert len(str(result.ContentDate)) == 8
    assert result.StudyDate in (None, "")
