"""Whose result it is: every patient and study attribute of the source, unchanged.

Orthanc files an instance by PatientID and StudyInstanceUID, a PACS also by issuer, accession number
and dates. Values are kept as they are, wrong ones too: a "repaired" patient is another patient.
Text is kept as its bytes: what a camera writes in another character set than it declares would not
survive being decoded.
"""

from __future__ import annotations

import hashlib
import re
from copy import deepcopy
from functools import lru_cache

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag, Tag

from adjuvant.errors import Refusal
from adjuvant.header import values

# PS3.3 C.7.1.1, Patient.
PATIENT = """
ReferencedPatientSequence PatientName PatientID IssuerOfPatientID TypeOfPatientID
IssuerOfPatientIDQualifiersSequence SourcePatientGroupIdentificationSequence
GroupOfPatientsIdentificationSequence PatientBirthDate PatientBirthTime
PatientBirthDateInAlternativeCalendar PatientDeathDateInAlternativeCalendar
PatientAlternativeCalendar PatientSex QualityControlSubject OtherPatientIDs OtherPatientNames
OtherPatientIDsSequence EthnicGroup EthnicGroupCodeSequence PatientSpeciesDescription
PatientSpeciesCodeSequence PatientBreedDescription PatientBreedCodeSequence
BreedRegistrationSequence ResponsiblePerson ResponsiblePersonRole ResponsibleOrganization
PatientComments PatientIdentityRemoved DeidentificationMethod DeidentificationMethodCodeSequence
""".split()  # noqa: SIM905 - forty words read better as text

# PS3.3 C.7.2.1 and C.7.2.2, General Study and Patient Study.
STUDY = """
StudyInstanceUID StudyDate StudyTime ReferringPhysicianName
ReferringPhysicianIdentificationSequence ConsultingPhysicianName
ConsultingPhysicianIdentificationSequence StudyID AccessionNumber IssuerOfAccessionNumberSequence
StudyDescription PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence
NameOfPhysiciansReadingStudy PhysiciansReadingStudyIdentificationSequence RequestingService
RequestingServiceCodeSequence ReferencedStudySequence ProcedureCodeSequence
ReasonForPerformedProcedureCodeSequence AdmittingDiagnosesDescription
AdmittingDiagnosesCodeSequence PatientAge PatientSize PatientSizeCodeSequence
PatientBodyMassIndex MeasuredAPDimension MeasuredLateralDimension PatientWeight MedicalAlerts
Allergies Occupation SmokingStatus AdditionalPatientHistory PregnancyStatus LastMenstrualDate
PatientSexNeutered ReasonForVisit ReasonForVisitCodeSequence AdmissionID IssuerOfAdmissionID
IssuerOfAdmissionIDSequence ServiceEpisodeID ServiceEpisodeDescription
IssuerOfServiceEpisodeIDSequence PatientState
""".split()  # noqa: SIM905 - forty words read better as text

# PS3.3 C.7.1.3 and C.7.2.3, Clinical Trial Subject and Clinical Trial Study.
TRIAL = """
ClinicalTrialSponsorName ClinicalTrialProtocolID ClinicalTrialProtocolName
IssuerOfClinicalTrialProtocolID OtherClinicalTrialProtocolIDsSequence ClinicalTrialSiteID
ClinicalTrialSiteName IssuerOfClinicalTrialSiteID ClinicalTrialSubjectID
IssuerOfClinicalTrialSubjectID ClinicalTrialSubjectReadingID
IssuerOfClinicalTrialSubjectReadingID ClinicalTrialProtocolEthicsCommitteeName
ClinicalTrialProtocolEthicsCommitteeApprovalNumber ClinicalTrialTimePointID
ClinicalTrialTimePointDescription LongitudinalTemporalOffsetFromEvent
LongitudinalTemporalEventType ClinicalTrialTimePointTypeCodeSequence
IssuerOfClinicalTrialTimePointID ConsentForClinicalTrialUseSequence
""".split()  # noqa: SIM905 - forty words read better as text

# Text means nothing without its character set, and times nothing without their zone (C.12.1).
ENCODING = ["SpecificCharacterSet", "TimezoneOffsetFromUTC"]

KEPT = (*PATIENT, *STUDY, *TRIAL, *ENCODING)

