"""What the doctor finds with our packages: the section, its rules, the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adjuvant.doctor.finding import Finding
from adjuvant.doctor.probe import examine
from tests.adjuvant.doctor.clinic import bad
from tests.adjuvant.version_folders import write_version


def ill(adjuvant: dict[str, Any]) -> Finding:
    """The one thing that is wrong with this section."""
    (found,) = bad(examine({"Adjuvant": adjuvant}))
    assert found.verdict == "wrong"
    return found


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ({"Treads": 2}, "Adjuvant.Treads: unknown key, got 2 (known keys: "),
        ({"Threads": "two"}, "Adjuvant.Threads: has to be a whole number, got 'two'"),
        ({"Models": {"heart": "1.0.0"}}, "Adjuvant.Models.heart: unknown model, got '1.0.0'"),
        ({"Rules": [{"Name": "x"}]}, "Adjuvant.Rules"),
    ],
)
def test_what_is_wrong_in_our_section_is_told_with_key_and_value(
    section: dict[str, Any], what: str
) -> None:
    found = ill(section)
    assert found.what.startswith(what)
    assert "docs/configure.md" in found.mend


def test_a_model_that_is_missing_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    write_version(tmp_path, "0.3.0")
    found = ill({"ModelsDirectory": str(tmp_path), "Models": {"thyroid": "0.9.0"}})
    assert f"cannot read {tmp_path}/thyroid/0.9.0/model.json: No such file" in found.what
    assert found.mend.endswith("versions that can be used: 0.3.0")


def test_altered_weights_are_told(tmp_path: Path) -> None:
    folder = write_version(tmp_path, "0.3.0")
    with (folder / "weights.keras").open("ab") as file:
        file.write(b"x")
    found = ill({"ModelsDirectory": str(tmp_path), "Models": {"thyroid": "0.3.0"}})
    assert "weights.keras has SHA-256" in found.what


def test_the_version_that_a_person_chose_is_looked_at(tmp_path: Path) -> None:
    entry = {"model": "thyroid", "change": "activated", "to": {"version": "0.8.0"}}
    lines = ["damaged", json.dumps({**entry, "configured": "0.2.0"})]
    record = tmp_path / "model-changes.jsonl"
    record.write_text("\n".join(lines))
    found = ill({"DataDirectory": str(tmp_path), "Models": {"thyroid": "0.2.0"}})
    assert found.what.startswith("model thyroid 0.8.0: cannot read")
    assert record.read_text() == "\n".join(lines)
    found = ill({"DataDirectory": str(tmp_path)})  # with a newer default, and nothing named
    assert found.what.startswith("model thyroid 0.8.0: cannot read")
