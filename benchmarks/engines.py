"""The released network under other engines, side by side: `python -m benchmarks.engines`.

What the processor could do, and whether the masks would stay what they are. Each engine runs in a
process of its own, with the same simulated views, on all cores and on one; rounds of all in turn,
so that whatever the machine does meanwhile hits every one. `make benchmarks` brings ONNX Runtime,
OpenVINO and NNCF, which makes the network of whole numbers; the plugin needs none of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import BenchmarkError, Figures, in_service, markdown, run_one, spread
from benchmarks.memory import memory_mb
from deploy.serve import ROOT

SEED = 20261121
VIEWS = 24
CALIBRATION_SEED = 20261122
CALIBRATION_VIEWS = 100  # from which the ranges of whole numbers are taken
ROUNDS = 2
WARM_UP = 3
LIMIT_S = 300.0
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
    """The network that `_whole_numbers` made."""
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


def measure() -> Figures:
    """Every engine that is installed, on all cores and on one."""
    folder = in_service()
    everything = len(os.sched_getaffinity(0))
    found: dict[str, dict[int, list[dict[str, Any]]]] = {
        name: defaultdict(list) for name in ENGINES
    }
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        exported = export_network(folder, work)
        whole = exported and _whole_numbers(folder, work)
        for _ in range(ROUNDS):
            for name in ENGINES:
                for cores in sorted({everything, 1}):
                    if not exported and name.startswith(("ONNX", "OpenVINO")):
                        continue
                    if not whole and name == "OpenVINO, int8":
                        continue
                    answer = _run(name, cores, folder, work)
                    if answer is not None:
                        found[name][cores].append(answer)
        return _figures(found, everything, work, folder)


def export_network(folder: Path, work: Path) -> bool:
    """Write the views to be read, and the network as EXPORTED, to the folder `work`; False where
    what the latter takes is not installed."""
    np.save(work / "inputs.npy", simulated_views(folder, SEED, VIEWS))
    return _run("export", 1, folder, work) is not None


def _whole_numbers(folder: Path, work: Path) -> bool:
    """Write the exported network in int8, by views that are not measured; False where what this
    takes is not installed."""
    np.save(work / "calibration.npy", simulated_views(folder, CALIBRATION_SEED, CALIBRATION_VIEWS))
    return _run("quantize", len(os.sched_getaffinity(0)), folder, work) is not None


def simulated_views(folder: Path, seed: int, views: int) -> Batch:
    """What the network is given of so many simulated scans: (views, size, size, 2)."""
    from adjuvant.model import read_model
    from adjuvant.preprocess import prepare
    from training.phantom.simulator import simulate_case

    plan = read_model(folder).preprocessing
    counts = [simulate_case(seed, number).counts for number in range(views)]
    return np.stack([prepare(one.astype(np.float32), plan) for one in counts])


def _run(name: str, cores: int, folder: Path, work: Path) -> dict[str, Any] | None:
    """What a process of its own says; None where the engine is not installed or cannot run."""
    command = [sys.executable, "-m", "benchmarks.engines", name, str(cores), folder, work]
    quiet = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    begun = perf_counter()
    with (
        (work / "said").open("w+") as said,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT, env=quiet
        ) as process,
    ):
        try:
            assert process.stdout is not None
            first = process.stdout.readline().strip()
            ready_s = perf_counter() - begun
            rest = process.stdout.read()
            process.wait(LIMIT_S)
        except BaseException:
            process.kill()
            raise
        said.seek(0)
        last = (said.read().strip().splitlines() or [""])[-1]
    if first == "not here":
        return None
    if process.returncode or first != "ready":
        raise BenchmarkError(f"{name} ended with {process.returncode}: {last}")
    return {"ready_s": ready_s, **json.loads(rest)}


def _child(name: str, cores: int, folder: Path, work: Path) -> None:
    """In the process of one engine: load, say so, read every view alone, say how long it took."""
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


def _figures(
    found: dict[str, dict[int, list[dict[str, Any]]]], everything: int, work: Path, folder: Path
) -> Figures:
    from adjuvant.model import read_model
    from training.metrics import dice

    threshold = read_model(folder).output.threshold
    ours = np.load(work / f"{OURS}.npy")
    our_masks = ours >= threshold
    rows: list[list[object]] = []
    values: dict[str, Any] = {}
    for name, by_cores in found.items():
        if not by_cores:
            continue
        answers = np.load(work / f"{name}.npy")
        masks = answers >= threshold
        times = {
            cores: spread([second for one in runs for second in one["seconds"]])
            for cores, runs in by_cores.items()
        }
        runs = by_cores[everything]
        value = {
            "ms": {str(cores): one for cores, one in times.items()},
            "ready_s": round(float(np.median([one["ready_s"] for one in runs])), 2),
            "peak_mb": round(float(np.median([one["peak_mb"] for one in runs]))),
            "largest_difference": float(np.abs(answers - ours).max()),
            "different_masks": int((masks != our_masks).any(axis=(1, 2, 3)).sum()),
            "lowest_dice": round(min(map(dice, masks, our_masks)), 4),
        }
        values[name] = value
        all_cores, one_core = times[everything], times[1]
        rows.append(
            [
                name,
                f"{all_cores['median']:.1f} / {all_cores['p95']:.1f}",
                f"{one_core['median']:.1f}",
                f"{value['ready_s']:.1f}",
                value["peak_mb"],
                f"{value['largest_difference']:.0e}",
                f"{value['different_masks']} of {len(answers)}",
                f"{value['lowest_dice']:g}",
            ]
        )
    missing = [name for name, by_cores in found.items() if not by_cores]
    head = [
        "engine",
        f"ms on {everything} cores (median / 95th percentile)",
        "ms on one core",
        "ready after, s",
        "memory at most, MB",
        "largest difference",
        "other masks",
        "lowest Dice with ours",
    ]
    text = (
        f"{markdown(head, rows)}\n\n{VIEWS} simulated views, one at a time, {ROUNDS} rounds of all"
        f" engines in turn, each in a process of its own; `{folder.parent.name} {folder.name}`,"
        f" {ours.shape[1]} x {ours.shape[2]} pixels. Ready is when the first view is read, from the"
        " start of the process: what a script for each study would wait every time. Differences"
        " are those of the network's output (0 to 1) from ours; a mask is another one where any"
        " pixel is. The ranges of int8 are those of"
        f" {CALIBRATION_VIEWS} other views (NNCF, after training)."
    )
    if missing:
        text += f" Not installed, or not on this processor: {', '.join(missing)}."
    return Figures("engines", "The network under other engines", text, values)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _child(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        run_one(measure)
