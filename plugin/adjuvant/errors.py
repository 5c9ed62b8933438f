"""The two ways in which a scan ends without a result.

A *refusal* is final and about the scan: the same file would be refused again. A *fault* is about
us or our surroundings (network, disk, model): the same file may succeed on the next attempt.
Texts never hold patient data: they are logged and shown over REST.
"""

from __future__ import annotations


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


class Fault(AdjuvantError):
    """Something of ours failed: the job is tried again, and becomes an alarm after the limit."""


class ModelFault(Fault):
    """A model cannot be used: missing or altered file, invalid contract, TensorFlow broken."""


class ArchiveFault(Fault):
    """Orthanc's REST API answered with an error, or not at all."""
