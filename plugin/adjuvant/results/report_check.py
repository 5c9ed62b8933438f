"""The gate's questions to a report: does everything that it refers to exist, and is it said of?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom import Dataset

from adjuvant.scan import Scan


def wrong_report(scan: Scan, report: Dataset, results: Iterable[Dataset]) -> Iterator[str]:
    """What is wrong with the references of a report, one clause each, without patient data.

    `results` is the whole set of results of the scan; evidence is complete when it lists exactly
    what the report's content refers to, or more of the same set (PS3.3 C.17.2.3).
    """
    known = {str(one.SOPInstanceUID): one for one in (scan.header, *results)}
    listed = dict(_listed(report))
    for instance, (series, sop_class) in listed.items():
        found = known.get(instance)
        if found is None:
            yield f"evidence {instance}, which is neither the source nor a result"
        elif (series, sop_class) != (str(found.SeriesInstanceUID), str(found.SOPClassUID)):
            yield f"evidence {instance} in another series or of another class than it has"
    if str(scan.header.SOPInstanceUID) not in listed:
        yield "no reference to the source"
    frames = {frame.number for frame in scan.frames}
    for reference in _references(report):
        if str(reference.ReferencedSOPInstanceUID) not in listed:
            yield f"a reference to {reference.ReferencedSOPInstanceUID}, which is no evidence"
        number = reference.get("ReferencedFrameNumber")
        if number is not None and int(number) not in frames:
            yield f"ReferencedFrameNumber {number}, which is not a view of the source"
        yield from _wrong_segment(reference, known)


def _listed(report: Dataset) -> Iterator[tuple[str, tuple[str, str]]]:
    """SOP Instance UID -> (series, class) of all evidence."""
    for study in report.get("CurrentRequestedProcedureEvidenceSequence") or ():
        for series in study.ReferencedSeriesSequence:
            for one in series.ReferencedSOPSequence:
                place = (str(series.SeriesInstanceUID), str(one.ReferencedSOPClassUID))
                yield str(one.ReferencedSOPInstanceUID), place


def _references(item: Dataset) -> Iterator[Dataset]:
    """Every reference to an image in the content tree."""
    yield from item.get("ReferencedSOPSequence") or ()
    for child in item.get("ContentSequence") or ():
        yield from _references(child)


def _wrong_segment(reference: Dataset, known: dict[str, Dataset]) -> Iterator[str]:
    number = reference.get("ReferencedSegmentNumber")
    segmentation = known.get(str(reference.ReferencedSOPInstanceUID))
    if number is None or segmentation is None:
        return
    segments = len(segmentation.get("SegmentSequence") or ())
    if not 1 <= int(number) <= segments:
        yield f"ReferencedSegmentNumber {number} of a SEG with {segments} segments"