# Type 2: present in every result, empty where the source has none.
REQUIRED_MAYBE_EMPTY = """
PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName
StudyID AccessionNumber
""".split()  # noqa: SIM905 - forty words read better as text

TEXT = frozenset("AS CS DA DS IS LO LT PN SH ST TM UC UI UR UT".split())  # noqa: SIM905

REQUIRED_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
UID = re.compile(r"[0-9.]{1,64}")

# What Orthanc files an instance by, from the patient down (Orthanc Book, "Orthanc identifiers").
FILED_BY = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def require_uids(source: Dataset) -> None:
    """Raise Refusal where the source lacks a UID, without which a result can point to nothing, or
    has something else there, which no result may repeat (PS3.5 section 9.1)."""
    for keyword in REQUIRED_UIDS:
        value = source.get(keyword)
        if not value:
            raise Refusal("missing-uid", f"the header has no {keyword}")
        if not UID.fullmatch(str(value)):
            raise Refusal("bad-uid", f"the header's {keyword} is not one UID")


@lru_cache(maxsize=1)
def _tags() -> dict[str, BaseTag]:
    """Looked up once: by keyword, a tag takes as long as all the rest."""
    return {keyword: Tag(keyword) for keyword in KEPT}


def copy_identity(source: Dataset, result: Dataset) -> None:
    """Give `result` the patient, study and character set of `source`, and no other ones.

    The result is to be written in explicit VR little endian."""
    for keyword, tag in _tags().items():
        result.pop(tag, None)
        if (raw := _as_bytes(source, tag)) is not None:
            result[tag] = raw
        elif (element := readable(source, tag)) is not None:
            result[tag] = deepcopy(element)
        elif keyword in REQUIRED_MAYBE_EMPTY:
            result[tag] = DataElement(tag, dictionary_VR(tag), None)
    # Only then does pydicom write bytes as they are.
    result.set_original_encoding(False, True, result._character_set)


def _as_bytes(dataset: Dataset, tag: BaseTag) -> RawDataElement | None:
    """Text as the bytes that were read, in explicit VR; None where it is no text, has another VR
    than the dictionary's, or somebody asked for it already."""
    element = dataset.get_item(tag)
    vr = dictionary_VR(tag)
    if not isinstance(element, RawDataElement) or vr not in TEXT or element.VR not in (None, vr):
        return None
    data = (element.value or b"").rstrip(b" \0")
    data += (b"\0" if vr == "UI" else b" ") * (len(data) % 2)
    return RawDataElement(tag, vr, len(data), data, 0, False, True)


def readable(source: Dataset, tag: BaseTag) -> DataElement | None:
    """The element, or None where it is absent or cannot be decoded as its VR."""
    try:
        return source.get(tag)
    except (ValueError, TypeError, ArithmeticError):
        return None


def orthanc_identifier(dataset: Dataset) -> str:
    """Orthanc's identifier of an instance, from its header.

    So an instance is found at once. To look up its UID takes SQLite, Orthanc's own index, ever
    longer: it reads the UIDs of all instances there are. It is another one than Orthanc's where
    the patient's identifier cannot be decoded; the header stays as it is.
    """
    parts = ("\\".join(map(str, values(dataset, keyword))).strip() for keyword in FILED_BY)
    digest = hashlib.sha1("|".join(parts).encode(errors="replace"), usedforsecurity=False)
    name = digest.hexdigest()
    return "-".join(name[first : first + 8] for first in range(0, len(name), 8))


def differing_identity(source: Dataset, result: Dataset) -> list[str]:
    """Keywords whose values differ; an empty value and an absent one say the same."""
    return [
        keyword
        for keyword, tag in _tags().items()
        if (tag in source or tag in result) and _differ(source, result, tag)
    ]


def _differ(source: Dataset, result: Dataset, tag: BaseTag) -> bool:
    """By their bytes, where both are as they were read, else by their values."""
    ours, theirs = _as_bytes(source, tag), _as_bytes(result, tag)
    if ours is not None and theirs is not None:
        return ours.value != theirs.value
    return _value(source, tag) != _value(result, tag)


def _value(dataset: Dataset, tag: BaseTag) -> object:
    element = readable(dataset, tag)
    return None if element is None or element.is_empty else element.value
