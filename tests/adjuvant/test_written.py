"""orthanc.json is read anew as Orthanc reads it: comments, variables, a file or a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from adjuvant.errors import Fault
from adjuvant.written import read_configuration, read_section
from tests.adjuvant.doctor.clinic import closed_to_us

WRITTEN = """
// A comment
{
  "Name": "http://not-a-comment", /* another
  comment */
  "Adjuvant": {
    "DataDirectory": "${ADJUVANT_TEST}/x", // one more
    "Language": "${ADJUVANT_NO_SUCH:-fr}",
    "ModelsDirectory": "a \\" // b"
  }
}
"""


def test_comments_and_variables_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADJUVANT_TEST", "data")
    path = tmp_path / "orthanc.json"
    path.write_text(WRITTEN)
    expected = {"DataDirectory": "data/x", "Language": "fr", "ModelsDirectory": 'a " // b'}
    assert read_section(path, "Adjuvant") == expected


def test_a_folder_of_files_is_searched(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"Name": "Orthanc"}')
    (tmp_path / "b.json").write_text('{"Adjuvant": {"Enabled": true}}')
    (tmp_path / "c.txt").write_text("no configuration")
    assert read_section(tmp_path, "Adjuvant") == {"Enabled": True}


def test_the_whole_configuration_is_that_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"Name": "Orthanc"}')
    (tmp_path / "b.json").write_text('{"HttpPort": 1}')
    assert read_configuration(tmp_path) == {"Name": "Orthanc", "HttpPort": 1}


def test_a_key_in_two_files_is_told_because_orthanc_refuses_it(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text('{"Name": "Orthanc"}')
    with pytest.raises(Fault, match=r'"Name" stands in both .*/a\.json and .*/b\.json'):
        read_configuration(tmp_path)


def test_a_configuration_that_is_closed_to_us_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_to_us(monkeypatch, tmp_path)
    with pytest.raises(Fault, match=f"{tmp_path} cannot be read: Permission denied"):
        read_configuration(tmp_path)


def test_a_folder_without_configuration_is_told(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="holds no configuration"):
        read_configuration(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"x\.json is not JSON \(line 1\)"),
        ("[]", r"x\.json does not hold an object"),
        ("{}", r'x\.json has no section "Adjuvant"'),
        ('{"Adjuvant": 1}', r'x\.json has no section "Adjuvant"'),
        ("[" * 100_000, r"x\.json is not JSON"),
        (None, r"x\.json cannot be read: No such file"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Fault, match=message):
        read_section(path, "Adjuvant")
