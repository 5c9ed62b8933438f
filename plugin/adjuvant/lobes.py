"""The patient's right and left lobe within an outline of the gland, by stated geometry.

Both lobes are tall and the isthmus between them is low. So the gland's height is taken along its
transverse axis (a profile over columns, turned by up to `LARGEST_TILT` because heads are tilted),
and the waist is the place that is lowest in proportion to the lower of the two peaks beside it. A
gap between two separate lobes is a waist of height zero. Among the axes, the one with the deepest
waist counts.

Where no waist is deep enough, nothing is claimed: there may be one lobe, or two that have grown
into one another. Columns about the waist that are lower than `ISTHMUS_HEIGHT` of the lower peak,
and touch both lobes, are the isthmus and belong to neither.

A pyramidal lobe is not told apart: what of it does not lie over the waist counts with the lobe on
its side of the cut.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, find_objects, gaussian_filter1d, label

from adjuvant.findings import Code, Segment
from adjuvant.preprocess import Mask
from adjuvant.scan import Frame

Profile = NDArray[np.float64]

ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
RIGHT_LOBE = Code("29565003", "SCT", "Right lobe of thyroid")
LEFT_LOBE = Code("79163004", "SCT", "Left lobe of thyroid")

# The camera faces the patient: the patient's right is on the image's left.
FACING = ("anterior", "left anterior oblique", "right anterior oblique")

LARGEST_TILT_DEG = 24
TILT_STEP_DEG = 6
# The waist's height over that of the lower lobe: above it, it may be a dent in one lobe.
DEEPEST_DENT = 0.62
# Of the lower peak: lower columns about the waist are isthmus.
ISTHMUS_HEIGHT = 0.5
# Of the waist's height: lower columns about a waist that is no deep one are isthmus as well.
PLATEAU = 1.15
# Of the gland's pixels: less on one side of the waist is a nodule or a pyramidal lobe, no lobe.
SMALLEST_LOBE = 0.12
# Of the gland's pixels: in a smaller outline, edges and noise make the profile.
FEWEST_PIXELS = 40
# Of the gland: more make the profile no better, only slower.
ENOUGH_PIXELS = 3000
# Diagonal neighbours touch, as everywhere an outline is drawn.
TOUCHING = np.ones((3, 3), np.bool_)
# Of the profile's length: irregularities that are narrower are smoothed away.
SMOOTHING = 0.03


@dataclass(frozen=True)
class Lobes:
    """Right and left as the patient's own; masks are bool (rows, columns) and never overlap.

    `isthmus` is what lies between and belongs to neither; it may be empty. `waist` is the height
    at the waist over that of the lower lobe: 0 for separate lobes.
    """

    right: Mask
    left: Mask
    isthmus: Mask
    waist: float


@dataclass(frozen=True)
class Split:
    """Both lobes, or None; `remark` is what to say of it, a part of a sentence, "" for nothing."""

    lobes: Lobes | None
    remark: str


@dataclass(frozen=True)
class _Waist:
    """A cut across the axis tilted by `tilt_deg`: the isthmus is from `first` to before `last`.

    Both are places along the axis, in pixels; they are equal where there is no isthmus.
    """

    tilt_deg: float
    ratio: float
    first: float
    last: float


def split_lobes(gland: Mask, view: str | None) -> Split:
    """Split `gland`, bool (rows, columns), of one view; see the module for the geometry.

    `view` is one of the words of `Frame.view`. Posterior and lateral views are not split: there
    the gland is not seen as two lobes side by side, from the front.
    """
    if view is None:
        return Split(None, "the header does not tell the view")
    if view not in FACING:
        return Split(None, f"a {view} view is not split")
    pixels = int(np.count_nonzero(gland))
    if pixels < FEWEST_PIXELS:
        return Split(None, "the outline is too small" if pixels else "no gland is seen")
    # A large matrix is searched on a coarser grid: the profile needs no more.
    step = max(1, round(math.sqrt(pixels / ENOUGH_PIXELS)))
    rows, columns = (step * places for places in np.nonzero(gland[::step, ::step]))
    tilts = range(-LARGEST_TILT_DEG, LARGEST_TILT_DEG + 1, TILT_STEP_DEG)
    waists = (_waist(_along(rows, columns, tilt), tilt, step) for tilt in tilts)
    waist = min(waists, key=lambda one: one.ratio)
    if waist.ratio > DEEPEST_DENT:
        return Split(None, "no waist between two lobes is seen")
    lobes = _cut(gland, waist)
    together = not lobes.isthmus.any() and bool((_grown(lobes.right) & lobes.left).any())
    return Split(
        lobes, "the isthmus is not told apart and counts with the lobes" if together else ""
    )


def lobe_segments(
    gland: Mask, frames: tuple[Frame, ...], mirrored: Container[int] = ()
) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    """Both lobes as segments, and a remark on each view where a reader has to know more.

    `gland` is bool (frames, rows, columns); `mirrored` holds the numbers of frames whose header
    contradicts their view: which side is which is then a guess. There are two segments, all False
    where a view is not split, or none at all where no view is.
    """
    splits = [
        Split(None, "the header contradicts the view")
        if frame.number in mirrored
        else split_lobes(mask, frame.view)
        for mask, frame in zip(gland, frames, strict=True)
    ]
    remarks = tuple(
        _sentence(frame, split)
        for mask, frame, split in zip(gland, frames, splits, strict=True)
        if split.remark and mask.any()
    )
    if all(split.lobes is None for split in splits):
        return (), remarks
    right, left = np.zeros_like(gland), np.zeros_like(gland)
    for place, split in enumerate(splits):
        if split.lobes is not None:
            right[place], left[place] = split.lobes.right, split.lobes.left
    return (
        Segment("Right lobe", ANATOMICAL_STRUCTURE, RIGHT_LOBE, right),
        Segment("Left lobe", ANATOMICAL_STRUCTURE, LEFT_LOBE, left),
    ), remarks


def _sentence(frame: Frame, split: Split) -> str:
    if split.lobes is None:
        return f"Frame {frame.number}: lobes are not told apart: {split.remark}."
    return f"Frame {frame.number}: {split.remark}."


def _along(rows: NDArray[np.intp], columns: NDArray[np.intp], tilt_deg: float) -> Profile:
    """Place of each pixel along the transverse axis, in pixels, growing to the image's right."""
    tilt = np.deg2rad(tilt_deg)
    places: Profile = columns * np.cos(tilt) + rows * np.sin(tilt)
    return places


