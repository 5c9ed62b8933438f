"""What a physician's window shows beside a much hotter part of the gland.

The window is set to the hottest point. A part that stays below `VISIBLE` of it, such as the lobe
that a toxic adenoma suppresses, is not seen there and by convention not drawn (`docs/truth.md`,
rule 4). A network judges that limit poorly, because it compares places far apart; measured
counts decide it better.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, label

from adjuvant.measure import background_ring
from adjuvant.preprocess import Image, Mask

VISIBLE = 0.10
# Of the image's longer side: 2 pixels of 256, so that no single noisy pixel is a maximum.
SMOOTHING = 1 / 128


def without_suppressed(gland: Mask, counts: Image) -> Mask:
    """`gland` without its separate parts whose maximum is below `VISIBLE` of the hottest part's.

    Mask bool and counts float32, both (rows, columns); maxima are of smoothed counts above the
    background around the gland, where the median passes over a salivary gland or contamination.
    The hottest part always stays.
    """
    parts, number = label(gland, structure=np.ones((3, 3), bool))
    if number < 2:
        return gland
    smooth = smoothed(counts)
    maxima = np.zeros(number + 1)
    np.maximum.at(maxima, parts[gland], smooth[gland])
    ring = smooth[background_ring(gland)]
    net = maxima - (np.median(ring) if ring.size else 0.0)
    seen = net >= VISIBLE * net[1:].max()
    seen[maxima.argmax()] = True
    seen[0] = False
    kept: Mask = seen[parts]
    return kept


def smoothed(counts: Image) -> Image:
    """Counts, float32 (rows, columns), of which a maximum is more than one noisy pixel."""
    smooth: Image = gaussian_filter(counts, max(counts.shape) * SMOOTHING)
    return smooth
