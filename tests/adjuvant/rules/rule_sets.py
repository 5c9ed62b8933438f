"""Headers and rule sets for tests: by hand, and as strategies of hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import NuclearMedicineImageStorage

from adjuvant.rules.ruleset import RuleSet
from adjuvant.rules.syntax import Known, read_rules
from tests.builder import code_item

KNOWN = Known(("thyroid",), ("a", "pacs"))
KEYWORDS = (
    "StudyDescription",
    "ImageType",
    "NumberOfFrames",
    "PatientAge",
    "DeviceSerialNumber",
    "PixelSpacing",
    "FrameIncrementPointer",
    "PatientName",
    "TransferSyntaxUID",
    "(0033,1010)",
    "(0008,1030)",
    "ProcedureCodeSequence.CodeMeaning",
    "RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeValue",
    "(0033,1020).(0033,1021)",
)


def header(**tags: object) -> Dataset:
    """A planar NM image in whose header no organ is named, and then `tags`."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.Modality = NuclearMedicineImageStorage, "NM"
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def rule(when: object, name: str = "test", **keys: object) -> dict[str, Any]:
    """One rule as it is written."""
    return {"Name": name, "When": when, "Interpretation": "thyroid", **keys}


def rules(*written: dict[str, Any]) -> RuleSet:
    """A set of such."""
    return read_rules(list(written), KNOWN)


def applies(when: object, to: Dataset) -> bool:
    """Whether an image is read by a rule with this condition."""
    return rules(rule(when)).decide(to, "thyroid").rule is not None


TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", " ", "\ud800", "\0", "045Y", "1e400", "nan", "٣", "THYROID", "a\\b"]),
)
NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False))
CHOICES = st.one_of(TEXTS.filter(lambda text: text.strip(" \0")), NUMBERS)
PATTERNS = st.sampled_from(["a", "(?i)thyro", r"^\d+$", "(a+)+$", ".*", "é|ü", r"\pL{2}", "[^x]"])
TESTS = st.builds(
    lambda tag, test: {"Tag": tag, **test},
    st.sampled_from(KEYWORDS),
    st.one_of(
        st.builds(lambda value: {"Equals": value}, CHOICES),
        st.builds(lambda values: {"OneOf": values}, st.lists(CHOICES, min_size=1, max_size=4)),
        st.builds(lambda pattern: {"Matches": pattern}, PATTERNS),
        st.builds(lambda low, high: {"Range": sorted((low, high))}, NUMBERS, NUMBERS),
        st.builds(lambda low: {"Range": [low, None]}, NUMBERS),
        st.builds(lambda there: {"Exists": there}, st.booleans()),
    ),
)
CONDITIONS = st.recursive(
    TESTS | st.builds(lambda wanted: {"Thyroid": wanted}, st.booleans()),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"All": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"Any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"Not": part}, inner),
    ),
    max_leaves=5,
)
RULE_SETS = st.lists(CONDITIONS, min_size=1, max_size=3).map(
    lambda found: [rule(when, f"rule {number}") for number, when in enumerate(found)]
)
# Elements as they come from a file, with any bytes under any value representation.
TAGS = (
    *(0x00080008, 0x00081030, 0x00081032, 0x00101010, 0x00181000, 0x00280008, 0x00280030),
    *(0x00280009, 0x00400275, 0x00100010, 0x00331010, 0x00331020, 0x00081040, 0x00020010),
)
REPRESENTATIONS = (
    "LO",
    "CS",
    "DS",
    "IS",
    "AS",
    "PN",
    "SQ",
    "UN",
    "OB",
    "UI",
    "AT",
    "US",
    "FD",
    "DA",
)
RAW = st.builds(
    lambda tag, vr, value: RawDataElement(Tag(tag), vr, len(value), value, 0, False, True),
    st.sampled_from(TAGS),
    st.sampled_from(REPRESENTATIONS),
    st.binary(max_size=40),
)


def _hostile(elements: list[RawDataElement], meaning: str) -> Dataset:
    ds = header()
    item = code_item("x", "99X", "")
    item._dict[Tag("CodeMeaning")] = RawDataElement(
        Tag("CodeMeaning"), "LO", len(meaning), meaning.encode("utf-8", "replace"), 0, False, True
    )
    ds.ProcedureCodeSequence = [item, Dataset()]
    for element in elements:
        ds._dict[element.tag] = element
    return ds


HEADERS = st.builds(_hostile, st.lists(RAW, max_size=8), TEXTS)
