"""A DICOM object without its patient: PS3.15 Annex E, Basic Profile, with modified dates.

Which attribute gets which action is Table E.1-1 of edition 2026c, as the package
`dicom-anonymizer` carries it. Its engine is not used: it leaves sequences inside sequences alone
and invents random UIDs. (`dicognito` has a keyed engine, but follows no profile and keeps what it
does not know.) On top of the table, an attribute of text that it does not name is kept only if it
is in KEPT_TEXT, and loses its value even then where that repeats a name or number of the patient.
Private attributes go; pixels are stored anew without compression, whose headers can hold text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from io import BytesIO
from typing import Any

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as profile
from pydicom import DataElement, Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, UID_dictionary  # type: ignore[attr-defined]

from adjuvant.header import UNREADABLE, fold, quiet, text, value
from adjuvant.results.correction import KNOWN_TOOLS
from training.pseudonyms import Pseudonyms, Shift
from training.rois.labels import Names

METHOD = "Adjuvant: PS3.15 Basic Profile, keyed, dates shifted"
METHOD_CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
# Attributes of text that Table E.1-1 does not name and that training needs.
KEPT_TEXT = frozenset(
    {
        "CodeMeaning",
        "CodeValue",
        "CodingSchemeDesignator",
        "CodingSchemeVersion",
        "CollimatorGridName",
        "EnergyWindowName",
        "Manufacturer",
        "ManufacturerModelName",
        "Radiopharmaceutical",
    }
)
TEXT = frozenset({"AE", "AS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
DATES = frozenset({"DA", "DT", "TM"})
# Dates that say who somebody is, not when something happened.
PERSONAL_DATES = frozenset({"PatientBirthDate", "PatientBirthTime", "LastMenstrualDate"})
# X/Z/U* (references to images) are kept with other UIDs: a segmentation is nothing without them.
EMPTIED = ("Z_TAGS", "Z_D_TAGS", "X_Z_TAGS", "X_Z_D_TAGS")
REMOVED = ("X_TAGS", "X_D_TAGS")
REPLACED = ("D_TAGS",)
DUMMY = "REMOVED"
# What a person called an outline: replaced by what it means.
LABELS = frozenset({"ROIName", "SegmentLabel"})
NAMING = ("PatientName", "PatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName")
NAMING_STUDY: tuple[str, ...] = (
    "AccessionNumber",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
)
NAMING_STUDY += ("NameOfPhysiciansReadingStudy", "OperatorsName", "InstitutionName")


def identity_of(header: Dataset) -> str:
    """What makes two objects one patient's: the PatientID, whoever issued it.

    Where it is empty, name and date of birth; where these are, the study. The issuer is not asked:
    to take two patients for one costs nothing, to take one for two would let training see the test.
    """
    number = text(header, "PatientID")
    if number:
        return f"id {number.casefold()}"
    name = f"{fold(text(header, 'PatientName'))} {text(header, 'PatientBirthDate')}".strip()
    return f"name {name}" if name else f"study {text(header, 'StudyInstanceUID')}"


def deidentify(source: Dataset, pseudonyms: Pseudonyms, labels: Names) -> Dataset:
    """A new data set without anything that says whose it is; `source` is left as it was.

    Names of outlines become "gland", "lobe", "nodule", "hot nodule" or "other", as `labels`
    understands them.

    What is not understood is not kept. Raises nothing for a damaged attribute: that one is lost.
    """
    patient = identity_of(source)
    known = _Known(pseudonyms, pseudonyms.shift(patient), frozenset(_names(source)), labels)
    result = _without_patient(source, known)
    result.SpecificCharacterSet = "ISO_IR 192"
    result.PatientName = pseudonyms.name(patient)
    result.PatientID = pseudonyms.patient(patient)
    result.PatientBirthDate = result.PatientSex = ""
    number = text(source, "AccessionNumber")
    result.AccessionNumber = pseudonyms.accession(number) if number else ""
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = METHOD
    result.DeidentificationMethodCodeSequence = [_code(*code) for code in METHOD_CODES]
    result.LongitudinalTemporalInformationModified = "MODIFIED"
    return result


def to_file(dataset: Dataset, transfer_syntax: str) -> bytes:
    """A DICOM file with a preamble and meta information of our own making."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax)
    dataset.file_meta = meta
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


class _Known:
    """What the walk through a data set needs of its patient."""

    def __init__(
        self, pseudonyms: Pseudonyms, shift: Shift, names: frozenset[str], labels: Names
    ) -> None:
        self.pseudonyms, self.shift, self.names, self.labels = pseudonyms, shift, names, labels

    def repeats_a_name(self, written: Any) -> bool:
        words = _words(str(written))
        spoken = f" {' '.join(words)} "
        return any(f" {name} " in spoken for name in self.names)


