"""The fused picture as a Secondary Capture (PS3.3 A.8.1), for every viewer and for film."""

from __future__ import annotations

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from adjuvant.chain import Algorithm
from adjuvant.findings import Findings
from adjuvant.results import provenance, uids
from adjuvant.results.anatomy import BODY_PARTS
from adjuvant.results.identity import copy_identity, require_uids
from adjuvant.results.picture import MOST_VIEWS, draw_picture
from adjuvant.results.presentation import STANDARD, Presentation
from adjuvant.scan import Scan


def render(
    scan: Scan, findings: Findings, made_by: Algorithm, presentation: Presentation = STANDARD
) -> NDArray[np.uint8]:
    """The picture, uint8 (rows, columns, 3), RGB: scan, outlines, measurements, warnings."""
    return draw_picture(scan, findings, made_by, presentation)


def build_capture(
    scan: Scan, findings: Findings, made_by: Algorithm, presentation: Presentation = STANDARD
) -> Dataset:
    """One SC with every view, uncompressed (compressing takes longer than all the rest).

    Raises Refusal where the source has no UIDs to refer to.
    """
    require_uids(scan.header)
    names = (scan.header.SOPInstanceUID, findings.interpretation, made_by.digest)
    result = SCImage(
        study_instance_uid=scan.header.StudyInstanceUID,
        pixel_array=render(scan, findings, made_by, presentation),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        series_instance_uid=uids.series_uid(*names, "capture"),
        series_number=provenance.series_number(scan.header, "capture"),
        sop_instance_uid=uids.result_uid(*names, "capture"),
        instance_number=1,
        manufacturer=provenance.MANUFACTURER,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        series_description=provenance.series_description(
            f"{findings.interpretation} picture", made_by
        ),
        specific_character_set=None,
    )
    _describe_picture(result, scan, findings, made_by)
    copy_identity(scan.header, result)
    provenance.describe_equipment(result, scan.header, made_by)
    provenance.set_moment(result, scan.header)
    return result


def _describe_picture(result: Dataset, scan: Scan, findings: Findings, made_by: Algorithm) -> None:
    # A sheet of several views has no one orientation.
    result.PatientOrientation = None
    result.pop("DateOfSecondaryCapture", None)
    result.pop("TimeOfSecondaryCapture", None)
    result.ConversionType = "WSD"
    # Words are burnt in, but none that identifies the patient (PS3.3 C.7.6.1.1.2).
    result.BurnedInAnnotation = "NO"
    # What the picture is of; a camera may have written anything, or nothing.
    result.BodyPartExamined = BODY_PARTS.get(
        findings.interpretation, findings.interpretation.upper()[:16]
    )
    sentences = (provenance.ADJUVANT_ONLY, provenance.warning(made_by))
    result.ImageComments = ". ".join(filter(None, sentences))
    result.DerivationDescription = f"Outlines by {made_by.title} on the source image"
    result.SourceImageSequence = [_source(scan)]
    result.PixelData += b"\0" * (len(result.PixelData) % 2)
    result["PixelData"].VR = "OW"


def _source(scan: Scan) -> Dataset:
    """The frames that are shown (PS3.3 C.7.6.1.1.4)."""
    image = Dataset()
    image.ReferencedSOPClassUID = scan.header.SOPClassUID
    image.ReferencedSOPInstanceUID = scan.header.SOPInstanceUID
    image.ReferencedFrameNumber = [frame.number for frame in scan.frames[:MOST_VIEWS]]
    image.PurposeOfReferenceCodeSequence = [
        provenance.code_item("121322", "DCM", "Source image for image processing operation")
    ]
    return image
