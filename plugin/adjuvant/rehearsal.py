"""One drawn scan through the whole pipeline, before the first real one.

Everything that is slow only the first time (late imports, fonts, the network's kernels) is paid
here instead of by a physician who waits, and a part that is broken is known before a scan comes.
Nothing of it is stored.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage

from adjuvant import __version__
from adjuvant.errors import Fault, ModelFault, Refusal
from adjuvant.image import Limits
from adjuvant.interpretations import Interpretation
from adjuvant.network import Network
from adjuvant.pipeline import analyse
from adjuvant.results import encode
from adjuvant.results.uids import named_uid

SIDE = 256
SPACING_MM = 1.2


def rehearse(interpretation: Interpretation, network: Network, limits: Limits) -> None:
    """Analyse the drawn scan and encode its results.

    Raises ModelFault where a part of ours fails or the drawn scan itself is refused.
    """
    try:
        outcome = analyse(drawn_scan(), interpretation, network, limits)
    except ModelFault:
        raise
    except Refusal as refusal:
        raise ModelFault(f"the rehearsal was refused: {refusal.reason}") from refusal
    except Fault as fault:
        raise ModelFault(f"the rehearsal failed: {fault}") from fault
    for result in outcome.objects:
        encode(result)


def drawn_scan() -> bytes:
    """A planar NM file (PS3.3 A.5) with two lobes over a neck: one anterior view, no patient."""
    header = Dataset()
    header.SOPClassUID = NuclearMedicineImageStorage
    header.SOPInstanceUID = named_uid("rehearsal instance")
    header.StudyInstanceUID = named_uid("rehearsal study")
    header.SeriesInstanceUID = named_uid("rehearsal series")
    header.PatientName = header.PatientID = ""
    header.PatientBirthDate = header.PatientSex = ""
    header.StudyDate = header.SeriesDate = header.ContentDate = "20000101"
    header.StudyTime = header.SeriesTime = header.ContentTime = "000000"
    header.AccessionNumber = header.StudyID = header.ReferringPhysicianName = ""
    header.Modality, header.Manufacturer = "NM", "Adjuvant"
    header.SeriesNumber = header.InstanceNumber = 1
    header.ImageType = ["DERIVED", "PRIMARY", "STATIC", "EMISSION"]
    header.StudyDescription = f"Thyroid, rehearsal of Adjuvant {__version__}"
    header.PixelSpacing = [SPACING_MM, SPACING_MM]
    _add_pixels(header)
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    file = BytesIO()
    header.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _add_pixels(header: Dataset) -> None:
    """Two ellipses with half axes of 9 and 24 mm and soft edges over a neck, with Poisson noise."""
    y, x = (np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2) * SPACING_MM
    expected = 2.5 * np.exp(-((x / 65) ** 4))
    for side in (-1, 1):
        distance = np.hypot((x - side * 20) / 9, y / 24)
        expected += 50 / (1 + np.exp((distance - 1) * 5))
    counts = np.random.default_rng(0).poisson(expected).astype(np.uint16)
    header.NumberOfFrames, header.SamplesPerPixel = 1, 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.Rows = header.Columns = SIDE
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, 0
    header.PixelData = counts.tobytes()
