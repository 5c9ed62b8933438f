"""Nodules are counted one by one: found, missed, falsely marked, and drawn how well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ellipses import QUIET, ellipse_case
from tiny_nodules import NODULE_RECIPE, gland_model, stored, tiny

from adjuvant.close_up import CloseUp
from adjuvant.errors import ModelFault
from adjuvant.model import Model, read_model
from adjuvant.network import Network
from adjuvant.nodules import candidates, find_nodules, nodule_probability
from training.errors import ReleaseError, SeenError
from training.figures import rate_of
from training.lesion_report import lesion_markdown
from training.lesions import (
    LARGE,
    UNKNOWN,
    Reading,
    choose_threshold,
    read_cases,
    score,
    summarise,
)
from training.loading import load_data
from training.operating_point import OperatingPoint
from training.outlines import read_outliner
from training.phantom.case import Case, Nodule
from training.release import REPORT, Request, release
from training.release_nodules import Scans, chosen, figures, release_nodules, unseen
from training.seen import Seen
from training.train import train

MATRIX = 128


def model(name: str, labels: list[str], preprocessing: dict[str, float]) -> Model:
    return Model.model_validate(
        {
            "name": name,
            "version": "0.1.0",
            "weights": {"file": "none.keras", "sha256": "0" * 64},
            "preprocessing": preprocessing,
            "output": {"labels": labels, "threshold": 0.5, "minimum_area_pixels": 4},
            "training": {
                "data": "simulated",
                "images": 1,
                "patients": 1,
                "seeds": [7],
                "recipe": "none",
                "commit": "none",
                "date": "2026-11-21",
            },
            "figures": {},
        }
    )


# The first marks what is bright; the second what is dark within the outline.
GLAND = Network(
    model("thyroid", ["thyroid"], {"size": 128}),
    "CPU",
    lambda inputs: (inputs[..., :1] > 0.6).astype(np.float32),
)
NODULES = Network(
    model("cold-nodules", ["cold nodule"], {"margin": 1.25, "size": 64}),
    "CPU",
    lambda inputs: np.clip((1 - inputs[..., :1]) * (inputs[..., 1:] > 0.99), 0, 1),
)


def disc(row: float, column: float, radius: float) -> np.ndarray:
    y, x = np.mgrid[:MATRIX, :MATRIX]
    return np.hypot(y - row, x - column) < radius


def case(*nodules: tuple[int, int, bool], number: int = 0) -> Case:
    """A round bright gland with cold discs of radius 8 at (row, column), detectable or not."""
    gland = disc(64, 64, 40)
    counts = np.where(gland, 400, 4)
    truth = []
    for row, column, detectable in nodules:
        mask = disc(row, column, 8)
        truth.append(Nodule(mask, 16.0, 0.9, 30.0, detectable))
        counts[mask] = 10 if detectable else counts[mask]
    properties = ellipse_case(number).properties
    return Case(
        f"case{number}", f"p{number}", counts.astype(np.uint16), gland, properties, tuple(truth)
    )


def read(*cases: Case) -> list[Reading]:
    return read_cases(cases, (GLAND, NODULES), ())


def test_the_plugin_marks_each_nodule_where_it_is() -> None:
    scan = case((52, 52, True), (80, 76, True))
    found = find_nodules(scan.counts.astype(np.float32), scan.gland, NODULES)
    assert len(found) == 2
    for one in found:
        assert one.mask.dtype == bool
        shared = max(
            2 * (one.mask & nodule.mask).sum() / (one.mask.sum() + nodule.mask.sum())
            for nodule in scan.nodules
        )
        assert shared > 0.85
        assert one.probability > 0.7


def test_where_there_is_no_gland_there_is_no_nodule() -> None:
    nothing = np.zeros((MATRIX, MATRIX), bool)
    assert find_nodules(np.ones((MATRIX, MATRIX), np.float32), nothing, NODULES) == ()


def test_a_model_that_cannot_read_close_ups_is_named() -> None:
    scan = case()
    with pytest.raises(ModelFault, match=r"thyroid 0\.1\.0 reads whole scans, not close-ups"):
        nodule_probability(scan.counts.astype(np.float32), scan.gland, GLAND)
    with pytest.raises(ModelFault, match=r"cold-nodules 0\.1\.0 reads close-ups of a gland"):
        _ = NODULES.model.whole_image


def test_a_certain_nodule_does_not_grow_at_a_low_operating_point() -> None:
    probability = np.zeros((32, 32), np.float32)
    probability[8:24, 8:24] = 0.2
    probability[12:20, 12:20] = 0.9
    (sure,) = candidates(probability, 0.1, 4)
    assert sure.mask.sum() == 64
    assert candidates(probability, 0.95, 4) == ()
    assert candidates(probability[8:12], 0.1, 200) == ()


def test_of_two_nodules_that_touch_each_is_drawn() -> None:
    probability = np.zeros((32, 32), np.float32)
    probability[4:28, 4:28] = 0.1
    probability[10:16, 6:24] = 0.5  # the bridge between them
    probability[10:16, 6:12] = 0.9
    probability[10:16, 18:24] = 0.8
    first, second = candidates(probability, 0.05, 4)
    assert (first.probability, second.probability) == pytest.approx((0.9, 0.8))
    assert second.mask[10:16, 18:24].all()
    assert second.mask.sum() == 36
    assert first.mask[10:16, 6:12].all()
    assert not first.mask[:, 18:].any()
    assert not (first.mask & second.mask).any()


def test_what_rises_but_little_out_of_a_nodule_is_no_other_one() -> None:
    probability = np.zeros((32, 32), np.float32)
    probability[10:16, 6:24] = 0.7
    probability[10:16, 6:12] = 0.9
    probability[10:16, 18:24] = 0.75
    (alone,) = candidates(probability, 0.05, 4)
    assert alone.mask.sum() == 6 * 18
    probability[10:16, 18:24] = 0.9  # nor what is as high
    (alone,) = candidates(probability, 0.05, 4)
    assert alone.mask.sum() == 6 * 18


def test_found_missed_and_false_are_told_apart() -> None:
    scan = case((52, 52, True))
    (reading,) = read(scan)
    measured = score(reading, 0.5)
    assert measured.nodules[0].dice is not None
    assert measured.nodules[0].dice > 0.85
    assert measured.false_positives == 0
    # The same mark where the truth has nothing.
    elsewhere = replace(scan, nodules=case((80, 76, True)).nodules)
    wrong = score(replace(reading, case=elsewhere), 0.5)
    assert wrong.nodules[0].dice is None
    assert wrong.false_positives == 1
    # A mark on what the physics cannot show is neither.
    hidden = replace(scan, nodules=(replace(scan.nodules[0], detectable=False),))
    neither = score(replace(reading, case=hidden), 0.5)
    assert neither.false_positives == 0


def test_the_threshold_is_the_highest_that_finds_enough() -> None:
    readings = read(*(case((52, 52, True), number=number) for number in range(3)))
    faint = [replace(one, probability=one.probability * 0.45) for one in readings]
    assert choose_threshold(readings) > choose_threshold(faint)
    assert choose_threshold(faint) == 0.3
    with pytest.raises(ValueError, match="no scan has a detectable nodule"):
        choose_threshold(read(case()))


def of_unknown_size(scan: Case) -> Case:
    """As a person draws them in a pinhole image."""
    return replace(scan, nodules=tuple(replace(one, size_mm=0.0) for one in scan.nodules))


def test_nodules_of_unknown_size_are_no_small_ones_and_decide_where_there_are_no_others() -> None:
    known = case((52, 52, True), number=0)
    unknown = of_unknown_size(case((80, 76, True), number=1))
    both = summarise(read(known, unknown), 0.5)
    assert list(both.sensitivity_by_size) == ["10 to 20 mm", "size not known"]
    assert both.sensitivity is not None
    assert both.sensitivity.whole == 1
    (faint,) = read(unknown)
    faint = replace(faint, probability=faint.probability * 0.45)
    assert choose_threshold([faint]) == 0.3
    # Where there are others, these decide.
    assert choose_threshold([*read(known), faint]) == choose_threshold(read(known)) > 0.3
    text = lesion_markdown(summarise(read(unknown), 0.5), "Of nobody.")
    assert "| detectable nodules, size not known: found | 1 (100.0 %)" in text
    assert "10 mm" not in text


def test_where_too_few_are_found_false_marks_decide() -> None:
    """One nodule is never found, the other one from 0.3 on; from 0.05 on something else is."""
    (sure,) = read(case((52, 52, True)))
    unseen = replace(sure, probability=np.zeros_like(sure.probability))
    faint = replace(sure, probability=sure.probability * 0.45)
    noise = np.zeros_like(sure.probability)
    noise[8:12, 8:12] = noise[8:12, 20:24] = 0.05
    noisy = replace(unseen, probability=noise)
    assert choose_threshold([unseen, faint]) == choose_threshold([noisy, faint]) == 0.3
    fainter = replace(sure, probability=sure.probability * 0.045)
    assert choose_threshold([unseen, fainter], OperatingPoint(false_marks=0.0)) == 0.03
    assert choose_threshold([noisy, fainter], OperatingPoint(false_marks=1.0)) == 0.03
    # Finds as little as any.
    assert choose_threshold([noisy, fainter], OperatingPoint(false_marks=0.9)) > 0.05
    # As many as are wanted are found at 0.03, but not with so few false marks.
    half = OperatingPoint(sensitivity=0.5, false_marks=0.9)
    assert choose_threshold([noisy, fainter], half) > 0.05
    assert choose_threshold([noisy, faint], half) == 0.3


def test_a_mark_that_fills_its_place_is_one() -> None:
    probability = np.zeros((32, 32), np.float32)
    probability[8:12, 8:12] = 0.5
    (alone,) = candidates(probability, 0.1, 4)
    assert alone.mask.sum() == 16


def test_all_figures_are_counted() -> None:
    scans = [case((52, 52, True), number=0), case((80, 76, False), number=1), case(number=2)]
    measured = summarise(read(*scans), 0.5)
    assert (measured.scans, measured.patients) == (3, 3)
    assert measured.sensitivity is not None
    assert (measured.sensitivity.part, measured.sensitivity.whole) == (1, 1)
    assert list(measured.sensitivity_by_size) == ["10 to 20 mm"]
    assert measured.silent is not None
    assert (measured.silent.part, measured.silent.whole) == (1, 1)
    text = lesion_markdown(measured, "Of nobody.")
    assert "| detectable nodules from 10 mm: found | 1 (100.0 %)" in text
    with pytest.raises(ValueError, match="nothing to measure"):
        summarise([], 0.5)


def test_no_scan_of_a_training_patient_is_read() -> None:
    with pytest.raises(SeenError):
        read_cases([case()], (GLAND, NODULES), (Seen((), frozenset({"p0"})),))


KNOWN = Seen((7,), frozenset({"p7"}))


@pytest.mark.parametrize(
    ("seen", "simulated", "said"),
    [
        ((KNOWN, KNOWN), False, "No scan is of a patient that either network learnt from."),
        ((KNOWN, Seen((7,))), False, "No scan is of a patient that either network learnt from."),
        ((KNOWN, Seen((7,))), True, "network for nodules learnt from; not checked: whether the one "
         "for glands did."),
        ((Seen(), Seen((7,))), True, "Not checked: whether either network learnt from patients"),
    ],
)  # fmt: skip
def test_what_is_not_known_of_either_network_is_said(
    seen: tuple[Seen, Seen], *, simulated: bool, said: str
) -> None:
    one = case()
    one = replace(one, properties=one.properties | {"simulated": simulated})
    assert said in unseen([one], seen, GLAND.model)


def test_a_gland_model_of_other_patients_is_not_called_checked() -> None:
    one = case()
    one = replace(one, properties=one.properties | {"simulated": False})
    training = GLAND.model.training.model_copy(update={"data": "mixed"})
    gland = GLAND.model.model_copy(update={"training": training})
    assert "not checked: whether the one for glands did" in unseen([one], (KNOWN, Seen()), gland)


def test_how_the_operating_point_came_about_is_told_with_what_the_recipe_wanted() -> None:
    wanted = OperatingPoint(sensitivity=0.8, false_marks=1.5)
    reached = chosen(7, (LARGE, rate_of(4, 5)), wanted)
    assert "7 other scans: the highest at which 80% of their nodules are found" in reached
    assert "with at most 1.5 false marks in a scan." in reached
    missed = chosen(7, (LARGE, rate_of(3, 5)), wanted)
    assert "most of their nodules (3 of 5) with at most 1.5 false marks in a scan" in missed
    assert "none finds the 80% that are wanted" in missed


def test_a_version_chosen_by_nodules_of_unknown_size_says_so() -> None:
    (reading,) = read(of_unknown_size(case((80, 76, True))))
    measured = summarise([reading], 0.5)
    rate = measured.sensitivity_by_size["size not known"]
    said = chosen(1, (UNKNOWN, rate), OperatingPoint())
    assert "None of these nodules is known to have 10 mm: those of unknown size" in said
    assert "unknown" not in chosen(1, (LARGE, rate), OperatingPoint())
    told = figures(measured, (UNKNOWN, rate), simulated=True)
    assert told["sensitivity_size_not_known"] == 1
    assert told["sensitivity_size_not_known_on_validation"] == 1
    assert not any("10_mm" in name for name in told)


def test_from_scans_to_a_released_version(tmp_path: Path) -> None:
    recipe, gland = NODULE_RECIPE, gland_model(tmp_path)
    scans_there = stored(tmp_path / "data", range(32))
    data = load_data(scans_there, recipe, QUIET, outliner=read_outliner(gland))
    assert isinstance(recipe.preprocessing, CloseUp)
    assert data.training.masks[0].shape == (*data.training.counts[0].shape, 3)
    train(recipe, data, tmp_path / "run", QUIET)
    request = Request(tmp_path / "run", tmp_path / "models" / "cold-nodules" / "0.0.1", "0.0.1")
    with pytest.raises(ReleaseError, match="release it with a gland model"):
        release(request, [], lambda *_: None)
    scans = Scans([tiny(n) for n in range(200, 208)], [tiny(n) for n in range(300, 308)])
    measured = release_nodules(request, gland, scans)
    released = read_model(request.folder)
    assert released.output.threshold == measured.threshold
    assert released.training.glands == "thyroid 0.0.1"
    assert released.figures["sensitivity_10_mm_on_validation"] <= 1
    card = (request.folder / "card.md").read_text("utf-8")
    assert "Marks cold nodules" in card
    assert "| glands | outlined by thyroid 0.0.1 |" in card
    assert "false marks in a scan" in card
    assert "The scans are simulated. Glands by thyroid 0.0.1." in card
    assert str(released.figures["data"]).startswith(f"{measured.scans} simulated scans of")
    again = replace(request, folder=tmp_path / "0.0.2", version="0.0.2", in_service=request.folder)
    # Eight scans of so many patients show nothing, not even of the same network.
    with pytest.raises(ReleaseError, match=r"margins\.fewest_patients is 10"):
        release_nodules(again, gland, scans)
    report = (tmp_path / "run" / REPORT).read_text("utf-8")
    assert "Not shown to be as good as cold-nodules 0.0.1, in service" in report
    shared = Scans([tiny(200)], [tiny(200)])
    with pytest.raises(SeenError):
        release_nodules(again, gland, shared)