def _waist(places: Profile, tilt_deg: float, step: int) -> _Waist:
    """The deepest waist across one axis; its ratio is infinite where no side can hold a lobe."""
    origin = float(places.min())
    heights = np.bincount(np.floor((places - origin) / step).astype(np.intp)).astype(np.float64)
    profile = gaussian_filter1d(heights, SMOOTHING * heights.size, mode="constant")
    lower_peak = np.minimum(
        np.maximum.accumulate(profile), np.maximum.accumulate(profile[::-1])[::-1]
    )
    before = np.cumsum(heights) / heights.sum()
    possible = (before >= SMALLEST_LOBE) & (before <= 1 - SMALLEST_LOBE)
    ratios = np.where(possible, profile / np.maximum(lower_peak, 1e-9), np.inf)
    if not possible.any():
        return _Waist(tilt_deg, math.inf, 0.0, 0.0)
    deepest = int(ratios.argmin())
    # Both peaks reach 1, so that the run of low columns ends on both sides.
    height = min(max(ISTHMUS_HEIGHT, PLATEAU * float(ratios[deepest])), 1.0)
    first, last = _low_about(deepest, profile < height * lower_peak[deepest])
    return _Waist(tilt_deg, float(ratios[deepest]), origin + step * first, origin + step * last)


def _low_about(deepest: int, low: NDArray[np.bool_]) -> tuple[float, float]:
    """Begin and end of the run of low columns that holds the deepest one."""
    if not low[deepest]:
        # No isthmus: the cut runs through the middle of the lowest column.
        return deepest + 0.5, deepest + 0.5
    high = np.flatnonzero(~low)
    place = int(np.searchsorted(high, deepest))
    return float(high[place - 1] + 1), float(high[place])


def _cut(gland: Mask, waist: _Waist) -> Lobes:
    box = find_objects(gland.view(np.uint8))[0]
    part = gland[box]
    rows, columns = np.nonzero(part)
    places = np.full(part.shape, np.nan)
    places[rows, columns] = _along(rows + box[0].start, columns + box[1].start, waist.tilt_deg)
    right, left = places < waist.first, places >= waist.last
    isthmus: Mask = part & ~right & ~left
    bridge = _bridge(isthmus, right, left)
    # What is low but bridges nothing is the thin edge of a lobe: it stays with its side.
    edge, middle = isthmus & ~bridge, (waist.first + waist.last) / 2
    masks = np.zeros((3, *gland.shape), np.bool_)
    masks[0][box] = right | (edge & (places < middle))
    masks[1][box] = left | (edge & (places >= middle))
    masks[2][box] = bridge
    return Lobes(masks[0], masks[1], masks[2], round(waist.ratio, 3))


def _bridge(isthmus: Mask, right: Mask, left: Mask) -> Mask:
    """The islands of `isthmus` that touch both lobes."""
    islands, count = label(isthmus, structure=TOUCHING)
    touched = [np.isin(np.arange(count + 1), islands[_grown(lobe)]) for lobe in (right, left)]
    both = touched[0] & touched[1]
    both[0] = False
    bridge: Mask = both[islands]
    return bridge


def _grown(mask: Mask) -> Mask:
    """The mask and every pixel that touches it."""
    grown: Mask = binary_dilation(mask, structure=TOUCHING)
    return grown
