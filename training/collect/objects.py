"""One object of a source -> a pseudonymous scan or outlines, or the reason why not.

Scans are chosen by the rule that chooses them for inference, and refused as the plugin refuses
them: what the network will never be asked is not what it should learn from.
"""

from __future__ import annotations

import plistlib
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from adjuvant.errors import Refusal
from adjuvant.header import UNREADABLE, quiet, text
from adjuvant.image import Limits, read_header, read_scan
from adjuvant.rules.ruleset import RuleSet
from adjuvant.rules.syntax import default_rules
from adjuvant.scan import Scan
from training.burnt_in import burnt_in_risk
from training.collect.journal import Outcome
from training.collect.source import Item
from training.deidentify import METHOD, deidentify, to_file
from training.pseudonyms import Pseudonyms
from training.rois.drawing import Drawing, Drawings, Ellipse, Outline, RoiError
from training.rois.labels import Names
from training.rois.osirix import CLOSED_POLYGON, OVAL
from training.rois.osirix_plist import read_osirix_sr
from training.rois.readers import holds_drawings, is_osirix_sr

LIMITS = Limits()
# Of the names by which a person may have saved outlines beside a scan.
NAMED_BY = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "AccessionNumber")


@dataclass(frozen=True)
class Kept:
    """What becomes of an object. `data` is the pseudonymous file, None where nothing is kept."""

    outcome: Outcome
    reason: str
    data: bytes | None = None
    patient: str | None = None
    instance: str | None = None
    risk: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chooser:
    """Decides about objects: by the rules for an interpretation, under the pseudonyms of a key."""

    pseudonyms: Pseudonyms
    labels: Names = field(default_factory=Names)
    interpretation: str = "thyroid"
    rules: RuleSet = field(default_factory=default_rules)

    @cached_property
    def token(self) -> str:
        """Stands for all that decides about an object: another one may decide otherwise."""
        written = (self.rules.digest, self.interpretation, self.labels.written)
        return self.pseudonyms.token("chooser", " ".join(written))

    def keep(self, data: bytes, item: Item) -> Kept:
        """Everything about one object, without touching the disk. A damaged one ends no run."""
        try:
            return self._keep(data, item)
        except UNREADABLE as fault:
            return Kept("refused", f"damaged: a value cannot be read ({type(fault).__name__})")

    def _keep(self, data: bytes, item: Item) -> Kept:
        try:
            header = read_header(data)
        except Refusal as refusal:
            return Kept("passed over", refusal.reason)
        if text(header, "DeidentificationMethod") == METHOD and not holds_drawings(header):
            # Drawn on a second Orthanc: taken again, its patient would have a second pseudonym.
            return Kept("passed over", "it is out of a collection of ours, pseudonymous already")
        if holds_drawings(header):
            return self._outlines(data)
        decision = self.rules.decide(header, self.interpretation)
        if decision.rule is None:
            return Kept("passed over", decision.reason)
        try:
            source = _parse(data)
            scan = read_scan(source, LIMITS)
        except Refusal as refusal:
            return Kept("refused", f"{refusal.code}: {refusal.reason}")
        return self._scan(source, scan, decision.reason, item)

    def _scan(self, source: Dataset, scan: Scan, reason: str, item: Item) -> Kept:
        result = deidentify(_uncompressed(source), self.pseudonyms, self.labels)
        describe_scan(result, scan)
        risk = burnt_in_risk(scan.header, [frame.counts for frame in scan.frames])
        return Kept(
            "scan",
            reason,
            to_file(result, ExplicitVRLittleEndian),
            result.PatientID,
            result.SOPInstanceUID,
            risk,
            self._names(source, item),
        )

    def _outlines(self, data: bytes) -> Kept:
        try:
            source = _parse(data)
            document = self._osirix_document(source) if is_osirix_sr(source) else None
            result = deidentify(_uncompressed(source), self.pseudonyms, self.labels)
        except (Refusal, RoiError, *UNREADABLE) as fault:
            told = str(fault) if isinstance(fault, Refusal | RoiError) else type(fault).__name__
            return Kept("refused", f"outlines cannot be read: {told}")
        if document is not None:
            result.EncapsulatedDocument = document
        return Kept(
            "outlines",
            "",
            to_file(result, ExplicitVRLittleEndian),
            result.PatientID,
            result.SOPInstanceUID,
        )

    def _osirix_document(self, source: Dataset) -> bytes:
        """The ROIs of the SR written anew, names and remarks of people left out."""
        found = read_osirix_sr(source)
        document = plistlib.dumps({"Images": [_image(found, self.labels, self.pseudonyms)]})
        return document + b" " * (len(document) % 2)

    def _names(self, source: Dataset, item: Item) -> tuple[str, ...]:
        """Tokens of what a file of outlines may be called: like the scan's file, or by a UID."""
        written = {text(source, keyword) for keyword in NAMED_BY} - {""}
        names = {name_token(self.pseudonyms, one) for one in written}
        if item.stem is not None:
            names.add(name_token(self.pseudonyms, item.stem))
        if item.folder not in (None, "."):
            names.add(folder_token(self.pseudonyms, str(item.folder)))
        return tuple(sorted(names))


