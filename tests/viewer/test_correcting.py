"""A physician corrects our segmentation with OHIF's brush; it arrives, and ours stays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from adjuvant.inbox import READABLE_SOP_CLASSES
from adjuvant.results.correction import is_human_correction, segmented_instances
from adjuvant.results.provenance import is_own
from deploy.serve import Server
from deploy.viewer import Viewer
from tests.viewer.browser import browse
from tests.viewer.objects import COLUMNS, LABELS, ROWS, Masks, Results
from tests.viewer.rest import ask

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
# Far from both lobes, in (column, row).
STROKE = ((100, 30), (104, 34), (108, 30))
# OHIF 3.13.2 says this while it saves, and stores every pixel all the same.
HARMLESS = "Error inserting pixels in PixelData"


@dataclass(frozen=True)
class Corrected:
    """What the browser answered, all instances before, and all instances after."""

    answer: dict[str, Any]
    before: dict[str, bytes]
    after: dict[str, bytes]

    @property
    def arrived(self) -> Dataset:
        (new,) = self.after.keys() - self.before.keys()
        return dcmread(BytesIO(self.after[new]))


def everything(archive: Server) -> dict[str, bytes]:
    names = json.loads(ask(archive, "/instances"))
    return {name: ask(archive, f"/instances/{name}/file") for name in names}


def masks_of(segmentation: Dataset) -> dict[tuple[int, int], Masks]:
    """(segment number, frame number of the scan) -> mask. OHIF writes one frame for each."""
    found = {}
    frames = segmentation.pixel_array
    for pixels, groups in zip(frames, segmentation.PerFrameFunctionalGroupsSequence, strict=True):
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        for number in np.unique(pixels[pixels > 0]):
            found[int(number), int(source.ReferencedFrameNumber)] = pixels == number
    return found


@pytest.fixture(scope="module")
def corrected(
    archive: Server, viewer: Viewer, results: Results, tmp_path_factory: pytest.TempPathFactory
) -> Corrected:
    before = everything(archive)
    answer = browse(
        "correct",
        tmp_path_factory.mktemp("corrected"),
        url=viewer.study(results.source.StudyInstanceUID, "segmentation"),
        stroke=STROKE,
        shape={"rows": ROWS, "columns": COLUMNS},
    )
    return Corrected(answer, before, everything(archive))


def test_the_archive_accepts_what_ohif_saves(corrected: Corrected):
    assert corrected.answer["status"] == 200
    assert corrected.arrived.SOPClassUID == LABEL_MAP
    assert corrected.arrived.SegmentationType == "LABELMAP"


def test_the_correction_is_filed_in_the_study_of_the_scan(corrected: Corrected, results: Results):
    for keyword in ("PatientID", "StudyInstanceUID"):
        assert corrected.arrived[keyword].value == results.source[keyword].value


def test_it_is_known_as_the_work_of_a_person_on_our_scan(corrected: Corrected, results: Results):
    reason = is_human_correction(corrected.arrived)
    assert reason == "SegmentAlgorithmType is MANUAL ('OHIF Brush') in 2 of 2 segments"
    assert segmented_instances(corrected.arrived) == (results.source.SOPInstanceUID,)


def test_it_is_taken_neither_for_our_own_result_nor_for_a_new_scan(corrected: Corrected):
    assert not is_own(corrected.arrived)
    assert corrected.arrived.SOPClassUID not in READABLE_SOP_CLASSES


@pytest.mark.parametrize("ours", ["source", "segmentation", "capture", "report"])
def test_scan_and_results_of_ours_are_not(results: Results, ours: str):
    assert is_human_correction(getattr(results, ours)) is None


def test_it_keeps_every_label(corrected: Corrected):
    labels = [segment.SegmentLabel for segment in corrected.arrived.SegmentSequence]
    assert labels == list(LABELS)


def test_only_what_the_brush_touched_has_changed(corrected: Corrected, results: Results):
    drawn = masks_of(corrected.arrived)
    gland, nodule = results.masks
    added = drawn[1, 1] & ~gland[0]
    assert added[STROKE[1][1], STROKE[1][0]]
    assert np.array_equal(drawn[1, 1], gland[0] | added)
    assert np.array_equal(drawn[1, 2], gland[1])
    assert np.array_equal(drawn[2, 1], nodule[0])
    assert np.array_equal(drawn[2, 2], nodule[1])


def test_our_results_stay_untouched(corrected: Corrected):
    kept = {name: corrected.after.get(name) for name in corrected.before}
    assert kept == corrected.before


def test_nothing_but_one_harmless_message_is_in_the_console(corrected: Corrected):
    assert [text for text in corrected.answer["complaints"] if HARMLESS not in text] == []
