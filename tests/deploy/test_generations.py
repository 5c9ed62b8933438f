"""What is installed for each generation of Orthanc, and the page that tells what was tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import debian_root, generations
from deploy.debian_root import Root, RootError, roots_folder
from deploy.docker.rehearse import DOCKERFILE, LOCK, SUITES, build, merge, steps
from deploy.generations import GENERATIONS, TESTS, Outcome, requirements, write_page
from deploy.serve import ROOT

OUTCOME = Outcome(
    *("Debian 13", "1.12.7", "5.0", "1.20", "3.13.5", "2.21.0"),
    passed=80,
    failed=1,
    skipped=0,
    seconds=120,
    date="2026-11-21",
)


def test_the_lock_is_installed_where_it_can_be_and_a_release_candidate_where_not() -> None:
    assert requirements(GENERATIONS["trixie"]) == (ROOT / "requirements/dev.lock").read_text()
    candidate = requirements(GENERATIONS["forky"]).splitlines()
    assert "tensorflow==2.22.0rc0" in candidate
    assert any(line.startswith("numpy==") for line in candidate)
    assert sum(line.startswith("tensorflow==") for line in candidate) == 1


def test_every_test_that_a_generation_runs_exists() -> None:
    assert [name for name in TESTS if not (ROOT / name).is_file()] == []


def test_the_page_gets_one_row_for_each_run_and_keeps_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "compatibility.md"
    page.write_text("before\n" + generations.BEGIN + "old\n" + generations.END + "after\n")
    monkeypatch.setattr(generations, "PAGE", page)
    write_page([OUTCOME])
    text = page.read_text()
    row = "| Debian 13 | 1.12.7 | 5.0 | 1.20 | 3.13.5 | 2.21.0 | 80 passed, 1 **failed** | "
    assert row + "2026-11-21, 120 s |\n" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text


def test_without_debootstrap_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJUVANT_ROOTS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(debian_root.os, "geteuid", lambda: 0)
    assert roots_folder() == tmp_path
    with pytest.raises(RootError, match="apt-get install debootstrap"):
        debian_root.debian_root("trixie")


def test_files_of_an_earlier_copy_do_not_stay(tmp_path: Path) -> None:
    (tmp_path / "source" / "a").mkdir(parents=True)
    (tmp_path / "source" / "a" / "new.py").touch()
    (tmp_path / "root" / "opt" / "here" / "old").mkdir(parents=True)
    Root(tmp_path / "root").copy(tmp_path / "source", ["a/new.py"], "/opt/here")
    copied = sorted(path.name for path in (tmp_path / "root" / "opt" / "here").rglob("*"))
    assert copied == ["a", "new.py"]


def test_the_steps_of_the_dockerfile_are_read_as_docker_reads_them() -> None:
    text = "# a comment\nFROM x:1\n\nRUN a \\\n && b \\\n# between\n && c\nCOPY from to\n"
    assert list(steps(text)) == [("FROM", "x:1"), ("RUN", "a  && b  && c"), ("COPY", "from to")]
    known = {"FROM", "ARG", "RUN", "COPY"}
    assert {name for name, _ in steps(DOCKERFILE.read_text())} <= known


@pytest.mark.parametrize("suite", SUITES)
def test_the_image_is_rehearsed_with_the_lock_where_its_python_can_have_it(
    suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(Root, "require", lambda _root, command, _what: ran.append(command[-1]))
    build(Root(tmp_path), GENERATIONS[suite])
    packages = (tmp_path / "opt" / "adjuvant" / LOCK).read_text()
    (installing,) = (one for one in ran if "pip install" in one)
    if suite == "trixie":
        assert packages == (ROOT / LOCK).read_text()
        assert "--require-hashes" in installing
    else:
        assert "tensorflow==2.22.0rc0\n" in packages
        assert "pytest" not in packages
        assert "--require-hashes" not in installing
    assert (tmp_path / "opt" / "adjuvant" / "plugin" / "main.py").is_file()


def test_files_of_the_configuration_are_merged_object_into_object() -> None:
    first = {"PostgreSQL": {"Host": "index"}, "Name": "a"}
    second = {"PostgreSQL": {"Password": "b"}, "Name": "c"}
    merged = {"PostgreSQL": {"Host": "index", "Password": "b"}, "Name": "c"}
    assert merge(first, second) == merged
