"""Cold nodules in the three results: coded, numbered, measured, and named as candidates."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import get_args

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset

from adjuvant.errors import Fault
from adjuvant.image import Limits
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.pipeline import Outcome, analyse
from adjuvant.results import encode
from adjuvant.results.capture import render
from adjuvant.results.colours import STRUCTURES
from adjuvant.results.gate import check_results
from adjuvant.results.presentation import Language
from adjuvant.results.table import structure_rows
from adjuvant.results.texts import TEXTS
from adjuvant.results.uids import device_uid
from adjuvant.structures import NODULES, measure_structures
from tests.adjuvant.results.examples import dciodvfy
from tests.builder import nm_dataset, thyroid_counts, to_bytes, with_cold_discs
from tests.networks import both_networks, cold_model, model

DISCS = ((0, 0.42, 0.405, 0.02), (1, 0.6, 0.6, 0.03))


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """An anterior view with one cold disc, and an oblique one with another."""
    counts = with_cold_discs(thyroid_counts(frames=2), *DISCS)
    source = nm_dataset(counts, views=("anterior", "left anterior oblique"))
    return analyse(to_bytes(source), INTERPRETATIONS["thyroid"], both_networks(), Limits())


@pytest.fixture(scope="module")
def report(outcome: Outcome) -> hd.sr.Comprehensive3DSR:
    return hd.sr.srread(BytesIO(encode(outcome.objects[2])))


def segments_of(outcome: Outcome) -> tuple[list[Dataset], list[Dataset]]:
    """The items of the SEG of the gland and its lobes, and those of the nodules."""
    items = list(outcome.objects[0].SegmentSequence)
    return items[:3], items[3:]


@pytest.mark.parametrize("place", range(3))
def test_every_result_is_valid(outcome: Outcome, place: int, tmp_path: Path) -> None:
    assert dciodvfy(outcome.objects[place], tmp_path) == []


def test_a_nodule_is_a_nodule_of_the_thyroid_and_a_candidate(outcome: Outcome) -> None:
    anatomy, nodules = segments_of(outcome)
    assert [int(one.SegmentNumber) for one in nodules] == [4, 5]
    for one in nodules:
        (category,) = one.SegmentedPropertyCategoryCodeSequence
        (kind,) = one.SegmentedPropertyTypeCodeSequence
        (modifier,) = kind.SegmentedPropertyTypeModifierCodeSequence
        (region,) = one.AnatomicRegionSequence
        codes = [code.CodeValue for code in (category, kind, modifier, region)]
        assert codes == ["49755003", "27925004", "cold-candidate", "69748006"]
        assert one.SegmentDescription == "Cold, candidate for a second look"
    assert not any("AnatomicRegionSequence" in one for one in anatomy)
    (scheme,) = outcome.objects[0].CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99ADJUVANT"


def test_each_segment_names_the_algorithm_that_drew_it(outcome: Outcome) -> None:
    anatomy, nodules = segments_of(outcome)
    for drawn, by in ((anatomy, model()), (nodules, cold_model())):
        for one in drawn:
            (algorithm,) = one.SegmentationAlgorithmIdentificationSequence
            assert algorithm.AlgorithmName == f"Adjuvant {by.name}"
            assert algorithm.AlgorithmVersion == by.version
            threshold = f"threshold={by.output.threshold:g},digest={by.digest}"
            assert str(algorithm.AlgorithmParameters).replace(" ", "") == threshold


def test_a_nodule_has_a_frame_on_its_own_view_only_and_reads_back(outcome: Outcome) -> None:
    result = outcome.objects[0]
    assert result.NumberOfFrames == 3 * 2 + 2
    assert result.SegmentsOverlap == "YES"
    seg = hd.seg.segread(BytesIO(encode(result)))
    pixels = seg.get_pixels_by_source_frame(outcome.scan.header.SOPInstanceUID, [1, 2])
    for place, segment in enumerate(outcome.findings.segments):
        np.testing.assert_array_equal(pixels[..., place].astype(bool), segment.masks)


def test_a_segmentation_that_lacks_a_nodule_is_stopped(outcome: Outcome) -> None:
    found = outcome.findings
    second = found.segments[1]
    # One that was found on a view without a frame of it.
    nodule = replace(found.segments[3], masks=second.masks)
    lacking = replace(found, segments=(*found.segments[:3], nodule, found.segments[4]))
    with pytest.raises(Fault, match=r"the segmentation is not stored: segment 4 (lies|is missing)"):
        check_results(outcome.scan, lacking, outcome.objects)
    masks = found.segments[3].masks.copy()
    masks[1, 100:110, 100:110] = True
    more = replace(found.segments[3], masks=masks)
    lacking = replace(found, segments=(*found.segments[:3], more, found.segments[4]))
    with pytest.raises(Fault, match="segment 4 is missing on frame 2"):
        check_results(outcome.scan, lacking, outcome.objects)


def test_the_report_measures_each_nodule(outcome: Outcome, report: hd.sr.Comprehensive3DSR) -> None:
    structures = {
        one.segment_number: one for one in measure_structures(outcome.scan, outcome.findings)
    }
    _, nodules = segments_of(outcome)
    places = [("29565003", "264217000"), ("79163004", "261089000")]
    for item, place in zip(nodules, places, strict=True):
        (group,) = report.content.get_planar_roi_measurement_groups(tracking_uid=item.TrackingUID)
        measured = structures[int(item.SegmentNumber)]
        assert measured.nodule is not None
        values = {one.name.value: one.value for one in group.get_measurements()}
        assert values["42798000"] == pytest.approx(measured.area_cm2, rel=1e-5)
        assert values["103339001"] == pytest.approx(measured.nodule.length_mm, rel=1e-5)
        assert 70 < values["contrast"] < 95
        assert 0.5 < values["network-output"] <= 1
        assert group.finding_type.value == "27925004"
        (site,) = group.finding_sites
        assert site.value.value == place[0]
        assert site.topographical_modifier.value == place[1]
        said = {one.name.value: one.value.value for one in group.get_qualitative_evaluations()}
        assert said["appearance"] == "cold-candidate"


def test_the_report_names_both_algorithms_and_how_many_places_were_marked(
    report: hd.sr.Comprehensive3DSR,
) -> None:
    groups = report.content.get_image_measurement_groups()
    named = {
        group.tracking_identifier: [
            item.TextValue
            for item in group[0].ContentSequence
            if item.ConceptNameCodeSequence[0].CodeValue == "111001"
        ]
        for group in groups
    }
    assert named["Analysis"] == ["Adjuvant thyroid"]
    assert named["Analysis, cold-nodules 0.1.0"] == ["Adjuvant cold-nodules"]
    (closer,) = (one for one in groups if one.tracking_identifier.startswith("Analysis, "))
    assert [(one.name.value, one.value) for one in closer.get_measurements()] == [("candidates", 2)]


def test_one_chain_is_one_device(outcome: Outcome) -> None:
    both = both_networks().algorithm
    for result in outcome.objects:
        processing = result.ContributingEquipmentSequence[-1]
        assert processing.DeviceUID == device_uid(both.digest)
        assert processing.DeviceSerialNumber == both.digest


@pytest.mark.parametrize("language", get_args(Language))
def test_the_table_says_where_and_how_large_in_every_language(
    outcome: Outcome, language: Language
) -> None:
    texts, found = TEXTS[language], outcome.findings
    rows = structure_rows(found, measure_structures(outcome.scan, found), 2, texts)
    label, value = rows[-1]
    assert label == f"{texts.structures[NODULES[0]]} 2"
    assert value == f"{texts.sides_of_lobes[1]}, {texts.thirds['lower']} · 19 mm"


def test_nodules_are_drawn_with_their_numbers_over_the_gland(outcome: Outcome) -> None:
    colour = STRUCTURES[NODULES[0]]
    made_by = both_networks().algorithm
    without = replace(outcome.findings, segments=outcome.findings.segments[:3])
    drawn, plain = (
        int((render(outcome.scan, found, made_by) == colour).all(axis=-1).sum())
        for found in (outcome.findings, without)
    )
    assert plain == 0
    assert drawn > 150
