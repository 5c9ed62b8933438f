"""An Orthanc over its REST API: studies by a query and labels, one page at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.collect.rest import Access, Rest
from training.collect.source import Item, SourceFault

PAGE = 100
# Of a study with a planar image, what may be a scan or hold outlines.
MODALITIES = frozenset({"NM", "SEG", "RTSTRUCT", "SR"})
LABELS_SINCE = (1, 12, 0)


class Orthanc:
    """Studies with an NM series that match `query` (keyword -> value, * and ? allowed).

    With `labels`, only studies that carry all of them (Orthanc 1.12 or newer).
    """

    def __init__(
        self, access: Access, query: Mapping[str, str], labels: Sequence[str] = ()
    ) -> None:
        self._rest = Rest(access)
        self._query, self._labels = dict(query), list(labels)

    def items(self) -> Iterator[Item]:
        """Every instance of the series of interest. Raises SourceFault."""
        if self._labels:
            self._require_labels()
        for study in self._studies():
            said = "series of a study"
            for series in self._rest.json(f"/studies/{study}/series", said=said):
                if series["MainDicomTags"].get("Modality") in MODALITIES:
                    yield from map(self._item, series["Instances"])

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
            if len(page) < PAGE:
                return
            since += len(page)

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
