"""`collect` chooses scans by the rules that the site's plugin has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adjuvant.errors import Fault, RuleFault
from adjuvant.rules.syntax import default_rules
from adjuvant.site_rules import site_rules
from tests.builder import to_bytes
from tests.training.department import Visit, scan
from training.collect.objects import Chooser
from training.collect.source import Item
from training.pseudonyms import Pseudonyms

ITEM = Item("key", bytes, "place")


def written(folder: Path, *conditions: object) -> Path:
    rules = [
        {"Name": f"rule {number}", "When": when, "Interpretation": "thyroid"}
        for number, when in enumerate(conditions)
    ]
    path = folder / "orthanc.json"
    path.write_text("// ours\n" + json.dumps({"Adjuvant": {"Rules": rules} if rules else {}}))
    return path


def test_the_site_s_rules_decide(tmp_path: Path) -> None:
    only = {"Tag": "StationName", "Equals": "ROOM 2"}
    chooser = Chooser(Pseudonyms(bytes(32)), rules=site_rules(written(tmp_path, only)))
    here, elsewhere = scan(Visit(0, 0)), scan(Visit(0, 0))
    here.StationName = "ROOM 2"
    assert chooser.keep(to_bytes(here), ITEM).outcome == "scan"
    assert chooser.keep(to_bytes(elsewhere), ITEM).outcome == "passed over"


def test_without_rules_the_default_ones_hold(tmp_path: Path) -> None:
    assert site_rules(None).digest == site_rules(written(tmp_path)).digest == default_rules().digest


def test_wrong_rules_and_a_file_without_any_are_named(tmp_path: Path) -> None:
    with pytest.raises(RuleFault, match=r"Adjuvant\.Rules\[0\] 'rule 0' When"):
        site_rules(written(tmp_path, {"Tag": "NoSuchKeyword", "Equals": 1}))
    (tmp_path / "orthanc.json").write_text("{}")
    with pytest.raises(Fault, match='has no section "Adjuvant"'):
        site_rules(tmp_path)
