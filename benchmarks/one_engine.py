"""One engine in a process of its own, for `benchmarks.engines`: load, say so, read every view.

    python -m benchmarks.one_engine ENGINE CORES MODEL WORK

`WORK` holds the views, and gets the answers. It says `ready`, then how long each view took; or `not
here`, where the engine is not installed or cannot run on this processor.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import memory_mb

WARM_UP = 3
EXPORTED = "network.onnx"
WHOLE_NUMBERS = "network.xml"

Batch = NDArray[np.float32]
Run = Callable[[Batch], Batch]


class NotOnThisProcessorError(Exception):
    """It lacks the instructions."""


def _frozen(folder: Path, _exported: Path) -> Run:
    from adjuvant.network import load_network

    return load_network(folder, device="cpu").run


def _without_onednn(folder: Path, exported: Path) -> Run:
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    return _frozen(folder, exported)


def _keras(folder: Path) -> Any:
    from adjuvant.model import read_model, released_file

    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the plugin does
    import keras

    return keras.saving.load_model(released_file(folder, read_model(folder).weights), compile=False)


def _function(folder: Path, _exported: Path, *, xla: bool = False) -> Run:
    import tensorflow as tf

    network = _keras(folder)
    call = tf.function(lambda x: network(x, training=False), autograph=False, jit_compile=xla)
    return lambda inputs: call(tf.constant(inputs)).numpy()


def _xla(folder: Path, exported: Path) -> Run:
    return _function(folder, exported, xla=True)


def _eager(folder: Path, _exported: Path) -> Run:
    network = _keras(folder)
    return lambda inputs: network(inputs, training=False).numpy()


def _predict(folder: Path, _exported: Path) -> Run:
    network = _keras(folder)
    return lambda inputs: network.predict(inputs, verbose=0)


def _bfloat16(folder: Path, _exported: Path) -> Run:
    """The same weights and every step between them in bfloat16, on any processor."""
    import keras
    import tensorflow as tf

    network = _keras(folder)
    described = json.dumps(network.get_config()).replace('"float32"', '"bfloat16"')
    rounded = type(network).from_config(json.loads(described))
    rounded.set_weights(network.get_weights())
    assert {one.compute_dtype for one in rounded.layers[1:]} == {"bfloat16"}  # after the input
    call = tf.function(lambda x: rounded(x, training=False), autograph=False)
    return lambda inputs: keras.ops.convert_to_numpy(tf.cast(call(tf.constant(inputs)), tf.float32))


def _onnx_runtime(_folder: Path, exported: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda inputs: session.run(None, {name: inputs})[0]


def _openvino(_folder: Path, exported: Path, *, precision: str = "f32") -> Run:
    """At float32 by default; by itself it takes bf16 where the processor has it."""
    import openvino

    return _compiled(openvino.convert_model(exported), precision)


def _compiled(network: Any, precision: str) -> Run:
    import openvino

    core = openvino.Core()
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    compiled = core.compile_model(network, "CPU", hints)
    return lambda inputs: compiled(inputs)[0].copy()


def _openvino_bf16(folder: Path, exported: Path) -> Run:
    import openvino

    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise NotOnThisProcessorError
    return _openvino(folder, exported, precision="bf16")


def _openvino_int8(_folder: Path, exported: Path) -> Run:
    """The network that `_quantize` made."""
    import openvino

    return _compiled(openvino.Core().read_model(exported.with_name(WHOLE_NUMBERS)), "f32")


OURS = "TensorFlow, frozen graph (ours)"
ENGINES: dict[str, Callable[[Path, Path], Run]] = {
    OURS: _frozen,
    "TensorFlow, frozen graph, without oneDNN": _without_onednn,
    "TensorFlow, tf.function": _function,
    "TensorFlow, XLA": _xla,
    "TensorFlow, eager": _eager,
    "TensorFlow, bfloat16": _bfloat16,
    "Keras, predict": _predict,
    "ONNX Runtime": _onnx_runtime,
    "OpenVINO, fp32": _openvino,
    "OpenVINO, bf16": _openvino_bf16,
    "OpenVINO, int8": _openvino_int8,
}


def _export(folder: Path, work: Path) -> None:
    """The same weights as ONNX, by Keras' own export."""
    import keras

    inputs = np.load(work / "inputs.npy")[:1]
    network = _keras(folder)
    network(inputs)  # Keras' export wants it called
    signature = [keras.InputSpec(shape=(None, *inputs.shape[1:]), dtype="float32")]
    path = work / EXPORTED
    network.export(path, format="onnx", verbose=False, input_signature=signature)


def _quantize(_folder: Path, work: Path) -> None:
    """From 32-bit to 8-bit numbers, weights and what lies between the layers."""
    import nncf
    import openvino

    views = np.load(work / "calibration.npy")
    network = openvino.convert_model(work / EXPORTED)
    calibration = nncf.Dataset([view[None] for view in views])
    quantized = nncf.quantize(network, calibration, subset_size=len(views))
    openvino.save_model(quantized, work / WHOLE_NUMBERS, compress_to_fp16=False)


# What the engines need, made in processes of their own as well.
PREPARATIONS: dict[str, Callable[[Path, Path], None]] = {"export": _export, "quantize": _quantize}


def measure(name: str, cores: int, folder: Path, work: Path) -> None:
    """Load, say so, read every view alone, say how long it took."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    answer, sys.stdout = sys.stdout, sys.stderr  # where engines talk
    inputs = np.load(work / "inputs.npy")
    try:
        if name in PREPARATIONS:
            PREPARATIONS[name](folder, work)
            print("ready\n{}", file=answer)
            return
        run = ENGINES[name](folder, work / EXPORTED)
    except (ModuleNotFoundError, NotOnThisProcessorError):
        print("not here", file=answer)
        return
    run(inputs[:1])
    print("ready", file=answer, flush=True)
    for _ in range(WARM_UP):
        run(inputs[:1])
    times, answers = [], []
    for one in inputs:
        begun = perf_counter()
        answers.append(run(one[None])[0])
        times.append(perf_counter() - begun)
    np.save(work / f"{name}.npy", np.stack(answers))
    print(json.dumps({"seconds": times, "peak_mb": memory_mb("VmHWM")}), file=answer)


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
