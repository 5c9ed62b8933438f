"""What holds for the whole suite, whatever part of it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builder import SENT


@pytest.fixture(scope="session", autouse=True)
def no_log_names_a_patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At the end of the session: every log of every Orthanc is searched for all that was sent."""
    yield
    for log in tmp_path_factory.getbasetemp().rglob("*.log"):
        text = log.read_text(errors="replace").casefold()
        told = {one for one in SENT if one.casefold() in text}
        assert not told, f"{log} names {sorted(told)}"
