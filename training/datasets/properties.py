"""What the index of a data set says of a camera's scan, in the simulator's words."""

from __future__ import annotations

import re

import numpy as np
from pydicom import Dataset

from adjuvant.header import fold, items, numbers, text
from adjuvant.scan import Frame, Scan
from training.phantom.case import Property
from training.phantom.dicom import MANUFACTURER

NOT_TOLD = "not told"
PINHOLE, PARALLEL = "PINHOLE", "parallel"
# PS3.16 CID 18: SNOMED CT, and the SNOMED-RT codes of older cameras.
ISOTOPE_CODES = {
    "72454006": "Tc-99m",
    "C-163A8": "Tc-99m",
    "21572004": "I-123",
    "C-114A4": "I-123",
    "1368003": "I-131",
    "C-114B1": "I-131",
}
ISOTOPE_WORDS = {"Tc-99m": r"tc|techn", "I-123": r"123", "I-131": r"131"}
# Energy windows in keV around the photopeaks, where nothing else tells.
ISOTOPE_PEAKS = {"Tc-99m": 140.5, "I-123": 159.0, "I-131": 364.5}
VIEWS = {"left anterior oblique": "LAO", "right anterior oblique": "RAO"}


def scan_properties(scan: Scan, frame: Frame) -> dict[str, Property]:
    """Everything that the header tells about one view; None or "not told" where it does not."""
    spacing = scan.spacing_mm
    square = spacing is not None and abs(spacing[0] - spacing[1]) < 1e-3 * spacing[0]
    return {
        "simulated": text(scan.header, "Manufacturer") == MANUFACTURER,
        "isotope": isotope(scan.header),
        "collimator": {True: PINHOLE, False: PARALLEL, None: None}[scan.pinhole],
        "view": VIEWS.get(frame.view or "", frame.view or NOT_TOLD),
        "disease": NOT_TOLD,
        "spacing_mm": spacing[0] if spacing is not None and square else None,
        "rows": scan.shape[0],
        "columns": scan.shape[1],
        "total_counts": float(np.sum(frame.counts, dtype=np.float64)),
        "duration_s": frame.duration_s,
        "vendor": text(scan.header, "Manufacturer") or NOT_TOLD,
        "camera": text(scan.header, "ManufacturerModelName") or NOT_TOLD,
    }


def isotope(header: Dataset) -> str:
    """The isotope by its code, else by words, else by the energy window."""
    for tracer in items(header, "RadiopharmaceuticalInformationSequence"):
        for code in items(tracer, "RadionuclideCodeSequence"):
            known = ISOTOPE_CODES.get(text(code, "CodeValue"))
            if known:
                return known
        words = text(tracer, "Radiopharmaceutical")
        for code in items(tracer, "RadionuclideCodeSequence"):
            words += f" {text(code, 'CodeMeaning')}"
        for name, pattern in ISOTOPE_WORDS.items():
            if re.search(pattern, fold(words)):
                return name
    return _by_energy(header)


def _by_energy(header: Dataset) -> str:
    for window in items(header, "EnergyWindowInformationSequence"):
        for limits in items(window, "EnergyWindowRangeSequence"):
            low = numbers(limits, "EnergyWindowLowerLimit")
            high = numbers(limits, "EnergyWindowUpperLimit")
            if len(low) == len(high) == 1 and low[0] < high[0]:
                middle = (low[0] + high[0]) / 2
                name, peak = min(ISOTOPE_PEAKS.items(), key=lambda one: abs(one[1] - middle))
                if abs(peak - middle) < 0.1 * peak:
                    return name
    return NOT_TOLD
