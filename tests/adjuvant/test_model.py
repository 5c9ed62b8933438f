"""A contract is read whole or refused with the key and the value that are wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from adjuvant.errors import ModelFault
from adjuvant.model import Model, Weights, read_model, released_file

CONTRACT: dict[str, Any] = {
    "name": "thyroid",
    "version": "0.1.0",
    "weights": {"file": "thyroid.keras", "sha256": "0" * 64},
    "preprocessing": {"size": 256},
    "output": {"labels": ["thyroid"], "threshold": 0.5, "minimum_area_pixels": 30},
    "training": {
        "data": "simulated",
        "images": 2000,
        "patients": 1000,
        "seeds": [1],
        "recipe": "thyroid-0.1",
        "commit": "0" * 40,
        "date": "2026-11-20",
    },
    "figures": {"dice_mean": 0.96, "dice_mean_interval_95": [0.95, 0.97], "data": "simulated"},
}


def write(folder: Path, key: str = "", value: Any = None) -> Path:
    """`model.json` in `folder`, with one key (such as "output.threshold") changed."""
    content = json.loads(json.dumps(CONTRACT))
    if key:
        *path, last = key.split(".")
        part = content
        for name in path:
            part = part[name]
        part[last] = value
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def test_a_valid_contract_comes_back_as_it_was_written(tmp_path: Path) -> None:
    model = read_model(write(tmp_path))
    assert model.model_dump(mode="json", exclude_defaults=True) == {
        **CONTRACT,
        "preprocessing": {},
    }
    assert model.output.labels == ("thyroid",)
    assert model.training.seeds == (1,)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "Thyroid gland"),
        ("version", "0.1"),
        ("weights.file", "../thyroid.keras"),
        ("weights.file", "thyroid.h5"),
        ("weights.sha256", "ABC"),
        ("preprocessing.size", "big"),
        ("preprocessing.sizes", 256),
        ("output.labels", []),
        ("output.threshold", 0.0),
        ("output.threshold", 1.0),
        ("output.minimum_area_pixels", -1),
        ("training.data", "guessed"),
        ("training.images", 0),
        ("training.patients", 0),
        ("training.seeds", ["one"]),
        ("training.colour", "red"),
        ("figures", [1]),
        ("surprise", 7),
    ],
)
def test_a_wrong_contract_names_key_and_value(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(ModelFault) as caught:
        read_model(write(tmp_path, key, value))
    message = str(caught.value)
    assert f"model.json: {key}" in message
    assert repr(value[0] if key == "training.seeds" else value) in message.replace("()", "[]")
    assert "\n" not in message


@pytest.mark.parametrize("key", [key for key in CONTRACT if key != "figures"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    content = {name: value for name, value in CONTRACT.items() if name != key}
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(ModelFault, match=f"model.json: {key}: Field required"):
        read_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_what_is_no_contract_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ModelFault, match=r"model\.json: \(whole file\)"):
        read_model(tmp_path)


def test_a_missing_contract_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"cannot read .*model\.json: No such file"):
        read_model(tmp_path)


def test_the_digest_changes_with_any_part_of_the_contract(tmp_path: Path) -> None:
    digest = read_model(write(tmp_path)).digest
    assert read_model(write(tmp_path)).digest == digest
    changes = [("output.threshold", 0.4), ("weights.sha256", "1" * 64), ("figures", {})]
    others = {read_model(write(tmp_path, key, value)).digest for key, value in changes}
    assert len({digest, *others}) == 4


def test_the_digest_does_not_depend_on_the_order_of_keys(tmp_path: Path) -> None:
    digest = read_model(write(tmp_path)).digest
    (tmp_path / "model.json").write_text(json.dumps(dict(reversed(CONTRACT.items()))))
    assert read_model(tmp_path).digest == digest


@pytest.mark.parametrize(
    ("data", "simulated"), [("simulated", True), ("mixed", True), ("clinical", False)]
)
def test_only_clinical_data_needs_no_warning(data: str, simulated: bool) -> None:
    training = {**CONTRACT["training"], "data": data}
    assert Model.model_validate({**CONTRACT, "training": training}).simulated is simulated


def test_weights_are_compared_with_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "thyroid.keras"
    path.write_bytes(b"weights")
    good = Weights(file=path.name, sha256=hashlib.sha256(b"weights").hexdigest())
    assert released_file(tmp_path, good) == path
    with pytest.raises(ModelFault, match=f"has SHA-256 {good.sha256}, but model.json says 000"):
        released_file(tmp_path, Weights(file=path.name, sha256="0" * 64))
    with pytest.raises(ModelFault, match=r"cannot read .*lost\.keras: No such file"):
        released_file(tmp_path, Weights(file="lost.keras", sha256="0" * 64))
