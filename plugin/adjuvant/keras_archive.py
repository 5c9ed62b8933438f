"""What a `.keras` file may hold, checked before Keras opens it: a model is data, never code.

Keras' own `safe_mode` refuses Python code in Lambda layers. This is narrower: three files, classes
of Keras that only compute, nothing that is registered elsewhere, loads other files or names
functions. Standard library only.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adjuvant.errors import ModelFault

CONFIGURATION = "config.json"
# Largest size of each file, unpacked.
LARGEST = {CONFIGURATION: 16 << 20, "metadata.json": 1 << 16, "model.weights.h5": 1 << 30}

LAYERS = frozenset(
    {
        "Activation",
        "Add",
        "Average",
        "AveragePooling2D",
        "BatchNormalization",
        "Concatenate",
        "Conv2D",
        "Conv2DTranspose",
        "Cropping2D",
        "Dense",
        "DepthwiseConv2D",
        "Dropout",
        "ELU",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling2D",
        "GroupNormalization",
        "InputLayer",
        "LayerNormalization",
        "LeakyReLU",
        "MaxPooling2D",
        "Maximum",
        "Minimum",
        "Multiply",
        "PReLU",
        "ReLU",
        "Rescaling",
        "Reshape",
        "SeparableConv2D",
        "Softmax",
        "SpatialDropout2D",
        "Subtract",
        "UpSampling2D",
        "ZeroPadding2D",
    }
)
# Everything in these only draws or limits numbers.
HARMLESS = ("keras.constraints", "keras.initializers", "keras.regularizers")
OTHERS = frozenset(
    {
        (None, "__keras_tensor__"),
        ("keras", "DTypePolicy"),
        ("keras", "Functional"),
        ("keras", "Sequential"),
        ("keras.models", "Functional"),
        ("keras.models", "Sequential"),
        ("keras.src.models.functional", "Functional"),
        ("keras.src.models.sequential", "Sequential"),
    }
)


def check_keras_archive(path: Path) -> None:
    """Raise ModelFault where the file holds anything but a network of layers that we know."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(path, archive.infolist())
            configuration = json.loads(archive.read(CONFIGURATION))
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile, zlib.error) as fault:
        raise ModelFault(f"cannot load {path}: it is no Keras file: {fault}") from fault
    if isinstance(configuration, dict):
        configuration.pop("compile_config", None)  # how it was trained: nobody asks Keras for it
    for entry in _objects(configuration):
        module, name = entry.get("module"), entry["class_name"]
        registered = entry.get("registered_name")
        if not _is_known(module, name) or registered not in (None, name):
            called = f"{module}.{name}" if registered in (None, name) else registered
            raise ModelFault(f"cannot load {path}: a model may not hold {str(called)[:100]!r}")


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    names = sorted(entry.filename for entry in entries)
    if names != sorted(LARGEST):
        found = ", ".join(names)[:200]
        raise ModelFault(
            f"cannot load {path}: it has to hold {', '.join(sorted(LARGEST))}; it holds {found}"
        )
    for entry in entries:
        if entry.file_size > LARGEST[entry.filename]:
            raise ModelFault(
                f"{path}: {entry.filename} unpacks to {entry.file_size} bytes, "
                f"above {LARGEST[entry.filename]}"
            )


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in the configuration that Keras makes an object of."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _is_known(module: Any, name: Any) -> bool:
    if not isinstance(name, str):
        return False
    if module == "keras.layers":
        return name in LAYERS
    return module in HARMLESS or (module, name) in OTHERS
