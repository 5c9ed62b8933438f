"""One Orthanc for most tests, and the means to start others with their own troubles.

Their index is SQLite, or PostgreSQL with ADJUVANT_INDEX=postgresql (`make test-postgresql`).
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.serve import ROOT, running_orthanc
from tests.integration import postgresql
from tests.integration.hospital import PATIENT_ID, PATIENT_NAME, Hospital
from tests.integration.tiny import IN_SERVICE, write_tiny_model

USER = ("physician", "correct-horse")
STOP_S = 100.0  # on a busy machine; what is promised is tested by test_restart.py
RELEASED = ROOT / "models" / "thyroid" / IN_SERVICE
INDEX = os.environ.get("ADJUVANT_INDEX", "sqlite")
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"

Start = Callable[..., AbstractContextManager[Hospital]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder: the released model where there is one, else a tiny one."""
    folder = tmp_path_factory.mktemp("models")
    if (RELEASED / "model.json").exists():
        shutil.copytree(RELEASED, folder / "thyroid" / IN_SERVICE)
    else:
        write_tiny_model(folder / "thyroid" / IN_SERVICE)
    return folder


@pytest.fixture(scope="session")
def packages() -> Path:
    """The packages that these tests run with; the plugin uses the same."""
    return Path(sys.prefix) / "lib" / VERSION / "site-packages"


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgresql.Cluster]:
    """A PostgreSQL server, for tests that want one for themselves."""
    if missing := postgresql.missing():
        pytest.skip(missing)
    with postgresql.cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def index(request: pytest.FixtureRequest) -> Callable[[Path], dict[str, Any]]:
    """What the configuration says of the index of an Orthanc whose data are in a folder."""
    if INDEX == "sqlite":
        return lambda data: {}
    if INDEX != "postgresql":
        pytest.exit(f"ADJUVANT_INDEX has to be sqlite or postgresql, got {INDEX!r}", 2)
    if missing := postgresql.missing():
        pytest.exit(missing, 2)
    cluster: postgresql.Cluster = request.getfixturevalue("cluster")
    return cluster.index


@pytest.fixture(scope="session")
def start(models: Path, index: Callable[[Path], dict[str, Any]]) -> Start:
    """`with start(folder, adjuvant={...}, orthanc={...}) as hospital:` another Orthanc.

    Whatever is tested, no log ever holds the name or the number of the patient.
    """

    @contextmanager
    def starting(
        data: Path,
        adjuvant: dict[str, Any] | None = None,
        orthanc: dict[str, Any] | None = None,
        wait_ready: bool = True,
    ) -> Iterator[Hospital]:
        section = {
            "ModelsDirectory": str(models),
            "VirtualEnvironment": sys.prefix,
            "RetrySeconds": 1,
            "SweepSeconds": 1,
            **(adjuvant or {}),
        }
        overrides = {"Adjuvant": section, **index(data), **(orthanc or {})}
        with running_orthanc(
            data, overrides=overrides, wait_ready=wait_ready, stop_s=STOP_S
        ) as server:
            hospital = Hospital(server)
            yield hospital
            hospital.session.close()
        assert hospital.server.process.returncode in (0, -signal.SIGKILL)  # ours, never a crash
        for secret in (PATIENT_ID, *PATIENT_NAME.split("^")):
            assert secret.casefold() not in hospital.log().casefold()

    return starting


@pytest.fixture(scope="session")
def hospital(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """The Orthanc that tests share; each sends patients' studies of its own. It has users: what is
    tested here, and our own way inside, has to work for them; elsewhere there are none."""
    users = {"AuthenticationEnabled": True, "RegisteredUsers": dict([USER])}
    data = tmp_path_factory.mktemp("shared")
    with start(data, orthanc=users, wait_ready=False) as hospital:
        hospital.session.auth = USER
        hospital.wait_for_state("ready")
        yield hospital
