"""Cold nodules: what the second network marks in the gland that the first one found.

Made to be very sensitive and not specific: the operating point (`output.threshold` of the model) is
chosen so that detectable nodules are found, and false ones are for the reader to dismiss. Each view
is read by itself: what is seen on two views has two numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects, label, maximum_filter

from adjuvant.close_up import CloseUp, longest_side, look_closer, on_source_matrix
from adjuvant.errors import ModelFault
from adjuvant.findings import Code, Findings, Segment
from adjuvant.network import Network
from adjuvant.preprocess import Image, Mask
from adjuvant.scan import Frame, Scan

NODULE = "cold nodule"
# A nodule is drawn at the first of these parts of its own highest probability at which nothing more
# probable is drawn with it. So at a low operating point the outline of a certain nodule does not
# grow, and of two that touch each is drawn.
DRAWN_AT = (0.3, 0.5, 0.7)
# A nodule that bites the margin is drawn beyond the outline by this part of the gland's longest
# side: the first network follows the bite, where a reader, who sees the nodule, closes it.
BEYOND = 0.1
# More on one view are noise, or no gland: nobody looks at them one by one.
MOST = 9
# Of one place. More are noise too, and each takes its time.
MOST_PEAKS = 30

MORPHOLOGICALLY_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
# SNOMED CT has no cold nodule of the thyroid: the organ is the anatomic region, and this is said.
NODULE_TYPE = Code("27925004", "SCT", "Nodule")
CANDIDATE = Code("cold-candidate", "99ADJUVANT", "Cold, candidate for a second look")

SECOND_LOOK = "Cold nodules are candidates for a second look: some are none, others are missed."
NONE_MARKED = "No cold nodule is marked: small and faint ones may be missed."


@dataclass(frozen=True)
class Candidate:
    """One marked place: `mask` bool (rows, columns), `probability` the highest in it (0 to 1)."""

    mask: Mask
    probability: float


def with_nodules(findings: Findings, scan: Scan, network: Network) -> Findings:
    """`findings`, whose first segment is the gland, with every cold nodule as one more segment.

    They are numbered by view, the most probable first, and lie on one view each. Raises ModelFault
    as `nodule_probability` does.
    """
    glands = findings.segments[0].masks
    found = [
        find_nodules(frame.counts, gland, network)
        for frame, gland in zip(scan.frames, glands, strict=True)
    ]
    places = [(place, one) for place, marked in enumerate(found) for one in marked[:MOST]]
    nodules = tuple(
        _segment(number, one, place, glands.shape)
        for number, (place, one) in enumerate(places, start=1)
    )
    said = [SECOND_LOOK if nodules else NONE_MARKED] if glands.any() else []
    said += _left_out(scan.frames, found)
    return replace(
        findings,
        segments=(*findings.segments, *nodules),
        remarks=(*findings.remarks, *said),
    )


def _segment(number: int, one: Candidate, place: int, shape: tuple[int, ...]) -> Segment:
    masks = np.zeros(shape, np.bool_)
    masks[place] = one.mask
    return Segment(
        f"Cold nodule {number}",
        MORPHOLOGICALLY_ABNORMAL,
        NODULE_TYPE,
        masks,
        modifier=CANDIDATE,
        drawn_by=1,
        output=one.probability,
    )


def _left_out(frames: tuple[Frame, ...], found: list[tuple[Candidate, ...]]) -> list[str]:
    return [
        f"Frame {frame.number}: the {MOST} most probable of {len(marked)} places are marked."
        for frame, marked in zip(frames, found, strict=True)
        if len(marked) > MOST
    ]


def nodule_probability(counts: Image, gland: Mask, network: Network) -> Image:
    """Counts and gland of one view, both (rows, columns) -> probability of a cold nodule, float32
    on the same matrix, 0 farther from the gland than a nodule at its margin reaches.

    Raises ModelFault where the model does not read close-ups or knows no cold nodules.
    """
    model = network.model
    if not isinstance(model.preprocessing, CloseUp):
        raise ModelFault(f"{model.name} {model.version} reads whole scans, not close-ups")
    if NODULE not in model.output.labels:
        known = ", ".join(model.output.labels)
        raise ModelFault(f"{model.name} {model.version} has no label {NODULE!r}, only {known}")
    shape = (counts.shape[0], counts.shape[1])
    if not gland.any():
        return np.zeros(shape, np.float32)
    inputs, square = look_closer(counts, gland, model.preprocessing)
    answer = network(inputs[None])[0, :, :, model.output.labels.index(NODULE)]
    near = distance_transform_edt(~square.cut(gland)) <= BEYOND * longest_side(gland)
    probability: Image = on_source_matrix(answer, square, shape)
    probability *= square.put(near.astype(np.float32), shape)
    return probability


def candidates(probability: Image, threshold: float, smallest: float) -> tuple[Candidate, ...]:
    """The peaks of `probability` that reach `threshold`, the most probable first.

    `smallest` is in pixels of the probability's matrix; what is smaller is noise. No two overlap.
    """
    places, _ = label(probability >= threshold)
    found = []
    for one, window in enumerate(find_objects(places), start=1):
        part = np.where(places[window] == one, probability[window], 0)
        for drawn in _peaks(part, threshold, smallest):
            mask = np.zeros(probability.shape, np.bool_)
            mask[window] = drawn
            found.append(Candidate(mask, float(part[drawn].max())))
    return tuple(sorted(found, key=lambda candidate: -candidate.probability))


def _peaks(part: Image, threshold: float, smallest: float) -> list[Mask]:
    """What is drawn of each peak of one place, the highest first."""
    tops, _ = label((part >= threshold) & (part == maximum_filter(part, 3)))
    numbers, firsts = np.unique(tops, return_index=True)
    pixels = firsts[numbers > 0].tolist()  # one of each top
    highest_first = sorted(pixels, key=lambda pixel: -part.flat[pixel])
    drawn: list[Mask] = []
    for pixel in highest_first[:MOST_PEAKS]:
        height = float(part.flat[pixel])
        if any(peak.flat[pixel] and part[peak].max() == height for peak in drawn):
            continue  # one nodule with two tops of the same height
        peak = _drawn(part, pixel, threshold)
        if peak is not None and np.count_nonzero(peak) >= max(smallest, 1):
            drawn = [*(higher & ~peak for higher in drawn), peak]
    return drawn


def _drawn(part: Image, pixel: int, threshold: float) -> Mask | None:
    """The surroundings of a peak; None where it is but a shoulder of a higher one."""
    height = float(part.flat[pixel])
    for level in DRAWN_AT:
        islands, _ = label(part >= max(threshold, level * height))
        around: Mask = islands == islands.flat[pixel]
        if part[around].max() <= height:
            return around
    return None


def find_nodules(counts: Image, gland: Mask, network: Network) -> tuple[Candidate, ...]:
    """The cold nodules of one view at the model's operating point, the most probable first."""
    output, plan = network.model.output, network.model.preprocessing
    probability = nodule_probability(counts, gland, network)
    if not gland.any() or not isinstance(plan, CloseUp):
        return ()
    return candidates(probability, output.threshold, smallest_nodule(gland, network))


def smallest_nodule(gland: Mask, network: Network) -> float:
    """The model's smallest island in pixels of the gland's matrix instead of the network's."""
    plan = network.model.preprocessing
    margin = plan.margin if isinstance(plan, CloseUp) else 1.0
    side = longest_side(gland) * margin / plan.size
    return network.model.output.minimum_area_pixels * side**2
