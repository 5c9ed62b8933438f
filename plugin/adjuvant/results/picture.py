"""The fused picture: every view with its outlines, and what a reader must know beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from adjuvant import __version__
from adjuvant.chain import Algorithm
from adjuvant.findings import Findings
from adjuvant.results.colours import (
    BAND,
    BAND_INK,
    CAUTION_INK,
    CAUTION_PAPER,
    FAINT_INK,
    INK,
    PALETTES,
    PAPER,
    RGB,
    lookup_table,
)
from adjuvant.results.drawing import Style, fitted, width_of, wrap, write
from adjuvant.results.panel import Look, Panel, Reading, displayed_size, draw_panel, drawn
from adjuvant.results.presentation import Language, Presentation
from adjuvant.results.remarks import translate
from adjuvant.results.texts import TEXTS, Texts
from adjuvant.scan import Scan
from adjuvant.structures import measure_structures

# Views on one picture: more could not be read. The rest is announced in words.
MOST_VIEWS = 16

# Up to so many views: (columns, side of one view in pixels, type size).
ARRANGEMENTS = {
    1: (1, 560, 15),
    2: (2, 448, 20),
    3: (3, 352, 21),
    4: (2, 400, 19),
    6: (3, 340, 20),
    9: (3, 320, 19),
    MOST_VIEWS: (4, 260, 17),
}


@dataclass(frozen=True)
class Layout:
    """Sizes in pixels, of which everything else follows."""

    columns: int
    rows: int
    side: int
    image: tuple[int, int]
    unit: int
    lines: int

    @property
    def margin(self) -> int:
        """Around everything and between the parts."""
        return round(self.unit * 0.9)

    @property
    def cell(self) -> tuple[int, int]:
        """(width, height) of one view with its margin."""
        panel = self.panel(0, 0)
        return self.side + panel.gutter + self.margin, panel.bottom + self.margin

    @property
    def width(self) -> int:
        """Of the picture."""
        return self.columns * self.cell[0] + self.margin

    @property
    def inner(self) -> int:
        """Between the margins."""
        return self.width - 2 * self.margin

    def panel(self, left: int, top: int) -> Panel:
        """One view with its corner at (left, top)."""
        return Panel(left, top, self.side, self.image, self.unit, self.lines)


def arrange(scan: Scan, views: int, lines: int = 3) -> Layout:
    """Few views are drawn large, many are drawn small."""
    most = next(limit for limit in ARRANGEMENTS if views <= limit)
    columns, side, unit = ARRANGEMENTS[most]
    return Layout(columns, -(-views // columns), side, displayed_size(scan, side), unit, lines)


def draw_picture(
    scan: Scan, findings: Findings, made_by: Algorithm, presentation: Presentation
) -> NDArray[np.uint8]:
    """The picture, uint8 (rows, columns, 3), RGB. No patient identification is on it."""
    language, colour_map = presentation.language, presentation.colour_map
    look = Look(TEXTS[language], PALETTES[colour_map], lookup_table(colour_map))
    reading = Reading(scan, findings, measure_structures(scan, findings))
    shown = min(len(scan.frames), MOST_VIEWS)
    lines = max(len(reading.rows(place, look.texts)) for place in range(shown))
    layout = arrange(scan, shown, max(lines, 1))
    parts = [
        _head(layout, findings, made_by, look.texts),
        _views(layout, reading, look, shown),
        _legend(layout, findings, look),
        _cautions(layout, remarks_on(scan, findings, language, shown)),
        _foot(layout, made_by, look.texts),
    ]
    picture = Image.new("RGB", (layout.width, sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        picture.paste(part, (0, top))
        top += part.height
    return np.asarray(picture)


def _strip(layout: Layout, height: int, colour: tuple[int, int, int] = PAPER) -> Image.Image:
    return Image.new("RGB", (layout.width, height), colour)


def _head(layout: Layout, findings: Findings, made_by: Algorithm, texts: Texts) -> Image.Image:
    """Title on the left, model and software on the right, or below where there is no room."""
    title = Style(round(layout.unit * 1.25), INK, bold=True)
    detail = Style(round(layout.unit * 0.85), FAINT_INK)
    maker = f"Adjuvant {__version__} · {texts.model.format(title=made_by.title)}"
    heading = texts.titles.get(findings.interpretation, findings.interpretation)
    margin = layout.margin
    beside = width_of(heading, title) + width_of(maker, detail) + margin <= layout.inner
    strip = _strip(layout, margin + title.line + (0 if beside else detail.line) + margin // 2)
    draw = ImageDraw.Draw(strip)
    baseline = margin + title.size
    write(draw, (margin, baseline), heading, title, "ls")
    if beside:
        write(draw, (layout.width - margin, baseline), maker, detail, "rs")
    else:
        write(draw, (margin, baseline + detail.line), maker, detail, "ls")
    return strip


def _views(layout: Layout, reading: Reading, look: Look, shown: int) -> Image.Image:
    width, height = layout.cell
    strip = _strip(layout, layout.rows * height)
    for place in range(shown):
        row, column = divmod(place, layout.columns)
        left = layout.margin + column * width
        draw_panel(strip, layout.panel(left, row * height), reading, look, place)
    return strip


def _legend(layout: Layout, findings: Findings, look: Look) -> Image.Image:
    """One entry for each kind of structure that is drawn somewhere."""
    style = Style(layout.unit, INK)
    entries = _entries(findings, look)
    stroke, gap = round(layout.unit * 1.6), round(layout.unit * 0.5)
    x, y, places = layout.margin, 0, []
    for label, colour in entries.items():
        width = stroke + gap + width_of(label, style) + layout.unit
        if x + width > layout.width and x > layout.margin:
            x, y = layout.margin, y + style.line
        places.append((x, y, label, colour))
        x += width
    strip = _strip(layout, y + style.line + layout.margin // 2 if entries else 0)
    draw, thick = ImageDraw.Draw(strip), max(3, layout.unit // 5)
    for x, y, label, colour in places:
        middle = y + style.line // 2
        if look.palette.casing is not None:
            around = (x - 2, middle, x + stroke + 2, middle)
            draw.line(around, fill=look.palette.casing, width=thick + 4)
        draw.line((x, middle, x + stroke, middle), fill=colour, width=thick)
        write(draw, (x + stroke + gap, middle), label, style, "lm")
    return strip


def _entries(findings: Findings, look: Look) -> dict[str, RGB]:
    """Label -> colour; numbered structures have their numbers on the image."""
    return {
        look.texts.structures.get(segment.type.value, segment.label): look.palette.line(segment)
        for segment in drawn(findings)
        if segment.masks.any()
    }


def remarks_on(scan: Scan, findings: Findings, language: Language, shown: int) -> list[str]:
    """What stands on amber, in this language; also of how many views only the first are `shown`."""
    remarks = [translate(remark, language) for remark in findings.remarks]
    views = len(scan.frames)
    left_out = TEXTS[language].first_frames.format(shown=shown, all=views)
    return remarks + ([left_out] if shown < views else [])


def _cautions(layout: Layout, remarks: list[str]) -> Image.Image:
    """Remarks on amber, each with its bullet; nothing where there are none."""
    style = Style(layout.unit, CAUTION_INK)
    indent = layout.unit
    rows = [
        (line, place == 0)
        for remark in remarks
        for place, line in enumerate(wrap(remark, style, layout.inner - indent))
    ]
    padding = layout.margin // 2
    height = len(rows) * style.line + 2 * padding if rows else 0
    strip = _strip(layout, height, CAUTION_PAPER)
    draw = ImageDraw.Draw(strip)
    for row, (line, first) in enumerate(rows):
        y = padding + row * style.line
        if first:
            write(draw, (layout.margin, y), "•", style)
        write(draw, (layout.margin + indent, y), line, style)
    return strip


def _foot(layout: Layout, made_by: Algorithm, texts: Texts) -> Image.Image:
    """What the picture is not; always there, always as large as the measurements."""
    lines = [(texts.adjuvant_only, BAND_INK)]
    if made_by.simulated:
        lines.append((texts.simulated, CAUTION_PAPER))
    plain = Style(layout.unit, BAND_INK, bold=True)
    padding = round(layout.unit * 0.6)
    strip = _strip(layout, len(lines) * plain.line + 2 * padding, BAND)
    draw = ImageDraw.Draw(strip)
    for row, (line, colour) in enumerate(lines):
        style = fitted(line, Style(layout.unit, colour, bold=True), layout.inner)
        middle = padding + row * plain.line + plain.line // 2
        write(draw, (layout.width / 2, middle), line, style, "mm")
    return strip
