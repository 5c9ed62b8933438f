"""CSV of the Export ROIs plugin of Horos and OsiriX: rows as long as the ROI has points.

The header names the fixed columns and ends in `mmX,mmY,mmZ,pxX,pxY,...`: five values a point.
Older versions know no UIDs, newer ones write them before NumOfPoints; a name may hold commas.
"""

from __future__ import annotations

import csv
import io

import numpy as np

from training.rois.drawing import Drawing, Drawings, Points, Reference, RoiError, Statistics
from training.rois.osirix import Unusable, shape_of, statistic

READER = "osirix-csv"
NEEDED = ("ImageNo", "RoiName", "RoiType", "NumOfPoints")
VALUES_A_POINT = 5  # mmX, mmY, mmZ, pxX, pxY


def read_osirix_csv(data: bytes) -> Drawings:
    """Every ROI of the file. Raises RoiError where it is no such export."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise RoiError(f"not a CSV file in UTF-8 ({type(fault).__name__})") from fault
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise RoiError(f"not an export of ROIs: no column {missing[0]}")
    drawings: list[Drawing] = []
    problems: list[str] = []
    body = [row for row in rows[1:] if any(value.strip() for value in row)]
    for number, row in enumerate(body, start=2):
        try:
            drawings.append(_drawing(header, row))
        except Unusable as fault:
            problems.append(f"line {number}: {fault}")
        except (ValueError, IndexError):
            problems.append(f"line {number}: the row is cut short or holds no numbers")
    return Drawings(READER, tuple(drawings), tuple(problems))


def _drawing(header: list[str], row: list[str]) -> Drawing:
    fixed = header.index("NumOfPoints") + 1
    value = dict(zip(header[:fixed], row[:fixed], strict=True))
    points = _points(row[fixed:], int(value["NumOfPoints"]))
    return Drawing(
        name=value["RoiName"],
        shape=shape_of(int(value["RoiType"]), points),
        reference=Reference(
            value.get("SOPInstanceUID", "").strip() or None, int(value["ImageNo"]) + 1
        ),
        statistics=Statistics(statistic(value.get("RoiMean")), statistic(value.get("RoiMax"))),
    )


def _points(values: list[str], count: int) -> Points:
    values = [value for value in values if value.strip()]
    if len(values) != VALUES_A_POINT * count:
        raise Unusable(f"{len(values)} values for {count} points instead of {5 * count}")
    numbers = np.array(values, np.float64).reshape(count, VALUES_A_POINT)
    return np.asarray(numbers[:, 3:])
