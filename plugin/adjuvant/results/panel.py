"""One view on the picture: the scan in inverse grey, the outlines, marks, scale, measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from adjuvant.findings import Findings, FrameMeasures
from adjuvant.results.colours import FAINT_INK, INK, RULE, segment_colour
from adjuvant.results.contours import outlines
from adjuvant.results.drawing import Style, draw_curves, fitted, inverse_grey, write
from adjuvant.results.texts import Texts, number
from adjuvant.scan import Frame, Scan
from adjuvant.sides import right_is_on_the_left

SCALE_BARS_CM = (10, 5, 2, 1)
BAR_WIDTH = 12


@dataclass(frozen=True)
class Panel:
    """Place and size of one view, in pixels of the picture.

    `side` is the room for the image's longer side and the width of the measurements, `image` its
    (width, height), `unit` the type size.
    """

    left: int
    top: int
    side: int
    image: tuple[int, int]
    unit: int

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
        """Below three lines of measurements."""
        return self.image_bottom + round(self.unit * 0.6) + 3 * Style(self.unit, INK).line


def draw_panel(
    canvas: Image.Image, panel: Panel, scan: Scan, findings: Findings, texts: Texts, place: int
) -> None:
    """Draw frame number `place` (from 0, in the order of `scan.frames`) into its panel."""
    frame, measures = scan.frames[place], measures_of(findings, scan.frames[place])
    draw = ImageDraw.Draw(canvas)
    title = view_title(frame, texts)
    style = fitted(title, Style(panel.unit, INK, bold=True), panel.side)
    write(draw, (panel.left, panel.top), title, style)
    top = window_top(frame, findings, place)
    image = _image(panel, scan, findings, place, top)
    _draw_marks(image, right_is_on_the_left(frame, scan.header), texts, panel.unit)
    _draw_scale(image, scan, panel.unit)
    canvas.paste(image, (panel.left, panel.image_top))
    right, bottom = panel.left + image.width, panel.image_top + image.height
    draw.rectangle((panel.left - 1, panel.image_top - 1, right, bottom), outline=RULE)
    _draw_colour_bar(canvas, panel, top, texts)
    _write_measures(draw, panel, measures, texts)


def view_title(frame: Frame, texts: Texts) -> str:
    """`Anterior`, or `Frame 3` where the header does not name the view."""
    if frame.view is None:
        return texts.frame.format(number=frame.number)
    return texts.views.get(frame.view, frame.view)


def measures_of(findings: Findings, frame: Frame) -> FrameMeasures | None:
    """What was measured on this frame."""
    return next((item for item in findings.measures if item.frame_number == frame.number), None)


def window_top(frame: Frame, findings: Findings, place: int) -> float:
    """Counts shown black: the gland's own maximum, less its noisiest pixels, if there is a gland.

    So a contamination or the salivary glands do not take the scale.
    """
    seen = np.zeros(frame.counts.shape, np.bool_)
    for segment in findings.segments:
        seen |= segment.masks[place]
    values, share = (frame.counts[seen], 99.0) if seen.any() else (frame.counts, 99.8)
    return max(float(np.percentile(values, share)), 1.0)


def displayed_size(scan: Scan, side: int) -> tuple[int, int]:
    """(width, height) of the scan in a square of `side`, pixels in their true proportions."""
    rows, columns = scan.shape
    row_mm, column_mm = scan.spacing_mm or (1.0, 1.0)
    height, width = rows * row_mm, columns * column_mm
    scale = side / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _image(panel: Panel, scan: Scan, findings: Findings, place: int, top: float) -> Image.Image:
    size = panel.image
    image = inverse_grey(scan.frames[place].counts, top, size).convert("RGB")
    rows, columns = scan.shape
    scale = np.array([size[1] / rows, size[0] / columns], np.float32)
    for segment in findings.segments:
        curves = [curve * scale for curve in outlines(segment.masks[place])]
        draw_curves(image, curves, segment_colour(segment), width=max(1.6, panel.side / 200))
    return image


def _draw_marks(
    image: Image.Image, right_on_the_left: bool | None, texts: Texts, unit: int
) -> None:
    """The patient's sides; none where they are not certain."""
    if right_on_the_left is None:
        return
    marks = (texts.right, texts.left)
    left, right = marks if right_on_the_left else marks[::-1]
    draw, style = ImageDraw.Draw(image), Style(round(unit * 1.3), INK, bold=True, halo=2)
    edge = unit // 2
    write(draw, (edge, edge), left, style)
    write(draw, (image.width - edge, edge), right, style, "ra")


def _draw_scale(image: Image.Image, scan: Scan, unit: int) -> None:
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
    draw.rectangle((edge, bottom - thickness, edge + length, bottom), fill=INK)
    style = Style(round(unit * 0.85), INK, halo=2)
    middle = (edge + length / 2, bottom - thickness - unit * 0.3)
    write(draw, middle, f"{fitting[0]} cm", style, "ms")


def _draw_colour_bar(canvas: Image.Image, panel: Panel, window: float, texts: Texts) -> None:
    """The grey scale and the counts per pixel at its ends."""
    left, top = panel.left + panel.image[0] + round(panel.unit * 0.5), panel.image_top
    height = round(panel.image[1] * 0.55)
    ramp = np.linspace(0, 255, height).astype(np.uint8)[:, None].repeat(BAR_WIDTH, axis=1)
    canvas.paste(Image.fromarray(ramp), (left, top))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((left - 1, top - 1, left + BAR_WIDTH, top + height), outline=RULE)
    style = Style(round(panel.unit * 0.8), FAINT_INK)
    beside = left + BAR_WIDTH + round(panel.unit * 0.3)
    room = panel.left + panel.image[0] + panel.gutter - beside
    highest = f"≥ {number(window, 0, texts)}"
    write(draw, (beside, top), highest, fitted(highest, style, room))
    write(draw, (beside, top + height), "0", style, "ls")
    for line, word in enumerate(texts.counts_per_pixel):
        small = fitted(word, style, room + beside - left)
        write(draw, (left, top + height + (0.5 + line * 1.2) * style.size), word, small)


def _write_measures(
    draw: ImageDraw.ImageDraw, panel: Panel, measures: FrameMeasures | None, texts: Texts
) -> None:
    top = panel.image_bottom + round(panel.unit * 0.6)
    if measures is None or measures.gland_pixels == 0:
        style = fitted(texts.nothing_seen, Style(panel.unit, INK, bold=True), panel.side)
        write(draw, (panel.left, top), texts.nothing_seen, style)
        return
    rows = measure_rows(measures, texts)
    style = Style(panel.unit, INK, bold=True)
    size = min(fitted(" m ".join(row), style, panel.side).size for row in rows)
    for line, (label, value) in enumerate(rows):
        y = top + line * Style(panel.unit, INK).line
        write(draw, (panel.left, y), label, Style(size, FAINT_INK))
        right = (panel.left + panel.side, y)
        write(draw, right, value, Style(size, INK, bold=True), "ra")


def measure_rows(measures: FrameMeasures, texts: Texts) -> list[tuple[str, str]]:
    """Label and value of each measurement, in words; what is not measured says so."""
    area = f"{number(measures.gland_pixels, 0, texts)} {texts.pixels}"
    if measures.gland_area_cm2 is not None:
        area = f"{number(measures.gland_area_cm2, 1, texts)} cm²"
    ratio = texts.not_measured
    if measures.gland_to_background is not None:
        ratio = number(measures.gland_to_background, 1, texts)
    return [
        (texts.area, area),
        (texts.counts, number(measures.gland_counts, 0, texts)),
        (texts.ratio, ratio),
    ]
