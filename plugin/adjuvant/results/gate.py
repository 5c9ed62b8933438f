"""The outgoing gate: our own checks on every result, before anything is stored.

What it stops is a fault of ours, never of the scan: it becomes an alarm with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from pydicom import Dataset

from adjuvant.errors import Fault
from adjuvant.findings import Findings
from adjuvant.preprocess import Mask
from adjuvant.results.identity import differing_identity
from adjuvant.results.provenance import is_own
from adjuvant.results.report_check import wrong_report
from adjuvant.scan import Scan

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
REPORT = "1.2.840.10008.5.1.4.1.1.88.34"

IMAGE_REFERENCES = ("SourceImageSequence", "ReferencedInstanceSequence")
NESTED = (
    "ReferencedSeriesSequence",
    "PerFrameFunctionalGroupsSequence",
    "DerivationImageSequence",
    *IMAGE_REFERENCES,
)


def check_results(scan: Scan, findings: Findings, objects: Iterable[Dataset]) -> None:
    """Raise Fault naming what is wrong with the results of `scan`; the text has no patient data.

    Checked are: patient and study equal the source's, new and distinct UIDs, our equipment, every
    reference (to the source, to frames that it has, to results of this set), and that the masks,
    decoded from the bytes that will be stored, lie where those of `findings` do.
    """
    results = tuple(objects)
    _check(scan, results)
    for result in results:
        if result.get("SOPClassUID") == SEGMENTATION:
            wrong = next(_misplaced(scan, findings, result), None)
            if wrong:
                raise Fault(f"the segmentation is not stored: {wrong}")


def check_refusal(header: Dataset, report: Dataset) -> None:
    """The same for the report of a refusal, of which the source's header is all there is."""
    _check(Scan(header, (), None, None), (report,))


def _check(scan: Scan, results: tuple[Dataset, ...]) -> None:
    for place, result in enumerate(results, 1):
        wrong = next(_wrong(scan, result, results), None)
        if wrong:
            name = result.get("Modality", "?")
            raise Fault(f"result {place} of {len(results)} ({name}) is not stored: {wrong}")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        found = Counter(str(result.get(keyword)) for result in results)
        twice = [uid for uid, times in found.items() if times > 1]
        if twice:
            raise Fault(f"results are not stored: {keyword} {twice[0]} is there twice")


def _wrong(scan: Scan, result: Dataset, results: tuple[Dataset, ...]) -> Iterator[str]:
    """What is wrong with one result, most serious first."""
    differing = differing_identity(scan.header, result)
    if differing:
        yield f"not the source's {', '.join(differing)}"
    yield from _wrong_uids(scan.header, result)
    if not is_own(result):
        yield "the equipment does not say what made it"
    if result.get("SOPClassUID") == REPORT:
        yield from wrong_report(scan, result, results)
    else:
        yield from _wrong_references(scan, result)
    if result.get("SOPClassUID") == SEGMENTATION:
        yield from _wrong_masks(scan, result)


def _wrong_uids(source: Dataset, result: Dataset) -> Iterator[str]:
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "SOPClassUID"):
        if not result.get(keyword):
            yield f"no {keyword}"
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        if result.get(keyword) == source.get(keyword):
            yield f"{keyword} is the source's own"
    if result.file_meta.MediaStorageSOPInstanceUID != result.get("SOPInstanceUID"):
        yield "MediaStorageSOPInstanceUID is not SOPInstanceUID"


def references(dataset: Dataset) -> Iterator[Dataset]:
    """Every reference to an image anywhere in `dataset`."""
    for keyword in NESTED:
        for item in dataset.get(keyword) or ():
            if keyword in IMAGE_REFERENCES:
                yield item
            yield from references(item)


def _wrong_references(scan: Scan, result: Dataset) -> Iterator[str]:
    known = {frame.number for frame in scan.frames}
    found = list(references(result))
    if not found:
        yield "no reference to the source"
    for item in found:
        if item.get("ReferencedSOPInstanceUID") != scan.header.get("SOPInstanceUID"):
            yield f"a reference to {item.get('ReferencedSOPInstanceUID')}, which is not the source"
        if item.get("ReferencedSOPClassUID") != scan.header.get("SOPClassUID"):
            yield f"a reference to class {item.get('ReferencedSOPClassUID')}, not the source's"
        unknown = set(_frame_numbers(item)) - known
        if unknown:
            yield f"ReferencedFrameNumber {min(unknown)}, which is not a view of the source"
    for series in result.get("ReferencedSeriesSequence") or ():
        if series.get("SeriesInstanceUID") != scan.header.get("SeriesInstanceUID"):
            yield "a referenced series that is not the source's"


def _frame_numbers(item: Dataset) -> list[int]:
    value = item.get("ReferencedFrameNumber")
    if value is None:
        return []
    return [int(value)] if isinstance(value, int) else [int(number) for number in value]


def _wrong_masks(scan: Scan, result: Dataset) -> Iterator[str]:
    matrix = (result.get("Rows"), result.get("Columns"))
    if matrix != scan.shape:
        yield f"masks of {matrix[0]} x {matrix[1]} on a source of {scan.shape[0]} x {scan.shape[1]}"
        return
    frames = len(result.get("PerFrameFunctionalGroupsSequence") or ())
    if frames != result.get("NumberOfFrames"):
        yield f"{result.get('NumberOfFrames')} frames, {frames} described"
        return
    needed = -(-frames * matrix[0] * matrix[1] // 8)
    if len(result.PixelData) != needed + needed % 2:
        yield f"{len(result.PixelData)} bytes of pixels instead of {needed + needed % 2}"


def _misplaced(scan: Scan, findings: Findings, result: Dataset) -> Iterator[str]:
    """Where a mask, as stored, differs from the one that was found (PS3.5 section 8.2: bits)."""
    bits = np.unpackbits(np.frombuffer(result.PixelData, np.uint8), bitorder="little")
    frames = len(result.PerFrameFunctionalGroupsSequence)
    rows, columns = scan.shape
    stored = bits[: frames * rows * columns].reshape(frames, rows, columns).astype(np.bool_)
    places = {frame.number: place for place, frame in enumerate(scan.frames)}
    missing = {
        (number, place)
        for number, segment in enumerate(findings.segments, 1)
        for place, mask in enumerate(segment.masks)
        if mask.any()
    }
    for mask, groups in zip(stored, result.PerFrameFunctionalGroupsSequence, strict=True):
        segment = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        image = groups.DerivationImageSequence[0].SourceImageSequence[0]
        frame = int(image.ReferencedFrameNumber)
        if not 1 <= segment <= len(findings.segments):
            yield f"segment {segment} of {len(findings.segments)}"
            return
        found = findings.segments[segment - 1].masks[places[frame]]
        missing.discard((segment, places[frame]))
        if not np.array_equal(mask, found):
            yield (
                f"segment {segment} lies {_where(mask)} on frame {frame}"
                f" and was found {_where(found)}"
            )
    for segment, place in sorted(missing):
        yield f"segment {segment} is missing on frame {scan.frames[place].number}"


def _where(mask: Mask) -> str:
    """The centroid and the size of a mask, in words."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return "nowhere"
    return f"about row {rows.mean():.1f}, column {columns.mean():.1f} ({rows.size} pixels)"
