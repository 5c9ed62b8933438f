"""What made a result: equipment, device and algorithm, by IHE AI Results (AIR).

One digest is one Device UID: a new version of a model is a new device, and so is another chain of
models. Results are told from
other people's objects by this equipment, never by their description.

Content Date and Time are the source's own: they say which moment of the patient the result shows,
keep a result beside its scan in lists sorted by time, and make two runs equal byte for byte. The
moment of the analysis is in the ledger and in the archive's reception time.
"""

from __future__ import annotations

import re
from datetime import datetime

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.uid import UID
from pydicom.valuerep import DA, TM

from adjuvant import __version__
from adjuvant.chain import Algorithm
from adjuvant.header import items, text, values, whole_number
from adjuvant.results.datasets import LONGEST, dataset
from adjuvant.results.uids import IMPLEMENTATION, KINDS, Kind, device_uid, named_uid, result_uid

__all__ = ["MANUFACTURER", "MODEL_NAME", "device_uid", "is_own", "result_uid"]

MANUFACTURER = "Adjuvant open-source project"
MODEL_NAME = "Adjuvant"

# PS3.16 CID 7005, "Contributing Equipment Purposes of Reference".
PROCESSING_EQUIPMENT = ("109102", "DCM", "Processing Equipment")
ACQUISITION_EQUIPMENT = ("109101", "DCM", "Acquisition Equipment")

SIMULATED_TRAINING = "Trained on simulated scans - not for clinical use"
ADJUVANT_ONLY = "AI adjuvant - not a substitute for interpretation"

EQUIPMENT = (
    "Manufacturer",
    "InstitutionName",
    "StationName",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
)
# A time as DICOM writes it; minutes, seconds and their fraction may be left out.
TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?")


def is_own(header: Dataset) -> bool:
    """True where `header` is a result of this software, whatever its version.

    Looks at the general equipment and at the Processing Equipment among the contributors; what
    cannot be read there is not of ours.
    """
    if text(header, "Manufacturer") == MANUFACTURER:
        return True
    return any(
        text(item, "Manufacturer") == MANUFACTURER and _purpose(item) == PROCESSING_EQUIPMENT[:2]
        for item in items(header, "ContributingEquipmentSequence")
    )


def _purpose(item: Dataset) -> tuple[str, str] | None:
    for code in items(item, "PurposeOfReferenceCodeSequence"):
        return (text(code, "CodeValue"), text(code, "CodingSchemeDesignator"))
    return None


def describe_equipment(result: Dataset, source: Dataset, made_by: Algorithm) -> None:
    """Write who made `result`: general equipment (PS3.3 C.7.5.1, C.7.5.2) and contributors."""
    result.Manufacturer = MANUFACTURER
    result.ManufacturerModelName = MODEL_NAME
    result.SoftwareVersions = software_versions(made_by)
    result.DeviceSerialNumber = made_by.digest
    # What highdicom writes here would change with each of its releases, and the bytes with it.
    result.ContributingEquipmentSequence = [*_acquisition(source), processing_equipment(made_by)]
    result.file_meta.ImplementationClassUID = UID(named_uid(IMPLEMENTATION))
    result.file_meta.ImplementationVersionName = f"ADJUVANT_{__version__}"[:16]


def software_versions(made_by: Algorithm) -> list[str]:
    """This software, and the models that it ran."""
    return [f"adjuvant {__version__}", *(one.title for one in made_by.models)]


def processing_equipment(made_by: Algorithm) -> Dataset:
    """The item of ContributingEquipmentSequence that IHE AIR asks for."""
    digest = made_by.digest
    return dataset(
        PurposeOfReferenceCodeSequence=[code_item(*PROCESSING_EQUIPMENT)],
        Manufacturer=MANUFACTURER,
        ManufacturerModelName=MODEL_NAME,
        SoftwareVersions=software_versions(made_by),
        DeviceSerialNumber=digest,
        DeviceUID=device_uid(digest),
        ContributionDescription=f"{ADJUVANT_ONLY}. {warning(made_by)}".strip(),
    )


def _acquisition(source: Dataset) -> list[Dataset]:
    """The camera that made the scan, where its header names a manufacturer.

    Values that are longer than their VR allows are cut: these are ours to keep valid, while those
    of the patient are not (`identity.py`).
    """
    if not text(source, "Manufacturer"):
        return []
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [code_item(*ACQUISITION_EQUIPMENT)]
    for keyword in EQUIPMENT:
        longest = LONGEST[dictionary_VR(keyword)]
        # Whatever its VR there.
        if found := [str(one).strip(" \0")[:longest] for one in values(source, keyword)]:
            setattr(item, keyword, found if len(found) > 1 else found[0])
    return [item]


def warning(made_by: Algorithm) -> str:
    """What a reader must know of the weights before believing them; empty for clinical ones.

    At most 64 characters of ASCII: it fits LO and every character set.
    """
    return SIMULATED_TRAINING if made_by.simulated else ""


def series_description(text: str, made_by: Algorithm) -> str:
    """`AI <text>`, with the warning on simulated training where it holds; at most 64 characters."""
    caution = " - simulated training, not for clinical use" if made_by.simulated else ""
    return f"AI {text}"[: 64 - len(caution)] + caution


def series_number(source: Dataset, kind: Kind) -> int:
    """191, 192, 193 for the SEG, SC and SR of series 1: behind the scan, and beside one another."""
    own = whole_number(source, "SeriesNumber") or 0
    base = own if 0 <= own < 1_000_000 else 0
    return 100 * base + 91 + KINDS.index(kind)


def set_moment(result: Dataset, source: Dataset) -> None:
    """Content Date and Time from the source (see above); now, where it has no date at all."""
    result.pop("InstanceCreationDate", None)
    result.pop("InstanceCreationTime", None)
    for name in ("Content", "Acquisition", "Series", "Study"):
        date, time = text(source, f"{name}Date"), text(source, f"{name}Time")
        if _is_date(date):
            result.ContentDate = date
            result.ContentTime = time if TIME.fullmatch(time) else "000000"
            return
    now = datetime.now().replace(microsecond=0)
    result.ContentDate, result.ContentTime = DA(now.date()), TM(now.time())


def _is_date(date: str) -> bool:
    """Whether there is such a day, written as DICOM writes it."""
    if not re.fullmatch(r"[0-9]{8}", date):
        return False
    try:
        datetime.strptime(date, "%Y%m%d")
    except ValueError:
        return False
    return True


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence (PS3.3 section 8.8)."""
    return dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)
