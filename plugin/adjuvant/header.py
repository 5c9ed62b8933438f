"""Asking a DICOM header, without trusting it and without changing it.

Real headers hold values that pydicom cannot convert (letters in a number, an unknown character
set). Such a value counts as absent here. The element itself stays as it came, as raw bytes, so
that results can hand patient and study on unchanged (`results/identity.py`).
"""

from __future__ import annotations

import math
import struct
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.errors import BytesLengthException
from pydicom.filewriter import correct_ambiguous_vr_element
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID

# What pydicom was seen to raise on malformed elements and pixels.
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)

MAXIMUM_VALUE_BYTES = 2**17
# As it is converted anew by each who asks. Those of a planar scan have some kB.
MAXIMUM_SEQUENCE_BYTES = 2**20


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings inside: pydicom's repeat the header's values, which may be a patient's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def value(header: Dataset, keyword: str | int) -> Any:
    """The value of one attribute, or None where it is absent, empty, far too long or no value.

    `keyword` may be the number of a tag instead, as in all functions that call this one.
    """
    element = header.get_item(Tag(keyword), keep_deferred=True)
    if element is None or element.value is None:
        return None
    if isinstance(element, RawDataElement):
        limit = MAXIMUM_SEQUENCE_BYTES if _is_sequence(keyword) else MAXIMUM_VALUE_BYTES
        if len(element.value) > limit:
            return None  # millions of values are none that we ask for
        try:
            with quiet():
                element = convert_raw_data_element(
                    element, encoding=header._character_set, ds=header
                )
                # "US or SS" is what implicit VR leaves open, which is always little endian.
                correct_ambiguous_vr_element(element, header, True)
        except UNREADABLE:
            return None
    found = element.value
    if found is None or found == "" or found == b"":
        return None
    return found


def _is_sequence(keyword: str | int) -> bool:
    tag = Tag(keyword)
    return dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ"


def values(header: Dataset, keyword: str | int) -> list[Any]:
    """All values of a multi-valued attribute: [] where it is absent, [x] where there is one.

    A sequence has items and no values, also where the standard expects a value: as a text it would
    be everything that its items hold.
    """
    found = value(header, keyword)
    if found is None or isinstance(found, Sequence):
        return []
    return list(found) if isinstance(found, MultiValue | list | tuple) else [found]


def whole_number(header: Dataset, keyword: str) -> int | None:
    """One whole number, or None."""
    found = value(header, keyword)
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        number = float(found)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None


def numbers(header: Dataset, keyword: str) -> list[float]:
    """All values as finite numbers; [] where any of them is not one."""
    try:
        found = [float(one) for one in values(header, keyword)]
    except (TypeError, ValueError, OverflowError):
        return []
    return found if all(math.isfinite(one) for one in found) else []


def text(header: Dataset, keyword: str) -> str:
    """The value as one text, several values joined by a backslash as in DICOM; "" if absent."""
    return "\\".join(str(one) for one in values(header, keyword)).strip(" \0")


def uid(header: Dataset, keyword: str) -> UID:
    """The value as a UID, whether it is a valid one or not; empty if absent."""
    with quiet():
        return UID(text(header, keyword))


def items(header: Dataset, keyword: str | int) -> list[Dataset]:
    """The items of a sequence; [] where it is absent or is no sequence."""
    found = value(header, keyword)
    return list(found) if isinstance(found, Sequence) else []


def fold(words: str) -> str:
    """Lower case, without accents, however they were written: `Schilddrüse` -> `schilddruse`."""
    apart = unicodedata.normalize("NFKD", _repaired(words).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _repaired(words: str) -> str:
    """UTF-8 that was read as Latin-1, because the header declares no character set, undone."""
    try:
        return words.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return words