def _without_patient(source: Dataset, known: _Known) -> Dataset:
    result = Dataset()
    for tag in source.keys():  # noqa: SIM118 - iterating decodes, and stops at what it cannot
        element = _readable(source, tag)
        if element is None or tag.is_private or tag.group in (0x0002, 0xFFFC, 0xFFFA):
            continue
        kept = _kept(element, known)
        if kept is not None:
            # A number that is none is only found when it is written.
            with quiet(), suppress(*UNREADABLE):
                result.add(DataElement(tag, element.VR, kept))
    return result


def _readable(source: Dataset, tag: BaseTag) -> DataElement | None:
    if value(source, tag) is None:
        return None if tag.is_private else _empty(source, tag)
    with quiet():
        return source[tag]


def _empty(source: Dataset, tag: BaseTag) -> DataElement | None:
    """An attribute that is there without a value stays there: type 2 means present."""
    raw = source.get_item(tag, keep_deferred=True)
    vr = getattr(raw, "VR", None)
    if raw is None or vr is None or raw.value not in (None, b"", ""):
        return None
    return DataElement(tag, vr, [] if vr == "SQ" else None)


def _kept(element: DataElement, known: _Known) -> Any:
    """What stands in the result; None where the attribute goes."""
    keyword, vr = element.keyword, element.VR
    if vr == "UI":
        return _uids(element.value, known.pseudonyms)
    if vr in DATES:
        return _moved(element, known.shift)
    if keyword in LABELS:
        return known.labels.word_for(str(element.value or ""))
    if keyword == "SegmentAlgorithmName":
        return element.value if element.value in KNOWN_TOOLS else DUMMY
    action = _action(element.tag)
    if action is not None:
        return _acted(action, vr)
    if vr == "SQ":
        return Sequence([_without_patient(item, known) for item in element.value or []])
    if vr in BINARY:
        return element.value if keyword == "PixelData" else None
    if vr in TEXT and keyword not in KEPT_TEXT:
        return None
    if vr in TEXT or vr == "CS":
        return "" if known.repeats_a_name(element.value) else element.value
    return element.value


def _acted(action: str, vr: str) -> Any:
    """Removed, emptied, or replaced by a text that says nothing; what is no text is removed."""
    if action == "empty" and vr not in {"SQ", *BINARY}:
        return ""
    return DUMMY if action == "replace" and vr in TEXT | {"CS"} else None


def _uids(written: Any, pseudonyms: Pseudonyms) -> Any:
    """UIDs of the standard stay; every other one is replaced."""
    if not written:
        return ""
    several = [written] if isinstance(written, str) else list(written)
    found = [one if str(one) in UID_dictionary else pseudonyms.uid(str(one)) for one in several]
    return found[0] if len(found) == 1 else found


def _moved(element: DataElement, shift: Shift) -> Any:
    if element.keyword in PERSONAL_DATES or not element.value:
        return ""
    move = {"DA": shift.day, "TM": shift.time, "DT": shift.moment}[element.VR]
    several = [element.value] if isinstance(element.value, str) else element.value
    moved = [move(str(one)) for one in several]
    return moved[0] if len(moved) == 1 else moved


@cache
def _actions() -> tuple[dict[int, str], list[tuple[int, int, int, int, str]]]:
    """Actions by tag, and by group and element under a mask for repeating groups."""
    single: dict[int, str] = {}
    repeating = []
    for names, action in ((EMPTIED, "empty"), (REMOVED, "remove"), (REPLACED, "replace")):
        for name in names:
            for tag in getattr(profile, name):
                if len(tag) == 2:
                    single[Tag(tag)] = action
                else:
                    repeating.append((*tag, action))
    return single, repeating


def _action(tag: BaseTag) -> str | None:
    single, repeating = _actions()
    if tag in single:
        return single[tag]
    for group, element, group_mask, element_mask, action in repeating:
        same_group = tag.group & group_mask == group & group_mask
        if same_group and tag.element & element_mask == element & element_mask:
            return action
    return None


def _names(header: Dataset) -> Iterator[str]:
    """Words and numbers that say who the patient, the physicians and the hospital are."""
    for keyword in (*NAMING, *NAMING_STUDY):
        for one in text(header, keyword).split("\\"):
            words = _words(one)
            # Of a number such as 12-34-56 no part says anything, and all of them together do.
            yield from (said for said in (*words, " ".join(words)) if len(said) >= 3)


def _words(written: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", fold(written)) if word]


def _code(code: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
    return item
