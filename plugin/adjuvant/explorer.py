"""What Orthanc's own pages show of us: the script that extends Orthanc Explorer.

Standard library only: it is imported before Orthanc has started.
"""

from __future__ import annotations

from pathlib import Path

SCRIPT = Path(__file__).with_name("explorer.js")


def explorer_script() -> str:
    """The JavaScript for `orthanc.ExtendOrthancExplorer`.

    It asks `GET /adjuvant/{studies|series|instances}/{id}/jobs` for the state of the analysis and
    `POST /adjuvant/{studies|series|instances}/{id}/analyze` for another one. Raises OSError when
    the file beside this one cannot be read.
    """
    return SCRIPT.read_text(encoding="utf-8")
