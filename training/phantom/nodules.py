"""Where a cold nodule is seen on the image, and whether the physics can show it (`docs/truth.md`).

All of it follows from noise-free projections: what the camera would see without this one nodule,
less what it sees with it, is the nodule's deficit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
# Simulated glands with cold nodules and without goitre have 0.07 in the median (standard deviation
# of the camera's view of their texture, relative to an even gland).
ANATOMICAL_NOISE = 0.07
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
    return tuple(
        _nodule(solid, deficit, seen, gland)
        for solid, deficit in zip(solids, deficits, strict=True)
    )


def _nodule(solid: Solid, deficit: Image, seen: Projections, gland: Mask) -> Nodule:
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
    return Nodule(mask, size, contrast, float(snr), detectable(size, contrast, float(snr), inside))


def detectable(size: float, contrast: float, snr: float, inside: float) -> bool:
    """Whether the physics can show a nodule of this diameter in mm, this contrast (0 to 1), so many
    times the noise of its counts, of which this part lies inside of the gland's outline."""
    return bool(
        size >= LEAST_MM
        and snr >= ROSE
        and contrast_to_noise(contrast, snr) >= LEAST_CONTRAST_TO_NOISE
        and inside >= INSIDE
    )


def contrast_to_noise(contrast: float, snr: float) -> float:
    """Of a contrast (0 to 1) that is `snr` times the noise of its counts: over that noise and the
    unevenness of tissue together."""
    return contrast / float(np.hypot(ANATOMICAL_NOISE, contrast / max(snr, 1e-12)))


def size_mm(solid: Solid) -> float:
    """Mean diameter in the coronal plane, in which an anterior view shows it."""
    return float(solid.semi_axes[0] + solid.semi_axes[1])
