"""Where a cold nodule is seen on the image, and whether the physics can show it (`docs/truth.md`).

All of it follows from noise-free projections: what the camera would see without this one nodule,
less what it sees with it, is the nodule's deficit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from training.phantom.anatomy import Solid
from training.phantom.camera import Image
from training.phantom.case import Nodule
from training.phantom.exposure import resize
from training.phantom.truth import Mask, Projections

# The mask is where the deficit is at least this part of its maximum.
HALF = 0.5
# Rose (J Opt Soc Am 1948): below five times the noise nobody finds an object for certain.
ROSE = 5.0
# A defect has to be told from the unevenness of healthy tissue too, not from noise of counts alone.
# It is measured for each nodule, but nobody trusts a gland to be evener than this, about the median
# of simulated ones with cold nodules and without goitre.
LEAST_ANATOMICAL_NOISE = 0.07
# Contrast over both kinds of noise.
LEAST_CONTRAST_TO_NOISE = 2.5
# Mean diameter; none of 22 nodules of 2 to 5 mm was seen (JAMA 1976).
LEAST_MM = 8.0
# So much of the nodule has to lie inside the outline of the gland.
INSIDE = 0.6


def cold_nodules(
    solids: Sequence[Solid], deficits: Image, seen: Projections, gland: Mask
) -> tuple[Nodule, ...]:
    """The cold nodules on the image's matrix, in the order of `solids`.

    `deficits` (nodule, rows, columns) and `seen` are on the projection's matrix, `gland` bool on
    the image's own.
    """
    if not solids:
        return ()
    blots = resize(blotches(seen), gland.shape[0])
    return tuple(
        _nodule(solid, deficit, seen, (gland, blots))
        for solid, deficit in zip(solids, deficits, strict=True)
    )


def blotches(seen: Projections) -> Image:
    """By how much healthy tissue differs from even tissue, as a part of all that the camera sees
    there: on the scale of a nodule's contrast."""
    even = seen.even + seen.hot + seen.background
    relative: Image = (seen.parenchyma - seen.even) / np.maximum(even, 1e-12)
    return relative


def anatomical_noise(blots: NDArray[np.floating], gland: Mask, mask: Mask) -> float:
    """By how much areas of the gland as large as `mask` differ from each other: the standard
    deviation over the gland of the mean of `blots` in so large an area; 0 where either is empty.

    A blot of tissue as dark as a nodule, and as large, looks like one; over a large nodule blots
    cancel each other.
    """
    if not (gland.any() and mask.any()):
        return 0.0
    # As wide as a disc of this area: its variance along each axis is a quarter of radius squared.
    sigma = float(np.sqrt(mask.sum() / np.pi)) / 2
    inside = gland.astype(np.float32)
    mean = gaussian_filter(blots * inside, sigma)[gland] / gaussian_filter(inside, sigma)[gland]
    return float(np.std(mean))


def _nodule(solid: Solid, deficit: Image, seen: Projections, place: tuple[Mask, Image]) -> Nodule:
    """The truth of one nodule; `place` is the gland, and its `blotches` on the image's matrix."""
    gland, blots = place
    matrix = gland.shape[0]
    fine, without = (resize(image, matrix) for image in (deficit, seen.whole + deficit))
    highest = float(fine.max())
    mask = (fine >= HALF * highest) & (highest > 0)
    taken, expected = float(fine[mask].sum()), float(without[mask].sum())
    if expected <= 0:
        return Nodule(mask, size_mm(solid), 0.0, 0.0, False)
    contrast = taken / expected
    counts = seen.counts * (seen.whole.shape[0] / matrix) ** 2
    snr = taken * counts / np.sqrt(expected * counts)
    inside = float((mask & gland).sum() / mask.sum())
    size = size_mm(solid)
    to_noise = contrast_to_noise(contrast, float(snr), anatomical_noise(blots, gland, mask))
    shown = detectable(size, float(snr), to_noise, inside)
    return Nodule(mask, size, contrast, float(snr), shown)


def detectable(size: float, snr: float, to_noise: float, inside: float) -> bool:
    """Whether the physics can show a nodule of this diameter in mm, so many times the noise of its
    counts and so many times both kinds of noise (`contrast_to_noise`), of which this part lies
    inside of the gland's outline."""
    return bool(
        size >= LEAST_MM
        and snr >= ROSE
        and to_noise >= LEAST_CONTRAST_TO_NOISE
        and inside >= INSIDE
    )


def contrast_to_noise(contrast: float, snr: float, uneven: float) -> float:
    """Of a contrast (0 to 1) that is `snr` times the noise of its counts: over that noise and the
    `anatomical_noise` of the gland's tissue together."""
    tissue = max(uneven, LEAST_ANATOMICAL_NOISE)
    return contrast / float(np.hypot(tissue, contrast / max(snr, 1e-12)))


def size_mm(solid: Solid) -> float:
    """Mean diameter in the coronal plane, in which an anterior view shows it."""
    return float(solid.semi_axes[0] + solid.semi_axes[1])
