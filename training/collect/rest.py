"""What the two REST sources share: a session, JSON, and errors that hold no patient's data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from training.collect.source import MAXIMUM_BYTES, SourceFault

TIMEOUT_S = (5.0, 60.0)
# Reading may be repeated: nothing is changed by it.
RETRIES = Retry(total=4, backoff_factor=0.5, status_forcelist=(502, 503, 504), allowed_methods=None)
CHUNK = 1 << 20


@dataclass(frozen=True)
class Access:
    """Where a server is, and how to be let in; `authority` is a PEM file to trust."""

    url: str
    user: str | None = None
    password: str | None = None
    authority: Path | None = None


class NotThere(SourceFault):
    """The server has nothing at this path."""


class Rest:
    """Requests to one server. Every fault is a SourceFault that names the path, not its answer."""

    def __init__(self, access: Access) -> None:
        if not access.url.casefold().startswith(("http://", "https://")):
            raise SourceFault("the address of a server begins with http:// or https://")
        self._url = access.url.rstrip("/")
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(max_retries=RETRIES))
        self._session.mount("https://", HTTPAdapter(max_retries=RETRIES))
        if access.user is not None:
            self._session.auth = (access.user, access.password or "")
        if access.authority is not None:
            self._session.verify = str(access.authority)

    def json(self, path: str, *, said: str, **request: Any) -> Any:
        """The answer as JSON; None where there is none (204). `said` names the request."""
        answer = self._answer(path, said, **request)
        if answer.status_code == 204:
            return None
        try:
            return answer.json()
        except requests.JSONDecodeError as fault:
            raise SourceFault(f"{said}: the answer is not JSON") from fault

    def json_if_there(self, path: str, *, said: str) -> Any:
        """The same; None where the server has no such path (404)."""
        try:
            return self.json(path, said=said)
        except NotThere:
            return None

    def data(self, path: str, *, said: str, **request: Any) -> tuple[bytes, str]:
        """The bytes of an answer and its content type."""
        answer = self._answer(path, said, stream=True, **request)
        parts, size = [], 0
        try:
            for part in answer.iter_content(CHUNK):
                parts.append(part)
                size += len(part)
                if size > MAXIMUM_BYTES:
                    raise SourceFault(f"{said}: more than {MAXIMUM_BYTES >> 20} MiB")
        except requests.RequestException as fault:
            raise SourceFault(f"{said}: {type(fault).__name__}") from fault
        finally:
            answer.close()
        return b"".join(parts), answer.headers.get("Content-Type", "")

    def store(self, data: bytes) -> None:
        """Store a DICOM file in an Orthanc; what is there already stays."""
        self._answer("/instances", "POST /instances", data=data).close()

    def _answer(self, path: str, said: str, **request: Any) -> requests.Response:
        method = "POST" if request.keys() & {"json", "data"} else "GET"
        try:
            answer = self._session.request(method, self._url + path, timeout=TIMEOUT_S, **request)
        except requests.RequestException as fault:
            raise SourceFault(f"{said}: {type(fault).__name__}") from fault
        if answer.status_code in (401, 403):
            raise SourceFault(f"{said}: {answer.status_code}, user or password are not accepted")
        if answer.status_code == 404:
            raise NotThere(f"{said}: the server answered 404")
        if not answer.ok:
            raise SourceFault(f"{said}: the server answered {answer.status_code}")
        return answer
