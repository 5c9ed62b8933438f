"""`models/<name>/<version>` -> a callable: the only module of the package that needs TensorFlow.

TensorFlow is imported inside `load_network`, by the worker thread, after Orthanc is up: a broken
TensorFlow must never keep a PACS from receiving. The variables are frozen into the graph, which
lets TensorFlow fold and fuse layers: about a fifth quicker than `tf.function` alone on a CPU.
"""

from __future__ import annotations

import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from adjuvant.chain import Algorithm, chained
from adjuvant.errors import ModelFault
from adjuvant.keras_archive import check_keras_archive
from adjuvant.model import Model, read_model, released_file
from adjuvant.preprocess import CHANNELS

Device = Literal["auto", "cpu", "gpu"]
Batch = NDArray[np.float32]

# What importing a broken installation raises: missing files and symbols, truncated sources, a
# numpy or protobuf of the wrong version.
BROKEN_IMPORT: tuple[type[Exception], ...] = (
    ImportError,
    OSError,
    AttributeError,
    NameError,
    LookupError,
    TypeError,
    ValueError,
    RuntimeError,
    SyntaxError,
    EOFError,
)
# What Keras raises on a file that is no archive, lacks a part, or describes no network.
UNREADABLE: tuple[type[Exception], ...] = (*BROKEN_IMPORT, zipfile.BadZipFile, zlib.error)
WARM_UP_BATCHES = (1, 2)
MAPS = Path("/proc/self/maps")
FOREIGN_PROTOBUF = "/libprotobuf.so."


@dataclass(frozen=True)
class Network:
    """A loaded model. `device` is `"CPU"` or `"GPU:0 <name of the card>"`.

    `then` looks closer at what this one finds, where there is such a network.
    """

    model: Model
    device: str
    run: Callable[[Batch], Batch] = field(repr=False)
    then: Network | None = None

    def __call__(self, inputs: Batch) -> Batch:
        """Inputs (n, size, size, 2) -> probabilities (n, size, size, labels), both float32.

        Where memory does not suffice for all frames at once, they are read in smaller batches.
        Raises ModelFault when the network answers with a wrong shape, or with anything but
        probabilities; MemoryError where memory does not suffice for a single frame.
        """
        size = self.model.preprocessing.size
        if inputs.ndim != 4 or inputs.shape[1:] != (size, size, CHANNELS):
            expected = f"(n, {size}, {size}, {CHANNELS})"
            raise ModelFault(f"{self.name} expects inputs {expected}, got {inputs.shape}")
        probabilities = self._within_memory(np.ascontiguousarray(inputs, np.float32))
        expected_shape = (len(inputs), size, size, len(self.model.output.labels))
        if probabilities.shape != expected_shape:
            raise ModelFault(
                f"{self.name} answers with shape {probabilities.shape}, "
                f"but its contract says {expected_shape}"
            )
        # NaN where any value is NaN.
        low, high = float(probabilities.min()), float(probabilities.max())
        if not (low >= 0 and high <= 1):
            raise ModelFault(
                f"{self.name} answers with values from {low:g} to {high:g}, not probabilities"
            )
        return probabilities

    def _within_memory(self, inputs: Batch) -> Batch:
        """All frames at once, or in halves where memory does not suffice for that.

        Raises MemoryError where it does not suffice for a single frame.
        """
        with suppress(MemoryError):
            return self.run(inputs)
        if len(inputs) == 1:
            raise MemoryError(f"{self.name} has not enough memory for a single frame")
        halves = np.array_split(inputs, 2)
        return np.concatenate([self._within_memory(half) for half in halves])

    @property
    def name(self) -> str:
        """Name and version, for messages."""
        return f"model {self.model.title}"

    @property
    def links(self) -> tuple[Network, ...]:
        """This network and those after it."""
        return (self,) if self.then is None else (self, *self.then.links)

    @property
    def algorithm(self) -> Algorithm:
        """What makes the results: this model, or the chain that begins with it."""
        return chained([one.model for one in self.links])


def linked(networks: Sequence[Network]) -> Network:
    """These networks as one chain: each looks closer at what the one before finds."""
    first, *others = networks
    return replace(first, then=linked(others) if others else None)


def load_network(folder: Path, *, device: Device = "auto", threads: int = 0) -> Network:
    """Load, freeze and warm up the model in `folder`; takes seconds at the first call.

    `threads` limits the CPU threads of the whole process (0: as many as there are cores); it
    holds only before TensorFlow's first computation, as TensorFlow fixes them there.
    Raises ModelFault, in one sentence, for whatever keeps the model from being used.
    """
    model = read_model(folder)
    weights = released_file(folder, model.weights)
    tf = _import_tensorflow()
    place, name = _choose_device(tf, device)
    _limit_threads(tf, threads)
    try:
        with tf.device(place):
            run = _freeze(tf, _read_keras(weights), model.preprocessing.size, place)
            network = Network(model, name, with_mirror_image(run) if model.output.mirrored else run)
            _warm_up(network)
    except tf.errors.OpError as fault:
        raise ModelFault(f"{weights} does not run on {name}: {fault.message}") from fault
    except MemoryError as fault:
        raise ModelFault(f"memory does not suffice to run {weights} on {name}") from fault
    return network


