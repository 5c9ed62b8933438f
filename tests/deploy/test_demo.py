"""The demo's own parts; `make demo ARGS=--exit` is the whole of it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deploy.client import Client, ClientError, store
from deploy.demo import SEED, _free_or_any, choose_case, main
from deploy.ports import free_port
from training.phantom.dicom import write_dicom


def test_the_demo_shows_an_everyday_scan_with_a_gland() -> None:
    case = choose_case(SEED)
    assert case.gland.any()
    assert (case.properties["view"], case.properties["isotope"]) == ("anterior", "Tc-99m")


def test_a_taken_port_gives_way_to_any_free_one() -> None:
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        assert _free_or_any(other.getsockname()[1]) == 0
    port = free_port()
    assert _free_or_any(port) == port


def test_a_scan_that_nobody_takes_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "scan.dcm"
    write_dicom(choose_case(SEED), file)
    with pytest.raises(ClientError, match=r"^storescu ended with \d+: .*[^\n]$"):
        store(file, free_port())


def test_an_orthanc_that_is_not_there_is_one_line() -> None:
    client = Client(f"http://localhost:{free_port()}")
    with pytest.raises(ClientError, match=r"no answer from http.*/adjuvant/status"):
        client.status()


def test_a_demo_without_a_model_says_so_and_ends(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(main)
    arguments = ["--exit", "--http-port", "0", "--dicom-port", "0"]
    arguments += ["--data", str(tmp_path / "data"), "--models", str(tmp_path / "no-models")]
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 1
    assert "demo: the plugin is degraded: cannot read" in ended.stdout
