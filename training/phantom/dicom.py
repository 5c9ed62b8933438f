"""Simulated cases as DICOM Nuclear Medicine Image Storage objects (PS3.3 A.5)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian, NuclearMedicineImageStorage

from training.phantom.case import Case

ISOTOPE = {
    "Tc-99m": Code("72454006", "SCT", "^99m^Technetium"),
    "I-123": Code("21572004", "SCT", "^123^Iodine"),
    "I-131": Code("1368003", "SCT", "^131^Iodine"),
}
TRACER = {
    "Tc-99m": Code("19495007", "SCT", "Technetium Tc^99m^ pertechnetate"),
    "I-123": Code("67690002", "SCT", "Sodium iodide I^123^"),
    "I-131": Code("111160004", "SCT", "Sodium iodide I^131^"),
}
WINDOW_KEV = {"Tc-99m": (126.0, 154.0), "I-123": (143.0, 175.0), "I-131": (327.0, 400.0)}
DOSE_MBQ = {"Tc-99m": 75.0, "I-123": 10.0, "I-131": 4.0}
VIEW = {
    "anterior": Code("399321004", "SCT", "Anterior projection"),
    "LAO": Code("399074003", "SCT", "Left anterior oblique projection"),
    "RAO": Code("399108003", "SCT", "Right anterior oblique projection"),
}
VIEW_ANGLE = {"anterior": 0.0, "LAO": 42.0, "RAO": 318.0}
THYROID = Code("69748006", "SCT", "Thyroid")
# By it a simulated scan is known again, whatever became of its names and numbers.
MANUFACTURER = "Adjuvant phantom"
FIRST_DAY = datetime(2026, 1, 5, 8, 0, 0)
IMPLEMENTATION_UID = UID("2.25.83114270520771206386241437411906452241")


def to_dicom(case: Case, *, patient_name: str | None = None) -> FileDataset:
    """One case as a single-frame NM object, ready to send: the same case gives the same UIDs."""
    return to_dicom_views([case], patient_name=patient_name)


def to_dicom_views(cases: Sequence[Case], *, patient_name: str | None = None) -> FileDataset:
    """Several views of one patient as frames of one NM object, one detector item per view.

    Raises ValueError when the cases differ in patient, matrix or pixel size.
    """
    first = cases[0]
    shared: dict[str, set[Any]] = {
        "patient_id": {case.patient_id for case in cases},
        "matrix": {case.counts.shape for case in cases},
        "spacing_mm": {case.properties["spacing_mm"] for case in cases},
    }
    for name, values in shared.items():
        if len(values) > 1:
            raise ValueError(f"views of one object need one {name}, got {sorted(values, key=str)}")
    taken = FIRST_DAY + timedelta(minutes=20 * (int(_digits(first.patient_id), 10) % 60000))
    dataset = FileDataset("", {}, file_meta=_file_meta(cases), preamble=b"\0" * 128)
    dataset.update(_patient(first, patient_name))
    dataset.update(_study(cases, taken))
    dataset.update(_acquisition(cases))
    dataset.update(_pixels(cases))
    return dataset


def write_dicom(case: Case, path: Path) -> None:
    """Write `to_dicom(case)` as a DICOM file."""
    to_dicom(case).save_as(path, enforce_file_format=True)


def uid(*parts: str) -> UID:
    """A UID below 2.25 that only depends on the parts."""
    digest = hashlib.sha256("/".join(("phantom", *parts)).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:15], 'big')}")


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit()) or "0"


def _file_meta(cases: Sequence[Case]) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = NuclearMedicineImageStorage
    meta.MediaStorageSOPInstanceUID = uid("image", *(case.case_id for case in cases))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    return meta


def _patient(case: Case, name: str | None) -> Dataset:
    part = Dataset()
    part.SpecificCharacterSet = "ISO_IR 192"
    part.PatientName = name or f"Simulated^{_digits(case.patient_id)}"
    part.PatientID = case.patient_id
    part.PatientBirthDate = ""
    part.PatientSex = ""
    return part


def _study(cases: Sequence[Case], taken: datetime) -> Dataset:
    first = cases[0]
    part = Dataset()
    part.SOPClassUID = NuclearMedicineImageStorage
    part.SOPInstanceUID = uid("image", *(case.case_id for case in cases))
    part.StudyInstanceUID = uid("study", first.patient_id)
    part.SeriesInstanceUID = uid("series", *(case.case_id for case in cases))
    part.StudyID = "1"
    part.AccessionNumber = _digits(first.patient_id)[-12:]
    part.ReferringPhysicianName = ""
    part.StudyDescription = "Thyroid scintigraphy (simulated)"
    part.SeriesDescription = "Thyroid " + ", ".join(str(c.properties["view"]) for c in cases)
    part.SeriesNumber = str(int(_digits(first.case_id)[-4:]) + 1)
    part.InstanceNumber = "1"
    part.Modality = "NM"
    part.BodyPartExamined = "THYROID"
    part.Manufacturer = MANUFACTURER
    part.ManufacturerModelName = "Simulated gamma camera"
    for kind in ("Study", "Series", "Acquisition", "Content"):
        setattr(part, f"{kind}Date", taken.strftime("%Y%m%d"))
        setattr(part, f"{kind}Time", taken.strftime("%H%M%S"))
    part.PatientOrientation = ""
    return part


def _acquisition(cases: Sequence[Case]) -> Dataset:
    properties = cases[0].properties
    isotope = str(properties["isotope"])
    part = Dataset()
    part.ImageType = ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]
    part.AnatomicRegionSequence = [_code(THYROID)]
    part.PatientOrientationCodeSequence = []
    part.PatientGantryRelationshipCodeSequence = []
    part.CountsAccumulated = str(sum(int(case.counts.sum()) for case in cases))
    part.ActualFrameDuration = str(round(float(properties["duration_s"] or 0) * 1000))
    part.AcquisitionTerminationCondition = "CNTS"
    part.NumberOfEnergyWindows = 1
    part.EnergyWindowInformationSequence = [_window(isotope)]
    part.RadiopharmaceuticalInformationSequence = [_tracer(isotope)]
    part.NumberOfDetectors = len(cases)
    part.DetectorInformationSequence = [_detector(case) for case in cases]
    return part


def _window(isotope: str) -> Dataset:
    limits = Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = map(str, WINDOW_KEV[isotope])
    window = Dataset()
    window.EnergyWindowName = isotope
    window.EnergyWindowRangeSequence = [limits]
    return window


def _tracer(isotope: str) -> Dataset:
    tracer = Dataset()
    tracer.Radiopharmaceutical = TRACER[isotope].meaning
    tracer.RadionuclideTotalDose = str(DOSE_MBQ[isotope])
    tracer.RadionuclideCodeSequence = [_code(ISOTOPE[isotope])]
    tracer.RadiopharmaceuticalCodeSequence = [_code(TRACER[isotope])]
    return tracer


def _detector(case: Case) -> Dataset:
    name, view = str(case.properties["collimator"]), str(case.properties["view"])
    seen = _code(VIEW[view])
    seen.ViewModifierCodeSequence = []
    detector = Dataset()
    detector.CollimatorGridName = name
    detector.CollimatorType = "PINH" if name == "PINHOLE" else "PARA"
    detector.FieldOfViewShape = "RECTANGLE"
    detector.StartAngle = str(VIEW_ANGLE[view])
    detector.ImagePositionPatient = None
    detector.ImageOrientationPatient = None
    detector.ViewCodeSequence = [seen]
    return detector


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def _pixels(cases: Sequence[Case]) -> Dataset:
    part = Dataset()
    part.SamplesPerPixel = 1
    part.PhotometricInterpretation = "MONOCHROME2"
    part.NumberOfFrames = str(len(cases))
    part.FrameIncrementPointer = [0x00540010, 0x00540020]
    part.EnergyWindowVector = [1] * len(cases)
    part.DetectorVector = list(range(1, len(cases) + 1))
    part.Rows, part.Columns = cases[0].counts.shape
    part.PixelSpacing = [str(cases[0].properties["spacing_mm"])] * 2
    part.BitsAllocated = part.BitsStored = 16
    part.HighBit, part.PixelRepresentation = 15, 0
    stacked = np.stack([case.counts for case in cases]).astype("<u2")
    part.PixelData = stacked.tobytes()
    part["PixelData"].VR = "OW"
    return part
