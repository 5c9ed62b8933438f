"""A physician opens the study in OHIF and sees scan, segments and picture where they belong.

The study holds the report too, as it does in an archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deploy.viewer import Viewer
from tests.viewer.browser import browse
from tests.viewer.objects import LABELS, Results, one_oblong_view, two_views
from tests.viewer.screen import changed, expected, overlap

SCANS = {"two views": two_views, "one oblong view": one_oblong_view}


@dataclass(frozen=True)
class Seen:
    """What the browser answered, and the folder with its pictures."""

    answer: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module", params=SCANS)
def results(request: pytest.FixtureRequest) -> Results:
    return SCANS[request.param]()


@pytest.fixture(scope="module")
def seen(viewer: Viewer, results: Results, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("seen")
    answer = browse(
        "read",
        folder,
        url=viewer.study(results.source.StudyInstanceUID, "segmentation"),
        series=4,
        frames=results.masks.shape[1],
        capture=results.capture.Modality,
    )
    return Seen(answer, folder)


def test_scan_segmentation_picture_and_report_are_listed(seen: Seen, results: Results):
    listed = {(entry[0], entry[1]) for entry in seen.answer["series"]}
    wanted = {(d.Modality, d.SeriesDescription) for d in results.instances}
    assert listed == wanted


def test_every_segment_is_listed_by_its_label(seen: Seen):
    assert seen.answer["labels"] == list(LABELS)


@pytest.mark.parametrize("segment", range(len(LABELS)))
def test_a_segment_is_drawn_exactly_where_its_mask_is(seen: Seen, results: Results, segment: int):
    for shown, mask in zip(seen.answer["frames"], results.masks[segment], strict=True):
        region = changed(seen.folder / shown["alone"][segment], seen.folder / shown["none"])
        assert overlap(region, expected(mask, region.shape)) >= 0.95


def test_the_scan_itself_is_seen_below_the_segments(seen: Seen, results: Results):
    for shown, gland, nodule in zip(seen.answer["frames"], *results.masks, strict=True):
        grey = np.asarray(Image.open(seen.folder / shown["none"]).convert("L"), float)
        bright, dark = (expected(mask, grey.shape) for mask in (gland & ~nodule, ~gland))
        assert grey[bright].mean() > 3 * grey[dark].mean()


def test_the_fused_picture_opens_in_colour(seen: Seen):
    picture = np.asarray(Image.open(seen.folder / seen.answer["capture"]).convert("RGB"), int)
    coloured = picture.max(axis=2) - picture.min(axis=2) > 60
    assert coloured.mean() > 0.001


def test_nothing_is_complained_of_in_the_console(seen: Seen):
    assert seen.answer["complaints"] == []
