"""The two ways in which a scan ends without a result.

A *refusal* is final and about the scan: the same file would be refused again. A *fault* is about
us or our surroundings (network, disk, model): the same file may succeed on the next attempt.
Texts never hold patient data: they are logged and shown over REST.
"""

from __future__ import annotations

import traceback
from pathlib import Path


class AdjuvantError(Exception):
    """Anything that this package raises on purpose."""


class Refusal(AdjuvantError):  # the word that users read
    """The scan is not analysed, for the reason given; trying again would not help.

    `code` is a stable identifier for counting, such as `"pixel-data"`; `reason` is one sentence
    for a person, naming the DICOM keyword and the value received.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class RuleFault(AdjuvantError):
    """A rule set cannot be obeyed; the text is one line that names rule, key and value."""


class Fault(AdjuvantError):
    """Something of ours failed: the job is tried again, and becomes an alarm after the limit."""


class ModelFault(Fault):
    """A model cannot be used: missing or altered file, invalid contract, TensorFlow broken."""


class ArchiveFault(Fault):
    """Orthanc's REST API answered with an error (its HTTP `status`), or not at all (None)."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


def explain(fault: Exception) -> str:
    """One sentence about a fault, without the text of foreign exceptions, which may quote a header.

    What is not ours is named by its class and the line that raised it.
    """
    if isinstance(fault, Fault):
        return str(fault)
    frames = traceback.extract_tb(fault.__traceback__)
    package = Path(__file__).parent
    ours = [frame for frame in frames if package in Path(frame.filename).parents]
    where = (ours or frames)[-1:]
    place = f" at {Path(where[0].filename).name}:{where[0].lineno}" if where else ""
    return f"unexpected {type(fault).__name__}{place}"
