"""The long sequences of our results as bytes, in explicit VR little endian (PS3.5 7.1.2, 7.5).

pydicom takes 16 ms for the 1,400 elements of a report of two views, and 10 ms for a segmentation,
for it looks at each for what they do not have (VRs that depend on other elements, character sets).
This takes a quarter, for which a physician waits; tests compare the two byte by byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import Tag

LONG_SEQUENCES = tuple(
    Tag(keyword)
    for keyword in ("ContentSequence", "PerFrameFunctionalGroupsSequence", "SegmentSequence")
)
ITEM = struct.Struct("<HHL")
SHORT = struct.Struct("<HH2sH")
LONG = struct.Struct("<HH2sHL")
NUMBERS = {"US": struct.Struct("<H"), "UL": struct.Struct("<L")}
TEXT = "CS DS IS LO LT SH ST UI UT".split()  # noqa: SIM905
KNOWN = frozenset({"SQ", *NUMBERS, *TEXT})


def with_encoded_sequences(result: Dataset) -> Dataset:
    """The same result, whose long sequences are bytes already; `result` stays as it is."""
    found = [tag for tag in LONG_SEQUENCES if tag in result]
    if not found:
        return result
    copy = Dataset(dict(result.items()))
    copy.file_meta = result.file_meta
    for tag in found:
        data = encoded_items(result[tag].value)
        copy[tag] = RawDataElement(tag, "SQ", len(data), data, 0, False, True)
    # Only then does pydicom write raw bytes as they are.
    copy.set_original_encoding(False, True, copy._character_set)
    return copy


def encoded_items(items: Iterable[Dataset]) -> bytes:
    """The value of a sequence: items with their lengths; all text in ASCII."""
    found = []
    for item in items:
        body = b"".join(_encoded(element) for _, element in sorted(item.items()))
        found.append(ITEM.pack(0xFFFE, 0xE000, len(body)) + body)
    return b"".join(found)


def _encoded(element: DataElement | RawDataElement) -> bytes:
    tag, vr = element.tag, str(element.VR)
    if vr not in KNOWN:
        raise ValueError(f"{tag}: no result of ours holds VR {vr} in a sequence")
    data = (element.value or b"") if isinstance(element, RawDataElement) else _value(element)
    if vr in ("SQ", "UT"):
        return LONG.pack(tag.group, tag.element, vr.encode(), 0, len(data)) + data
    return SHORT.pack(tag.group, tag.element, vr.encode(), len(data)) + data


def _value(element: DataElement) -> bytes:
    value, vr = element.value, element.VR
    if vr == "SQ":
        return encoded_items(value)
    if element.is_empty:
        return b""
    values = value if isinstance(value, MultiValue) else [value]
    if vr in NUMBERS:
        return b"".join(NUMBERS[vr].pack(one) for one in values)
    text = "\\".join(str(one) for one in values).encode("ascii")
    return text + (b"\0" if vr == "UI" else b" ") * (len(text) % 2)
