"""The moment from which on scans are ours, written down before Orthanc accepts the first one.

The very first start leaves an existing archive alone, but what arrives from then on is read, also
where Orthanc is killed before anything else of ours has begun. Standard library only, and little
of it: it runs while Orthanc starts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from adjuvant.whole_file import write_whole

DATA_DIRECTORY = "data/adjuvant"
FILE = "first-start"
CHANGE_TIME = "%Y%m%dT%H%M%S"  # as Orthanc's change log writes times, in UTC


def keep_first_start(section: Mapping[str, Any], base: str) -> None:
    """Write the moment down, unless that was done before or we are switched off.

    `section` is our part of the configuration as it is written, `base` the folder that paths in it
    are relative to. Raises OSError where the folder cannot be written.
    """
    folder = section.get("DataDirectory", DATA_DIRECTORY)
    if section.get("Enabled", True) is not True or not isinstance(folder, str):
        return
    path = os.path.join(base, os.path.expanduser(folder), FILE)
    if read_first_start(path) is not None:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_whole(path, time.strftime(CHANGE_TIME, time.gmtime()) + "\n")


def read_first_start(path: str) -> str | None:
    """The moment in the file, such as 20260131T100000 (UTC); None where there is none."""
    try:
        with open(path, encoding="ascii") as file:
            moment = file.read().strip()
        time.strptime(moment, CHANGE_TIME)
    except (OSError, ValueError):
        return None
    return moment
