"""What limits how far an outline can be believed: sentences for the reader.

The limits were chosen on 500 simulated scans of patients that no network had learnt from (seed 13
of the simulator) with the outlines of thyroid 0.2.0. How many poor outlines they find, and how many
good ones they call uncertain, is measured at each release and stands on the model's card.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.ndimage import maximum_filter

from adjuvant.familiar import Familiar
from adjuvant.findings import FrameMeasures
from adjuvant.header import numbers, whole_number
from adjuvant.preprocess import Image, Mask
from adjuvant.scan import Frame, Scan
from adjuvant.sides import turned
from adjuvant.visibility import smoothed

# A quarter of the usual 200,000 counts of a view: below it, the outline rests on noise.
FEW_COUNTS = 50_000
# This many pixels at the largest storable value are an overflow, not a maximum.
SATURATED_PIXELS = 5
# Largest values of 8 and 12 bits and of 16 with a sign, at which a camera may have cut counts off
# before it wrote them into a file that holds more.
CEILINGS = (2**8 - 1, 2**12 - 1, 2**15 - 1)
# Mean counts of the gland over those of its background, below which it hardly stands out.
FAINT = 1.6
# Counts above the background: the brightest hundredth of the gland over its median.
HOTTER = 4.0
# The Dice that the network's own probabilities lead to expect, below which it is in doubt.
DOUBTFUL = 0.88
# Smoothed counts above the background: the brightest place outside of the gland over the gland's
# brightest hundredth.
BRIGHTER = 1.5
# Counts of the gland still blur that far, as a part of the image's longer side (8 of 256 pixels).
BLUR_REACH = 1 / 32


def quality_remarks(
    scan: Scan, frame: Frame, gland: Mask, measured: FrameMeasures, probability: Image
) -> tuple[str, ...]:
    """Why the quality of this view is limited; nothing where it is not.

    `gland` is bool and `probability` float32, the network's of the gland, both (rows, columns);
    `measured` is of the same view.
    """
    found = []
    if gland[0].any() or gland[-1].any() or gland[:, 0].any() or gland[:, -1].any():
        found.append("the gland reaches the border of the image and may be cut off")
    if turned(frame, scan.header):
        found.append("by its header the image is turned: the gland may be missed or drawn wrongly")
    if is_saturated(scan, frame.counts):
        found.append("pixels are at the largest value that can be stored: counts are too low")
    if measured.total_counts < FEW_COUNTS:
        total = f"{measured.total_counts:,.0f} counts, below {FEW_COUNTS:,}"
        found.append(f"few counts ({total}): the outline is less certain")
    if gland.any():
        found += doubts(frame.counts, gland, measured, probability)
    return tuple(_limited(frame, remark) for remark in found)


def unfamiliar_remarks(scan: Scan, familiar: Familiar | None) -> tuple[str, ...]:
    """Which views are unlike what the network learnt from; nothing where that is not known."""
    if familiar is None:
        return ()
    found = ((frame, familiar.unusual(frame.counts)) for frame in scan.frames)
    return tuple(
        _limited(frame, f"the image is {unusual}")
        for frame, unusual in found
        if unusual is not None
    )


def _limited(frame: Frame, remark: str) -> str:
    return f"Frame {frame.number}: limited quality: {remark}."


def doubts(
    counts: Image, gland: Mask, measured: FrameMeasures, probability: Image
) -> Iterator[str]:
    """Why this outline, which is not empty, is uncertain; arrays as in `quality_remarks`."""
    net = net_counts(counts, measured)
    ratio = measured.gland_to_background
    if ratio is not None and ratio < FAINT:
        yield f"the gland is {ratio:.1f} times its background: the outline is uncertain"
    elif (hotter := hottest_part(net, gland)) > HOTTER:
        times = f"{hotter:.0f} times as bright as the rest"
        yield f"a part of the gland is {times}: its outline is uncertain"
    if (expected := expected_dice(probability, gland)) < DOUBTFUL:
        yield f"the network itself expects a Dice of only {expected:.2f} for this outline"
    if (elsewhere := brighter_elsewhere(net, gland)) > BRIGHTER:
        times = f"{elsewhere:.1f} times as bright"
        yield f"something outside of the gland is {times} (contamination, marker, saliva?)"


def hottest_part(net: Image, gland: Mask) -> float:
    """How many times as bright as the gland's median its brightest hundredth is; 0 where nothing is
    above the background. `net` as of `net_counts`."""
    usual = float(np.median(net[gland]))
    return float(np.percentile(net[gland], 99)) / usual if usual > 0 else 0.0


def brighter_elsewhere(net: Image, gland: Mask) -> float:
    """How many times as bright as the gland's brightest hundredth the brightest place outside of it
    is; 0 where nothing is above the background. `net` as of `net_counts`."""
    outside = ~maximum_filter(gland, 1 + 2 * math.ceil(max(net.shape) * BLUR_REACH))
    bright = float(np.percentile(net[gland], 99))
    return float(net[outside].max()) / bright if outside.any() and bright > 0 else 0.0


def net_counts(counts: Image, measured: FrameMeasures) -> Image:
    """Smoothed counts above the background around the gland, float32 (rows, columns)."""
    return smoothed(counts) - np.float32(measured.background_counts_per_pixel or 0.0)


def expected_dice(probability: Image, outline: Mask, slack: float = 0.0) -> float:
    """The Dice that the network expects of an outline, both (rows, columns).

    A true outline in which each pixel lies with its probability p has an expected overlap with the
    outline m of sum(p m), and so an expected Dice of about 2 sum(p m) / (sum(p) + sum(m)).
    `slack` pixels are taken as agreed on; without any, one of the two must not be empty.
    """
    overlap = float(probability[outline].sum(dtype=np.float64))
    total = float(probability.sum(dtype=np.float64)) + np.count_nonzero(outline)
    return (2 * overlap + slack) / (total + slack)


def is_saturated(scan: Scan, counts: Image) -> bool:
    """Whether pixels of a view, counts (rows, columns), are at the largest value that the file can
    store, or at one of `CEILINGS`, and none is above it."""
    highest = counts.max()
    if np.count_nonzero(counts == highest) < SATURATED_PIXELS:
        return False
    return any(math.isclose(highest, ceiling, rel_tol=1e-6) for ceiling in ceilings(scan))


def ceilings(scan: Scan) -> tuple[float, ...]:
    """The counts that such stored values stand for, after the source's rescale slope."""
    bits = whole_number(scan.header, "BitsStored") or 16
    signed = whole_number(scan.header, "PixelRepresentation") == 1
    largest = (1 << (bits - 1 if signed else bits)) - 1
    slope = (numbers(scan.header, "RescaleSlope") or [1.0])[0]
    intercept = (numbers(scan.header, "RescaleIntercept") or [0.0])[0]
    return tuple(stored * slope + intercept for stored in (largest, *CEILINGS))
