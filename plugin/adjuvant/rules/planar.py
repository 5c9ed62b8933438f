"""What no rule can make a scan of: asked before any rule."""

from __future__ import annotations

import re

from pydicom import Dataset
from pydicom.uid import NuclearMedicineImageStorage, SecondaryCaptureImageStorage

from adjuvant.header import UNREADABLE, quiet, text, uid
from adjuvant.results.provenance import is_own


def not_a_planar_image(header: Dataset) -> str | None:
    """Why this cannot be a planar nuclear medicine image (PS3.3 A.5) to be read, or None.

    Our own results are none. Every interpretation that there is reads planar images.
    """
    if _is_own(header):
        return "it is a result of Adjuvant itself"
    modality, sop_class = text(header, "Modality"), uid(header, "SOPClassUID")
    if sop_class == SecondaryCaptureImageStorage and modality == "NM":
        return "SOPClassUID is Secondary Capture: a picture, whose pixels need not be counts"
    if sop_class != NuclearMedicineImageStorage:
        # A UID without a name may be any text; only names of the standard are repeated.
        name = "missing" if not sop_class else sop_class.name
        known = name if name != sop_class else "unknown"
        return f"SOPClassUID is {known}, not Nuclear Medicine Image Storage"
    if modality != "NM":
        known = repr(modality) if re.fullmatch("[A-Z]{2,8}", modality) else "missing or unknown"
        return f"Modality is {known}, not 'NM'"
    return None


def _is_own(header: Dataset) -> bool:
    try:
        with quiet():
            return is_own(header)
    except UNREADABLE:
        return False  # what we write can be read
