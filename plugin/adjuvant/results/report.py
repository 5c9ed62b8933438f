"""The report of measurements: Comprehensive 3D SR with the Measurement Report template (TID 1500).

Comprehensive 3D SR (PS3.3 A.35.13) and not Comprehensive SR, because it is the class that IHE AI
Results asks for. It needs no Frame of Reference, which a planar view lacks: only 3-D coordinates
would, and outlines are given as references to the SEG.

Nobody has verified it (VerificationFlag UNVERIFIED), and it is meant to be followed by the report
of a physician (PRELIMINARY). It is COMPLETE where every frame of the source was analysed, else
PARTIAL; CompletionFlagDescription says which.
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from adjuvant.chain import Algorithm
from adjuvant.errors import Refusal
from adjuvant.findings import Findings
from adjuvant.header import whole_number
from adjuvant.results import provenance, uids
from adjuvant.results import report_codes as words
from adjuvant.results import report_items as items
from adjuvant.results.datasets import file_meta_of, plain
from adjuvant.results.identity import copy_identity, require_uids
from adjuvant.results.report_groups import closer_looks, groups_of, summary
from adjuvant.scan import Scan


def build_report(scan: Scan, findings: Findings, made_by: Algorithm) -> Dataset:
    """The report that belongs to the SEG and the SC of the same scan, findings and model.

    Where nothing is seen it says so, in code and in words. Raises Refusal where the source has
    no UIDs to refer to.
    """
    require_uids(scan.header)
    interpretation = findings.interpretation
    uptake = words.PRESENT if findings.gland_seen else words.NOT_VISUALIZED
    remarks = [(words.QUALITY_FINDING, remark) for remark in findings.remarks]
    first = summary(scan.header, interpretation, made_by, (words.UPTAKE, uptake), remarks)
    groups = [first, *closer_looks(scan.header, findings, made_by)]
    groups += groups_of(scan, findings, made_by)
    result = _build(scan.header, interpretation, made_by, groups, "report")
    result.CurrentRequestedProcedureEvidenceSequence = _evidence(
        scan.header, [_source(scan.header), *_siblings(scan.header, interpretation, made_by)]
    )
    frames = whole_number(scan.header, "NumberOfFrames") or 1
    result.CompletionFlag = "COMPLETE" if len(scan.frames) >= frames else "PARTIAL"
    result.CompletionFlagDescription = f"{len(scan.frames)} of {frames} frames analysed"
    return result


def build_refusal_report(
    header: Dataset, refusal: Refusal, made_by: Algorithm, interpretation: str
) -> Dataset:
    """`Refused`, with the reason: a scan that should have been analysed and could not be.

    `header` is the source's, with or without pixels. Raises Refusal where it has no UIDs to refer
    to: then there is no study in which to file a report.
    """
    require_uids(header)
    reason = [(words.COMMENT, f"Refused ({refusal.code}): {refusal.reason}.")]
    group = summary(header, interpretation, made_by, (words.OUTCOME, words.REFUSED), reason)
    result = _build(header, interpretation, made_by, [group], "refusal")
    result.CurrentRequestedProcedureEvidenceSequence = _evidence(header, [_source(header)])
    result.CompletionFlag = "PARTIAL"
    result.CompletionFlagDescription = plain(f"Refused: {refusal.code}")[:64]
    return result


def _build(
    header: Dataset, interpretation: str, made_by: Algorithm, groups: list[Dataset], kind: uids.Kind
) -> Dataset:
    """The document: the tree's root and the modules around it (PS3.3 C.17)."""
    result = items.container(words.TITLE, _content(made_by, groups), "1500", None)
    names = (header.SOPInstanceUID, interpretation, made_by.digest)
    result.SOPClassUID = Comprehensive3DSRStorage
    result.SOPInstanceUID = uids.result_uid(*names, kind)
    result.SeriesInstanceUID = uids.series_uid(*names, kind)
    result.SeriesNumber = provenance.series_number(header, kind)
    result.SeriesDescription = provenance.series_description(f"{interpretation} report", made_by)
    result.Modality = "SR"
    result.InstanceNumber = 1
    result.VerificationFlag, result.PreliminaryFlag = "UNVERIFIED", "PRELIMINARY"
    # Type 2: the header tells nothing for certain of the procedure that was performed.
    result.PerformedProcedureCodeSequence = []
    result.ReferencedPerformedProcedureStepSequence = []
    result.CodingSchemeIdentificationSequence = [words.coding_scheme()]
    result.file_meta = file_meta_of(result)
    copy_identity(header, result)
    provenance.describe_equipment(result, header, made_by)
    provenance.set_moment(result, header)
    return result


def _content(made_by: Algorithm, groups: list[Dataset]) -> list[Dataset]:
    """TID 1500: language, observer, procedure, and the groups."""
    return [
        items.code(words.LANGUAGE, words.ENGLISH, "HAS CONCEPT MOD"),
        *_observer(made_by),
        items.code(words.PROCEDURE_REPORTED, words.PROCEDURE, "HAS CONCEPT MOD"),
        items.container(words.IMAGING_MEASUREMENTS, groups),
    ]


def _observer(made_by: Algorithm) -> list[Dataset]:
    """TID 1004, equal to the Processing Equipment."""
    said = (
        (words.DEVICE_NAME, f"{provenance.MODEL_NAME} {made_by.title}"),
        (words.DEVICE_MANUFACTURER, provenance.MANUFACTURER),
        (words.DEVICE_MODEL, provenance.MODEL_NAME),
        (words.DEVICE_SERIAL, made_by.digest),
    )
    return [
        items.code(words.OBSERVER_TYPE, words.DEVICE, "HAS OBS CONTEXT"),
        items.uid(words.DEVICE_UID, uids.device_uid(made_by.digest)),
        *(items.text(name, value, "HAS OBS CONTEXT") for name, value in said),
    ]


def _source(header: Dataset) -> tuple[str, str, str]:
    """(series, SOP class, SOP instance) of the scan."""
    return header.SeriesInstanceUID, header.SOPClassUID, header.SOPInstanceUID


def _siblings(
    header: Dataset, interpretation: str, made_by: Algorithm
) -> list[tuple[str, str, str]]:
    """(series, SOP class, SOP instance) of the SEG and the SC, whose UIDs are known beforehand."""
    names = (header.SOPInstanceUID, interpretation, made_by.digest)
    kinds: tuple[tuple[uids.Kind, str], ...] = (
        ("seg", SegmentationStorage),
        ("capture", SecondaryCaptureImageStorage),
    )
    return [
        (uids.series_uid(*names, kind), sop_class, uids.result_uid(*names, kind))
        for kind, sop_class in kinds
    ]


def _evidence(header: Dataset, instances: list[tuple[str, str, str]]) -> list[Dataset]:
    """All that the report refers to, each in a series of its own (PS3.3 C.17.2.3)."""
    study = Dataset()
    study.StudyInstanceUID = header.StudyInstanceUID
    study.ReferencedSeriesSequence = []
    for series_uid, sop_class, sop_instance in instances:
        instance, series = Dataset(), Dataset()
        instance.ReferencedSOPClassUID = sop_class
        instance.ReferencedSOPInstanceUID = sop_instance
        series.ReferencedSOPSequence = [instance]
        series.SeriesInstanceUID = series_uid
        study.ReferencedSeriesSequence.append(series)
    return [study]
