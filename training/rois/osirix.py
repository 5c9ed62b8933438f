"""What the formats of Horos and OsiriX share: kinds of ROI, points as text, and their meaning.

Known from the source of their Export ROIs plugin (Matsuyama and Hiramatsu) and of ROI.m. Points
are corner-based pixels. A closed polygon is exported by its control points: where the program drew
a smooth curve through them, straight lines stand for it here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from training.rois.drawing import (
    Drawing,
    Drawings,
    Ellipse,
    Outline,
    Points,
    Reference,
    RoiError,
    Shape,
    Statistics,
)

# ROI.h, `ToolMode`: only these enclose an area.
RECTANGLE, OVAL, CLOSED_POLYGON, PENCIL, BRUSH = 6, 9, 11, 15, 20
AREAS = {
    RECTANGLE: "rectangle",
    OVAL: "oval",
    CLOSED_POLYGON: "closed polygon",
    PENCIL: "pencil",
    BRUSH: "brush",
}
OTHERS = {5: "length", 10: "open polygon", 12: "angle", 13: "text", 14: "arrow", 19: "point"}

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Unusable(Exception):
    """One ROI cannot be used; the text says why."""


def shape_of(kind: int, points: Points) -> Shape:
    """The shape of an ROI of this kind. Raises Unusable where it encloses no known area."""
    if kind not in AREAS:
        name = OTHERS.get(kind, f"kind {kind}")
        raise Unusable(f"{name}: encloses no area")
    name = AREAS[kind]
    if kind == BRUSH and len(points) < 3:
        raise Unusable(
            "brush: its pixels are not in the file; save it as DICOM SEG or draw it anew"
        )
    if kind in (OVAL, RECTANGLE) and 2 <= len(points) <= 4:
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        if kind == OVAL:
            return Ellipse(float(left), float(top), float(right), float(bottom))
        if len(points) < 4:
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            return Outline((np.array(corners, np.float64),))
    if len(points) < 3:
        raise Unusable(f"{name}: {len(points)} points enclose no area")
    if not np.isfinite(points).all():
        raise Unusable(f"{name}: a point is not a number")
    return Outline((points,))


def pairs(texts: Iterable[Any]) -> Points:
    """`(x, y)` as text, list or mapping -> float64 (points, 2). Raises Unusable."""
    found = [_pair(one) for one in texts]
    return np.array(found, np.float64).reshape(len(found), 2)


def _pair(one: Any) -> tuple[float, float]:
    if isinstance(one, str):
        numbers = [float(number) for number in NUMBER.findall(one)]
    elif isinstance(one, Mapping):
        numbers = [float(one[key]) for key in ("x", "y") if key in one]
    elif isinstance(one, list | tuple):
        numbers = [float(number) for number in one]
    else:
        numbers = []
    if len(numbers) != 2:
        raise Unusable("a point is not two numbers")
    return numbers[0], numbers[1]


def statistic(value: Any) -> float | None:
    """A measured value; None where it is absent, or not measured (Horos writes -1 then)."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def read_images(content: Any, reader: str) -> Drawings:
    """The dictionary `Images` -> `ROIs` that is saved as XML plist or JSON. Raises RoiError."""
    images = content.get("Images") if isinstance(content, Mapping) else None
    if not isinstance(images, list) or not all(isinstance(one, Mapping) for one in images):
        raise RoiError("there is no list Images in it: this is not an export of ROIs")
    drawings: list[Drawing] = []
    problems: list[str] = []
    for number, image in enumerate(images):
        for place, roi in enumerate(image.get("ROIs") or []):
            try:
                drawings.append(_drawing(image, roi))
            except (Unusable, KeyError, TypeError, ValueError) as fault:
                said = str(fault) if isinstance(fault, Unusable) else "it lacks its kind or points"
                problems.append(f"image {number}, ROI {place}: {said}")
    return Drawings(reader, tuple(drawings), tuple(problems))


def _drawing(image: Mapping[str, Any], roi: Mapping[str, Any]) -> Drawing:
    points = pairs(roi.get("Point_px") or roi.get("ROIPoints") or ())
    index = roi.get("ImageIndex", image.get("ImageIndex"))
    total = image.get("ImageTotalNum")
    rows, columns = image.get("ImageHeight"), image.get("ImageWidth")
    return Drawing(
        name=str(roi.get("Name", "")),
        shape=shape_of(int(roi["Type"]), points),
        reference=Reference(
            roi.get("SOPInstanceUID") or image.get("SOPInstanceUID"),
            None if index is None or total == 1 else int(index) + 1,
        ),
        matrix=(int(rows), int(columns)) if rows and columns else None,
        statistics=Statistics(statistic(roi.get("Mean")), statistic(roi.get("Max"))),
    )
