"""The colours of structures, of counts and of paper.

A structure has one colour in the SEG and on the inverse grey picture, chosen to stand out on black
and on white and to be told apart by the colour-blind: bluish green and vermillion (Okabe and Ito,
2008). On a colour map, which holds those colours itself, lines are brighter, with a dark casing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut

from adjuvant.findings import Code, Segment
from adjuvant.results.presentation import ColourMap
from adjuvant.structures import NODULES

RGB = tuple[int, int, int]

GLAND = "69748006"

# By SNOMED CT code of the segment's type.
STRUCTURES: dict[str, RGB] = {
    GLAND: (0, 158, 115),
    "29565003": (0, 114, 178),  # right lobe
    "79163004": (204, 121, 167),  # left lobe
    **dict.fromkeys(NODULES, (213, 94, 0)),
}
OTHER: RGB = (86, 180, 233)

PAPER: RGB = (255, 255, 255)
INK: RGB = (33, 37, 41)
FAINT_INK: RGB = (94, 101, 109)
RULE: RGB = (206, 212, 218)
CAUTION_PAPER: RGB = (255, 243, 205)
CAUTION_INK: RGB = (122, 59, 0)
BAND: RGB = (33, 37, 41)
BAND_INK: RGB = (255, 255, 255)


@dataclass(frozen=True)
class Palette:
    """A colour map, and what is drawn on it.

    `uid` is that of the well-known colour palette (PS3.6 annex B), None for inverse grey. `lines`
    are the colours of structures by code, `other` of the rest; `casing` borders every line, where
    there is one. `mark` is the colour of letters and of the scale, `halo` that around letters.
    """

    uid: str | None
    lines: dict[str, RGB]
    other: RGB
    casing: RGB | None
    mark: RGB
    halo: RGB

    def line(self, segment: Segment) -> RGB:
        """The colour of a segment's outline."""
        return self.lines.get(segment.type.value, self.other)


# Neither palette holds this green, nor a pink as light beside its reds.
BRIGHT: dict[str, RGB] = {GLAND: (64, 255, 180), **dict.fromkeys(NODULES, (255, 170, 255))}
NIGHT: RGB = (0, 0, 0)

PALETTES: dict[ColourMap, Palette] = {
    "inverse grey": Palette(None, STRUCTURES, OTHER, None, INK, PAPER),
    "hot iron": Palette("1.2.840.10008.1.5.1", BRIGHT, OTHER, NIGHT, PAPER, NIGHT),
    "hot metal blue": Palette("1.2.840.10008.1.5.3", BRIGHT, OTHER, NIGHT, PAPER, NIGHT),
}


@lru_cache(maxsize=len(PALETTES))
def lookup_table(colour_map: ColourMap) -> NDArray[np.uint8]:
    """RGB (256, 3), uint8, from no counts to the top of the window."""
    levels = np.arange(256, dtype=np.uint8)
    uid = PALETTES[colour_map].uid
    if uid is None:
        table = (255 - levels)[:, None].repeat(3, axis=1)
    else:
        table = apply_color_lut(levels, palette=uid).astype(np.uint8)
    table.setflags(write=False)
    return table


def structure_colour(code: Code) -> RGB:
    """The colour of a structure by its type; one neutral blue for what is not listed."""
    return STRUCTURES.get(code.value, OTHER)


def segment_colour(segment: Segment) -> RGB:
    """The colour of a segment."""
    return structure_colour(segment.type)
