"""One view on the picture: the counts in colours, the outlines, marks, scale, measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from adjuvant.findings import Findings, Segment
from adjuvant.results.colours import FAINT_INK, INK, RULE, Palette
from adjuvant.results.contours import Curve, outlines
from adjuvant.results.drawing import Style, draw_curves, fitted, tinted, width_of, write
from adjuvant.results.table import Row, measure_rows, structure_rows
from adjuvant.results.texts import Texts, number, number_of
from adjuvant.scan import Frame, Scan
from adjuvant.sides import right_is_on_the_left
from adjuvant.structures import LOBES, NODULES, StructureMeasures

SCALE_BARS_CM = (10, 5, 2, 1)
BAR_WIDTH = 12


@dataclass(frozen=True)
class Look:
    """Words, colours, and the colour of each level of counts, RGB uint8 (256, 3)."""

    texts: Texts
    palette: Palette
    table: NDArray[np.uint8]

    def mark(self, size: int, bold: bool = False) -> Style:
        """How letters on the image look."""
        return Style(size, self.palette.mark, bold, halo=2, halo_colour=self.palette.halo)


@dataclass(frozen=True)
class Reading:
    """What is shown of a scan."""

    scan: Scan
    findings: Findings
    structures: tuple[StructureMeasures, ...]

    def rows(self, place: int, texts: Texts) -> list[Row]:
        """The measurements of one frame; none where no gland is seen on it."""
        frame_number = self.scan.frames[place].number
        found = [one for one in self.findings.measures if one.frame_number == frame_number]
        if not found or found[0].gland_pixels == 0:
            return []
        others = structure_rows(self.findings, self.structures, frame_number, texts)
        return measure_rows(found[0], texts) + others


@dataclass(frozen=True)
class Panel:
    """Place and size of one view, in pixels of the picture.

    `side` is the room for the image's longer side and the width of the measurements, `image` its
    (width, height), `unit` the type size, `lines` the number of lines of measurements.
    """

    left: int
    top: int
    side: int
    image: tuple[int, int]
    unit: int
    lines: int

    @property
    def gutter(self) -> int:
        """Room for the colour bar and its numbers, right of the image."""
        return round(self.unit * 3.6) + BAR_WIDTH

    @property
    def image_top(self) -> int:
        """Below the heading."""
        return self.top + round(self.unit * 1.6)

    @property
    def image_bottom(self) -> int:
        """Above the measurements."""
        return self.image_top + self.image[1]

    @property
    def bottom(self) -> int:
        """Below the measurements."""
        return self.image_bottom + round(self.unit * 0.6) + self.lines * Style(self.unit, INK).line


def draw_panel(canvas: Image.Image, panel: Panel, reading: Reading, look: Look, place: int) -> None:
    """Draw frame number `place` (from 0, in the order of `scan.frames`) into its panel."""
    scan, frame = reading.scan, reading.scan.frames[place]
    draw = ImageDraw.Draw(canvas)
    title = view_title(frame, look.texts, numbered=len(scan.frames) > 1)
    style = fitted(title, Style(panel.unit, INK, bold=True), panel.side + panel.gutter)
    write(draw, (panel.left, panel.top), title, style)
    top = window_top(frame, reading.findings, place)
    image = tinted(frame.counts, top, panel.image, look.table)
    _draw_outlines(image, panel, reading.findings, look.palette, place)
    _draw_marks(image, right_is_on_the_left(frame, scan.header), look, panel.unit)
    _draw_scale(image, scan, look, panel.unit)
    canvas.paste(image, (panel.left, panel.image_top))
    right, bottom = panel.left + image.width, panel.image_top + image.height
    draw.rectangle((panel.left - 1, panel.image_top - 1, right, bottom), outline=RULE)
    _draw_colour_bar(canvas, panel, top, look)
    _write_rows(draw, panel, reading.rows(place, look.texts), look.texts)


def view_title(frame: Frame, texts: Texts, *, numbered: bool) -> str:
    """`Anterior` of a single view; `Frame 3 · Anterior · 126-154 keV` of several, for the remarks
    go by number and views may differ in their energy window only."""
    said = []
    if numbered or frame.view is None:
        said.append(texts.frame.format(number=frame.number))
    if frame.view is not None:
        said.append(texts.views.get(frame.view, frame.view))
    if frame.window_kev is not None:
        low, high = (number(limit, 0, texts) for limit in frame.window_kev)
        said.append(f"{low}-{high} keV")
    return " · ".join(said)


def window_top(frame: Frame, findings: Findings, place: int) -> float:
    """Counts shown black: the gland's own maximum, less its noisiest pixels, if there is a gland.

    So a contamination or the salivary glands do not take the scale.
    """
    seen = np.zeros(frame.counts.shape, np.bool_)
    for segment in findings.segments:
        seen |= segment.masks[place]
    values, share = (frame.counts[seen], 99.0) if seen.any() else (frame.counts, 99.8)
    return float(np.percentile(values, share)) or float(frame.counts.max()) or 1.0


def displayed_size(scan: Scan, side: int) -> tuple[int, int]:
    """(width, height) of the scan in a square of `side`, pixels in their true proportions."""
    rows, columns = scan.shape
    row_mm, column_mm = scan.spacing_mm or (1.0, 1.0)
    height, width = rows * row_mm, columns * column_mm
    scale = side / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def drawn(findings: Findings) -> list[Segment]:
    """What is outlined: all but the lobes, whose borders are the gland's own; see the table."""
    return [segment for segment in findings.segments if segment.type.value not in LOBES]


