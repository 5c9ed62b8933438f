"""Simulated cases as the files of a department: NM images, and masks that somebody drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from training.dataset import read_case, read_index
from training.phantom.dicom import to_dicom, write_dicom


def write_department(data: Path, out: Path, drawn: int) -> tuple[int, int]:
    """Write `out`/scans/<case>.dcm for each case of a simulated data set, and for the first `drawn`
    cases that show a gland `out`/rois/<SOP Instance UID>.png; how many of both.

    Raises DatasetError where `data` is no data set.
    """
    outlines = 0
    entries = read_index(data)
    for name in ("scans", "rois"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for entry in entries:
        case = read_case(data, entry)
        write_dicom(case, out / "scans" / f"{case.case_id}.dcm")
        if outlines < drawn and case.gland.any():
            mask = Image.fromarray((case.gland * 255).astype(np.uint8))
            mask.save(out / "rois" / f"{to_dicom(case).SOPInstanceUID}.png")
            outlines += 1
    return len(entries), outlines
