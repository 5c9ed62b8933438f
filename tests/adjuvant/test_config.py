"""The section is obeyed to the letter, or refused in one line that names key and value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adjuvant.config import ConfigFault, Settings, locate, read_settings
from adjuvant.results.presentation import STANDARD, Presentation

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_configuration_is_valid_and_names_every_key() -> None:
    shipped = json.loads((ROOT / "orthanc.json").read_text())
    read_settings(shipped)
    keys = {str(field.alias) for field in Settings.model_fields.values()}
    assert set(shipped["Adjuvant"]) == keys


def test_the_shipped_values_are_the_defaults() -> None:
    shipped = json.loads((ROOT / "orthanc.json").read_text())
    assert read_settings(shipped) == read_settings({"Adjuvant": {}})


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"Modles": {}}, r"^Adjuvant\.Modles: unknown key, got \{\} \(known keys: Enabled, "),
        ({"enabled": True}, r"^Adjuvant\.enabled: unknown key, got True"),
        ({"Enabled": "yes"}, r"^Adjuvant\.Enabled: has to be true or false, got 'yes'$"),
        ({"Enabled": 1}, r"^Adjuvant\.Enabled: has to be true or false, got 1$"),
        ({"Threads": 1.5}, r"^Adjuvant\.Threads: .*got 1\.5$"),
        ({"Threads": True}, r"^Adjuvant\.Threads: has to be a whole number, got True$"),
        ({"Threads": -1}, r"^Adjuvant\.Threads: .*greater than or equal to 0, got -1$"),
        ({"Device": "tpu"}, r"^Adjuvant\.Device: .*'auto', 'cpu' or 'gpu', got 'tpu'$"),
        ({"EarlierResults": True}, r"^Adjuvant\.EarlierResults: .*'keep' or 'replace', got True$"),
        ({"Language": "es"}, r"^Adjuvant\.Language: .*'en', 'fr', 'de' or 'nl', got 'es'$"),
        ({"UptakeSensitivities": {"*": 0.0}}, r"^Adjuvant\.UptakeSensitivities\.\*: .*got 0\.0$"),
        ({"UptakeReferencePercent": [2.0, 0.2]}, r"^Adjuvant\.UptakeReferencePercent: .*lower one"),
        ({"ColourMap": "Hot Iron"}, r"^Adjuvant\.ColourMap: .*'hot iron' or .*got 'Hot Iron'$"),
        ({"RetrySeconds": 0}, r"^Adjuvant\.RetrySeconds: .*greater than 0, got 0$"),
        ({"RetrySeconds": float("nan")}, r"^Adjuvant\.RetrySeconds: .*finite number, got nan$"),
        ({"DataDirectory": " "}, r"^Adjuvant\.DataDirectory: .*at least 1 character, got ' '$"),
        ({"DataDirectory": None}, r"^Adjuvant\.DataDirectory: has to be a text, got None$"),
        ({"Models": {}}, r"^Adjuvant\.Models: .*at least 1 item.*got \{\}$"),
        ({"Models": {"thyroid": "new"}}, r"^Adjuvant\.Models\.thyroid: .*got 'new'$"),
        ({"Models": ["thyroid"]}, r"^Adjuvant\.Models: has to be an object, got \['thyroid'\]$"),
    ],
)
def test_what_cannot_be_obeyed_is_one_line(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigFault, match=message) as caught:
        read_settings({"Adjuvant": section})
    assert "\n" not in str(caught.value)


def test_a_missing_section_is_named() -> None:
    with pytest.raises(ConfigFault, match='has no section "Adjuvant"'):
        read_settings({"Name": "Orthanc"})


def test_a_section_that_is_no_object_is_named() -> None:
    with pytest.raises(ConfigFault, match=r'"Adjuvant" has to be an object, got \[\]'):
        read_settings({"Adjuvant": []})


def test_relative_paths_begin_at_the_folder_that_holds_the_plugin(tmp_path: Path) -> None:
    assert locate("models", tmp_path) == tmp_path / "models"
    assert locate("/srv/models", tmp_path) == Path("/srv/models")


def test_a_department_chooses_the_language_and_the_colours_of_the_picture() -> None:
    calibrated = {"UptakeSensitivities": {"*": 70}, "UptakeReferencePercent": [0.2, 2]}
    assert read_settings({"Adjuvant": calibrated}).calibration.reference == (0.2, 2.0)
    chosen = read_settings({"Adjuvant": {"Language": "nl", "ColourMap": "hot metal blue"}})
    assert chosen.presentation == Presentation("nl", "hot metal blue")
    assert Settings().presentation == STANDARD