def _draw_outlines(
    image: Image.Image, panel: Panel, findings: Findings, palette: Palette, place: int
) -> None:
    width = max(1.6, panel.side / 200)
    for segment in drawn(findings):
        mask = segment.masks[place]
        if not mask.any():
            continue
        scale = np.array([image.height / mask.shape[0], image.width / mask.shape[1]], np.float32)
        curves = [curve * scale for curve in outlines(mask)]
        if palette.casing is not None:
            draw_curves(image, curves, palette.casing, width=width + 2)
        draw_curves(image, curves, palette.line(segment), width=width)
        if segment.type.value in NODULES:
            _write_number(image, curves, segment, palette, panel.unit)


def _write_number(
    image: Image.Image, curves: list[Curve], segment: Segment, palette: Palette, unit: int
) -> None:
    """The nodule's number at its upper right, or at its upper left where the image ends."""
    points = np.concatenate(curves)
    (top, left), (_, right) = points.min(axis=0), points.max(axis=0)
    style = Style(
        round(unit * 0.85), palette.line(segment), bold=True, halo=2, halo_colour=palette.halo
    )
    text = number_of(segment)
    baseline = max(float(top) + unit * 0.3, unit)
    if right + 3 + width_of(text, style) <= image.width:
        write(ImageDraw.Draw(image), (float(right) + 3, baseline), text, style, "ls")
    else:
        write(ImageDraw.Draw(image), (float(left) - 3, baseline), text, style, "rs")


def _draw_marks(image: Image.Image, right_on_the_left: bool | None, look: Look, unit: int) -> None:
    """The patient's sides; none where they are not certain."""
    if right_on_the_left is None:
        return
    marks = (look.texts.right, look.texts.left)
    left, right = marks if right_on_the_left else marks[::-1]
    draw, style = ImageDraw.Draw(image), look.mark(round(unit * 1.3), bold=True)
    edge = unit // 2
    write(draw, (edge, edge), left, style)
    write(draw, (image.width - edge, edge), right, style, "ra")


def _draw_scale(image: Image.Image, scan: Scan, look: Look, unit: int) -> None:
    """A bar in centimetres; none for a pinhole, whose pixels have no one size."""
    if scan.spacing_mm is None or scan.pinhole:
        return
    pixels_per_cm = image.width / (scan.shape[1] * scan.spacing_mm[1] / 10)
    fitting = [cm for cm in SCALE_BARS_CM if cm * pixels_per_cm <= image.width * 0.3]
    if not fitting:
        return
    length, edge = fitting[0] * pixels_per_cm, unit * 0.7
    draw, bottom = ImageDraw.Draw(image), image.height - edge
    thickness = max(2, unit // 6)
    bar = (edge, bottom - thickness, edge + length, bottom)
    draw.rectangle(bar, fill=look.palette.mark)
    style = look.mark(round(unit * 0.85))
    middle = (edge + length / 2, bottom - thickness - unit * 0.3)
    write(draw, middle, f"{fitting[0]} cm", style, "ms")


def _draw_colour_bar(canvas: Image.Image, panel: Panel, window: float, look: Look) -> None:
    """The scale of colours and the counts per pixel at its ends."""
    left, top = panel.left + panel.image[0] + round(panel.unit * 0.5), panel.image_top
    height = round(panel.image[1] * 0.55)
    levels = np.linspace(255, 0, height).astype(np.uint8)[:, None].repeat(BAR_WIDTH, axis=1)
    canvas.paste(Image.fromarray(look.table[levels]), (left, top))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((left - 1, top - 1, left + BAR_WIDTH, top + height), outline=RULE)
    style = Style(round(panel.unit * 0.8), FAINT_INK)
    beside = left + BAR_WIDTH + round(panel.unit * 0.3)
    room = panel.left + panel.image[0] + panel.gutter - beside
    highest = top_of_scale(window, look.texts)
    write(draw, (beside, top), highest, fitted(highest, style, room))
    write(draw, (beside, top + height), "0", style, "ls")
    for line, word in enumerate(look.texts.counts_per_pixel):
        small = fitted(word, style, room + beside - left)
        write(draw, (left, top + height + (0.5 + line * 1.2) * style.size), word, small)


def top_of_scale(window: float, texts: Texts) -> str:
    """`≥ 131`; rescaled counts of a million and more would run out of the picture: `≥ 1.1e+08`."""
    if window >= 1e6:
        return f"≥ {window:.1e}".replace(".", texts.decimal)
    return f"≥ {number(window, 0 if window >= 10 else 2, texts)}"


def _write_rows(draw: ImageDraw.ImageDraw, panel: Panel, rows: list[Row], texts: Texts) -> None:
    top = panel.image_bottom + round(panel.unit * 0.6)
    if not rows:
        style = fitted(texts.nothing_seen, Style(panel.unit, INK, bold=True), panel.side)
        write(draw, (panel.left, top), texts.nothing_seen, style)
        return
    style = Style(panel.unit, INK, bold=True)
    size = min(fitted(" m ".join(row), style, panel.side).size for row in rows)
    for line, (label, value) in enumerate(rows):
        y = top + line * style.line
        write(draw, (panel.left, y), label, Style(size, FAINT_INK))
        right = (panel.left + panel.side, y)
        write(draw, right, value, Style(size, INK, bold=True), "ra")
