"""ROIs of Horos and OsiriX as JSON: the same keys as in the XML export."""

from __future__ import annotations

import json

from training.rois.drawing import Drawings, RoiError
from training.rois.osirix import read_images

READER = "osirix-json"


def read_osirix_json(data: bytes) -> Drawings:
    """Every ROI of the file. Raises RoiError where it is no such export."""
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as fault:
        raise RoiError(f"not JSON in UTF-8 ({type(fault).__name__})") from fault
    return read_images(content, READER)
