"""How often the plugin calls an image unlike those that its network learnt from.

    python -m benchmarks.unfamiliar --model models/thyroid/0.6.0 --data SCANS

Simulated scans as they are, and changed in ways in which no scan of a camera comes. What is said of
the former are false alarms; of the latter, each is a kind of image that a wrong header may bring.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from scipy.ndimage import gaussian_filter

from adjuvant.familiar import Familiar
from adjuvant.model import read_model
from training.dataset import read_case, read_index
from training.figures import Rate, rate_of
from training.progress import tracked
from training.report import percent_interval

Picture = NDArray[np.float32]


def background_cut(image: Picture) -> Picture:
    """Nothing left below 30 % of the maximum."""
    smooth = gaussian_filter(image, max(image.shape) / 128)
    cut: Picture = np.where(smooth > 0.3 * smooth.max(), image, 0)
    return cut


def denoised(image: Picture) -> Picture:
    """Smoothed over a fiftieth of the side, whole numbers."""
    smooth: Picture = np.rint(gaussian_filter(image, max(image.shape) / 50))
    return smooth


def four_views(image: Picture) -> Picture:
    """Four copies at half the size."""
    return np.tile(image[::2, ::2], (2, 2))


def with_text(image: Picture) -> Picture:
    """A dotted bar in the brightest value, a tenth from above."""
    changed, side = image.copy(), max(image.shape)
    rows = slice(side // 10, side // 10 + max(2, side // 40))
    changed[rows, side // 10 : 6 * side // 10 : 3] = 1.2 * image.max()
    return changed


def another_modality(image: Picture) -> Picture:
    """Smooth structure around 1000, as a CT has it."""
    structure = np.random.default_rng(0).normal(0, 1, image.shape)
    changed = np.rint(1000 + 300 * gaussian_filter(structure, max(image.shape) / 60))
    return changed.astype(np.float32)


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda image: image,
    "inverted": lambda image: image.max() - image,
    "background cut off at 30 % of the maximum": background_cut,
    "stored in 8 bits by a gamma curve": lambda image: np.rint(255 * (image / image.max()) ** 0.4),
    "four views in one image": four_views,
    "turned by 90 degrees": lambda image: np.rot90(image),
    "transposed": lambda image: image.T,
    "ten times the counts": lambda image: 10 * image,
    "denoised": denoised,
    "text burnt in": with_text,
    "upside down": lambda image: image[::-1],
    "another modality": another_modality,
}


def called_unlike(images: list[Picture], familiar: Familiar) -> dict[str, Rate]:
    """By what was done to the images, how many of them are called unlike."""
    found = {}
    for name, change in CHANGES.items():
        said = [familiar.unusual(change(image)) is not None for image in images]
        found[name] = rate_of(sum(said), len(said))
    return found


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unfamiliar", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a released version")
    parser.add_argument("--data", type=Path, required=True, help="folder written by `simulate`")
    given = parser.parse_args()
    model = read_model(given.model)
    if model.familiar is None:
        sys.exit(f"{model.title} does not know what its training scans were like")
    entries = tracked(read_index(given.data), "reading", Console(stderr=True))
    counts = (read_case(given.data, entry).counts for entry in entries)
    images = [one.astype(np.float32) for one in counts if one.min() < one.max()]
    print(
        f"{model.title}, {len(images)} simulated scans\n\n| image | called unlike | 95 % interval |"
    )
    print("|---|---|---|")
    for name, rate in called_unlike(images, model.familiar).items():
        share = f"{100 * rate.part / rate.whole:.1f} %"
        print(f"| {name} | {share} | {percent_interval(rate)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
