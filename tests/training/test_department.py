"""From a department's files to a trained network, by commands alone; and nobody's name in it."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.training.department import Visit, counts, points, write_csv, write_scan
from training.__main__ import app
from training.dataset import read_case, read_index
from training.datasets.nnunet import labels_of
from training.datasets.split import read_split
from training.pseudonyms import KEY_BYTES
from training.rois.drawing import Outline
from training.rois.rasterise import rasterise_outline

VISITS = [Visit(patient, number) for patient in range(12) for number in range(2)]
TINY = """
name = "tiny"
model = "thyroid"
images_per_epoch = 16
minimum_area_pixels = 3
[network]
filters = 2
depth = 1
[preprocessing]
size = 32
[[stages]]
size = 32
epochs = 1
batch = 8
learning_rate = 0.01
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def good(*arguments: object) -> str:
    answer = call(*arguments)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scans and outlines of twelve patients, the department's key, collection and data set."""
    folder = tmp_path_factory.mktemp("department")
    for visit in VISITS:
        write_scan(visit, folder / "scans" / f"patient {visit.patient}")
        # Half of the files name the scan by its UID, the others by their own name only.
        write_csv(visit, folder / "rois", uids=visit.number == 0)
    (folder / "tiny.toml").write_text(TINY)
    good("key", "--out", folder / "key")
    # Days, times and UIDs follow from the key: with one key in twenty, a moved day of one patient
    # is the true day of another, or a new UID holds the digits of a time, by chance.
    (folder / "key").write_text("a5" * KEY_BYTES)
    keyed = ("--key", folder / "key")
    said = good("collect", "--folder", folder / "scans", "--out", folder / "collection", *keyed)
    assert "new: 24 scan; known before: 0" in said
    arguments = ("--collection", folder / "collection", "--rois", folder / "rois", *keyed)
    said = good("outlines", *arguments, "--data", folder / "data", "--centre", "A")
    assert "24 cases" in said
    assert "look at every outline" in said
    good("divide", "--data", folder / "data", "--freeze")
    good("describe", "--data", folder / "data")
    said = good("describe", "--data", folder / "data", "--against", folder / "data")
    assert said.endswith("no difference found\n")
    good("export-nnunet", "--data", folder / "data", "--out", folder / "nnunet")
    return folder


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and of everything that is packed in it."""
    data = path.read_bytes()
    yield data
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    if data.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode() + archive.read(name)
    if data.startswith(b"\x89PNG"):
        at = 8
        while at < len(data):
            size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            assert kind not in (b"zTXt", b"iTXt"), f"{path} has packed text"
            at += size + 12


ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-32-le")


def found_in(folder: Path, values: set[str]) -> list[tuple[str, str]]:
    """(file, value) of every identifying value, in the encodings that files here have."""
    found = []
    for path in [folder, *sorted(folder.rglob("*"))]:
        texts = [str(path.relative_to(folder.parent)).encode()]
        if path.is_file():
            texts += contents(path)
        for text in texts:
            for value in values:
                spelt = {value, value.casefold(), value.upper()}
                for one in spelt:
                    # numpy keeps texts in UTF-32.
                    coded = (one.encode(kind, "replace") for kind in ENCODINGS)
                    if any(way in text for way in coded):
                        found.append((path.name, value))
    return found


IDENTIFYING = {value for visit in VISITS for value in visit.identifying}
# The names of files are identifying too: viewers build them from the patient's.
IDENTIFYING |= {visit.stem for visit in VISITS} | {visit.uid for visit in VISITS}


@pytest.mark.parametrize("made", ["collection", "data", "nnunet"])
def test_no_identifying_value_of_the_sources_is_anywhere(place: Path, made: str) -> None:
    assert len([*(place / made).rglob("*")]) > 24
    assert found_in(place / made, IDENTIFYING) == []


def test_the_search_for_values_would_find_them(place: Path, tmp_path: Path) -> None:
    assert {name for name, _ in found_in(place / "scans", IDENTIFYING)} >= {
        "Müller-Lüdenscheidt-2-0.dcm"
    }
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"Quackenbush"))
    np.savez_compressed(tmp_path / "packed.npz", about=np.array("Hedwig"))
    found = {value for _, value in found_in(tmp_path, IDENTIFYING)}
    assert {"Quackenbush", "Hedwig"} <= found


def test_every_case_has_the_outline_that_was_drawn(place: Path) -> None:
    entries = read_index(place / "data")
    assert len(entries) == 24
    assert len({entry.patient_id for entry in entries}) == 12
    drawn = {counts(visit).tobytes(): visit for visit in VISITS}
    for entry in entries:
        case = read_case(place / "data", entry)
        visit = drawn[case.counts.tobytes()]
        gland = rasterise_outline(Outline((np.array(points(visit)).round(4),)), (48, 48))
        np.testing.assert_array_equal(case.gland, gland)
        assert entry.properties["simulated"] is False
        assert entry.properties["reader"] == "osirix-csv"
        assert entry.properties["isotope"] == "Tc-99m"
        assert entry.properties["view"] == "anterior"
        assert entry.properties["centre"] == "A"
        assert entry.properties["spacing_mm"] == 1.2


def test_a_second_run_takes_nothing_twice_and_changes_nothing(place: Path) -> None:
    before = {path: path.read_bytes() for path in (place / "data").rglob("*") if path.is_file()}
    keyed = ("--key", place / "key")
    said = good("collect", "--folder", place / "scans", "--out", place / "collection", *keyed)
    assert "new: nothing; known before: 24" in said
    arguments = ("--collection", place / "collection", "--rois", place / "rois", *keyed)
    good("outlines", *arguments, "--data", place / "data", "--centre", "A")
    after = {path: path.read_bytes() for path in (place / "data").rglob("*") if path.is_file()}
    assert set(after) == set(before)
    changed = [path.name for path in after if after[path] != before[path]]
    assert [name for name in changed if not name.endswith(".npz")] == []
    # Plain ellipses of different patients are alike, unlike thyroids; nothing else is to be said.
    lines = call("check", "--data", place / "data").stdout.splitlines()
    assert [line for line in lines[:-1] if ": alike (" not in line] == []


def test_dry_runs_write_nothing(place: Path, tmp_path: Path) -> None:
    keyed = ("--key", place / "key", "--dry-run")
    said = good("collect", "--folder", place / "scans", "--out", tmp_path / "c", *keyed)
    assert "new: 24 scan" in said
    arguments = ("--collection", place / "collection", "--rois", place / "rois", *keyed)
    assert "24 cases" in good("outlines", *arguments, "--data", tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


def test_the_exchange_with_nnunet_loses_nothing(place: Path) -> None:
    about = json.loads((place / "nnunet" / "dataset.json").read_text())
    assert about["labels"] == {"background": 0, "gland": [1, 2], "nodule": [2]}
    assert about["numTraining"] == len(list((place / "nnunet" / "imagesTr").iterdir()))
    good("import-nnunet", "--from", place / "nnunet", "--data", place / "again")
    ours, theirs = read_index(place / "data"), read_index(place / "again")
    assert ours == theirs
    for one, other in zip(ours, theirs, strict=True):
        mine, back = read_case(place / "data", one), read_case(place / "again", other)
        np.testing.assert_array_equal(mine.counts, back.counts)
        np.testing.assert_array_equal(labels_of(mine), labels_of(back))
    mine_split, back_split = read_split(place / "data"), read_split(place / "again")
    assert mine_split is not None
    assert back_split is not None
    assert mine_split.patients == back_split.patients


def test_a_network_trains_on_it_and_is_measured_on_its_frozen_test_set(place: Path) -> None:
    run, model = place / "run", place / "models" / "thyroid" / "0.0.1"
    said = good("train", "--recipe", place / "tiny.toml", "--data", place / "data", "--run", run)
    assert "done: validation Dice" in said
    about = json.loads((run / "run.json").read_text())
    assert about["data"] == "clinical"
    split = read_split(place / "data")
    assert split is not None
    assert split.frozen is not None
    tested = {patient for patient, side in split.patients.items() if side == "test"}
    assert len(tested) == 2
    assert not tested & set(about["patient_ids"])
    said = good("release", "--run", run, "--data", place / "data", "--to", model)
    assert "no other version: this is the first" in said
    assert """-d '{"Version": "0.0.1"}' $A/models/thyroid/shadow""" in said
    measured = json.loads((model / "evaluation.json").read_text())
    assert measured["scans"] == len(split.frozen.cases) == 4
    contract = json.loads((model / "model.json").read_text())
    assert contract["training"]["data"] == "clinical"
    assert contract["figures"]["data"] == "4 scans of 2 unseen patients"
    card = (model / "card.md").read_text()
    assert "| truth | outlines drawn by people" in card
    assert "known from the simulation" not in card
    said = (model / "evaluation.md").read_text()
    assert "Measured on 4 scans of 2 patients. Training never saw any of them" in said
    assert "simulated" not in (model / "report.html").read_text().split("digest")[0]
    assert found_in(model, IDENTIFYING) == []


def test_the_key_may_not_lie_in_what_is_handed_on(place: Path) -> None:
    (place / "collection" / "key").write_text("00" * 32)
    answer = call(
        "collect", "--folder", place / "scans", "--out", place / "collection",
        "--key", place / "collection" / "key",
    )  # fmt: skip
    (place / "collection" / "key").unlink()
    assert answer.exit_code == 1
    assert "which others may see: move it" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name one source"),
        (("--folder", "a", "--orthanc", "b"), "name one source"),
        (("--folder", "a", "--label", "b"), "--label is for --orthanc"),
        (("--folder", "a", "--query", "b=c"), "--query is for servers"),
        (("--folder", "a", "--take-back-all"), "--take-back-all is for --corrections"),
        (("--orthanc", "a", "--query", "b"), "a query is KEYWORD=VALUE, got 'b'"),
    ],
)
def test_a_source_is_named_once_and_rightly(
    place: Path, arguments: tuple[str, ...], said: str
) -> None:
    answer = call("collect", *arguments, "--out", place / "no", "--key", place / "key")
    assert answer.exit_code == 1
    assert said in answer.stderr
    assert not (place / "no").exists()
