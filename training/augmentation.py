"""Random changes of a scan that keep it a scan: they act on counts, before preprocessing.

The patient lies differently (one warp: rotation, scaling, shift, elastic), the camera resolves
less (blur) or is unevenly sensitive (gain), a workstation smooths and stores whole numbers, of
which a short acquisition leaves but a few (rounding). Fewer counts come first, while they are
whole numbers: a thinned Poisson image is again a Poisson image, of a shorter acquisition (binomial
thinning).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from training.recipe import Augmentation

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]

WAVES = 4


def augment(
    counts: NDArray[Any], mask: NDArray[Any], limits: Augmentation, generator: np.random.Generator
) -> Pair:
    """Change counts (rows, columns) and mask (same shape, 0 to 1) alike; both come back float32.

    The mask may be a stack of masks (rows, columns, n), the first one of which is the gland.
    """
    image = counts.astype(np.float32)
    truth = mask.astype(np.float32)
    if limits.flip and generator.random() < 0.5:
        image, truth = image[:, ::-1], truth[:, ::-1]
    image = thin(image, limits.thinning, generator)
    if generator.random() < limits.probability:
        where = coordinates(image.shape, limits, generator)
        image = map_coordinates(image, where, order=1, mode="constant", output=np.float32)
        truth = _warped(truth, where)
    if limits.blur_pixels and generator.random() < 0.3:
        image = gaussian_filter(image, generator.uniform(0, limits.blur_pixels))
    if generator.random() < limits.rounding:
        image = np.rint(gaussian_filter(image, generator.uniform(0.5, 1.5)))
    if limits.gain > 1 and generator.random() < 0.3:
        uneven = smooth_field((image.shape[0], image.shape[1]), generator)
        image = image * np.exp(np.clip(uneven, -1, 1) * np.log(limits.gain)).astype(np.float32)
    if truth.ndim > 2 and limits.outline > 0:
        truth[..., 0] = roughly(truth[..., 0], limits.outline, generator)
    return image, truth


def _warped(truth: NDArray[np.float32], where: NDArray[np.float32]) -> NDArray[np.float32]:
    if truth.ndim == 2:
        return map_coordinates(truth, where, order=1, mode="constant", output=np.float32)
    return np.stack([_warped(one, where) for one in np.moveaxis(truth, -1, 0)], axis=-1)


def roughly(
    gland: NDArray[np.float32], outline: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """A gland's outline as another network draws it: wider, narrower or smoother by up to
    `outline` of the image's side."""
    sigma = generator.uniform(0, outline) * gland.shape[0] + 1e-3
    drawn = gaussian_filter(gland, sigma) > generator.uniform(0.25, 0.7)
    return drawn.astype(np.float32) if drawn.any() else gland


def thin(
    image: NDArray[np.float32], smallest: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Keep each count with one probability, in half of the cases; integer counts stay integer."""
    if smallest >= 1 or generator.random() < 0.5:
        return image
    kept = generator.uniform(smallest, 1.0)
    return generator.binomial(image.astype(np.int64), kept).astype(np.float32)


def coordinates(
    shape: tuple[int, ...], limits: Augmentation, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Where each pixel of the changed image comes from: (2, rows, columns), in source pixels.

    A shift may push the gland over the border, as happens at the camera.
    """
    rows, columns = shape
    angle = np.deg2rad(generator.uniform(-1, 1) * limits.rotation_degrees)
    scale = np.exp(generator.uniform(-1, 1) * np.log(limits.scale))
    shift = generator.uniform(-1, 1, 2) * limits.shift * np.array([rows, columns])
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    y, x = y - (rows - 1) / 2, x - (columns - 1) / 2
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    where = np.stack(
        [
            cosine * y - sine * x + (rows - 1) / 2 + shift[0],
            sine * y + cosine * x + (columns - 1) / 2 + shift[1],
        ]
    )
    if limits.elastic_pixels:
        amplitude = limits.elastic_pixels * max(rows, columns) / 128
        where += amplitude * np.stack([smooth_field((rows, columns), generator) for _ in range(2)])
    return where.astype(np.float32)


def smooth_field(shape: tuple[int, int], generator: np.random.Generator) -> NDArray[np.float32]:
    """A random smooth field (rows, columns) of about unit deviation: a few cosines an axis."""
    waves = np.arange(WAVES)
    rows, columns = (
        np.cos(np.pi * waves[None, :] * (np.arange(side)[:, None] + 0.5) / side) for side in shape
    )
    field: NDArray[np.float32] = (
        rows @ generator.normal(0, 2 / WAVES, (WAVES, WAVES)) @ columns.T
    ).astype(np.float32)
    return field
