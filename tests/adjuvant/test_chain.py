"""A gland model and a model that looks for cold nodules make one set of results."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from scipy.ndimage import distance_transform_edt

from adjuvant.batch import newest_models
from adjuvant.chain import chained
from adjuvant.config import ConfigFault
from adjuvant.errors import ModelFault
from adjuvant.image import Limits
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.network import Network, linked
from adjuvant.nodules import BEYOND, MOST, NONE_MARKED, SECOND_LOOK, nodule_probability
from adjuvant.pipeline import Outcome, analyse
from adjuvant.reader import Link, Reader, choose
from adjuvant.rehearsal import rehearse
from adjuvant.results import encode
from tests.builder import nm_dataset, thyroid_counts, to_bytes, with_cold_discs
from tests.networks import both_networks, bright_network, cold_model, cold_network, model

THYROID = INTERPRETATIONS["thyroid"]
DISCS = ((0, 0.42, 0.405, 0.02), (1, 0.6, 0.6, 0.03), (1, 0.5, 0.59, 0.015))


@pytest.fixture(scope="module")
def source() -> bytes:
    """An anterior view with one cold disc, and an oblique one with two others."""
    counts = with_cold_discs(thyroid_counts(frames=2), *DISCS)
    return to_bytes(nm_dataset(counts, views=("anterior", "left anterior oblique")))


@pytest.fixture(scope="module")
def outcome(source: bytes) -> Outcome:
    return analyse(source, THYROID, both_networks(), Limits())


def test_one_model_alone_is_its_own_chain() -> None:
    alone = model()
    assert chained([alone]) is alone
    assert alone.models == (alone,)
    assert bright_network().algorithm == alone


def test_the_digest_of_a_chain_is_that_of_all_of_its_models_in_their_order() -> None:
    gland, nodules = model(), cold_model()
    both = chained([gland, nodules])
    assert both.digest == chained([model(), cold_model()]).digest
    others = (
        gland,
        nodules,
        chained([nodules, gland]),
        chained([model(version="0.2.0"), nodules]),
        chained([gland, cold_model(version="0.2.0")]),
    )
    assert both.digest not in {one.digest for one in others}
    assert both.title == "thyroid 0.1.0 + cold-nodules 0.1.0"


def test_one_simulated_model_makes_the_whole_chain_simulated() -> None:
    clinical = {**model().training.model_dump(mode="json"), "data": "clinical"}
    assert chained([model(training=clinical), cold_model()]).simulated
    assert not chained([model(training=clinical), cold_model(training=clinical)]).simulated


def test_every_cold_place_is_a_numbered_segment_inside_the_gland(outcome: Outcome) -> None:
    gland, *_ = segments = outcome.findings.segments
    nodules = [one for one in segments if one.drawn_by == 1]
    assert [one.label for one in nodules] == [f"Cold nodule {n}" for n in (1, 2, 3)]
    assert [[bool(mask.any()) for mask in one.masks] for one in nodules] == [
        [True, False],
        [False, True],
        [False, True],
    ]
    for one, (frame, row, column, _) in zip(nodules, DISCS, strict=True):
        assert not (one.masks & ~gland.masks).any()
        centre = [float(where.mean() + 0.5) / 256 for where in np.nonzero(one.masks[frame])]
        assert centre == pytest.approx([row, column], abs=0.01)
        assert one.output is not None
        assert 0.5 <= one.output <= 1
    assert SECOND_LOOK in outcome.findings.remarks


def test_a_nodule_at_the_margin_is_drawn_a_little_beyond_the_outline() -> None:
    gland = np.zeros((128, 128), np.bool_)
    gland[24:104, 40:90] = True
    everywhere = Network(cold_model(), "CPU", lambda inputs: np.ones_like(inputs[..., :1]))
    counts = np.where(gland, 50, 5).astype(np.float32)
    probability = nodule_probability(counts, gland, everywhere)
    reach = BEYOND * 80
    outside = distance_transform_edt(~gland)
    assert (probability[outside <= reach] > 0.99).all()
    assert not probability[outside > reach].any()


def test_what_made_the_results_is_the_chain(outcome: Outcome, source: bytes) -> None:
    both = both_networks().algorithm
    for result in outcome.objects:
        assert result.DeviceSerialNumber == both.digest
        assert list(result.SoftwareVersions)[1:] == ["thyroid 0.1.0", "cold-nodules 0.1.0"]
    alone = analyse(source, THYROID, bright_network(), Limits())
    for with_nodules, without in zip(outcome.objects, alone.objects, strict=True):
        assert with_nodules.SOPInstanceUID != without.SOPInstanceUID
    assert not any(one.drawn_by for one in alone.findings.segments)
    assert "nodules" not in alone.steps_ms


def test_the_same_scan_gives_the_same_bytes_by_the_same_chain(
    outcome: Outcome, source: bytes
) -> None:
    again = analyse(source, THYROID, both_networks(), Limits())
    assert [encode(one) for one in again.objects] == [encode(one) for one in outcome.objects]
    assert list(again.steps_ms) == [
        "decode",
        "preprocess",
        "network",
        "interpret",
        "nodules",
        "build",
    ]


def test_a_gland_without_cold_places_says_that_some_may_be_missed() -> None:
    outcome = analyse(to_bytes(nm_dataset(thyroid_counts())), THYROID, both_networks(), Limits())
    assert NONE_MARKED in outcome.findings.remarks
    assert len(outcome.findings.segments) == 3


def test_without_a_gland_nobody_speaks_of_nodules() -> None:
    nothing = Network(model(), "CPU", lambda inputs: np.zeros_like(inputs[..., :1]))
    scan = to_bytes(nm_dataset(thyroid_counts()))
    found = analyse(scan, THYROID, linked([nothing, cold_network()]), Limits()).findings
    assert found.remarks[0] == "No thyroid uptake seen."
    assert not {NONE_MARKED, SECOND_LOOK} & set(found.remarks)


def test_more_places_than_anybody_looks_at_are_counted_not_drawn() -> None:
    rows, columns = np.arange(0.38, 0.64, 0.045), (0.385, 0.415, 0.585, 0.615)
    discs = [(0, float(row), column, 0.012) for row in rows for column in columns]
    scan = to_bytes(nm_dataset(with_cold_discs(thyroid_counts(), *discs)))
    found = analyse(scan, THYROID, both_networks(), Limits()).findings
    assert sum(one.drawn_by for one in found.segments) == MOST
    said = f"Frame 1: the {MOST} most probable of {len(discs)} places are marked."
    assert said in found.remarks


def test_a_model_that_reads_no_close_ups_fails_the_rehearsal() -> None:
    with pytest.raises(ModelFault, match=r"thyroid 0\.1\.0 reads whole scans, not close-ups"):
        rehearse(THYROID, linked([bright_network(), bright_network()]), Limits())
    rehearse(THYROID, both_networks(), Limits())


def test_the_nodule_model_may_be_missing_but_works_on_no_scan_alone() -> None:
    models = {"thyroid": "0.1.0", "cold-nodules": "0.1.0"}
    assert choose(models, INTERPRETATIONS) == choose({"thyroid": "0.1.0"}, INTERPRETATIONS)
    with pytest.raises(ConfigFault, match=r"Adjuvant\.Models\.cold-nodules: looks closer at what"):
        choose({"cold-nodules": "0.1.0"}, INTERPRETATIONS)


def test_a_job_names_the_chain_and_another_version_of_any_of_it_is_another_one() -> None:
    links = [Link(one, Path(one.name)) for one in (model(), cold_model())]
    reader = Reader(THYROID, links[0].model, links[0].folder, (links[1],))
    task = reader.task("instance")
    assert task.model == "thyroid 0.1.0 + cold-nodules 0.1.0"
    assert task.model_digest == chained([model(), cold_model()]).digest
    assert [one.name for one in reader.in_use] == ["thyroid", "cold-nodules"]
    for newer in (model(version="0.2.0"), cold_model(version="0.2.0")):
        other = reader.with_link(Link(newer, Path("new")))
        assert [one.model.name for one in other.links] == ["thyroid", "cold-nodules"]
        assert newer in [one.model for one in other.links]
        assert other.algorithm.digest != task.model_digest


def test_files_are_read_by_the_newest_version_of_each_model_there_is(tmp_path: Path) -> None:
    for version in ("0.9.0", "0.10.0"):
        (tmp_path / "thyroid" / version).mkdir(parents=True)
    assert newest_models(tmp_path, THYROID) == [tmp_path / "thyroid" / "0.10.0"]
    closer = tmp_path / "cold-nodules" / "0.1.0"
    closer.mkdir(parents=True)
    assert newest_models(tmp_path, THYROID) == [tmp_path / "thyroid" / "0.10.0", closer]


def test_results_survive_a_file(outcome: Outcome) -> None:
    for result in outcome.objects:
        assert dcmread(BytesIO(encode(result))).SOPInstanceUID == result.SOPInstanceUID
