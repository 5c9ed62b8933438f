"""OHIF is served beside Orthanc, and what is fetched for it is what was pinned."""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path

import pytest

from deploy import viewer as deployed
from deploy.serve import Server
from deploy.viewer import CONFIGURATION, Viewer, ViewerFault, install, running_viewer


def get(url: str) -> tuple[dict[str, str], bytes]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return dict(answer.headers), answer.read()


def test_every_address_of_the_viewer_is_its_page(viewer: Viewer):
    assert b"OHIF Viewer" in get(viewer.study("2.25.1"))[1]
    assert b"OHIF Viewer" in get(viewer.study("2.25.1", "segmentation"))[1]


def test_the_page_is_isolated_so_that_decoders_may_share_memory(viewer: Viewer):
    headers, _ = get(viewer.url)
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_the_only_source_of_images_is_this_orthanc(viewer: Viewer):
    text = get(f"{viewer.url}/app-config.js")[1].decode()
    assert text.count("Root: '/dicom-web'") == 3
    assert "http" not in text


def test_dicomweb_is_orthancs_and_names_this_address(viewer: Viewer, archive: Server):
    studies = json.loads(get(f"{viewer.url}/dicom-web/studies")[1])
    retrieve = studies[0]["00081190"]["Value"][0]
    assert retrieve.startswith(f"{viewer.url}/dicom-web/studies/")


def test_a_taken_port_is_said(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(ViewerFault, match=f"port {port} is taken"),
            running_viewer("http://127.0.0.1:1", tmp_path, port),
        ):
            pass


def test_a_package_that_is_not_the_pinned_one_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fetch(package: str, version: str, folder: Path) -> Path:
        (folder / "other.tgz").write_bytes(b"something else")
        return folder / "other.tgz"

    monkeypatch.setattr(deployed, "_fetch", fetch)
    with pytest.raises(ViewerFault, match=r"other.tgz has sha512 .* is pinned"):
        install(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_lock_file_names_versions_and_digests_but_no_registry():
    text = (CONFIGURATION / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "http" not in text
    packages = json.loads(text)["packages"]
    assert packages["node_modules/playwright-core"]["integrity"].startswith("sha512-")
