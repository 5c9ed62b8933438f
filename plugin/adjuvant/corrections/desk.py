"""What people ask about corrections, and what they decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adjuvant.archive import Archive
from adjuvant.corrections.register import Correction, Register, Undecidable, public
from adjuvant.errors import ArchiveFault
from adjuvant.health import Log, event

# Metadata of Orthanc from 1024 on are for users of it: what stands beside the segmentation itself.
METADATA = 6011
TIMEOUT_S = (1.0, 5.0)
UNCHANGED = (
    "nobody changed anything in it: it is the network's own outline. "
    'To say that you looked and it is right as it is: {"Unchanged": true}'
)
REPLACED = (
    "another file is there in the place of the one that you looked at: its sha256 is {}, not {}"
)


@dataclass(frozen=True)
class Said:
    """What a person says with a decision: who it is, that it is meant although nothing was changed
    (`unchanged`), and the `sha256` of the file that was looked at, where that is said."""

    who: str
    unchanged: bool = False
    sha256: str | None = None


class CorrectionDesk:
    """Safe to use from any thread."""

    def __init__(self, register: Register, archive: Archive, log: Log) -> None:
        self._register = register
        self._archive = archive
        self._log = log

    def page(self, which: Mapping[str, str | None], limit: int, offset: int) -> dict[str, Any]:
        """One page of the list, the newest first."""
        found, total = self._register.corrections(which, limit, offset)
        return {
            "corrections": [public(one) for one in found],
            "total": total,
            "record_fault": self._register.record_fault,
        }

    def summary(self) -> dict[str, Any]:
        """By model version, scanner and month."""
        return {"groups": self._register.summary()}

    def one(self, number: int) -> dict[str, Any] | None:
        """The correction with this number."""
        found = self._register.correction(number)
        return None if found is None else public(found)

    def decide(self, number: int, state: str, said: Said) -> dict[str, Any] | None:
        """Accept or reject; None where there is no such correction.

        Raises Undecidable where it is so already, where another one of the same scan is accepted,
        where nothing in it was changed and the person did not say that this is meant, and where
        the person looked at another file than the one that is there.
        """
        found = self._register.correction(number)
        if found is None:
            return None
        if said.sha256 is not None and said.sha256.casefold() != found.found.sha256:
            raise Undecidable(REPLACED.format(found.found.sha256, said.sha256))
        if state == "accepted" and not found.found.changed and not said.unchanged:
            raise Undecidable(UNCHANGED)
        details = "unchanged" if not found.found.changed else None
        self._register.decide(found, state, said.who, details)
        self._log.info(event("correction-decided", correction=number, state=state, who=said.who))
        self._mark(found, state)
        return self.one(number)

    def _mark(self, correction: Correction, state: str) -> None:
        """Say it beside the segmentation too. The record is what counts."""
        archive = self._archive.another(TIMEOUT_S)
        try:
            archive.keep_metadata(correction.found.instance, METADATA, state)
        except ArchiveFault as fault:
            self._log.warning(f"{correction.found.instance} is not marked as {state}: {fault}")
        finally:
            archive.close()
