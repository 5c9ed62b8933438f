"""Measure a released model on scans that training never saw, the way the plugin uses it.

The outline that is compared is the one that the plugin delivers: its own preprocessing, network,
threshold, filled holes and dropped islands, on the scan's own matrix. Each scan gives a `Score`:

- Dice, where the truth shows a gland; a gland that was missed altogether counts as 0;
- Dice with the nearest of all readings, where parts of the gland are barely visible and readers
  differ (`docs/truth.md`);
- the 95th percentile Hausdorff distance (HD95) in mm, where truth and answer both show a gland
  and pixels have one known size: not in a pinhole image, which magnifies with depth;
- whether the answer is silent, that is, empty: right where the truth shows no gland;
- Dice with half of the counts, each count kept with probability one half: a shorter acquisition
  of the same patient;
- whether the plugin calls the outline uncertain ("limited quality"), as it should a poor one;
- whether it calls the image unlike those that the network learnt from.

A scan that the plugin refuses counts as silent. `training.figures` makes figures of the scores.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjuvant.errors import Refusal
from adjuvant.interpretations.thyroid import gland_maps, gland_masks
from adjuvant.measure import measure_frame
from adjuvant.network import Network
from adjuvant.preprocess import Image, Mask, on_source_matrix, prepare
from adjuvant.quality import doubts
from adjuvant.scan import Frame
from training.calibration import Bins, binned
from training.datasets.fingerprint import told
from training.datasets.properties import NOT_TOLD, PINHOLE
from training.datasets.split import content_hash, digest_of
from training.figures import Evaluation, Score, Totals, summarise
from training.metrics import dice, hausdorff_95, nearest_dice
from training.phantom.case import Case
from training.seen import Seen, seeds_of

COUNT_LEVELS = (50_000, 100_000, 200_000, 400_000)

Watch = Callable[[Case, Mask, Score], None]


def evaluate(cases: Iterable[Case], network: Network, seen: Seen, watch: Watch) -> Evaluation:
    """Score every case; `watch` is called with each, for progress and pictures.

    Raises SeenError at the first case that training saw, ValueError where no case shows a gland.
    """
    scores, hashes, refused, simulated = [], {}, 0, False
    calibration: list[tuple[str, Bins]] = []
    for case in cases:
        seen.refuse(case)
        simulated |= bool(case.properties.get("simulated", True))
        hashes[case.case_id] = content_hash(case)
        try:
            probability, found = read(case.counts, network)
        except Refusal:
            probability, found = nothing(case).astype(np.float32), nothing(case)
            refused += 1
        measured = replace(
            score(case, found),
            doubted=doubted(case, found, probability),
            unfamiliar=unfamiliar(case, network),
            nearest_dice=with_nearest_reading(case, found),
            half_counts_dice=half_counts_dice(case, network) if case.gland.any() else None,
        )
        if (bins := binned(probability, found, case.gland)) is not None:
            calibration.append((case.patient_id, bins))
        scores.append(measured)
        watch(case, found, measured)
    seeds = seeds_of(one.patient_id for one in scores)
    separation = seen.separation(seeds)
    totals = Totals(refused, seeds, seen.seeds, separation, simulated, digest_of(hashes))
    return summarise(tuple(scores), network.model, totals, calibration)


def doubted(case: Case, found: Mask, probability: Image) -> bool | None:
    """Whether the plugin calls this outline uncertain; None where there is none."""
    if not found.any():
        return None
    frame = Frame(1, case.counts.astype(np.float32), view=None, duration_s=None)
    measures = measure_frame(frame, found, None)
    return any(True for _ in doubts(frame.counts, found, measures, probability))


def unfamiliar(case: Case, network: Network) -> bool | None:
    """Whether the plugin calls this image unusual; None where the model does not know, and where
    there is no image."""
    familiar = network.model.familiar
    if familiar is None or not case.counts.any():
        return None
    return familiar.unusual(case.counts.astype(np.float32)) is not None


def with_nearest_reading(case: Case, found: Mask) -> float | None:
    """Dice with the reading of the scan that agrees best; None where no gland is visible, and
    where nothing was found and one reader sees nothing: that is no outline to be measured."""
    readings = (case.gland, *case.readings)
    if not case.gland.any() or not (found.any() or all(one.any() for one in readings)):
        return None
    return nearest_dice(found, readings)


def half_counts_dice(case: Case, network: Network) -> float:
    """Dice with each count kept with probability one half; always the same counts of a case."""
    generator = np.random.default_rng(zlib.crc32(case.case_id.encode()))
    counts = generator.binomial(case.counts.astype(np.int64), 0.5)
    found = nothing(case)
    with suppress(Refusal):
        _, found = read(counts, network)
    return dice(found, case.gland)


def outline(case: Case, network: Network) -> Mask:
    """The gland as `find_gland`; nothing where the plugin would refuse the scan."""
    try:
        return find_gland(case, network)
    except Refusal:
        return nothing(case)


def nothing(case: Case) -> Mask:
    """An empty mask on the case's matrix."""
    return np.zeros(case.gland.shape, np.bool_)


