"""One segmentation that arrived -> a correction of a result of ours, or nothing.

It is a person's where a segment says so (SegmentAlgorithmType) or, where all say AUTOMATIC, where
its creator is named and it differs from ours. Ours is what carries our equipment and the UID that
we compute for it: a tool may have copied our equipment into what a person drew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from adjuvant.archive import Archive
from adjuvant.corrections.difference import Difference, Outlines, difference, outlines_on
from adjuvant.corrections.register import Found
from adjuvant.dicom_file import parse
from adjuvant.errors import Refusal
from adjuvant.header import UNREADABLE, quiet, text, values
from adjuvant.image import read_header
from adjuvant.inbox import READABLE_SOP_CLASSES
from adjuvant.results.correction import (
    SEGMENTATION_CLASSES,
    is_human_correction,
    segmented_instances,
)
from adjuvant.results.provenance import is_own, result_uid

LONGEST_TEXT = 64
# Each costs a look-up and reads the segmentations of its study: no planar study has as many.
MOST_SCANS = 64
UNKNOWN = "not told"
DATES = ("AcquisitionDate", "SeriesDate", "StudyDate", "ContentDate")


@dataclass(frozen=True)
class Looked:
    """What a segmentation is: `ours`, or a person's with the corrections `found` in it. `scans`
    are the SOP Instance UIDs that it was drawn on; `unlinked` those of which we have no result."""

    ours: bool
    scans: tuple[str, ...]
    found: tuple[Found, ...] = ()
    unlinked: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Ours:
    """A result of ours of one scan."""

    instance: str
    interpretation: str
    header: Dataset
    outlines: Outlines


class Recogniser:
    """To be used by one thread. `interpretations` are the names of those that make results."""

    def __init__(self, archive: Archive, interpretations: tuple[str, ...]) -> None:
        self._archive = archive
        self._interpretations = interpretations

    def look(self, instance: str) -> Looked | None:
        """What an instance of Orthanc is; None where it is no segmentation of what may be a planar
        scan, cannot be read, or where neither a person nor we made it. Raises ArchiveFault."""
        try:
            data = self._archive.read(instance)
            header = read_header(data)
            scans = segmented_instances(header, READABLE_SOP_CLASSES)[:MOST_SCANS]
            if header.get("SOPClassUID") not in SEGMENTATION_CLASSES or not scans:
                return None
            if self._interpretation(header, scans) is not None:
                return Looked(True, scans)
            source = _parse(data)
        except (Refusal, *UNREADABLE):
            return None
        if is_human_correction(source) is None and not text(source, "ContentCreatorName"):
            return None
        found, unlinked = list[Found](), list[str]()
        for scan in scans:
            try:
                held, ours = self._ours(scan)
                if held is None or not ours:
                    unlinked.append(scan)
                    continue
                one = _compared((instance, data, source), (held, scan), ours, self._archive)
                found += [one] if one is not None else []
            except Refusal:  # the scan is not there any more
                unlinked.append(scan)
        return Looked(False, scans, tuple(found), tuple(unlinked))

    def _ours(self, scan: str) -> tuple[str | None, list[_Ours]]:
        """Orthanc's identifier of a scan, and our segmentations of it that are held now."""
        places = self._archive.find(scan)
        if not places:
            return None, []
        study = self._archive.parents(places[0]).study
        held = self._archive.held("studies", study) or {}
        segmentations = [one for one, kind in held.items() if kind in SEGMENTATION_CLASSES]
        return places[0], [ours for one in segmentations for ours in self._if_ours(one, scan)]

    def _if_ours(self, instance: str, scan: str) -> Iterator[_Ours]:
        try:
            data = self._archive.read(instance)
            interpretation = self._interpretation(read_header(data), (scan,))
            if interpretation is not None:
                source = _parse(data)
                yield _Ours(instance, interpretation, source, outlines_on(source, scan))
        except (Refusal, *UNREADABLE):
            return

    def _interpretation(self, header: Dataset, scans: tuple[str, ...]) -> str | None:
        """The interpretation by which we made this of one of these scans; None: we did not."""
        if not is_own(header):
            return None
        uid, digest = text(header, "SOPInstanceUID"), text(header, "DeviceSerialNumber")
        for name in self._interpretations:
            if any(uid == result_uid(scan, name, digest, "seg") for scan in scans):
                return name
        return None


def _compared(
    drawn: tuple[str, bytes, Dataset],
    scan: tuple[str, str],
    ours: list[_Ours],
    archive: Archive,
) -> Found | None:
    """The correction of the result that is most like it; None where nothing tells of a person, or
    it was drawn on another matrix."""
    (instance, data, source), (held, uid) = drawn, scan
    try:
        theirs = outlines_on(source, uid)
    except Refusal:
        return None
    pairs = [(difference(theirs, one.outlines), one) for one in ours]
    alike = [(seen, one) for seen, one in pairs if seen is not None]
    if not alike:
        return None
    seen, result = min(alike, key=lambda pair: (len(pair[0].changed) > 0, -(pair[0].dice or 0.0)))
    evidence = is_human_correction(source) or _by_creator(seen)
    if evidence is None:
        return None
    header = read_header(archive.read(held))
    software = [str(one) for one in values(result.header, "SoftwareVersions")]
    return Found(
        instance=instance,
        source=held,
        result=result.instance,
        interpretation=result.interpretation,
        model=_short(" + ".join(software[1:])),
        model_digest=text(result.header, "DeviceSerialNumber"),
        scanner=_equipment(header),
        month=_month(header),
        evidence=evidence,
        tool=_equipment(source),
        changed=seen.changed,
        added=seen.added,
        removed=seen.removed,
        dice=seen.dice,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _by_creator(seen: Difference) -> str | None:
    """All is AUTOMATIC and a creator is named: a person's only where it is not our outline."""
    if not seen.changed:
        return None
    return f"a creator is named, and {seen.added + seen.removed} pixels differ from ours"


def _month(header: Dataset) -> str | None:
    """The month of the scan, such as 2026-01."""
    for keyword in DATES:
        date = text(header, keyword)
        if len(date) == 8 and date.isdecimal():
            return f"{date[:4]}-{date[4:6]}"
    return None


def _equipment(header: Dataset) -> str:
    made = (text(header, keyword) for keyword in ("Manufacturer", "ManufacturerModelName"))
    return _short(" ".join(one for one in made if one))


def _short(written: str) -> str:
    return "".join(one for one in written if one.isprintable())[:LONGEST_TEXT] or UNKNOWN


def _parse(data: bytes) -> Dataset:
    """With pixels, all values converted; raises Refusal, and UNREADABLE where one cannot be."""
    source = parse(data, pixels=True)
    with quiet():
        source.decode()
    return source
