"""An Orthanc over its REST API: studies by a query and labels, one page at a time.

Where it runs Adjuvant, that says which segmentations are corrections of results: what a viewer
saved over an outline of the network is no truth before a person has accepted it, whatever it says
of itself. So only accepted ones are taken, and only when asked for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from training.collect.rest import Access, Rest
from training.collect.source import Item, SourceFault

PAGE = 100
# Of a study with a planar image, what may be a scan or hold outlines.
MODALITIES = frozenset({"NM", "SEG", "RTSTRUCT", "SR"})
LABELS_SINCE = (1, 12, 0)
CORRECTIONS = "/adjuvant/corrections"
CORRECTIONS_PAGE = 1000


class Orthanc:
    """Studies with an NM series that match `query` (keyword -> value, * and ? allowed).

    With `labels`, only studies that carry all of them (Orthanc 1.12 or newer). With `corrections`,
    also the segmentations that people accepted as corrections.
    """

    def __init__(
        self,
        access: Access,
        query: Mapping[str, str],
        labels: Sequence[str] = (),
        *,
        corrections: bool = False,
    ) -> None:
        self._rest = Rest(access)
        self._query, self._labels = dict(query), list(labels)
        self._wanted = corrections
        self._listed = 0

    @property
    def doubt(self) -> str | None:
        """Why there may be more than `items` gave, once it has ended; None without a reason.

        Until 1.12.4 Orthanc reads at most one more than its LimitFindResults and pages through
        these. It does not tell that limit, which people set to hundreds or thousands.
        """
        limit, more = divmod(self._listed, PAGE)
        if more != 1 or not limit:
            return None
        level = "studies" if self._labels else "series"
        return (
            f"Orthanc listed {self._listed} {level}: if its LimitFindResults is "
            f"{self._listed - 1}, it left out the rest; set it to 0 there, or collect in parts "
            "(--query StudyDate=20250101-20250630)"
        )

    def accepted(self) -> dict[str, str]:
        """What stands for each accepted correction (`Item.key`) -> its identifier.

        Raises SourceFault where this Orthanc has no list of corrections.
        """
        listed = self._corrections()
        if listed is None:
            raise SourceFault("--corrections: this Orthanc has no list of corrections (Adjuvant)")
        return {_accepted_key(one): instance for instance, one in _accepted(listed).items()}

    def items(self) -> Iterator[Item]:
        """Every instance of the series of interest. Raises SourceFault."""
        if self._labels:
            self._require_labels()
        listed = self._corrections() or []
        corrections, accepted = {one["instance"] for one in listed}, _accepted(listed)
        for study in self._studies():
            said = "series of a study"
            for series in self._rest.json(f"/studies/{study}/series", said=said):
                if series["MainDicomTags"].get("Modality") not in MODALITIES:
                    continue
                for instance in series["Instances"]:
                    if instance not in corrections:
                        yield self._item(instance)
                    elif self._wanted and instance in accepted:
                        yield self._correction(accepted[instance])

    def _corrections(self) -> list[dict[str, Any]] | None:
        """Every correction that Adjuvant knows; None where this Orthanc has no Adjuvant.

        Raises SourceFault where it has one that does not answer: then nothing tells what is whose.
        """
        listed: list[dict[str, Any]] = []
        while True:
            path = f"{CORRECTIONS}?limit={CORRECTIONS_PAGE}&offset={len(listed)}"
            page = self._rest.json_if_there(path, said=f"GET {CORRECTIONS}")
            if page is None:
                return None
            found = page["corrections"]
            listed += found
            if len(found) < CORRECTIONS_PAGE:
                return listed

    def _correction(self, correction: dict[str, Any]) -> Item:
        instance, digest = correction["instance"], correction["sha256"]
        return Item(
            key=_accepted_key(correction),
            fetch=partial(self._accepted_file, instance, digest),
            place=f"Orthanc instance {instance}",
            accepted=True,
        )

    def _accepted_file(self, instance: str, digest: str) -> bytes:
        said = "GET /instances/…/file"
        data, _ = self._rest.data(f"/instances/{instance}/file", said=said)
        if hashlib.sha256(data).hexdigest() != digest:
            raise SourceFault("this is not the file that was accepted: it was replaced")
        return data

    def _studies(self) -> Iterator[str]:
        """Identifiers of the studies, each once. The order of Orthanc's answers is stable."""
        known: set[str] = set()
        since = 0
        while True:
            page = self._find(since)
            for series in page:
                study = str(series["ParentStudy"])
                if study not in known:
                    known.add(study)
                    yield study
            since += len(page)
            if len(page) < PAGE:
                self._listed = since
                return

    def _find(self, since: int) -> list[dict[str, Any]]:
        asked: dict[str, Any] = {
            "Level": "Series",
            "Query": {"Modality": "NM", **self._query},
            "Expand": True,
            "CaseSensitive": False,
            "Since": since,
            "Limit": PAGE,
        }
        if self._labels:
            # Labels of a study are asked for at its own level.
            asked |= {"Level": "Study", "Labels": self._labels, "LabelsConstraint": "All"}
            asked["Query"] = {"ModalitiesInStudy": "NM", **self._query}
        found = self._rest.json("/tools/find", said="POST /tools/find", json=asked)
        if not isinstance(found, list):
            raise SourceFault("POST /tools/find: the answer is not a list")
        return [one if "ParentStudy" in one else {"ParentStudy": one["ID"]} for one in found]

    def _require_labels(self) -> None:
        """An older Orthanc takes no notice of labels, and would give everything."""
        version = str(self._rest.json("/system", said="GET /system").get("Version", ""))
        numbers = tuple(int(one) for one in re.findall(r"\d+", version)[:3])
        if version != "mainline" and numbers < LABELS_SINCE:
            raise SourceFault(f"labels need Orthanc 1.12.0 or newer, this one is {version}")

    def _item(self, instance: str) -> Item:
        said = "GET /instances/…/file"
        return Item(
            key=f"orthanc {instance}",
            fetch=lambda: self._rest.data(f"/instances/{instance}/file", said=said)[0],
            place=f"Orthanc instance {instance}",
        )


def _accepted(listed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The accepted ones by their instance; one that was drawn on several scans stands there once
    for each, and has to be accepted for all."""
    refused = {one["instance"] for one in listed if one["state"] != "accepted"}
    return {one["instance"]: one for one in listed if one["instance"] not in refused}


def _accepted_key(correction: Mapping[str, Any]) -> str:
    """Another one than that of the instance: before, it was seen and not taken."""
    return f"orthanc {correction['instance']} accepted {correction['sha256']}"