def name_token(pseudonyms: Pseudonyms, name: str) -> str:
    """What stands for a name in the journal."""
    return pseudonyms.token("stem", name.casefold())


def folder_token(pseudonyms: Pseudonyms, folder: str) -> str:
    """What stands for a folder in the journal."""
    return pseudonyms.token("folder", folder)


def describe_scan(result: Dataset, scan: Scan) -> None:
    """Descriptions that say what was known of the scan and nothing else (Clean Descriptors)."""
    views = [frame.view for frame in scan.frames if frame.view]
    result.StudyDescription = "Thyroid scintigraphy"
    result.SeriesDescription = f"Thyroid {', '.join(views)}".strip()[:64]


def _image(found: Drawings, labels: Names, pseudonyms: Pseudonyms) -> dict[str, object]:
    rois = []
    for drawing in found.drawings:
        kind, points = _points(drawing)
        instance, frame = drawing.reference.instance, drawing.reference.frame
        roi: dict[str, object] = {
            "Name": labels.word_for(drawing.name),
            "Type": kind,
            "Point_px": [f"({x!r}, {y!r})" for x, y in points],
        }
        if instance:
            roi["SOPInstanceUID"] = pseudonyms.uid(instance)
        if frame:
            roi["ImageIndex"] = frame - 1
        rois.append(roi)
    return {"ROIs": rois}


def _points(drawing: Drawing) -> tuple[int, list[tuple[float, float]]]:
    shape = drawing.shape
    if isinstance(shape, Ellipse):
        return OVAL, [(shape.left, shape.top), (shape.right, shape.bottom)]
    if isinstance(shape, Outline):
        return CLOSED_POLYGON, [(float(x), float(y)) for x, y in shape.rings[0]]
    raise RoiError("an ROI of an unexpected shape")


def _parse(data: bytes) -> Dataset:
    try:
        with quiet():
            return dcmread(BytesIO(data))
    except (InvalidDicomError, *UNREADABLE) as fault:
        kind = type(fault).__name__
        raise Refusal("not-dicom", f"the file cannot be read as DICOM ({kind})") from None


def _uncompressed(source: Dataset) -> Dataset:
    """The same object with native little-endian pixels and nothing behind or above them."""
    if "PixelData" not in source:
        return source
    syntax = source.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)
    with quiet():
        if syntax.is_compressed and syntax.is_encapsulated:
            source.decompress()
        elif not syntax.is_little_endian:
            _swap(source)
    frames = int(source.get("NumberOfFrames") or 1)
    bits = frames * int(source.Rows) * int(source.Columns) * int(source.BitsAllocated)
    size = -(-bits // 8)
    _clear_unused_bits(source, source.PixelData[:size])
    source.PixelData += b"\0" * (size % 2)
    return source


def _clear_unused_bits(source: Dataset, pixels: bytes) -> None:
    """Overlays of older cameras, which can hold text, lie in the bits above those of the pixels."""
    unused = int(source.BitsAllocated) - int(source.get("BitsStored") or source.BitsAllocated)
    if source.BitsAllocated in (8, 16) and 0 < unused < source.BitsAllocated:
        kind = "i" if source.get("PixelRepresentation") else "u"
        values = np.frombuffer(pixels, f"<{kind}{source.BitsAllocated // 8}")
        pixels = (values << unused >> unused).tobytes()
    source.PixelData = pixels


def _swap(source: Dataset) -> None:
    if source.BitsAllocated == 16:
        source.PixelData = np.frombuffer(source.PixelData, ">u2").astype("<u2").tobytes()
