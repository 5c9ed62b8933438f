"""One colour for each kind of structure, the same in the SEG and on the picture.

Chosen to stand out on inverse grey (black on white) and to be told apart by the colour-blind:
bluish green and vermillion (Okabe and Ito, 2008).
"""

from __future__ import annotations

from adjuvant.findings import Code, Segment

RGB = tuple[int, int, int]

# By SNOMED CT code of the segment's type.
STRUCTURES: dict[str, RGB] = {
    "69748006": (0, 158, 115),  # thyroid gland
    "29565003": (0, 114, 178),  # right lobe
    "79163004": (204, 121, 167),  # left lobe
    "27925004": (213, 94, 0),  # nodule
    "237495005": (213, 94, 0),  # thyroid nodule
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


def structure_colour(code: Code) -> RGB:
    """The colour of a structure by its type; one neutral blue for what is not listed."""
    return STRUCTURES.get(code.value, OTHER)


def segment_colour(segment: Segment) -> RGB:
    """The colour of a segment."""
    return structure_colour(segment.type)
