"""`python -m adjuvant` as a person runs it: a process of its own, with a real network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread

from tests.bad_inputs import BAD_INPUTS
from tests.headers import STYLES, nm_dataset, thyroid_counts, to_bytes
from tests.integration.tiny import IN_SERVICE, write_tiny_model

PLUGIN = Path(__file__).resolve().parents[2] / "plugin"
SCAN = to_bytes(STYLES["three views"]())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "thyroid" / IN_SERVICE)
    return folder


def adjuvant(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "adjuvant", *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": str(PLUGIN),
            "PYTHONIOENCODING": "utf-8:strict",  # as in every locale but C
            "COLUMNS": "160",
            "NO_COLOR": "1",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_one_scan_is_analysed_with_a_table_and_a_warning(models: Path, tmp_path: Path):
    source = tmp_path / "scan[1].dcm"
    source.write_bytes(SCAN)
    done = adjuvant(
        "analyze",
        source,
        "--out",
        tmp_path / "out",
        "--models",
        models,
        "--png",
        "--language",
        "fr",
        "--colour-map",
        "hot iron",
    )
    assert done.returncode == 0, done.stderr
    assert "scan[1].dcm" in done.stdout
    for view in ("anterior", "right anterior oblique", "left anterior oblique"):
        assert view in done.stdout
    assert f"1 done. Model thyroid {IN_SERVICE}." in done.stdout
    assert "Trained on simulated scans - not for clinical use." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    out = tmp_path / "out"
    assert dcmread(out / "scan[1].seg.dcm").Modality == "SEG"
    assert dcmread(out / "scan[1].sc.dcm").StudyInstanceUID
    assert dcmread(out / "scan[1].sr.dcm").Modality == "SR"
    with Image.open(out / "scan[1].png") as picture:
        assert min(picture.size) >= 256
    assert source.read_bytes() == SCAN


def test_a_name_that_is_no_text_ends_nothing(models: Path, tmp_path: Path):
    sources = tmp_path / "in"
    sources.mkdir()
    (sources / os.fsdecode(b"Schilddr\xfcse.dcm")).write_bytes(SCAN)
    (sources / os.fsdecode(b"\xfc.dcm")).write_bytes(BAD_INPUTS["whole body"].data())
    done = adjuvant("analyze", sources, "--out", tmp_path / "out", "--models", models)
    assert "1 done, 1 refused." in done.stdout, done.stderr
    assert r"Schilddr\udcfcse.dcm" in done.stdout
    assert r"\udcfc.dcm: refused" in done.stderr
    assert os.listdir(os.fsencode(tmp_path / "out")).count(b"Schilddr\xfcse.seg.dcm") == 1
    assert len(adjuvant("explain", sources).stdout.splitlines()) == 2


def test_a_folder_with_a_bad_file_goes_on_and_says_so(models: Path, tmp_path: Path):
    sources = tmp_path / "in"
    sources.mkdir()
    (sources / "bad.dcm").write_bytes(BAD_INPUTS["whole body"].data())
    (sources / "good.dcm").write_bytes(SCAN)
    done = adjuvant("analyze", sources, "--out", tmp_path / "out", "--models", models)
    assert done.returncode == 1
    assert "bad.dcm: refused: ImageType value 3 is 'WHOLE BODY': a whole-body sweep" in done.stderr
    assert "1 done, 1 refused." in done.stdout
    assert (tmp_path / "out" / "good.seg.dcm").exists()
    assert not list((tmp_path / "out").glob("*.png"))


def test_nothing_analysed_is_no_success(models: Path, tmp_path: Path):
    source = tmp_path / "knee.dcm"
    knee = {"StudyDescription": "Knee", "BodyPartExamined": "KNEE"}
    source.write_bytes(to_bytes(nm_dataset(thyroid_counts(64, 64), **knee)))
    done = adjuvant("analyze", source, "--out", tmp_path / "out", "--models", models)
    assert done.returncode == 1
    assert "1 skipped." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyze", "missing.dcm", "--out", "out"], "does not exist"),
        (["analyze", ".", "--out", "."], "must not be the folder of the sources"),
        (["analyze", "."], "Missing option"),
        (["analyze", ".", "--out", "results", "--models", "."], "no model in"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_arguments_end_at_once_with_one_clear_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    done = adjuvant(*arguments)
    assert done.returncode == 2
    # The message stands in a frame, which may break it anywhere.
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_tensorflow_is_not_imported_for_help_and_explain():
    program = "import adjuvant.commands, sys; sys.exit('tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(PLUGIN)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


def test_explain_tells_yes_or_no_with_the_reason(tmp_path: Path):
    (tmp_path / "a.dcm").write_bytes(SCAN)
    (tmp_path / "b.dcm").write_bytes(BAD_INPUTS["tomo"].data())
    done = adjuvant("explain", tmp_path)
    assert done.stdout.splitlines() == [
        "a.dcm  yes: StudyDescription has a word for the thyroid ('thyro')",
        "b.dcm  no: ImageType value 3 is 'TOMO': projections of a tomography",
    ]
    assert done.returncode == 1
    assert adjuvant("explain", tmp_path / "a.dcm").returncode == 0
    (tmp_path / "empty").mkdir()
    assert adjuvant("explain", tmp_path / "empty").stdout == "no files\n"


def test_explain_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "a.dcm").symlink_to("/proc/self/mem")  # reading it fails, for root too
    (tmp_path / "b.dcm").write_bytes(SCAN)
    done = adjuvant("explain", tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "a.dcm  failed: Input/output error",
        "b.dcm  yes: StudyDescription has a word for the thyroid ('thyro')",
    ]
    assert done.returncode == 1


def test_explain_obeys_the_rules_of_a_configuration(tmp_path: Path):
    (tmp_path / "a.dcm").write_bytes(SCAN)
    configuration = tmp_path / "orthanc.json"
    rule = '{"Name": "%s", "When": {"Thyroid": %s}, "Interpretation": "thyroid"}'
    rules = f"[{rule % ('none', 'false')}, {rule % ('all', 'true')}]"
    configuration.write_text('{"Adjuvant": {"Rules": ' + rules + "}} // a comment")
    done = adjuvant("explain", tmp_path / "a.dcm", "--configuration", configuration)
    assert done.stdout.splitlines() == [
        "a.dcm  none: no: StudyDescription has a word for the thyroid ('thyro')",
        "a.dcm  all: yes: StudyDescription has a word for the thyroid ('thyro')",
    ]
    configuration.write_text('{"Adjuvant": {"Rules": []}}')
    wrong = adjuvant("explain", tmp_path / "a.dcm", "--configuration", configuration)
    assert wrong.returncode == 2
    assert "has to be a list of 1 to 100" in wrong.stderr
