"""Property lists of Horos and OsiriX: the XML export, and the ROIs kept inside a DICOM SR.

The SR holds the ROIs as an encapsulated document (0042,0011). Newer versions archive them as a
property list (NSKeyedArchiver), which is read here; older ones as a typed stream, which is not.
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.parsers.expat import ExpatError

from pydicom import Dataset

from training.rois.drawing import Drawing, Drawings, Reference, RoiError
from training.rois.osirix import NUMBER, OVAL, Unusable, pairs, read_images, shape_of

READER = "osirix-plist"
SR_READER = "osirix-sr"
TYPED_STREAM = b"\x04\x0bstreamtyped"
# ROI.m, encodeWithCoder: objects in this order, without keys, which the archiver calls $0, $1, ...
POINTS, RECT, KIND, NAME = "$0", "$1", "$2", "$10"


def read_osirix_plist(data: bytes) -> Drawings:
    """The XML (or binary) property list of the Export ROIs plugin. Raises RoiError."""
    return read_images(_load(data), READER)


def read_osirix_sr(header: Dataset) -> Drawings:
    """The ROIs inside a DICOM SR of Horos or OsiriX. Raises RoiError."""
    data = bytes(header.get("EncapsulatedDocument") or b"").rstrip(b"\0")
    if data.startswith(TYPED_STREAM):
        raise RoiError("the ROIs are a typed stream, which is not read: export them as XML or CSV")
    reference = _reference(header)
    content = _load(data)
    if isinstance(content, Mapping) and "$objects" in content:
        return _read_archive(content, reference)
    found = read_images(content, SR_READER)
    placed = tuple(
        drawing if drawing.reference.instance else _on(drawing, reference)
        for drawing in found.drawings
    )
    return Drawings(SR_READER, placed, found.problems)


def _load(data: bytes) -> Any:
    try:
        return plistlib.loads(data)
    except (plistlib.InvalidFileException, ExpatError, ValueError, KeyError, IndexError) as fault:
        raise RoiError(f"not a property list ({type(fault).__name__})") from fault
    except (OverflowError, RecursionError, MemoryError, AttributeError, TypeError) as fault:
        raise RoiError(f"a damaged property list ({type(fault).__name__})") from fault


def _on(drawing: Drawing, reference: Reference) -> Drawing:
    return replace(drawing, reference=reference)


def _reference(header: Dataset) -> Reference:
    """The image that the SR was made for: the one instance that it refers to."""
    for study in header.get("CurrentRequestedProcedureEvidenceSequence") or []:
        for series in study.get("ReferencedSeriesSequence") or []:
            for item in series.get("ReferencedSOPSequence") or []:
                return _item_reference(item)
    for item in header.get("ReferencedInstanceSequence") or []:
        return _item_reference(item)
    for content in header.get("ContentSequence") or []:
        for item in content.get("ReferencedSOPSequence") or []:
            return _item_reference(item)
    return Reference()


def _item_reference(item: Dataset) -> Reference:
    frame = item.get("ReferencedFrameNumber")
    number = frame if isinstance(frame, int) else (frame[0] if frame else None)
    return Reference(str(item.ReferencedSOPInstanceUID), None if number is None else int(number))


def _read_archive(archive: Mapping[str, Any], reference: Reference) -> Drawings:
    """Every object of class ROI in an NSKeyedArchiver archive."""
    objects = archive["$objects"]
    drawings: list[Drawing] = []
    problems: list[str] = []
    rois = [one for one in objects if _class_name(objects, one) == "ROI"]
    if not rois:
        raise RoiError("the archive holds no ROI")
    for number, roi in enumerate(rois):
        try:
            points = pairs(_text(objects, point) for point in _list(objects, roi[POINTS]))
            kind = int(float(_follow(objects, roi[KIND])))
            if len(points) == 0 and RECT in roi:
                points = _corners(str(_follow(objects, roi[RECT])), kind)
            shape = shape_of(kind, points)
            drawings.append(Drawing(str(_follow(objects, roi.get(NAME, ""))), shape, reference))
        except Unusable as fault:
            problems.append(f"ROI {number}: {fault}")
        except (KeyError, TypeError, ValueError, IndexError):
            problems.append(f"ROI {number}: it lacks its kind or points")
    return Drawings(SR_READER, tuple(drawings), tuple(problems))


def _corners(rect: str, kind: int) -> Any:
    """`{{x, y}, {width, height}}` -> two opposite corners; nothing where the box is empty.

    Of an oval, ROI.m keeps its centre as x and y, and its half axes as width and height.
    """
    numbers = [float(one) for one in NUMBER.findall(rect)]
    if len(numbers) != 4 or numbers[2] <= 0 or numbers[3] <= 0:
        return pairs(())
    x, y, width, height = numbers
    if kind == OVAL:
        return pairs([(x - width, y - height), (x + width, y + height)])
    return pairs([(x, y), (x + width, y + height)])


def _follow(objects: list[Any], value: Any) -> Any:
    return objects[value.data] if isinstance(value, plistlib.UID) else value


def _list(objects: list[Any], value: Any) -> list[Any]:
    found = _follow(objects, value)
    if not isinstance(found, Mapping):
        return []
    return [_follow(objects, one) for one in found.get("NS.objects", ())]


def _text(objects: list[Any], point: Any) -> Any:
    """MyPoint keeps `{x, y}` as its only object."""
    return _follow(objects, point["$0"]) if isinstance(point, Mapping) else point


def _class_name(objects: list[Any], one: Any) -> str:
    if not isinstance(one, Mapping) or "$class" not in one:
        return ""
    described = _follow(objects, one["$class"])
    return str(described.get("$classname", "")) if isinstance(described, Mapping) else ""
