"""What lies below a folder, and what cannot be seen of it. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, in a fixed order; a folder that may not be listed stands there
    itself: it cannot be read, and so is told instead of left out. Links to folders are not
    followed."""
    closed: list[Path] = []
    places = os.walk(folder, onerror=lambda fault: closed.append(Path(fault.filename)))
    found = [Path(place) / name for place, _, names in places for name in names]
    return sorted([*(path for path in found if path.is_file()), *closed])
