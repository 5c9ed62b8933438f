"""nnU-Net's layout: what is damaged, or would be written over, is named and nothing is lost."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.training.small_cases import QUIET, small_case
from training.__main__ import app
from training.dataset import DatasetError, read_case, read_index, write_case, write_index
from training.datasets.nnunet import PATIENTS, SPLITS, export_nnunet, import_nnunet
from training.datasets.split import SPLIT, Split, freeze, write_split
from training.phantom.case import Case, Nodule


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Four scans of two patients, one of them the frozen test, in both layouts."""
    data = tmp_path / "data"
    entries = [write_case(data, small_case(number)) for number in range(4)]
    write_index(data, entries)
    split = Split(patients={"patient0": "training", "patient1": "test"})
    write_split(data, freeze(data, split, entries))
    assert export_nnunet(data, tmp_path / "nnunet", QUIET) == 4
    return tmp_path


def test_a_data_set_that_is_there_is_not_written_over(exported: Path) -> None:
    before = {path.name: path.read_bytes() for path in (exported / "data").glob("*.*")}
    with pytest.raises(DatasetError, match="data holds a data set already"):
        import_nnunet(exported / "nnunet", exported / "data", QUIET)
    assert {SPLIT, "index.csv"} <= before.keys()
    assert before == {path.name: path.read_bytes() for path in (exported / "data").glob("*.*")}
    with pytest.raises(DatasetError, match="nnunet holds a data set already"):
        export_nnunet(exported / "data", exported / "nnunet", QUIET)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dataset.json", "{"),
        ("dataset.json", "{}"),
        ("dataset.json", '{"labels": 3}'),
        (PATIENTS, "case,patient\na,b\n"),
        (PATIENTS, "case_id,patient_id,properties\na,b,{\n"),
        (SPLITS, "[]"),
    ],
)
def test_a_damaged_table_is_named(exported: Path, file: str, content: str) -> None:
    (exported / "nnunet" / file).write_text(content)
    with pytest.raises(DatasetError, match=r"nnunet: a damaged dataset\.json, patients\.csv or"):
        import_nnunet(exported / "nnunet", exported / "new", QUIET)
    assert not (exported / "new").exists()


def test_labels_of_other_things_are_named(exported: Path) -> None:
    about = {"labels": {"background": 0, "liver": 7}}
    (exported / "nnunet" / "dataset.json").write_text(json.dumps(about))
    with pytest.raises(DatasetError, match="labels are 0 background, 1 gland, 2 nodule, got"):
        import_nnunet(exported / "nnunet", exported / "new", QUIET)


def test_an_image_without_its_labels_is_named_and_makes_no_index(exported: Path) -> None:
    labels = sorted((exported / "nnunet" / "labelsTr").iterdir())
    labels[-1].unlink()
    with pytest.raises(DatasetError, match=rf"cannot read .*{labels[-1].name}: FileNotFoundError"):
        import_nnunet(exported / "nnunet", exported / "new", QUIET)
    with pytest.raises(DatasetError, match=r"index\.csv"):
        read_index(exported / "new")


def test_without_a_table_every_case_is_a_patient_of_its_own(exported: Path) -> None:
    (exported / "nnunet" / PATIENTS).unlink()
    assert import_nnunet(exported / "nnunet", exported / "new", QUIET) == 4
    entries = read_index(exported / "new")
    assert [entry.patient_id for entry in entries] == [entry.case_id for entry in entries]
    assert {entry.properties["simulated"] for entry in entries} == {False}
    assert np.unique([entry.properties["rows"] for entry in entries]).tolist() == [32]


def test_a_folder_of_another_layout_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no dataset\.json: it is not in nnU-Net's layout"):
        import_nnunet(tmp_path, tmp_path / "new", QUIET)


def test_a_label_beyond_those_of_the_table_is_no_gland(exported: Path) -> None:
    path = min((exported / "nnunet" / "labelsTr").iterdir())
    volume = nibabel.Nifti1Image(np.full((32, 32, 1), 3, np.uint8), np.eye(4))
    path.write_bytes(gzip.compress(volume.to_bytes()))
    with pytest.raises(DatasetError, match="a label is none of 0 background, 1 gland, 2 nodule"):
        import_nnunet(exported / "nnunet", exported / "new", QUIET)


def test_pixels_that_are_no_squares_have_no_one_size(exported: Path) -> None:
    (exported / "nnunet" / PATIENTS).unlink()
    for path in (exported / "nnunet").glob("*/*.nii.gz"):
        volume = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
        volume.header.set_zooms((1.0, 2.0, 999.0))
        path.write_bytes(gzip.compress(volume.to_bytes()))
    import_nnunet(exported / "nnunet", exported / "new", QUIET)
    assert {entry.properties["spacing_mm"] for entry in read_index(exported / "new")} == {None}


def test_a_table_of_patients_written_by_hand_is_enough(exported: Path) -> None:
    names = sorted(path.name[: -len("_0000.nii.gz")] for path in exported.glob("nnunet/images*/*"))
    lines = [f"{name},{number // 2}" for number, name in enumerate(names)]
    table = "\n".join(["case_id,patient_id", *lines, ""])
    (exported / "nnunet" / PATIENTS).write_text(table, "utf-8")
    import_nnunet(exported / "nnunet", exported / "new", QUIET)
    entries = read_index(exported / "new")
    assert [entry.patient_id for entry in entries] == ["0", "0", "1", "1"]
    assert {entry.properties["reader"] for entry in entries} == {"nnunet"}


def test_who_imports_without_a_table_is_told_whose_the_cases_are(exported: Path) -> None:
    def said(folder: str) -> str:
        asked = ["import-nnunet", "--from", exported / "nnunet", "--data", exported / folder]
        return CliRunner().invoke(app, [str(one) for one in asked]).output

    assert "a patient of its own" not in said("first")
    (exported / "nnunet" / PATIENTS).unlink()
    assert "each case counts as a patient of its own" in said("second")


@pytest.mark.parametrize("change", [{"spacing_mm": None}, {"collimator": "PINHOLE"}])
def test_nodules_have_no_size_where_pixels_have_none(
    tmp_path: Path, change: dict[str, str | None]
) -> None:
    case = with_nodule(small_case(0))
    odd = replace(case, properties=case.properties | change)
    assert [one.size_mm for one in back(tmp_path / "odd", odd).nodules] == [0]
    (kept,) = back(tmp_path / "usual", case).nodules
    assert kept.size_mm > 0


def with_nodule(case: Case) -> Case:
    """The case, of pixels of 2 mm, with a nodule of four pixels in its gland."""
    row, column = np.argwhere(case.gland).mean(axis=0).astype(int)
    mask = np.zeros_like(case.gland)
    mask[row : row + 2, column : column + 2] = True
    known = {"spacing_mm": 2.0, "collimator": "LEHR"}
    return replace(
        case, nodules=(Nodule(mask, 4.5, 0.5, 3.0, True),), properties=case.properties | known
    )


def back(folder: Path, case: Case) -> Case:
    """The case after its way through nnU-Net's layout."""
    write_index(folder / "data", [write_case(folder / "data", case)])
    export_nnunet(folder / "data", folder / "nnunet", QUIET)
    import_nnunet(folder / "nnunet", folder / "new", QUIET)
    return read_case(folder / "new", read_index(folder / "new")[0])
