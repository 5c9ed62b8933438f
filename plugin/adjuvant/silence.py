"""Tells an instance about which Orthanc does not answer from an Orthanc that does not answer.

For the second one waits. The first, such as a file on a disk that hangs, must not be waited for for
ever: all that came after it would wait too. Standard library only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from adjuvant.errors import ArchiveFault, Fault

PATIENCE = 3


class Answers(Protocol):
    """What is asked of the archive."""

    def version(self) -> str: ...


@dataclass
class Silences:
    """How often Orthanc said nothing about an instance, and answered something else at once. To be
    used by one thread."""

    archive: Answers
    _times: Counter[str] = field(init=False, default_factory=Counter)

    def only_of(self, instance: str, fault: Exception, *, patient: bool = False) -> bool:
        """Whether a fault is this instance's own, so that nobody else waits for it: Orthanc
        answered with an error, or was silent about it PATIENCE times, or we failed as often.

        `patient`: an error has to come as often, too; the first may be the archive's.
        """
        if isinstance(fault, ArchiveFault):
            if fault.status is not None and not patient:
                return True
            if not self._answers():
                return False
        elif isinstance(fault, Fault):  # a disk of ours
            return False
        self._times[instance] += 1
        return self._times[instance] >= PATIENCE

    def _answers(self) -> bool:
        try:
            self.archive.version()
        except ArchiveFault:
            return False
        return True
