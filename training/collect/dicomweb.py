"""A DICOMweb server: QIDO-RS finds, WADO-RS brings (PS3.18 sections 10.4 and 10.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.message import Message
from functools import partial
from typing import Any

from training.collect.orthanc import MODALITIES
from training.collect.rest import Access, Rest
from training.collect.source import Item, SourceFault

PAGE = 100
JSON = {"Accept": "application/dicom+json"}
# As stored: a server that has to decompress may not be able to.
FILE = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
STUDY, SERIES, INSTANCE, MODALITY = "0020000D", "0020000E", "00080018", "00080060"


class DicomWeb:
    """Studies with an NM series that match `query` (keyword -> value)."""

    def __init__(self, access: Access, query: Mapping[str, str]) -> None:
        self._rest = Rest(access)
        self._query = dict(query)

    def items(self) -> Iterator[Item]:
        """Every instance of the series of interest. Raises SourceFault."""
        known: set[str] = set()
        for found in self._pages("/series", {"Modality": "NM", **self._query}):
            study = _text(found, STUDY)
            if study in known:
                continue
            known.add(study)
            for series in self._pages(f"/studies/{study}/series", {}):
                if _text(series, MODALITY) in MODALITIES:
                    yield from self._instances(study, _text(series, SERIES))

    def _instances(self, study: str, series: str) -> Iterator[Item]:
        path = f"/studies/{study}/series/{series}/instances"
        for found in self._pages(path, {}):
            instance = _text(found, INSTANCE)
            yield Item(
                key=f"dicomweb {instance}",
                fetch=partial(self._file, f"{path}/{instance}"),
                place=f"DICOMweb instance {instance}",
            )

    def _pages(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Every answer of a query, page by page; a server that knows no pages gives one."""
        offset, last = 0, ""
        while True:
            asked = {**query, "limit": str(PAGE), "offset": str(offset)}
            page = self._rest.json(path, said="QIDO-RS", params=asked, headers=JSON) or []
            first = str(page[:1])
            if not page or first == last:
                return
            yield from page
            if len(page) < PAGE:
                return
            offset, last = offset + len(page), first

    def _file(self, path: str) -> bytes:
        data, kind = self._rest.data(path, said="WADO-RS", headers=FILE)
        return first_part(data, kind)


def first_part(data: bytes, content_type: str) -> bytes:
    """The first part of a multipart/related answer (RFC 2046). Raises SourceFault."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        return data
    marker = b"--" + boundary.encode()
    start = data.find(b"\r\n\r\n", data.find(marker))
    end = data.find(b"\r\n" + marker, start)
    if start < 0 or end < 0:
        raise SourceFault("WADO-RS: the answer is cut short")
    return data[start + 4 : end]


def _text(found: dict[str, Any], tag: str) -> str:
    values = found.get(tag, {}).get("Value") or [""]
    return str(values[0])
