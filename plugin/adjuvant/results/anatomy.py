"""Where things lie, in the codes that results carry."""

from __future__ import annotations

from pydicom.sr.coding import Code as ConceptCode

from adjuvant.findings import Code, Segment

# By interpretation: the organ whose uptake is reported even where none is seen, and PS3.16 annex L.
ORGANS = {"thyroid": ConceptCode("69748006", "SCT", "Thyroid")}
BODY_PARTS = {"thyroid": "THYROID"}
# A category that is a place of the body; what else lies in the organ is sited in the organ.
ANATOMICAL_STRUCTURE = "91723000"


def is_anatomy(segment: Segment) -> bool:
    """True where the segment's type is itself a place of the body."""
    return segment.category.value == ANATOMICAL_STRUCTURE


def concept(code: Code) -> ConceptCode:
    """A code of the findings, as pydicom and highdicom have it."""
    return ConceptCode(code.value, code.scheme, code.meaning)
