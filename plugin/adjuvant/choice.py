"""Which version of a model reads scans, told from the record of changes: there is no other memory.

orthanc.json names the version at the first start. From then on a person's activation or roll-back
holds, also after a restart, until orthanc.json names another version than it did at that time.
Where it names none, our default stands in for it, but a newer default undoes nothing that a person
chose. Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Change = Literal["configured", "activated", "rolled-back", "replaced", "refused", "shadow"]
SWITCHES = ("configured", "activated", "rolled-back")
CONFIGURATION = "configuration"


@dataclass(frozen=True)
class Choice:
    """What holds for one model. `version` reads scans, `previous` did before, `shadow` runs
    silently; `who` chose it `at` that time, when orthanc.json named `configured`. `digest` is what
    was in its folder when it was last written down."""

    version: str
    previous: str | None
    shadow: str | None
    configured: str
    who: str
    at: str
    digest: str | None = None


def chosen(entries: Sequence[dict[str, Any]]) -> Choice | None:
    """What the lines about one model, the oldest first, come to; None before the first choice."""
    choice: Choice | None = None
    for entry in entries:
        if entry.get("change") in SWITCHES:
            choice = _switched(choice, entry)
        elif entry.get("change") == "shadow" and choice is not None:
            choice = replace(choice, shadow=_told(entry.get("to"), "version"))
        elif entry.get("change") == "replaced" and choice is not None:
            choice = replace(choice, digest=_told(entry.get("to"), "digest"))
    return choice


def _switched(before: Choice | None, entry: dict[str, Any]) -> Choice | None:
    version = _told(entry.get("to"), "version")
    if version is None:  # a damaged line: what was chosen before holds
        return before
    shadow = before.shadow if before is not None else None
    return Choice(
        version=version,
        previous=_told(entry.get("from"), "version"),
        shadow=None if shadow == version else shadow,
        configured=str(entry.get("configured")),
        who=str(entry.get("who")),
        at=str(entry.get("at")),
        digest=_told(entry.get("to"), "digest"),
    )


def _told(side: Any, key: str) -> str | None:
    found = side.get(key) if isinstance(side, dict) else None
    return found if isinstance(found, str) else None


def decides(choice: Choice | None, configured: str, named: bool = True) -> bool:
    """Whether `configured` reads scans from now on, whatever did before; where it is not `named` in
    orthanc.json, it is our default."""
    if choice is None:
        return True
    return choice.configured != configured and (named or choice.who == CONFIGURATION)


def wanted(choice: Choice | None, configured: str, named: bool = True) -> str:
    """The version that is to read scans: what orthanc.json newly names, else what was chosen."""
    return configured if choice is None or decides(choice, configured, named) else choice.version
