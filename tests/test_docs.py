"""The documentation says what the code does: keys, routes, states, links."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from adjuvant.api import ROUTES
from adjuvant.config import Settings
from adjuvant.health import State
from adjuvant.job import STATES
from adjuvant.rest.jobs import LEVELS
from deploy.docs_hook import on_page_markdown

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
DEFAULTS = Settings().model_dump(by_alias=True)
AGPL_3 = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"


def documented_keys() -> dict[str, str]:
    """Key and default of each row of the first table of configure.md."""
    section = (ROOT / "docs" / "configure.md").read_text().split("## Other keys")[0]
    return dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", section, re.MULTILINE))


def test_configure_page_documents_exactly_the_keys_that_exist() -> None:
    assert set(documented_keys()) == set(DEFAULTS)


@pytest.mark.parametrize("key", DEFAULTS)
def test_configure_page_gives_the_default_of(key: str) -> None:
    assert json.loads(documented_keys()[key]) == DEFAULTS[key]


def test_orthanc_json_writes_every_key_out_with_its_default() -> None:
    assert json.loads((ROOT / "orthanc.json").read_text())["Adjuvant"] == DEFAULTS


def test_rest_page_has_a_section_for_every_route() -> None:
    text = (ROOT / "docs" / "rest.md").read_text()
    titles = re.findall(r"^## ([A-Z]+) /adjuvant/(.+)$", text, re.MULTILINE)
    documented = [(m, t.replace("{level}", level)) for m, t in titles for level in LEVELS]
    assert set(documented) == {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("state", [*get_args(State), *STATES])
def test_operations_page_explains_the_state(state: str) -> None:
    assert f"`{state}`" in (ROOT / "docs" / "operations.md").read_text()


def codes_of_refusals() -> set[str]:
    """Every code with which the plugin refuses a scan. Segmentations that cannot be read are a
    matter of corrections, and files that are too large for a batch one of the command line."""
    found = set()
    for path in (ROOT / "plugin" / "adjuvant").rglob("*.py"):
        found |= set(re.findall(r'Refusal\(\s*"([a-z-]+)"', path.read_text()))
    return found - {"segmentation", "size"}


def test_operations_page_explains_every_code_of_a_refusal_and_no_other() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text[text.index("### Codes") : text.index("## Metrics")]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)} == codes_of_refusals()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)", page.read_text())
    for path, anchor in links:
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {path}, which does not exist"
        if anchor:
            assert anchor[1:] in anchors(target), f"{page.name} links to {path}{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_post_by_curl_has_a_body_as_it_sends_no_length_without_one(page: Path) -> None:
    posts = re.findall(r"^ *curl .*-X POST.*$", page.read_text(), re.MULTILINE)
    assert [line for line in posts if " -d " not in line] == []


def anchors(page: Path) -> set[str]:
    """The names that a hosting site gives to headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][\w-]*):(?!=)(.*)$", makefile, re.MULTILINE)
    assert targets
    assert [name for name, rest in targets if "## " not in rest] == []
    declared = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert sorted(" ".join(declared).split()) == sorted(name for name, _ in targets)


def test_licence_is_the_exact_text_of_the_agpl() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == AGPL_3


def test_every_page_has_its_place_in_the_site() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = re.findall(r"[\w-]+\.md", json.dumps(nav))
    assert sorted(named) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


def test_links_out_of_the_site_lead_to_where_the_files_are_published() -> None:
    text = "[a](../orthanc.json) and [b](rules.md)"
    assert on_page_markdown(text, config={}) == "a and [b](rules.md)"
    published = {"repo_url": "https://example.org/adjuvant/"}
    expected = "[a](https://example.org/adjuvant/blob/main/orthanc.json) and [b](rules.md)"
    assert on_page_markdown(text, config=published) == expected
