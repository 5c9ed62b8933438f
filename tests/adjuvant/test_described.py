"""Each route accepts what the OpenAPI document says, refuses the rest, and answers as described.

Here without Orthanc and with many requests; tests/integration/test_automation.py sends some over
Orthanc's own HTTP server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import GenerationMode

from adjuvant.api import Desk, Request, answer
from adjuvant.archive import Archive, Connection
from adjuvant.demand import Demand, Patience
from adjuvant.health import Health, Log
from adjuvant.inbox import Inbox
from adjuvant.ledger import Ledger
from adjuvant.surroundings import Surroundings
from tests.adjuvant.small_orthanc import TOKEN, small_orthanc
from tests.adjuvant.test_demand import READER
from tests.machines import CHECKS, try_routes

SCAN = "-".join(5 * [8 * "a"])
EXAMPLES = 15
REASONS = {200: "200 OK", 202: "202 Accepted"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    desk = Desk(Health("0.1.0"), Inbox(), ledger)
    with small_orthanc() as orthanc:
        orthanc.put(SCAN, b"")
        archive = Archive(Connection(orthanc.url, TOKEN), 1 << 20)
        around = Surroundings(archive, ledger, desk.inbox, desk.health, Log.silent())
        desk.demand = Demand(around, lambda: (READER,), Patience(limit_s=0.0))
        desk.demand.queue(desk.demand.look("instances", SCAN))  # type: ignore[arg-type]
        yield desk
        desk.demand.close()
        archive.close()
    ledger.close()


def serve(desk: Desk) -> Callable[..., Iterable[bytes]]:
    """The routes as plugin/main.py serves them, for WSGI."""

    def application(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environment["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        parts = [part.partition("=") for part in environment["QUERY_STRING"].split("&") if part]
        body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        method = environment["REQUEST_METHOD"]
        query = {name: value for name, _, value in parts}
        request = Request(method, path.removeprefix("/adjuvant/"), query, body)
        status, document, allow = answer(request, desk)
        start(
            REASONS.get(status, f"{status} Problem"),
            [("Content-Type", "application/json"), ("Allow", allow)],
        )
        return [json.dumps(document).encode()]

    return application


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_routes_do_what_the_openapi_document_says(desk: Desk, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_wsgi("/adjuvant/openapi.json", serve(desk))
    tried = try_routes(schema, mode, EXAMPLES, lambda case: case.call_and_validate(checks=CHECKS))
    assert tried >= 12
