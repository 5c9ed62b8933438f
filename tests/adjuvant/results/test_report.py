"""The report is valid, reads back, says what was measured, and points to what exists."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import SegmentationStorage

from adjuvant.errors import Refusal
from adjuvant.findings import Findings
from adjuvant.lobes import lobe_segments
from adjuvant.results import encode, provenance, report_items, uids
from adjuvant.results import report_codes as words
from adjuvant.results.capture import build_capture
from adjuvant.results.datasets import plain
from adjuvant.results.identity import differing_identity
from adjuvant.results.report import build_refusal_report, build_report
from adjuvant.results.report_check import wrong_report
from adjuvant.results.report_groups import algorithm
from adjuvant.results.seg import build_segmentation
from adjuvant.scan import Scan
from tests.adjuvant.results.examples import dciodvfy, findings, gland_masks, model, scan_of, views
from tests.builder import nm_dataset, thyroid_counts
from tests.headers import STYLES

REFUSAL = Refusal("not-static", "ImageType value 3 is 'DYNAMIC': a dynamic series")


def with_lobes(scan: Scan, *, remarks: tuple[str, ...] = ()) -> Findings:
    found = findings(scan, remarks=remarks)
    lobes, _ = lobe_segments(gland_masks(scan), scan.frames)
    return replace(found, segments=found.segments + lobes)


def read_back(report: Dataset) -> hd.sr.Comprehensive3DSR:
    return hd.sr.srread(BytesIO(encode(report)))


def sentences(report: Dataset) -> list[str]:
    """Every TEXT below the root, at any depth."""
    found = [report.TextValue] if report.get("ValueType") == "TEXT" else []
    return found + [
        one for child in report.get("ContentSequence") or () for one in sentences(child)
    ]


def values(group: hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations) -> dict[str, float]:
    return {one.name.value: one.value for one in group.get_measurements()}


@pytest.mark.parametrize("style", STYLES)
def test_every_header_style_gives_a_valid_report(style: str, tmp_path: Path):
    scan = scan_of(STYLES[style]())
    report = build_report(scan, with_lobes(scan), model())
    assert dciodvfy(report, tmp_path) == []
    assert differing_identity(scan.header, report) == []


@pytest.mark.parametrize("style", STYLES)
def test_every_header_style_gives_a_valid_refusal(style: str, tmp_path: Path):
    header = scan_of(STYLES[style]()).header
    report = build_refusal_report(header, REFUSAL, model(), "thyroid")
    assert dciodvfy(report, tmp_path) == []
    assert differing_identity(header, report) == []


def test_highdicom_reads_each_structure_on_each_view_with_its_numbers():
    scan = views("anterior", "left anterior oblique")
    found = with_lobes(scan)
    groups = read_back(build_report(scan, found, model())).content
    segmentation = build_segmentation(scan, found, model())
    for number, segment in enumerate(segmentation.SegmentSequence, 1):
        on_views = groups.get_planar_roi_measurement_groups(tracking_uid=segment.TrackingUID)
        assert len(on_views) == 2
        for place, group in enumerate(on_views):
            mask = found.segments[number - 1].masks[place]
            counts = float(scan.frames[place].counts[mask].sum())
            assert values(group)["pixels"] == mask.sum()
            assert values(group)["counts"] == pytest.approx(counts, rel=1e-5)
            assert values(group)["mean-counts"] == pytest.approx(counts / mask.sum(), rel=1e-5)
            reference = group.referenced_segmentation_frame
            assert reference[0].referenced_sop_class_uid == SegmentationStorage
            assert reference[0].referenced_sop_instance_uid == segmentation.SOPInstanceUID
            assert reference[0].referenced_segment_numbers == [number]
            assert reference[0].referenced_frame_numbers is None
            assert reference[1].referenced_frame_numbers == [scan.frames[place].number]


def test_areas_are_in_square_centimetres_and_ratios_without_unit():
    scan = views("anterior")
    report = read_back(build_report(scan, with_lobes(scan), model()))
    gland = report.content.get_planar_roi_measurement_groups()[0]
    units = {one.name.value: one.unit.value for one in gland.get_measurements()}
    assert units == {
        "42798000": "cm2",
        "pixels": "{pixels}",
        "counts": "{counts}",
        "mean-counts": "{counts}/{pixel}",
        "to-background": "{ratio}",
    }
    assert scan.spacing_mm is not None
    pixel_cm2 = scan.spacing_mm[0] * scan.spacing_mm[1] / 100
    assert values(gland)["42798000"] == pytest.approx(values(gland)["pixels"] * pixel_cm2, rel=1e-5)


def test_without_a_pixel_size_there_is_no_area():
    scan = scan_of(nm_dataset(thyroid_counts(), PixelSpacing=None))
    for group in read_back(
        build_report(scan, findings(scan), model())
    ).content.get_planar_roi_measurement_groups():
        assert "42798000" not in values(group)


def test_lobes_are_compared():
    scan = views("anterior")
    content = read_back(build_report(scan, with_lobes(scan), model())).content
    shares = [
        values(group)["share-of-lobes"]
        for group in content.get_planar_roi_measurement_groups()
        if "share-of-lobes" in values(group)
    ]
    assert sum(shares) == pytest.approx(100, abs=0.01)
    view = content.get_image_measurement_groups()[1]
    asymmetry = {one.name.value: one.value for one in view.get_measurements()}["asymmetry"]
    assert asymmetry == pytest.approx(abs(shares[0] - shares[1]), abs=0.01)


def test_views_are_named_with_their_energy_window_where_they_differ_in_it():
    scan = scan_of(STYLES["detectors and energy windows"]())
    groups = read_back(build_report(scan, findings(scan), model())).content
    labels = [group.tracking_identifier for group in groups.get_image_measurement_groups()]
    assert labels[1:] == [
        "Frame 1, anterior, 126-154 keV",
        "Frame 2, posterior, 126-154 keV",
        "Frame 3, anterior, 92-125 keV",
        "Frame 4, posterior, 92-125 keV",
    ]


def test_no_uptake_seen_is_said_in_code_and_in_words_on_a_proper_report(tmp_path: Path):
    scan = views("anterior", "posterior")
    found = findings(scan, seen=False, remarks=("No thyroid uptake seen.",))
    report = build_report(scan, found, model())
    assert dciodvfy(report, tmp_path) == []
    content = read_back(report).content
    assert content.get_planar_roi_measurement_groups() == []
    groups = content.get_image_measurement_groups()
    assert len(groups) == 3
    for group in groups:
        uptake = group.get_qualitative_evaluations(words.UPTAKE)
        assert [one.value for one in uptake] == [words.NOT_VISUALIZED]
    assert "No thyroid uptake seen." in sentences(report)


def test_a_refusal_says_its_reason_and_is_partial():
    scan = views("anterior")
    report = build_refusal_report(scan.header, REFUSAL, model(), "thyroid")
    group = read_back(report).content.get_image_measurement_groups()[0]
    assert group.get_qualitative_evaluations(words.OUTCOME)[0].value == words.REFUSED
    reason = "Refused (not-static): ImageType value 3 is 'DYNAMIC': a dynamic series."
    assert reason in sentences(report)
    assert report.CompletionFlag == "PARTIAL"
    assert report.CompletionFlagDescription == "Refused: not-static"
    assert list(wrong_report(scan, report, [report])) == []


def test_a_source_without_uids_is_refused_itself():
    scan = views("anterior")
    del scan.header.StudyInstanceUID
    with pytest.raises(Refusal, match="no StudyInstanceUID"):
        build_refusal_report(scan.header, REFUSAL, model(), "thyroid")
    with pytest.raises(Refusal, match="no StudyInstanceUID"):
        build_report(scan, findings(scan), model())


def test_nobody_has_verified_it_and_a_frame_that_was_left_out_makes_it_partial():
    counts = thyroid_counts(frames=2)
    counts[0] = 0
    whole = views("anterior", "posterior")
    part = scan_of(nm_dataset(counts, views=("anterior", "posterior")))
    reports = [build_report(scan, findings(scan), model()) for scan in (whole, part)]
    assert [one.CompletionFlag for one in reports] == ["COMPLETE", "PARTIAL"]
    assert reports[1].CompletionFlagDescription == "1 of 2 frames analysed"
    assert {one.VerificationFlag for one in reports} == {"UNVERIFIED"}
    assert {one.PreliminaryFlag for one in reports} == {"PRELIMINARY"}


def test_observer_and_algorithm_equal_the_processing_equipment():
    scan = views("anterior")
    report = build_report(scan, findings(scan), model())
    equipment = report.ContributingEquipmentSequence[-1]
    content = read_back(report).content
    observer = content.get_observer_contexts()[0].observer_identifying_attributes
    assert observer.uid == equipment.DeviceUID == uids.device_uid(model().digest)
    assert observer.manufacturer_name == equipment.Manufacturer == report.Manufacturer
    assert observer.model_name == equipment.ManufacturerModelName
    assert observer.serial_number == equipment.DeviceSerialNumber
    said = sentences(report)
    assert f"{provenance.MODEL_NAME} thyroid" in said
    assert equipment.SoftwareVersions[-1] == "thyroid 0.1.0"
    assert f"digest={model().digest}" in said


def test_the_algorithm_is_written_as_highdicom_writes_it():
    ours = algorithm(model())
    theirs = hd.sr.AlgorithmIdentification(
        name="Adjuvant thyroid",
        version="0.1.0",
        manufacturer=provenance.MANUFACTURER,
        family=words.ARTIFICIAL_INTELLIGENCE,
        parameters=["threshold=0.5", f"digest={model().digest}"],
    )
    assert [Dataset(one) for one in ours] == [Dataset(one) for one in theirs]


def test_only_weights_from_simulations_say_so():
    scan = views("anterior")
    simulated, clinical = (
        sentences(build_report(scan, findings(scan), model(data=data)))
        for data in ("simulated", "clinical")
    )
    assert provenance.SIMULATED_TRAINING in simulated
    assert provenance.SIMULATED_TRAINING not in clinical
    assert provenance.ADJUVANT_ONLY in simulated
    assert provenance.ADJUVANT_ONLY in clinical


def test_everything_it_refers_to_is_in_the_set_of_results():
    scan = views("anterior", "posterior")
    found = with_lobes(scan)
    report = build_report(scan, found, model())
    others = [build_segmentation(scan, found, model()), build_capture(scan, found, model())]
    assert list(wrong_report(scan, report, [*others, report])) == []
    listed = {
        series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for series in report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    }
    assert listed == {scan.header.SOPInstanceUID, *(one.SOPInstanceUID for one in others)}


def test_a_report_without_its_segmentation_or_of_another_scan_is_found_out():
    scan = views("anterior")
    found = findings(scan)
    report = build_report(scan, found, model())
    capture, segmentation = (
        build_capture(scan, found, model()),
        build_segmentation(scan, found, model()),
    )
    assert any(
        "neither the source nor a result" in one for one in wrong_report(scan, report, [capture])
    )
    segmentation.SegmentSequence = segmentation.SegmentSequence[:1]
    wrong = list(wrong_report(scan, report, [capture, segmentation]))
    assert wrong == ["ReferencedSegmentNumber 2 of a SEG with 1 segments"]
    other = list(wrong_report(views("posterior"), report, [capture, segmentation]))
    assert "no reference to the source" in other


def test_two_runs_are_equal_byte_for_byte_and_another_model_is_another_report():
    scan = views("anterior")
    first, second = (encode(build_report(scan, findings(scan), model())) for _ in range(2))
    assert first == second
    newer = build_report(scan, findings(scan), model(version="0.2.0"))
    older = build_report(scan, findings(scan), model())
    assert newer.SOPInstanceUID != older.SOPInstanceUID
    assert newer.SeriesInstanceUID != older.SeriesInstanceUID


def test_texts_fit_every_character_set():
    assert plain("No area in cm² \u2013 fünf Käse\u2019s") == "No area in cm2 - funf Kase's"
    scan = scan_of(nm_dataset(thyroid_counts(), SpecificCharacterSet="ISO_IR 144"))
    report = build_report(scan, findings(scan, remarks=("No area in cm²: why.",)), model())
    assert "No area in cm2: why." in sentences(dcmread(BytesIO(encode(report))))


def test_numbers_have_no_content_of_their_own():
    def numbers(item: Dataset) -> list[Dataset]:
        inside = [one for child in item.get("ContentSequence") or () for one in numbers(child)]
        return inside + ([item] if item.get("ValueType") == "NUM" else [])

    scan = views("anterior")
    found = numbers(build_report(scan, with_lobes(scan), model()))
    assert found
    assert not any("ContentSequence" in one for one in found)


def test_large_and_odd_numbers_fit_a_decimal_string(tmp_path: Path):
    scan = views("anterior")
    frame = replace(scan.frames[0], counts=scan.frames[0].counts * np.float32(1e9 / 3))
    report = build_report(replace(scan, frames=(frame,)), findings(scan), model())
    assert dciodvfy(report, tmp_path) == []


def test_dcmtk_renders_it(tmp_path: Path):
    scan = views("anterior")
    path = tmp_path / "report.dcm"
    path.write_bytes(encode(build_report(scan, with_lobes(scan), model())))
    done = subprocess.run(["dsrdump", "+Pl", str(path)], capture_output=True, text=True, check=True)
    assert "Comprehensive 3D SR Document" in done.stdout
    assert 'NUM:(,,"Area")=' in done.stdout
    assert "E:" not in done.stderr


def containers(item):
    if item.ValueType == "CONTAINER":
        yield item
    for content in item.get("ContentSequence", []):
        yield from containers(content)


def test_ohif_opens_it_as_text_by_its_title_and_each_item_by_its_name():
    """Another title than 126000, and items that are not read as one sentence (docs/results.md)."""
    scan = views("anterior")
    report = build_report(scan, findings(scan), model())
    (title,) = report.ConceptNameCodeSequence
    assert (title.CodeValue, title.CodeMeaning) == ("ai-measurements", "AI Measurement Report")
    (scheme,) = report.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == title.CodingSchemeDesignator
    assert {one.ContinuityOfContent for one in containers(report)} == {"SEPARATE"}


def test_a_number_of_any_size_is_a_decimal_string():
    for value in (3.1e18, -3.1e18, 999_999_999_999_999.0, 1e6, 1e-9):
        measured = report_items.number(words.AREA, value, words.AREA).MeasuredValueSequence[0]
        assert len(str(measured["NumericValue"].value)) <= 16
        assert float(measured.NumericValue) == pytest.approx(value)