def find_gland(case: Case, network: Network) -> Mask:
    """The gland on the scan's own matrix, bool (rows, columns), as the plugin outlines it.

    Raises Refusal where the plugin would refuse the scan.
    """
    return read(case.counts, network)[1]


def read(counts: NDArray[Any], network: Network) -> tuple[Image, Mask]:
    """Counts (rows, columns) -> the gland's probability, float32, and its outline, bool, both on
    the same matrix, as the plugin makes them. Raises Refusal where the plugin would."""
    counts = counts.astype(np.float32)
    inputs = prepare(counts, network.model.whole_image)
    rows, columns = counts.shape
    probabilities = on_source_matrix(network(inputs[None]), (rows, columns))
    mask: Mask = gland_masks([counts], probabilities, network.model)[0]
    return gland_maps(probabilities, network.model)[0], mask


def score(case: Case, found: Mask) -> Score:
    """Compare one mask with the case's truth."""
    spacing = pixel_size_mm(case)
    return Score(
        case.case_id,
        case.patient_id,
        dice(found, case.gland) if case.gland.any() else None,
        None if spacing is None else hausdorff_95(found, case.gland, (spacing, spacing)),
        not found.any(),
        groups_of(case),
        readings=1 + len(case.readings),
    )


def pixel_size_mm(case: Case) -> float | None:
    """Side of a pixel at the gland; None where unknown, or where the collimator magnifies."""
    spacing = case.properties.get("spacing_mm")
    if not spacing or case.properties.get("collimator") in (None, PINHOLE):
        return None
    return float(spacing)


def groups_of(case: Case) -> dict[str, str]:
    """Which subgroups the scan belongs to."""
    total = int(case.counts.sum(dtype=np.int64))
    return {
        "isotope": str(case.properties["isotope"]),
        "collimator": str(case.properties["collimator"]),
        "view": str(case.properties["view"]),
        "counts": count_level(total),
        "matrix": f"{case.counts.shape[0]} x {case.counts.shape[1]}",
        "disease": str(case.properties["disease"]),
        "camera": told(case.properties, "camera"),
        "centre": told(case.properties, "centre"),
        "readers": readers(case),
    }


def readers(case: Case) -> str:
    """Whether readers agree about the outline (`docs/truth.md`); a simulated scan tells."""
    if case.readings:
        return "differ"
    return "agree" if case.properties.get("simulated", True) else NOT_TOLD


def count_level(total: int) -> str:
    """The scan's total counts as a range in thousands."""
    below = 0
    for limit in COUNT_LEVELS:
        if total < limit:
            return f"{below // 1000}-{limit // 1000}k"
        below = limit
    return f"from {below // 1000}k"
