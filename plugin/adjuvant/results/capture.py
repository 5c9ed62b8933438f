"""The fused picture as a Secondary Capture (PS3.3 A.8.1), for every viewer and for film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from adjuvant.chain import Algorithm
from adjuvant.findings import Findings
from adjuvant.results import provenance, uids
from adjuvant.results.anatomy import BODY_PARTS
from adjuvant.results.datasets import dataset, file_meta_of, padded
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
    picture = render(scan, findings, made_by, presentation)
    title = provenance.series_description(f"{findings.interpretation} picture", made_by)
    sentences = (provenance.ADJUVANT_ONLY, provenance.warning(made_by))
    result = dataset(
        SOPClassUID=SecondaryCaptureImageStorage,
        SOPInstanceUID=uids.result_uid(*names, "capture"),
        SeriesInstanceUID=uids.series_uid(*names, "capture"),
        SeriesNumber=provenance.series_number(scan.header, "capture"),
        SeriesDescription=title,
        Modality="OT",
        InstanceNumber=1,
        ConversionType="WSD",
        ImageType=["DERIVED", "SECONDARY", "OTHER"],
        PatientOrientation=None,  # a sheet of several views has no one orientation
        # What the picture is of; a camera may have written anything, or nothing.
        BodyPartExamined=BODY_PARTS.get(
            findings.interpretation, findings.interpretation.upper()[:16]
        ),
        # Words are burnt in, but none that identifies the patient (PS3.3 C.7.6.1.1.2).
        BurnedInAnnotation="NO",
        ImageComments=". ".join(filter(None, sentences)),
        DerivationDescription=f"Outlines by {made_by.title} on the source image",
        SourceImageSequence=[_source(scan)],
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
        Rows=picture.shape[0],
        Columns=picture.shape[1],
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
    )
    result.add_new("PixelData", "OW", padded(picture.tobytes()))
    result.file_meta = file_meta_of(result)
    copy_identity(scan.header, result)
    provenance.describe_equipment(result, scan.header, made_by)
    provenance.set_moment(result, scan.header)
    return result


def _source(scan: Scan) -> Dataset:
    """The frames that are shown (PS3.3 C.7.6.1.1.4)."""
    return dataset(
        ReferencedSOPClassUID=scan.header.SOPClassUID,
        ReferencedSOPInstanceUID=scan.header.SOPInstanceUID,
        ReferencedFrameNumber=[frame.number for frame in scan.frames[:MOST_VIEWS]],
        PurposeOfReferenceCodeSequence=[
            provenance.code_item("121322", "DCM", "Source image for image processing operation")
        ],
    )
