"""Could the pixels themselves name the patient? Reported, never decided: a person has to look.

A count image has no letters in it; a screen capture has, and a camera's program may write a name
into a corner. Letters differ from counts: many pixels of exactly one high value, far more than of
the values next to it, in a few small groups that hang together.
"""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from scipy.ndimage import label

from adjuvant.header import text
from adjuvant.preprocess import Image

# A word of three letters in the smallest font that can be read has about this many pixels.
LETTER_PIXELS = 25
LETTERS = 3
PIXELS_A_GROUP = 4
SPIKE = 4


def burnt_in_risk(header: Dataset, frames: list[Image]) -> str | None:
    """Why the pixels may hold a name, in one sentence; None where nothing points to it."""
    said = text(header, "BurnedInAnnotation").upper()
    if said == "YES":
        return "BurnedInAnnotation is YES"
    if text(header, "ConversionType") or "SECONDARY" in text(header, "ImageType").upper():
        return "the image is derived or was captured from a screen"
    if any(_letters(frame) for frame in frames):
        return "many pixels of one value stand in small groups, as letters do"
    return None


def _letters(counts: Image) -> bool:
    """One value far more frequent than those next to it, in several small groups of pixels."""
    values, numbers = np.unique(counts, return_counts=True)
    for place in np.flatnonzero((numbers >= LETTER_PIXELS) & (values > np.median(counts))):
        near = np.concatenate([numbers[max(0, place - 3) : place], numbers[place + 1 : place + 4]])
        if len(near) and numbers[place] < SPIKE * near.max():
            continue
        _, groups = label(counts == values[place], np.ones((3, 3)))
        # Counts of one value are scattered one by one; a letter hangs together.
        if LETTERS <= int(groups) <= numbers[place] / PIXELS_A_GROUP:
            return True
    return False
