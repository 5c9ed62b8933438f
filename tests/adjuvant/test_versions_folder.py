"""What lies below the models folder is shown, and what is wrong with it as well."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from adjuvant.errors import ModelFault
from adjuvant.versions import Versions

RELEASED = Path(__file__).resolve().parents[2] / "models" / "thyroid" / "0.1.0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A models folder with the released version, without its pictures and figures."""
    target = tmp_path / "thyroid" / "0.1.0"
    target.mkdir(parents=True)
    for name in ("model.json", "thyroid.keras", "sample.npz"):
        shutil.copy(RELEASED / name, target)
    return tmp_path


def copy(folder: Path, number: str, **changes: object) -> Path:
    """Another version with the same files; `changes` replace keys of its contract."""
    target = folder / "thyroid" / number
    shutil.copytree(folder / "thyroid" / "0.1.0", target)
    contract = json.loads((target / "model.json").read_text())
    (target / "model.json").write_text(json.dumps({**contract, "version": number, **changes}))
    return target


def test_the_released_model_is_sound_and_has_a_sample(folder: Path) -> None:
    (version,) = Versions(folder).all()
    assert version.fault is None
    assert version.model is not None
    assert version.model.sample is not None


def test_the_newest_comes_first_and_what_is_no_version_last(folder: Path) -> None:
    for version in ("0.10.0", "0.9.0"):
        copy(folder, version)
    (folder / "thyroid" / "backup").mkdir()
    (folder / "thyroid" / ".release-x").mkdir()
    (folder / "notes.txt").write_text("x")
    found = Versions(folder).all()
    assert [one.version for one in found] == ["0.10.0", "0.9.0", "0.1.0", "backup"]
    assert found[-1].fault == "'thyroid' 'backup' does not name a model version"


def test_a_copy_under_another_name_is_refused(folder: Path) -> None:
    copy(folder, "0.2.0", version="0.1.0")
    with pytest.raises(ModelFault, match=r"is of thyroid 0\.1\.0, but lies in the folder of thyr"):
        Versions(folder).read("thyroid", "0.2.0")


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("model.json", r"cannot read .*model\.json: No such file"),
        ("thyroid.keras", r"cannot read .*thyroid\.keras: No such file"),
        ("sample.npz", r"cannot read .*sample\.npz: No such file"),
    ],
)
def test_a_missing_file_is_the_fault_of_its_version(folder: Path, file: str, fault: str) -> None:
    (folder / "thyroid" / "0.1.0" / file).unlink()
    assert re.match(fault, str(Versions(folder).look("thyroid", "0.1.0").fault))


@pytest.mark.parametrize("file", ["thyroid.keras", "sample.npz"])
def test_a_file_that_changes_is_found_though_it_was_sound_before(folder: Path, file: str) -> None:
    versions, path = Versions(folder), folder / "thyroid" / "0.1.0" / file
    assert versions.look("thyroid", "0.1.0").fault is None
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    os.utime(path, (1, 1))
    assert "has SHA-256" in str(versions.look("thyroid", "0.1.0").fault)


@pytest.mark.parametrize(
    ("name", "version"), [("..", "0.1.0"), ("thyroid", "../0.1.0"), ("thyroid", ""), ("", "0.1.0")]
)
def test_no_name_leads_out_of_the_folder(folder: Path, name: str, version: str) -> None:
    with pytest.raises(ModelFault, match="does not name a model version"):
        Versions(folder).read(name, version)


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    assert Versions(tmp_path / "nowhere").all() == []
