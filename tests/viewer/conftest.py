"""An Orthanc with a study in it, OHIF before it, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.serve import Server, running_orthanc
from deploy.viewer import Viewer, running_viewer
from tests.viewer.objects import Results, file_of, two_views
from tests.viewer.rest import upload

DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.viewer)


@pytest.fixture(scope="module")
def results() -> Results:
    return two_views()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, results: Results) -> Iterator[Server]:
    """An Orthanc that holds `results`; without the plugin: these tests are about what it made."""
    data = tmp_path_factory.mktemp("orthanc")
    plain = {"Plugins": [DICOMWEB], "PythonScript": None}
    with running_orthanc(data, overrides=plain, wait_ready=False) as server:
        for dataset in results.instances:
            upload(server, file_of(dataset))
        yield server


@pytest.fixture(scope="module")
def viewer(archive: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    with running_viewer(archive.url, tmp_path_factory.mktemp("nginx")) as running:
        yield running
