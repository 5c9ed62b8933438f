"""What Orthanc's own pages show of us: the script that extends Orthanc Explorer.

It is imported before Orthanc has started, and imports nothing itself: whatever is imported by
then, Orthanc's first answer waits for.
"""

from __future__ import annotations

import os

SCRIPT = os.path.join(os.path.dirname(__file__), "explorer.js")


def explorer_script() -> str:
    """The JavaScript for `orthanc.ExtendOrthancExplorer`.

    It asks `GET /adjuvant/{studies|series|instances}/{id}/jobs` for the state of the analysis and
    `POST /adjuvant/{studies|series|instances}/{id}/analyze` for another one. Raises OSError when
    the file beside this one cannot be read.
    """
    with open(SCRIPT, encoding="utf-8") as file:
        return file.read()
