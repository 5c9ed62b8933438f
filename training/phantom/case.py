"""One simulated scan with its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Property = str | float | bool | None

READINGS = 2
# What a label in `Case.parts` means; 0 is outside of the gland.
PART_LABELS = {"right": 1, "left": 2, "isthmus": 3, "pyramidal": 4}


@dataclass(frozen=True)
class Nodule:
    """One cold nodule as the camera sees it; `mask` bool (rows, columns).

    `size_mm` is its mean diameter in the patient, `contrast` the part of the expected counts that
    it takes away (0 to 1), `snr` what it takes away over the noise of its own area. `detectable`
    says whether the physics can show it at all (`training.phantom.nodules`).
    """

    mask: NDArray[np.bool_]
    size_mm: float
    contrast: float
    snr: float
    detectable: bool


@dataclass(frozen=True)
class Case:
    """`counts` uint16 and `gland` bool, both (rows, columns); `properties` say how it was made.

    `nodules` are the cold ones, `parts` uint8 (rows, columns) says which part of the gland a pixel
    shows (`PART_LABELS`; None where nobody knows).
    `readings` are other outlines, as right as `gland`, where parts of it are barely visible: at
    most `READINGS`, like `gland` each, and none where every reader draws the same.
    Cases with one `patient_id` show the same anatomy and belong on the same side of every split.
    """

    case_id: str
    patient_id: str
    counts: NDArray[np.uint16]
    gland: NDArray[np.bool_]
    properties: dict[str, Property]
    nodules: tuple[Nodule, ...] = ()
    parts: NDArray[np.uint8] | None = None
    readings: tuple[NDArray[np.bool_], ...] = ()