def _import_tensorflow() -> Any:
    """TensorFlow with Keras on it, as quiet as it can be made.

    TF_CPP_MIN_LOG_LEVEL works once TensorFlow's logging has started. On import, TensorFlow 2.21
    writes up to three lines before that, once for each of its two libraries, and nothing that is
    read from the environment stops them: absl's `WARNING: All log messages before ...`, oneDNN's
    note (it ends with oneDNN itself, which would cost speed) and, on a machine without GPU,
    `Could not find cuda drivers`. They are harmless.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # TensorFlow leaves oneDNN off on processors without VNNI, where it is still twice as fast.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with _own_protobuf():
            import keras
            import tensorflow as tf
    except ModuleNotFoundError as fault:
        raise ModelFault(f"TensorFlow is not installed: {fault}") from fault
    except (*BROKEN_IMPORT, *_protobuf_faults()) as fault:
        raise ModelFault(f"TensorFlow is broken: {type(fault).__name__}: {fault}") from fault
    if keras.backend.backend() != "tensorflow":
        raise ModelFault(
            f"Keras runs on {keras.backend.backend()!r}; set KERAS_BACKEND to 'tensorflow'"
        )
    tf.get_logger().setLevel("ERROR")
    return tf


@contextmanager
def _own_protobuf() -> Iterator[None]:
    """Let libraries that are loaded meanwhile see their own symbols before those of the program.

    Orthanc is linked with Debian's protobuf from Debian 13 on. TensorFlow brings a protobuf of its
    own under the same names and would take half of it from there: the whole process, the PACS,
    dies of a segmentation fault (tried: Orthanc 1.12.7 with TensorFlow 2.21).
    """
    flags = sys.getdlopenflags()
    if FOREIGN_PROTOBUF in MAPS.read_text(errors="replace"):
        sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        yield
    finally:
        sys.setdlopenflags(flags)


def _protobuf_faults() -> tuple[type[Exception], ...]:
    """What protobuf raises on generated code of another version: derived from nothing narrower."""
    try:
        from google.protobuf.runtime_version import VersionError  # type: ignore[import-untyped]
    except BROKEN_IMPORT:
        return ()
    return (VersionError,)


def _choose_device(tf: Any, wanted: Device) -> tuple[str, str]:
    """TensorFlow's place and our name of it; a GPU gives memory to others as long as it can."""
    cards = [] if wanted == "cpu" else tf.config.list_physical_devices("GPU")
    if not cards:
        if wanted == "gpu":
            raise ModelFault("TensorFlow sees no GPU, but the configured device is 'gpu'")
        return "/CPU:0", "CPU"
    for card in cards:
        if not tf.config.experimental.get_memory_growth(card):
            try:
                tf.config.experimental.set_memory_growth(card, True)
            except RuntimeError as fault:
                raise ModelFault(f"the GPU's memory cannot be shared: {fault}") from fault
    details = tf.config.experimental.get_device_details(cards[0])
    return "/GPU:0", f"GPU:0 {details.get('device_name', 'unknown card')}"


def _limit_threads(tf: Any, threads: int) -> None:
    """Set both thread pools, where asked for and not already so."""
    threading = tf.config.threading
    if threads == 0 or threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as fault:
        raise ModelFault(
            f"threads = {threads} comes too late: TensorFlow already runs in this process"
        ) from fault


def _read_keras(weights: Path) -> Any:
    """The Keras model; `safe_mode` refuses files that would run code of their own."""
    import keras

    check_keras_archive(weights)
    try:
        return keras.saving.load_model(weights, compile=False, safe_mode=True)
    except UNREADABLE as fault:
        first = str(fault).strip().splitlines()[0] if str(fault).strip() else type(fault).__name__
        raise ModelFault(f"cannot load {weights}: {first}") from fault


def _freeze(tf: Any, network: Any, size: int, place: str) -> Callable[[Batch], Batch]:
    """The network as one graph whose weights are constants."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    signature = tf.TensorSpec((None, size, size, CHANNELS), tf.float32)
    # Autograph writes code into the folder for temporary files; Keras' layers need none of it.
    graph = tf.function(lambda x: network(x, training=False), autograph=False, jit_compile=False)
    try:
        frozen = convert_variables_to_constants_v2(graph.get_concrete_function(signature))
    except (ValueError, TypeError) as fault:
        first = str(fault).strip().splitlines()[0]
        raise ModelFault(f"the network does not take {size} x {size} images: {first}") from fault

    def run(inputs: Batch) -> Batch:
        try:
            with tf.device(place):
                answers = tf.nest.flatten(frozen(tf.constant(inputs)))
        except tf.errors.ResourceExhaustedError:
            raise MemoryError(f"TensorFlow on {place}") from None  # its traceback holds memory
        if len(answers) != 1:
            raise ModelFault(f"the network has {len(answers)} outputs, but one is expected")
        probabilities: Batch = answers[0].numpy().astype(np.float32, copy=False)
        return probabilities

    return run


def with_mirror_image(run: Callable[[Batch], Batch]) -> Callable[[Batch], Batch]:
    """The mean of the answers to images (n, rows, columns, 2) and to their mirror images.

    Test-time augmentation: noise that the network takes for something is seldom so both ways.
    """

    def both(inputs: Batch) -> Batch:
        answers = run(np.concatenate([inputs, inputs[:, :, ::-1]]))
        mean: Batch = (answers[: len(inputs)] + answers[len(inputs) :, :, ::-1]) / np.float32(2)
        return mean

    return both


def _warm_up(network: Network) -> None:
    """Run each usual batch size once: the first run of each compiles kernels, and may fail."""
    size = network.model.preprocessing.size
    for count in WARM_UP_BATCHES:
        network(np.ones((count, size, size, CHANNELS), np.float32))
