"""A model file is data: whatever could run, load or name anything else is refused before Keras."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from adjuvant.errors import ModelFault
from adjuvant.keras_archive import LARGEST, check_keras_archive

CONV: dict[str, Any] = {
    "module": "keras.layers",
    "class_name": "Conv2D",
    "config": {"kernel_initializer": {"module": "keras.initializers", "class_name": "Zeros"}},
    "registered_name": None,
}


def archive(folder: Path, layer: object = CONV, **files: bytes) -> Path:
    """A file with one layer; `files` replace or add entries."""
    network = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "registered_name": "Functional",
        "config": {"layers": [layer]},
    }
    content = {name: b"" for name in LARGEST} | {"config.json": json.dumps(network).encode()}
    path = folder / "one.keras"
    with zipfile.ZipFile(path, "w") as writer:
        for name, data in {**content, **files}.items():
            writer.writestr(name, data)
    return path


def test_layers_that_only_compute_are_let_in(tmp_path: Path) -> None:
    check_keras_archive(archive(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"class_name": "Lambda"},
        {"class_name": "TFSMLayer"},
        {"class_name": "StringLookup"},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "os", "class_name": "system"},
        {"module": "keras.utils", "class_name": "get_file"},
        {"module": None, "class_name": "__lambda__"},
        {"class_name": ["Conv2D"]},
        {"registered_name": "site>Conv2D"},
    ],
    ids=str,
)
def test_everything_else_is_refused_wherever_it_stands(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    hidden = {**CONV, "config": {"inner": [[{**CONV, **change}]]}}
    with pytest.raises(ModelFault, match="a model may not hold"):
        check_keras_archive(archive(tmp_path, hidden))


def test_a_further_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"has to hold .*; it holds assets/vocabulary\.txt"):
        check_keras_archive(archive(tmp_path, **{"assets/vocabulary.txt": b"x"}))


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"metadata\.json unpacks to 65537 bytes, above 65536"):
        check_keras_archive(archive(tmp_path, **{"metadata.json": b" " * 65537}))


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x89HDF\r\n\x1a\n" + b"\0" * 99])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "one.keras"
    path.write_bytes(data)
    with pytest.raises(ModelFault, match="it is no Keras file"):
        check_keras_archive(path)


@pytest.mark.parametrize("text", [b"{", b"[" * 100_000])
def test_a_configuration_that_is_no_json_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ModelFault, match="it is no Keras file"):
        check_keras_archive(archive(tmp_path, **{"config.json": text}))
