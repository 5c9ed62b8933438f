"""One simulated scan with its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Property = str | float | bool | None


@dataclass(frozen=True)
class Case:
    """`counts` uint16 and `gland` bool, both (rows, columns); `properties` say how it was made.

    Cases with one `patient_id` show the same anatomy and belong on the same side of every split.
    """

    case_id: str
    patient_id: str
    counts: NDArray[np.uint16]
    gland: NDArray[np.bool_]
    properties: dict[str, Property]
