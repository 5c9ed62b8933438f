"""SR content items (PS3.3 C.17.3) as plain datasets.

highdicom's classes check and copy every item several times: 160 ms for the report of two views,
for which a physician waits. These functions write the same items; tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydicom import Dataset
from pydicom.sr.coding import Code

from adjuvant.results.datasets import coded, dataset, plain

Relationship = Literal[
    "CONTAINS", "HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT", "HAS PROPERTIES"
]


def _item(value_type: str, name: Code, relationship: Relationship | None, **values: Any) -> Dataset:
    if relationship is not None:
        values["RelationshipType"] = relationship
    return dataset(ValueType=value_type, ConceptNameCodeSequence=[coded(name)], **values)


def container(
    name: Code,
    content: Iterable[Dataset],
    template: str | None = None,
    relationship: Relationship | None = "CONTAINS",
) -> Dataset:
    """A CONTAINER of other items; `template` is the number of a TID of PS3.16."""
    values: dict[str, Any] = {"ContinuityOfContent": "SEPARATE", "ContentSequence": list(content)}
    if template is not None:
        used = dataset(MappingResource="DCMR", TemplateIdentifier=template)
        values["ContentTemplateSequence"] = [used]
    return _item("CONTAINER", name, relationship, **values)


def text(name: Code, value: str, relationship: Relationship = "CONTAINS") -> Dataset:
    """A TEXT, in ASCII."""
    return _item("TEXT", name, relationship, TextValue=plain(value))


def code(
    name: Code,
    value: Code,
    relationship: Relationship = "CONTAINS",
    content: Iterable[Dataset] = (),
) -> Dataset:
    """A CODE; `content` are items that say more of it."""
    values: dict[str, Any] = {"ConceptCodeSequence": [coded(value)]}
    if more := list(content):
        values["ContentSequence"] = more
    return _item("CODE", name, relationship, **values)


def uid(name: Code, value: str) -> Dataset:
    """A UIDREF, always a context here."""
    return _item("UIDREF", name, "HAS OBS CONTEXT", UID=value)


def number(name: Code, value: float, unit: Code) -> Dataset:
    """A NUM: whole from a million on, else six significant digits, more than counts bear."""
    whole = 1e6 <= abs(value) < 1e15  # a DS holds 16 characters
    measured = dataset(
        NumericValue=f"{value:.0f}" if whole else f"{value:.6g}",
        MeasurementUnitsCodeSequence=[coded(unit)],
    )
    return _item("NUM", name, "CONTAINS", MeasuredValueSequence=[measured])


def image(
    name: Code, instance: tuple[str, str], *, frame: int | None = None, segment: int | None = None
) -> Dataset:
    """An IMAGE: `instance` is (SOP class, SOP instance); a frame or a segment of it, never both."""
    sop_class, sop_instance = instance
    reference = dataset(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop_instance)
    if frame is not None:
        reference.ReferencedFrameNumber = frame
    if segment is not None:
        reference.ReferencedSegmentNumber = segment
    return _item("IMAGE", name, "CONTAINS", ReferencedSOPSequence=[reference])
