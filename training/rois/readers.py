"""One reader for each format, chosen by what a file holds, never by its name."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from adjuvant.header import UNREADABLE, quiet
from adjuvant.results.correction import SEGMENTATION_CLASSES
from training.rois.drawing import Drawings, RoiError
from training.rois.masks import read_nifti, read_nrrd, read_png
from training.rois.osirix_csv import read_osirix_csv
from training.rois.osirix_json import read_osirix_json
from training.rois.osirix_plist import read_osirix_plist, read_osirix_sr
from training.rois.rtstruct import RTSTRUCT_CLASS, read_rtstruct
from training.rois.segmentation import read_segmentation

NIFTI_MAGIC = (b"n+1\0", b"ni1\0")


def read_drawings(data: bytes) -> Drawings:
    """Whatever format this is. Raises RoiError where it is none that is read here, or damaged."""
    try:
        # A number that is none is found where it is used.
        with np.errstate(invalid="ignore"):
            return _read(data)
    except UNREADABLE as fault:
        raise RoiError(f"the file is damaged ({type(fault).__name__})") from fault


def _read(data: bytes) -> Drawings:
    """What the first bytes say that it is."""
    if data[128:132] == b"DICM":
        return read_dicom_drawings(_parse(data))
    if data.startswith(b"\x89PNG"):
        return read_png(data)
    if data.startswith(b"NRRD"):
        return read_nrrd(data)
    if data.startswith(b"\x1f\x8b") or data[344:348] in NIFTI_MAGIC:
        return read_nifti(data)
    if data.startswith(b"bplist") or data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return read_osirix_plist(data)
    if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")):
        return read_osirix_json(data)
    return read_osirix_csv(data)


def read_dicom_drawings(source: Dataset) -> Drawings:
    """A SEG, an RT Structure Set, or an SR of Horos and OsiriX. Raises RoiError."""
    sop_class = source.get("SOPClassUID")
    if sop_class in SEGMENTATION_CLASSES:
        return read_segmentation(source)
    if sop_class == RTSTRUCT_CLASS:
        return read_rtstruct(source)
    if is_osirix_sr(source):
        return read_osirix_sr(source)
    raise RoiError("a DICOM object that holds no outlines")


def holds_drawings(header: Dataset) -> bool:
    """True for DICOM objects that `read_dicom_drawings` is made for."""
    sop_class = header.get("SOPClassUID")
    return sop_class in SEGMENTATION_CLASSES or sop_class == RTSTRUCT_CLASS or is_osirix_sr(header)


def is_osirix_sr(header: Dataset) -> bool:
    """ROIs of Horos and OsiriX: an SR with an encapsulated document, which no other SR has."""
    return header.get("Modality") == "SR" and "EncapsulatedDocument" in header


def _parse(data: bytes) -> Dataset:
    try:
        with quiet():
            source = dcmread(BytesIO(data))
            source.decode()
    except (InvalidDicomError, *UNREADABLE) as fault:
        raise RoiError(f"the file cannot be read as DICOM ({type(fault).__name__})") from fault
    return source
