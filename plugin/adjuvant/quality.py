"""What limits how far an outline can be believed: sentences for the reader.

The limits were set on 700 simulated scans of patients that no network had learnt from (seeds 6 and
7 of the simulator), with the outlines of thyroid 0.2.0. Of 677 outlines, 45 had a Dice below 0.85:
11 of the 13 that are faint here, 6 of the 14 beside a much hotter part, and 28 of the other 650.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from adjuvant.findings import FrameMeasures
from adjuvant.header import numbers, whole_number
from adjuvant.preprocess import Image, Mask
from adjuvant.scan import Frame, Scan
from adjuvant.visibility import SMOOTHING

# A quarter of the usual 200,000 counts of a view: below it, the outline rests on noise.
FEW_COUNTS = 50_000
# This many pixels at the largest storable value are an overflow, not a maximum.
SATURATED_PIXELS = 5
# Mean counts of the gland over those of its background, below which it hardly stands out.
FAINT = 1.6
# Counts above the background: the brightest hundredth of the gland over its median.
HOTTER = 4.0


def quality_remarks(
    scan: Scan, frame: Frame, gland: Mask, measured: FrameMeasures
) -> tuple[str, ...]:
    """Why the quality of this view is limited; nothing where it is not.

    `gland` is bool (rows, columns), `measured` of the same view.
    """
    found = []
    if gland[0].any() or gland[-1].any() or gland[:, 0].any() or gland[:, -1].any():
        found.append("the gland reaches the border of the image and may be cut off")
    if int(np.count_nonzero(frame.counts >= largest_storable(scan))) >= SATURATED_PIXELS:
        found.append("pixels are at the largest value that can be stored: counts are too low")
    if measured.total_counts < FEW_COUNTS:
        total = f"{measured.total_counts:,.0f} counts, below {FEW_COUNTS:,}"
        found.append(f"few counts ({total}): the outline is less certain")
    ratio = measured.gland_to_background
    if ratio is not None and ratio < FAINT:
        found.append(f"the gland is {ratio:.1f} times its background: the outline is uncertain")
    elif (hotter := hottest_part(frame.counts, gland, measured)) > HOTTER:
        times = f"{hotter:.0f} times as bright as the rest"
        found.append(f"a part of the gland is {times}: its outline is uncertain")
    return tuple(f"Frame {frame.number}: limited quality: {remark}." for remark in found)


def hottest_part(counts: Image, gland: Mask, measured: FrameMeasures) -> float:
    """How many times as bright as the gland's median its brightest hundredth is, background taken
    off; 0 where there is no gland or nothing above the background."""
    if not gland.any():
        return 0.0
    smooth = gaussian_filter(counts, max(counts.shape) * SMOOTHING)
    net = smooth[gland] - (measured.background_counts_per_pixel or 0.0)
    usual = float(np.median(net))
    return float(np.percentile(net, 99)) / usual if usual > 0 else 0.0


def largest_storable(scan: Scan) -> float:
    """The largest count that the source's pixels can hold, after its rescale slope."""
    bits = whole_number(scan.header, "BitsStored") or 16
    signed = whole_number(scan.header, "PixelRepresentation") == 1
    largest = (1 << (bits - 1 if signed else bits)) - 1
    slope, intercept = (
        numbers(scan.header, "RescaleSlope"),
        numbers(scan.header, "RescaleIntercept"),
    )
    return largest * (slope[0] if slope else 1) + (intercept[0] if intercept else 0)
