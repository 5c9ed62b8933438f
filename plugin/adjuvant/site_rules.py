"""The rules by which a site's own plugin chooses scans, out of its orthanc.json."""

from __future__ import annotations

from pathlib import Path

from adjuvant.config import SECTION
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.rules.ruleset import RuleSet
from adjuvant.rules.syntax import DEFAULT_RULES, Known, default_rules, read_rules
from adjuvant.written import read_section


def site_rules(path: Path | None) -> RuleSet:
    """The rules written at `path`, a file or a folder of them; the default ones where it has none,
    or where no path is given.

    Rules that were activated over REST stand elsewhere, in `rules.json` of the DataDirectory.
    Raises Fault where the configuration cannot be read, RuleFault where its rules cannot be obeyed.
    """
    if path is None:
        return default_rules()
    written = read_section(path, SECTION).get("Rules", DEFAULT_RULES)
    return read_rules(written, Known(tuple(INTERPRETATIONS)), f"{SECTION}.Rules")
