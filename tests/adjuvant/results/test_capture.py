"""The Secondary Capture is valid, and files under the same patient as its scan."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from adjuvant.results import encode
from adjuvant.results.capture import build_capture, render
from adjuvant.results.identity import differing_identity
from tests.adjuvant.results.examples import dciodvfy, findings, model, scan_of, views
from tests.headers import STYLES


@pytest.mark.parametrize("style", STYLES)
def test_every_header_style_gives_a_valid_picture_of_the_same_patient(style: str, tmp_path: Path):
    scan = scan_of(STYLES[style]())
    result = build_capture(scan, findings(scan), model())
    assert dciodvfy(result, tmp_path) == []
    stored = dcmread(DicomBytesIO(encode(result)))
    assert differing_identity(scan.header, stored) == []


def test_the_pixels_are_the_rendered_picture():
    scan = views("anterior", "posterior")
    stored = dcmread(DicomBytesIO(encode(build_capture(scan, findings(scan), model()))))
    np.testing.assert_array_equal(stored.pixel_array, render(scan, findings(scan), model()))


def test_two_builds_are_equal_byte_for_byte():
    scan = views("anterior")
    first, second = (encode(build_capture(scan, findings(scan), model())) for _ in range(2))
    assert first == second


def test_it_says_that_nothing_identifying_is_burnt_in_and_what_it_is_not():
    scan = views("anterior")
    result = build_capture(scan, findings(scan), model())
    assert result.BurnedInAnnotation == "NO"
    assert "not a substitute for interpretation" in result.ImageComments
    assert "Trained on simulated scans - not for clinical use" in result.ImageComments
    assert result.BodyPartExamined == "THYROID"


def test_our_own_words_are_ascii_and_fit_any_character_set_of_a_source():
    scan = scan_of(STYLES["cyrillic"]())
    result = build_capture(scan, findings(scan), model())
    for keyword in ("SeriesDescription", "ImageComments", "DerivationDescription", "Manufacturer"):
        assert str(result[keyword].value).isascii()


def test_it_refers_to_the_frames_that_it_shows():
    scan = views(*["anterior"] * 18, rows=32, columns=32)
    (source,) = build_capture(scan, findings(scan), model()).SourceImageSequence
    assert list(source.ReferencedFrameNumber) == list(range(1, 17))


def test_dcmtk_draws_it(tmp_path: Path):
    scan = views("anterior", "posterior", "left anterior oblique", rows=64, columns=48)
    path, picture = tmp_path / "sc.dcm", tmp_path / "sc.ppm"
    path.write_bytes(encode(build_capture(scan, findings(scan), model())))
    subprocess.run(["dcm2pnm", str(path), str(picture)], capture_output=True, check=True)
    assert picture.stat().st_size > 100_000
