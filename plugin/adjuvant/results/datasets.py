"""Datasets of our own making, in a fraction of the time that pydicom and highdicom take for them.

A result has hundreds of them, and a physician waits: setting an attribute looks its keyword up,
checks the value and copies it. Text is kept as the bytes that will be written, which pydicom
decodes only where somebody asks.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian

# Characters, by VR (PS3.5 section 6.2).
LONGEST = {"CS": 16, "DS": 16, "IS": 12, "LO": 64, "SH": 16, "UI": 64}


def plain(text: str) -> str:
    """Text in ASCII, which every character set of a source can hold: `cm²` becomes `cm2`."""
    folded = unicodedata.normalize("NFKD", text.replace("\u2013", "-").replace("\u2019", "'"))
    return folded.encode("ascii", "ignore").decode()


def dataset(**values: Any) -> Dataset:
    """A dataset of these keywords, in a fraction of the time that setting attributes takes.

    Text must be ASCII (`plain`), and no longer than its VR allows: raises ValueError.
    """
    elements: dict[BaseTag, DataElement | RawDataElement] = {}
    for keyword, value in values.items():
        tag, vr = _entry(keyword)
        text = isinstance(value, str)
        elements[tag] = _text(tag, vr, value) if text else DataElement(tag, vr, value)
    return Dataset(elements)


@cache  # the keywords that results have
def _entry(keyword: str) -> tuple[BaseTag, str]:
    tag = Tag(keyword)
    return tag, dictionary_VR(tag)


@lru_cache(maxsize=1024)  # codes and UIDs come again and again
def _text(tag: BaseTag, vr: str, value: str) -> RawDataElement:
    """An element of ASCII text, padded to an even length (PS3.5 section 6.2)."""
    if len(value) > LONGEST.get(vr, len(value)):
        raise ValueError(f"{tag}: {len(value)} characters, but VR {vr} holds {LONGEST[vr]}")
    data = value.encode("ascii")
    data += (b"\0" if vr == "UI" else b" ") * (len(data) % 2)
    return RawDataElement(tag, vr, len(data), data, 0, False, True)


def coded(code: Code) -> Dataset:
    """One item of a code sequence; not to be changed: wherever a code stands, it is this item."""
    return _coded(code.value, code.scheme_designator, code.meaning)


@lru_cache(maxsize=1024)  # every second dataset of a report is one of a hundred codes
def _coded(value: str, scheme: str, meaning: str) -> Dataset:
    return dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def file_meta_of(result: Dataset) -> FileMetaDataset:
    """What stands before a result in its file (PS3.10 section 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = result.SOPClassUID
    meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def padded(pixels: bytes) -> bytes:
    """Bytes of an even length (PS3.5 section 8.1.1)."""
    return pixels + b"\0" * (len(pixels) % 2)
