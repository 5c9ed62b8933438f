"""A small file is written as a whole or not at all. Standard library only."""

from __future__ import annotations

import os
from contextlib import suppress


def write_whole(path: str, text: str) -> None:
    """Write ASCII text so that a kill or a full disk leaves what was there. Raises OSError."""
    unfinished = f"{path}.{os.getpid()}"
    try:
        with open(unfinished, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError:
        with suppress(OSError):
            os.unlink(unfinished)
        raise
