"""docker-compose.yml and the image, as far as they can be checked where no Docker runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator

from adjuvant.config import read_settings
from deploy.docker.health import main as health
from tests.servers import Answers, greeting, serving

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
DOCKER = ROOT / "deploy" / "docker"
# compose-spec/compose-spec, schema/compose-spec.json, Apache-2.0.
SCHEMA = Path(__file__).with_name("compose-spec.json")
PINNED = r"[a-z/]+:(\d+\.\d+(\.\d+)?|cpu|gpu)"
READY: Answers = {
    "/changes?last": (200, {"Changes": []}),
    "/adjuvant/status": (200, {"state": "ready", "reason": ""}),
}


def test_the_compose_file_obeys_the_schema_of_the_specification() -> None:
    schema = Draft201909Validator(json.loads(SCHEMA.read_text()))
    schema.validate(COMPOSE)
    assert not schema.is_valid({**COMPOSE, "services": {"orthanc": {"imagee": "adjuvant"}}})


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_restarted_and_cannot_fill_the_disk_with_logs(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(PINNED, service["image"])
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_processor_is_the_default_and_a_gpu_is_asked_for_in_its_profile_only() -> None:
    assert "COMPOSE_PROFILES=cpu\n" in (ROOT / ".env").read_text()
    assert SERVICES["orthanc"]["profiles"] == ["cpu"]
    assert SERVICES["orthanc-gpu"]["profiles"] == ["gpu"]
    (device,) = SERVICES["orthanc-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert "deploy" not in SERVICES["orthanc"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_path_of_ours_exists_and_every_volume_is_declared(name: str) -> None:
    service = SERVICES[name]
    for source in (volume.split(":")[0] for volume in service.get("volumes", ())):
        assert (ROOT / source).is_dir() if source.startswith(".") else source in COMPOSE["volumes"]
    if "build" in service:
        assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_the_drawn_secrets_are_those_that_the_compose_file_mounts(tmp_path: Path) -> None:
    command = [str(DOCKER / "make-secrets.sh"), str(tmp_path / "secrets")]
    drawn = subprocess.run(command, capture_output=True, text=True, check=True)
    mounted = {Path(one["file"]).name for one in COMPOSE["secrets"].values()}
    assert set(os.listdir(tmp_path / "secrets")) == mounted
    orthanc = json.loads((tmp_path / "secrets" / "orthanc.json").read_text())
    index = (tmp_path / "secrets" / "index-password").read_text()
    user = orthanc["RegisteredUsers"]["physician"]
    assert orthanc["PostgreSQL"]["Password"] == index
    assert len(index) == len(user) == 24
    assert index != user
    assert not {index, user} & set(drawn.stderr.split())
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert (tmp_path / "secrets" / "index-password").read_text() == index


def test_no_password_stands_in_what_is_published() -> None:
    for path in (ROOT / "docker-compose.yml", ROOT / ".env", DOCKER / "orthanc.json"):
        told = re.findall(r"^(?!\s*#).*\bpassword\b.*$", path.read_text(), re.I | re.M)
        assert [line for line in told if "index-password" not in line] == []
    assert "/deploy/docker/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_what_the_image_copies_is_there_and_reaches_the_builder() -> None:
    copied = re.findall(r"^COPY (\S+) /", DOCKERFILE, re.M)
    reaching = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    assert set(copied) == reaching
    for source in copied:
        assert (ROOT / source).exists(), source


def test_the_image_has_the_script_the_folders_and_a_right_section() -> None:
    configuration = json.loads((DOCKER / "orthanc.json").read_text())
    settings = read_settings(configuration)
    assert configuration["PythonScript"] == "/opt/adjuvant/plugin/main.py"
    assert "COPY plugin /opt/adjuvant/plugin" in DOCKERFILE
    assert f"mkdir -p {settings.data_directory}" in DOCKERFILE
    mounts = [volume.split(":")[1] for volume in SERVICES["orthanc"]["volumes"]]
    assert {settings.data_directory, settings.models_directory} <= set(mounts)
    assert configuration["PostgreSQL"]["Host"] in SERVICES
    assert settings == read_settings({"Adjuvant": {}}).model_copy(
        update={
            "data_directory": settings.data_directory,
            "models_directory": settings.models_directory,
        }
    )


def test_the_container_is_not_well_where_something_else_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with greeting(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        configuration = tmp_path / "orthanc.json"
        configuration.write_text(json.dumps({"HttpPort": port}))
        assert health(configuration) == 1
    assert capsys.readouterr().out == "Orthanc does not answer: SSH-2.0-OpenSSH_9.2\n"


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        (READY, 0, ""),
        ({**READY, "/adjuvant/status": (200, {"state": "starting"})}, 0, ""),
        (
            {**READY, "/adjuvant/status": (200, {"state": "degraded", "reason": "no model"})},
            1,
            "Adjuvant is degraded: no model\n",
        ),
        (
            {**READY, "/changes?last": (500, None)},
            1,
            "Orthanc does not answer: HTTP Error 500: Internal Server Error\n",
        ),
    ],
)
def test_the_container_is_well_where_the_archive_answers_and_scans_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: Answers, code: int, said: str
) -> None:
    with serving(answers) as port:
        configuration = tmp_path / "orthanc.json"
        configuration.write_text(json.dumps({"HttpPort": port, "RegisteredUsers": {"a": "b"}}))
        assert health(configuration) == code
    assert capsys.readouterr().out == said
