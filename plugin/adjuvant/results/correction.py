"""Is a segmentation that arrived the work of a person? Then it is kept, and teaches.

A viewer does not say whose result was corrected: OHIF stores a new series that refers to the scan
alone and marks every segment as drawn by hand, even those that nobody touched. So a correction is
known by what drew it (SegmentAlgorithmType, PS3.3 C.8.20.2) and by the scan it refers to; what
was corrected is found by comparing it with our own segmentation of that scan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pydicom import Dataset

# PS3.4 B.5: Segmentation Storage and Label Map Segmentation Storage.
SEGMENTATION_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})

# PS3.3 C.8.20.2: drawn by a person, or by a person steering a tool. The third is AUTOMATIC.
BY_HAND = ("MANUAL", "SEMIAUTOMATIC")

# Names that tools give, not people: only these are safe to repeat in a log.
KNOWN_TOOLS = ("OHIF Brush",)

# Where a segmentation names the images that it was drawn on (PS3.3 C.7.6.16.2.6, C.12.4).
REFERENCES = (
    "DerivationImageSequence",
    "ReferencedImageSequence",
    "ReferencedInstanceSequence",
    "ReferencedSeriesSequence",
    "PerFrameFunctionalGroupsSequence",
    "SharedFunctionalGroupsSequence",
    "SourceImageSequence",
    "StudiesContainingOtherReferencedInstancesSequence",
)


def is_human_correction(header: Dataset) -> str | None:
    """Why a person drew this object, in one sentence without patient data; None if nobody did.

    A segmentation of which a person drew at least one segment is human, whatever it was copied
    from. Our own results, whose segments are all AUTOMATIC, those of other programs, and
    everything that is not a segmentation (a scan above all) are not. Whether the images it was
    drawn on are scans that we have read is for the caller to say: see `segmented_instances`.
    """
    if header.get("SOPClassUID") not in SEGMENTATION_CLASSES or not segmented_instances(header):
        return None
    segments = header.get("SegmentSequence") or []
    drawn = [segment for segment in segments if segment.get("SegmentAlgorithmType") in BY_HAND]
    if not drawn:
        return None
    type_ = drawn[0].SegmentAlgorithmType
    name = drawn[0].get("SegmentAlgorithmName")
    tool = f" ({name!r})" if name in KNOWN_TOOLS else ""
    return f"SegmentAlgorithmType is {type_}{tool} in {len(drawn)} of {len(segments)} segments"


def segmented_instances(header: Dataset, classes: Collection[str] | None = None) -> tuple[str, ...]:
    """SOP Instance UIDs of the images that a segmentation refers to, each once, in file order;
    without those that it says to be of other SOP Classes than `classes`, where these are given."""
    said: dict[str, set[str]] = {}
    for instance, sop_class in _references(header):
        said.setdefault(instance, set()).update([sop_class] if sop_class else [])
    return tuple(
        one for one, these in said.items() if classes is None or not these or these & set(classes)
    )


def _references(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """SOP Instance UID and SOP Class UID, empty where it is not told."""
    for keyword in REFERENCES:
        for item in dataset.get(keyword) or []:
            if item.get("ReferencedSOPInstanceUID"):
                sop_class = item.get("ReferencedSOPClassUID") or ""
                yield str(item.ReferencedSOPInstanceUID), str(sop_class)
            yield from _references(item)
