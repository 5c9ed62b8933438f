"""Cases to look at: the worst, the best, and typical ones, as scans with outlines on them."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from contourpy import contour_generator
from PIL import Image

from adjuvant.preprocess import Mask
from training.phantom.case import Case

WORST, TYPICAL, BEST = 12, 4, 4
# Typical are those next to the median of so many drawn at random: not all are kept in memory.
DRAWN = 64
WINDOW_PERCENTILE = 99.7
# Of the side of the square around all outlines.
MARGIN = 1.5
SMALLEST_PART = 0.3


@dataclass(frozen=True)
class Outline:
    """A mask, and whose it is: `truth`, `candidate` or `in-service`."""

    who: str
    mask: Mask


@dataclass(frozen=True)
class Shown:
    """A case with its outlines and a line about it; `value` is higher where it is better."""

    value: float
    case: Case
    outlines: tuple[Outline, ...]
    title: str


@dataclass
class Gallery:
    """Sees every case and keeps a few. `typical` ones are among those of a value from 0."""

    _worst: list[tuple[float, int, Shown]] = field(default_factory=list)
    _best: list[tuple[float, int, Shown]] = field(default_factory=list)
    _drawn: list[Shown] = field(default_factory=list)
    _seen: int = 0
    _known: int = 0
    _generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def see(self, one: Shown) -> None:
        """Keep the case if it belongs to the worst or best so far, or is drawn."""
        self._seen += 1
        _keep(self._worst, (-one.value, -self._seen, one), WORST)
        if one.value < 0:
            return
        _keep(self._best, (one.value, -self._seen, one), BEST)
        # Reservoir sampling (Vitter, 1985): each of those seen is as likely to be there.
        self._known += 1
        if len(self._drawn) < DRAWN:
            self._drawn.append(one)
        elif (place := int(self._generator.integers(self._known))) < DRAWN:
            self._drawn[place] = one

    @property
    def worst(self) -> list[Shown]:
        """The worst first."""
        return [one for *_, one in sorted(self._worst, key=lambda kept: kept[:2], reverse=True)]

    @property
    def best(self) -> list[Shown]:
        """The best first."""
        return [one for *_, one in sorted(self._best, key=lambda kept: kept[:2], reverse=True)]

    @property
    def typical(self) -> list[Shown]:
        """Those nearest to the median of a random part of all."""
        if not self._drawn:
            return []
        middle = float(np.median([one.value for one in self._drawn]))
        return sorted(self._drawn, key=lambda one: abs(one.value - middle))[:TYPICAL]


def _keep(heap: list[tuple[float, int, Shown]], one: tuple[float, int, Shown], most: int) -> None:
    """The `most` largest; the counting number in second place is never equal."""
    if len(heap) < most:
        heapq.heappush(heap, one)
    else:
        heapq.heappushpop(heap, one)


def tile(one: Shown) -> str:
    """A figure: the scan in inverse grey, and its outlines as lines that can be hidden."""
    top, left, side = _window(one)
    lines = "".join(_paths(outline, side) for outline in one.outlines)
    rows, columns = one.case.counts.shape
    return (
        f'<figure class="case"><svg viewBox="{left} {top} {side} {side}" role="img" '
        f'aria-label="{escape(one.title)}">'
        f'<image href="{picture(one.case.counts)}" width="{columns}" height="{rows}"/>{lines}</svg>'
        f"<figcaption><b>{escape(one.title)}</b><br>{escape(about(one.case))}</figcaption></figure>"
    )


def picture(counts: np.ndarray[Any, np.dtype[np.uint16]]) -> str:
    """The counts (rows, columns) as a PNG in inverse grey, in a data URI."""
    highest = max(float(np.percentile(counts, WINDOW_PERCENTILE)), 1.0)
    grey = 255 - np.clip(counts / highest, 0, 1) * 255
    file = BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def about(case: Case) -> str:
    """What a reader needs to know of the case."""
    told = case.properties
    parts = [told.get(name) for name in ("disease", "isotope", "collimator", "view", "camera")]
    total = int(case.counts.sum(dtype=np.int64))
    rows, columns = case.counts.shape
    kinds = ", ".join(str(one) for one in parts if one not in (None, "not told"))
    return f"{kinds}, {rows} x {columns}, {total / 1000:.0f}k counts, {case.case_id}"


def _paths(outline: Outline, side: int) -> str:
    """The mask's border half-way between the centres of pixels in and outside of it."""
    # A border of nothing around the mask closes lines at the image's own.
    lines = contour_generator(z=np.pad(outline.mask, 1).astype(np.float32)).lines(0.5)
    path = " ".join(f"M{_points(line)}Z" for line in lines)
    width = round(side / 130, 2)
    dashes = f' stroke-dasharray="{3 * width} {2 * width}"' if outline.who == "in-service" else ""
    return (
        f'<path class="{outline.who}" d="{path}" stroke-width="{width}"{dashes}/>' if path else ""
    )


def _points(line: Any) -> str:
    """Pixel (0, 0) has its centre at 0.5; one is taken off for the border."""
    return " ".join(f"{x - 0.5:g} {y - 0.5:g}" for x, y in np.asarray(line)[:-1])


def _window(one: Shown) -> tuple[int, int, int]:
    """(top, left, side) of a square around all outlines; the whole image where there is none."""
    rows, columns = one.case.counts.shape
    largest = max(rows, columns)
    marked = _union([outline.mask for outline in one.outlines])
    if not marked.any():
        return (rows - largest) // 2, (columns - largest) // 2, largest
    ys, xs = np.nonzero(marked)
    extent = max(int(np.ptp(ys)), int(np.ptp(xs))) + 1
    side = int(min(largest, max(extent * MARGIN, largest * SMALLEST_PART)))
    top = int((ys.min() + ys.max() + 1 - side) / 2)
    left = int((xs.min() + xs.max() + 1 - side) / 2)
    return _inside(top, side, rows), _inside(left, side, columns), side


def _inside(start: int, side: int, length: int) -> int:
    return min(max(start, 0), length - side) if side <= length else (length - side) // 2


def _union(masks: Sequence[Mask]) -> Mask:
    marked: Mask = np.any(np.stack(masks), axis=0)
    return marked
