"""Builder of valid planar NM objects (PS3.3 A.5) from an array of counts, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage, generate_uid

ENERGY_WINDOW_VECTOR = Tag("EnergyWindowVector")
DETECTOR_VECTOR = Tag("DetectorVector")

# PS3.16 CID 26, "Nuclear Medicine Projections".
VIEW_CODES = {
    "anterior": ("399321004", "SCT", "Anterior projection"),
    "posterior": ("399001007", "SCT", "Posterior projection"),
    "left anterior oblique": ("399074003", "SCT", "left anterior oblique emissive projection"),
    "right anterior oblique": ("399108003", "SCT", "right anterior oblique emissive projection"),
}


# Who the patients of all files of this run of the tests are: no log may say so.
SENT: set[str] = set()
SHORTEST = 5  # what is shorter is found in any log
WORDS = frozenset({"phantom", "thyroid"})  # of the builder's own patient, and of our own lines


def names_and_ids(ds: Dataset) -> set[str]:
    """The names and identifiers of the patient and of the study, and each part of a name."""
    name = str(ds.get("PatientName", ""))
    found = {name, *name.replace("=", "^").split("^"), str(ds.get("ReferringPhysicianName", ""))}
    found |= {str(ds.get(keyword, "")) for keyword in ("PatientID", "AccessionNumber")}
    return {text for text in found if len(text) >= SHORTEST and text.casefold() not in WORDS}


def thyroid_counts(rows: int = 256, columns: int = 256, frames: int = 1) -> NDArray[np.uint16]:
    """Two smooth lobes over a neck with Poisson noise: (frames, rows, columns), always the same."""
    v, u = np.mgrid[0:rows, 0:columns]
    y, x = (v + 0.5) / rows - 0.5, (u + 0.5) / columns - 0.5
    expected = 2.5 * np.exp(-((x / 0.35) ** 4))
    for side in (-1, 1):
        squared = ((x - side * 0.10) / 0.055) ** 2 + ((y + side * 0.01) / 0.15) ** 2
        expected = expected + 55.0 / (1.0 + squared**4)
    noise = np.random.default_rng(20)
    return noise.poisson(expected, (frames, rows, columns)).astype(np.uint16)


def with_cold_discs(
    counts: NDArray[np.uint16], *discs: tuple[int, float, float, float]
) -> NDArray[np.uint16]:
    """The same with a tenth of the counts in discs: (frame, row, column, radius), the last three
    as parts of the matrix."""
    found = counts.copy()
    row, column = (
        (index + 0.5) / size
        for index, size in zip(np.indices(counts.shape[1:]), counts.shape[1:], strict=True)
    )
    for frame, y, x, radius in discs:
        cold = np.hypot(row - y, column - x) < radius
        found[frame][cold] //= 10
    return found


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence (PS3.3 section 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def nm_dataset(
    counts: NDArray[Any], *, views: Sequence[str] = ("anterior",), **tags: Any
) -> Dataset:
    """A valid NM image of `counts`: (frames, rows, columns) or (rows, columns), 8 or 16 bit.

    `views` names the detectors; with as many views as frames, frame n is seen by detector n. Any
    attribute may be given by its keyword; None takes the attribute away.
    """
    frames = counts if counts.ndim == 3 else counts[None]
    ds = Dataset()
    _add_patient_and_study(ds)
    _add_equipment_and_acquisition(ds, int(frames.sum()))
    _add_detectors(ds, len(frames), views)
    _add_pixels(ds, frames)
    for keyword, value in tags.items():
        if value is None:
            ds.pop(keyword, None)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID") or NuclearMedicineImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID") or generate_uid()
    return ds


def to_bytes(ds: Dataset) -> bytes:
    """The dataset as a DICOM file (PS3.10), in the transfer syntax that its file_meta names."""
    SENT.update(names_and_ids(ds))
    stream = BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _add_patient_and_study(ds: Dataset) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = NuclearMedicineImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260902"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101500"
    ds.AccessionNumber, ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "A-100", "100", 1, 1
    ds.PatientName, ds.PatientID = "Phantom^Thyroid", "PHANTOM-100"
    ds.PatientBirthDate, ds.PatientSex = "19700101", "F"
    ds.ReferringPhysicianName = ""
    ds.StudyDescription, ds.SeriesDescription = "Thyroid scintigraphy", "Neck static"


def _add_equipment_and_acquisition(ds: Dataset, counts_accumulated: int) -> None:
    ds.Modality = "NM"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]
    ds.Manufacturer, ds.ManufacturerModelName = "Phantom Works", "Planar One"
    ds.DeviceSerialNumber, ds.SoftwareVersions = "1", "1.0"
    ds.BodyPartExamined = "THYROID"
    ds.CountsAccumulated, ds.ActualFrameDuration = counts_accumulated, 300000
    ds.PatientOrientation = ""
    ds.PatientOrientationCodeSequence = [code_item("102538003", "SCT", "recumbent")]
    ds.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = [
        code_item("40199007", "SCT", "supine")
    ]
    ds.PatientGantryRelationshipCodeSequence = [code_item("102540008", "SCT", "headfirst")]
    ds.EnergyWindowInformationSequence = [Dataset()]
    limits = Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = "126.0", "154.0"
    ds.EnergyWindowInformationSequence[0].EnergyWindowRangeSequence = [limits]
    isotope = Dataset()
    isotope.RadionuclideCodeSequence = [code_item("72454006", "SCT", "^99m^Technetium")]
    isotope.RadiopharmaceuticalRoute, isotope.Radiopharmaceutical = "", "Pertechnetate"
    ds.RadiopharmaceuticalInformationSequence = [isotope]


def _add_detectors(ds: Dataset, frames: int, views: Sequence[str]) -> None:
    """PS3.3 C.8.4.8 and C.8.4.11: the vector points each frame to its detector's item."""
    ds.NumberOfFrames = frames
    ds.FrameIncrementPointer = [ENERGY_WINDOW_VECTOR, DETECTOR_VECTOR]
    ds.EnergyWindowVector, ds.NumberOfEnergyWindows = [1] * frames, 1
    ds.DetectorVector = list(range(1, frames + 1)) if len(views) == frames else [1] * frames
    ds.NumberOfDetectors = len(views)
    ds.DetectorInformationSequence = [detector(*VIEW_CODES[view]) for view in views]


def detector(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of DetectorInformationSequence, with its view code."""
    item = Dataset()
    item.CollimatorGridName, item.CollimatorType = "LEHR", "PARA"
    item.FieldOfViewShape, item.FieldOfViewDimensions = "RECTANGLE", [540, 400]
    item.FocalDistance, item.ZoomFactor = 0, [2, 2]
    item.ImagePositionPatient = item.ImageOrientationPatient = None
    item.ViewCodeSequence = [code_item(value, scheme, meaning)]
    item.ViewCodeSequence[0].ViewModifierCodeSequence = []
    return item


def _add_pixels(ds: Dataset, frames: NDArray[Any]) -> None:
    """PS3.3 C.8.4.10: one sample, MONOCHROME2, 8 or 16 bits, all of them used."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = frames.shape[1:]
    ds.PixelSpacing = [1.2, 1.2]
    ds.BitsAllocated = ds.BitsStored = frames.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(frames.dtype.kind == "i")
    pixels = frames.astype(frames.dtype.newbyteorder("<")).tobytes()
    ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"
