"""Who listens on a port is asked of the kernel."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from adjuvant import listening
from adjuvant.listening import is_listening


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_is_listened_on_from_listen_to_close(family: socket.AddressFamily) -> None:
    try:
        server = socket.socket(family)
        server.bind(("", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        port = server.getsockname()[1]
        assert is_listening(port) is False
        server.listen()
        assert is_listening(port) is True
    assert is_listening(port) is False


def test_a_connection_is_no_server() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert is_listening(client.getsockname()[1]) is False


def test_a_system_that_does_not_say_is_not_taken_for_a_closed_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "TABLES", (str(tmp_path / "tcp"),))
    assert is_listening(8042) is None


def test_a_table_that_cannot_be_read_just_now_may_hold_the_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, unreadable = tmp_path / "tcp6", tmp_path / "tcp"
    other.write_text("  sl  local_address rem_address st\n   0: 00000000:0050 00000000:0000 0A 0\n")
    monkeypatch.setattr(listening, "TABLES", (str(unreadable), str(other)))
    assert is_listening(8042) is False  # as where there is no IPv6
    unreadable.mkdir()
    assert is_listening(8042) is None
    assert is_listening(80) is True
