"""Where in a header a condition looks: a keyword or tag, in the items of sequences if need be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

from adjuvant.header import UNREADABLE, items, quiet, values

TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)", re.ASCII)
KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII)
FILE_META = 0x0002
PIXELS = 0x7FE0
DEEPEST = 8

# What one condition looks at, at most: so that no header makes a decision slow. LT, the longest
# text but UT, has 10,240 characters (PS3.5 section 6.2).
MOST_ITEMS = 1000
MOST_VALUES = 1000
MOST_CHARACTERS = 10_240


@dataclass(frozen=True)
class Attribute:
    """One attribute; `tags` are those of the sequences that hold it, and then its own."""

    name: str
    tags: tuple[int, ...]

    def texts(self, header: Dataset) -> Iterator[str]:
        """Its values, as texts without their padding, in whatever items they are."""
        left = MOST_CHARACTERS
        for value in islice(self._values(header), MOST_VALUES):
            text = _text(value)[:left]
            if text:
                left -= len(text)
                yield text
            if left <= 0:
                return

    def is_there(self, header: Dataset) -> bool:
        """True where it has a value, or an item where it is a sequence."""
        last = self.tags[-1]
        return any(items(holder, last) or values(holder, last) for holder in self._holders(header))

    def _values(self, header: Dataset) -> Iterator[Any]:
        for holder in self._holders(header):
            yield from values(holder, self.tags[-1])

    def _holders(self, header: Dataset) -> list[Dataset]:
        meta = getattr(header, "file_meta", None)
        holders = [header] if self.tags[0] >> 16 != FILE_META else [meta] if meta else []
        for tag in self.tags[:-1]:
            inside = (item for holder in holders for item in items(holder, tag))
            holders = list(islice(inside, MOST_ITEMS))
        return holders


def parse_attribute(written: str) -> Attribute:
    """`StudyDescription`, `(0008,1030)` or `ProcedureCodeSequence.CodeMeaning`.

    Raises ValueError with what is wrong with it.
    """
    pieces = written.split(".")
    if len(pieces) > DEEPEST:
        raise ValueError(f"has to lie in at most {DEEPEST - 1} sequences")
    tags = tuple(_tag(piece) for piece in pieces)
    for piece, tag in zip(pieces[:-1], tags, strict=False):
        if _representation(tag) not in ("SQ", None):
            raise ValueError(f"{piece} is no sequence")
    return Attribute(written, tags)


def is_sequence(attribute: Attribute) -> bool:
    """True where the standard says that it holds items and no value."""
    return _representation(attribute.tags[-1]) == "SQ"


def _tag(piece: str) -> int:
    numbers = TAG.fullmatch(piece)
    if numbers:
        tag = int(numbers[1] + numbers[2], 16)
    else:
        known = tag_for_keyword(piece) if KEYWORD.fullmatch(piece) else None
        if known is None:
            raise ValueError("has to be a keyword of DICOM or a tag as (gggg,eeee)")
        tag = int(known)
    if tag >> 16 >= PIXELS:
        raise ValueError("has to be in the header: pixels are not read")
    return tag


def _representation(tag: int) -> str | None:
    """The value representation by the standard, None for what it does not know."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def _text(value: Any) -> str:
    """Never raises; what cannot be told is empty. Half surrogates become question marks."""
    if isinstance(value, bytes):  # a private tag whose kind nobody knows
        value = value[:MOST_CHARACTERS].decode("latin-1")
    try:
        with quiet():
            text = str(value)
    except UNREADABLE:
        return ""
    return text[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8").strip(" \0")
