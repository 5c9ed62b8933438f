"""Pen and type for the picture: text that fits, and lines without steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from adjuvant.results.colours import PAPER, RGB
from adjuvant.results.contours import Curve

FONTS = Path(__file__).parent / "fonts"
SMALLEST = 9

# Lines are drawn this much larger, then averaged down.
OVERSAMPLING = 4


@lru_cache(maxsize=64)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at `size` pixels: it has the accents that Pillow's own font lacks."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    # Without Raqm: no shaping is needed for these languages, and it is four times as slow.
    return ImageFont.truetype(str(FONTS / name), size, layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True)
class Style:
    """How a text looks: size in pixels, weight, colour, and an optional halo."""

    size: int
    colour: RGB
    bold: bool = False
    halo: int = 0
    halo_colour: RGB = PAPER

    @property
    def line(self) -> int:
        """Height of one line."""
        return round(self.size * 1.4)


@lru_cache(maxsize=4096)  # most words come again on the next picture
def width_of(text: str, style: Style) -> int:
    """Width in pixels."""
    return int(font(style.size, style.bold).getlength(text)) + 1


def fitted(text: str, style: Style, width: int) -> Style:
    """The style made smaller until `text` fits into `width` pixels, down to what is legible."""
    size = style.size
    while size > SMALLEST and width_of(text, Style(size, style.colour, style.bold)) > width:
        size -= 1
    return replace(style, size=size)


def wrap(text: str, style: Style, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces; a longer word is broken where it must."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer, style) <= width:
            lines[-1] = longer
            continue
        for piece in _pieces(word, style, width):
            lines.append(piece)
    return [line for line in lines if line]


def _pieces(word: str, style: Style, width: int) -> list[str]:
    pieces = [""]
    if width_of(word, style) <= width:
        return [word]
    for letter in word:
        if width_of(pieces[-1] + letter, style) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def write(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, style: Style, anchor: str = "la"
) -> None:
    """Write one line; `anchor` is Pillow's (`la` left and top, `ra` right, `ls` baseline, ...)."""
    layers = [(style.halo, style.halo_colour)] if style.halo else []
    for stroke, colour in [*layers, (0, style.colour)]:
        mask, (left, top) = _letters(text, style.size, style.bold, stroke, anchor)
        draw.bitmap((round(at[0]) + left, round(at[1]) + top), mask, fill=colour)


@lru_cache(maxsize=1024)  # all but the figures are the same on the next picture
def _letters(
    text: str, size: int, bold: bool, stroke: int, anchor: str
) -> tuple[Image.Image, tuple[int, int]]:
    """How much ink each pixel of a line has, and where its corner lies from the anchor."""
    type_ = font(size, bold)
    left, top, right, bottom = type_.getbbox(text, stroke_width=stroke, anchor=anchor)
    corner = math.floor(left), math.floor(top)
    mask = Image.new("L", (math.ceil(right) - corner[0], math.ceil(bottom) - corner[1]))
    place = (-corner[0], -corner[1])
    ImageDraw.Draw(mask).text(place, text, 255, type_, anchor, stroke_width=stroke)
    return mask, corner


def draw_curves(image: Image.Image, curves: list[Curve], colour: RGB, width: float) -> None:
    """Draw closed curves of (row, column) in pixels of `image`, anti-aliased, `width` pixels."""
    if not curves:
        return
    points = np.concatenate(curves)
    margin = int(width) + 2
    top, left = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
    bottom, right = np.ceil(points.max(axis=0)).astype(int) + margin
    bottom, right = min(bottom, image.height), min(right, image.width)
    large = ((right - left) * OVERSAMPLING, (bottom - top) * OVERSAMPLING)
    mask = Image.new("L", (int(large[0]), int(large[1])))
    pen = ImageDraw.Draw(mask)
    stroke = round(width * OVERSAMPLING)
    for curve in curves:
        closed = np.concatenate([curve, curve[:2]])[:, ::-1] - (left, top)
        pen.line((closed * OVERSAMPLING).ravel().tolist(), fill=255, width=stroke)
    image.paste(colour, (int(left), int(top)), mask.reduce(OVERSAMPLING))


def tinted(
    counts: NDArray[np.float32], top: float, size: tuple[int, int], table: NDArray[np.uint8]
) -> Image.Image:
    """Counts (rows, columns) in the colours of `table` (256, 3), scaled to (width, height).

    `top` and above have its last colour. Counts are interpolated as workstations do, not colours:
    the eye sees the uptake and not the pixels, in colours that stand for counts.
    """
    levels = Image.fromarray(np.clip(counts * (255.0 / top), 0, 255).astype(np.uint8))
    scaled = levels.resize(size, Image.Resampling.BICUBIC)
    scaled.putpalette(table.tobytes())
    return scaled.convert("RGB")
