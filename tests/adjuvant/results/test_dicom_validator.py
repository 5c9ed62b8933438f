"""dicom-validator, which reads the DICOM standard itself, finds nothing wrong in any result.

It needs the standard, a download of dicom.nema.org: `make validate` fetches both. Elsewhere these
tests are skipped.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset

from adjuvant.errors import Refusal
from adjuvant.findings import Findings
from adjuvant.results import encode
from adjuvant.results.capture import build_capture
from adjuvant.results.report import build_refusal_report, build_report
from adjuvant.results.seg import build_segmentation
from adjuvant.scan import Scan
from tests.adjuvant.results.examples import findings, model, scan_of
from tests.headers import STYLES

VALIDATOR = Path(sys.prefix) / "validator"
STANDARD = VALIDATOR / "standard"
EDITIONS = sorted(folder.parent.name for folder in STANDARD.glob("*/json"))

pytestmark = pytest.mark.skipif(not EDITIONS, reason="make validate downloads the DICOM standard")


def build_refusal(scan: Scan, _found: Findings, made_by: object) -> Dataset:
    refusal = Refusal("pixel-data", "the pixels end too early")
    return build_refusal_report(scan.header, refusal, model(), "thyroid")


BUILDERS: dict[str, Callable[..., Dataset]] = {
    "SEG": build_segmentation,
    "SC": build_capture,
    "SR": build_report,
    "refusal": build_refusal,
}
# Several views, no pixel size, a name in three scripts, and no gland.
CASES = [
    ("three views", True),
    ("without PixelSpacing", True),
    ("japanese", True),
    ("plain", False),
]


def validate(result: Dataset, folder: Path) -> str:
    """What it says of the file."""
    path = folder / "result.dcm"
    path.write_bytes(encode(result))
    tool = VALIDATOR / "bin" / "validate_iods"
    done = subprocess.run(
        [tool, "--standard-path", STANDARD, "--edition", EDITIONS[-1], path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "SOP class is" in done.stdout, f"it does not know the class: {done.stdout}"
    return done.stdout


@pytest.mark.parametrize("kind", BUILDERS)
@pytest.mark.parametrize(("style", "seen"), CASES)
def test_it_finds_no_error(kind: str, style: str, seen: bool, tmp_path: Path) -> None:
    scan = scan_of(STYLES[style]())
    said = validate(BUILDERS[kind](scan, findings(scan, seen=seen), model()), tmp_path)
    assert "Errors" not in said, said


def test_it_finds_what_is_missing(tmp_path: Path) -> None:
    scan = scan_of(STYLES["plain"]())
    result = build_capture(scan, findings(scan), model())
    del result.ConversionType
    said = validate(result, tmp_path)
    assert "Errors" in said
    assert "(0008,0064)" in said
