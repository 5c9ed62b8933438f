"""What is rare in a clinic: other parts of the body, ectopic tissue, remnants, movement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.metrics import dice
from training.phantom import distributions, elsewhere, surroundings
from training.phantom.acquisition import Acquisition, Pause, draw_acquisition
from training.phantom.anatomy import gland_activity
from training.phantom.camera import to_patient
from training.phantom.distributions import Patient, draw_patient
from training.phantom.elsewhere import KINDS, Elsewhere
from training.phantom.exposure import field_of_view
from training.phantom.simulator import describe, make_gland_grid, moved, see, take_image
from training.phantom.surroundings import Surroundings
from training.phantom.truth import outline


def patient_with(disease: str, number: int) -> Patient:
    return draw_patient(np.random.default_rng([17, number]), {disease: 1.0})


def acquisition_of(patient: Patient, number: int) -> Acquisition:
    drawn = draw_acquisition(np.random.default_rng([18, number]), patient, "anterior")
    return replace(drawn, spots=(), dead_rows=0, processing="none", motion=(), field="square")


def test_what_is_no_thyroid_has_no_outline() -> None:
    kinds = set()
    for number in range(12):
        patient = patient_with("elsewhere", number)
        assert isinstance(patient.surroundings, Elsewhere)
        kinds.add(patient.disease)
        acquisition = acquisition_of(patient, number)
        counts, truth = take_image(np.random.default_rng(number), patient, acquisition)
        assert not truth.gland.any()
        assert counts.sum() == pytest.approx(acquisition.total_counts, rel=0.03)
        assert not describe(patient, acquisition, truth.gland)["gland_visible"]
    assert kinds == set(KINDS)


def test_ectopic_tissue_lies_in_the_midline_above_where_lobes_would_be() -> None:
    for number in range(20):
        (tissue,) = patient_with("ectopic tissue", number).gland.parts
        assert abs(tissue.centre[0]) < 12
        assert -75 <= tissue.centre[1] <= -28


@pytest.mark.parametrize(("pitch", "roll"), [(12.0, 0.0), (-12.0, 8.0)])
def test_tissue_far_from_the_pivot_lies_on_its_grid(pitch: float, roll: float) -> None:
    gland = patient_with("ectopic tissue", 0).gland
    far = replace(gland.parts[0], centre=(0.0, -70.0, 25.0))
    gland = replace(gland, parts=(far,))
    drawn = acquisition_of(patient_with("ectopic tissue", 0), 0)
    acquisition = replace(drawn, pose=replace(drawn.pose, pitch_deg=pitch, roll_deg=roll))
    points = to_patient(make_gland_grid(gland, acquisition), acquisition.pose)
    activity = gland_activity(gland, points, 1.6).parts.sum(axis=0)
    assert activity.max() > 0
    borders = (activity[[0, -1]], activity[:, [0, -1]], activity[:, :, [0, -1]])
    assert all(float(one.max()) == 0 for one in borders)


def test_a_thyroglossal_cyst_is_a_gap_above_the_gland_and_no_nodule_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(4):
        monkeypatch.setattr(surroundings, "THYROGLOSSAL_CYST", 0.0)
        without = patient_with("normal", number)
        monkeypatch.setattr(surroundings, "THYROGLOSSAL_CYST", 1.0)
        patient = patient_with("normal", number)
        assert isinstance(patient.surroundings, Surroundings)
        *others, cyst = patient.surroundings.organs
        assert replace(patient.surroundings, organs=tuple(others)) == without.surroundings
        assert patient.gland == without.gland
        assert cyst.part == "thyroglossal cyst"
        acquisition = acquisition_of(patient, number)
        _, truth = take_image(np.random.default_rng(number), patient, acquisition)
        _, other = take_image(np.random.default_rng(number), without, acquisition)
        # It scatters nothing: the limit of visibility may move by a hair, and no more than that.
        assert dice(truth.gland, other.gland) > 0.999
        assert len(truth.nodules) == len(other.nodules)
        seen, before = (
            see(one, acquisition, acquisition.detector).background for one in (patient, without)
        )
        assert float((before - seen).min()) > -1e-3 * float(before.max())
        assert float((before - seen).max()) > 0


def test_remnants_are_smaller_than_lobes() -> None:
    def volume(disease: str) -> float:
        patients = [patient_with(disease, number) for number in range(30)]
        lobes = [sum(np.prod(one.semi_axes) for one in p.gland.parts) for p in patients]
        return float(np.median(lobes))

    assert volume("remnant") < 0.3 * volume("normal")


def test_substernal_goitres_reach_further_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def lowest(share: float) -> float:
        monkeypatch.setattr(distributions, "SUBSTERNAL", share)
        patients = [patient_with("diffuse goitre", number) for number in range(20)]
        parts = [one for p in patients for one in p.gland.parts]
        return max(one.centre[1] + one.semi_axes[1] for one in parts)

    assert lowest(1.0) > lowest(0.0) + 20


def test_nodules_are_of_four_to_sixty_millimetres_and_some_touch() -> None:
    glands = [patient_with("cold nodule", number).gland for number in range(400)]
    radii = [np.mean(one.semi_axes[:2]) for gland in glands for one in gland.cold]
    assert 1.5 < min(radii) < 4
    assert 18 < max(radii) < 45
    apart = [
        np.hypot(*np.subtract(a.centre[:2], b.centre[:2]))
        / (np.mean(a.semi_axes[:2]) + np.mean(b.semi_axes[:2]))
        for a, b in (gland.cold[:2] for gland in glands if len(gland.cold) > 1)
    ]
    assert np.mean([0.75 < one < 1.05 for one in apart]) > 0.15
    assert {one.part for gland in glands for one in gland.cold} == {"right", "left", "isthmus"}


def test_the_truth_of_a_patient_who_moves_is_of_what_the_camera_sees() -> None:
    patient = patient_with("normal", 1)
    acquisition = acquisition_of(patient, 1)
    detector = acquisition.detector
    still = see(patient, acquisition, detector)
    away = moved(still, (Pause(1.0, 0.0, 5 * detector.spacing_mm),), detector.spacing_mm)
    np.testing.assert_allclose(away.whole[10:-5], still.whole[5:-10], rtol=1e-4)
    before, after = (outline(one, detector.spacing_mm) for one in (still, away))
    np.testing.assert_array_equal(after[10:-5], before[5:-10])
    halves = (Pause(0.5, 0, 0), Pause(0.5, 0, 5 * detector.spacing_mm))
    both = moved(still, halves, detector.spacing_mm)
    assert both.whole.sum() == pytest.approx(still.whole.sum(), rel=0.05)
    assert both.parenchyma.max() < still.parenchyma.max()


def test_nothing_is_seen_or_drawn_outside_of_a_round_field() -> None:
    patient = patient_with("diffuse goitre", 2)
    acquisition = acquisition_of(patient, 2)
    pose = replace(acquisition.pose, shift_mm=(0.0, 0.0))
    small = replace(acquisition.detector, spacing_mm=60.0 / acquisition.detector.matrix)
    round_one = replace(acquisition, pose=pose, detector=small, field="circle")
    outside = ~field_of_view(round_one)
    assert 0.2 < outside.mean() < 0.23
    counts, truth = take_image(np.random.default_rng(2), patient, round_one)
    assert not counts[outside].any()
    assert truth.gland.any()
    assert not truth.gland[outside].any()


def test_a_failed_photomultiplier_leaves_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a flood source, which is even otherwise."""
    monkeypatch.setattr(elsewhere, "KINDS", {"flood source": 1.0})
    patient = patient_with("elsewhere", 0)
    acquisition = acquisition_of(patient, 0)

    def unevenness(*, dead_tube: bool) -> float:
        taken = replace(acquisition, dead_tube=dead_tube, total_counts=5e6)
        counts, _ = take_image(np.random.default_rng(0), patient, taken)
        block = counts.shape[0] // 16
        blocks = counts.reshape(16, block, 16, block).sum(axis=(1, 3))
        return float(blocks.min() / np.median(blocks))

    assert unevenness(dead_tube=True) < 0.6 < unevenness(dead_tube=False)
