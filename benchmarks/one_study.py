"""One study in a process of its own, which ends with it: what runs instead of a plugin.

`python -m benchmarks.one_study HOW STUDY MODEL NETWORK MASKS` reads the folder STUDY, outlines the
gland with the model in the folder MODEL, and writes MASKS (.npy) and, beside them, the most memory
that it took (.mb). The network is the same as the plugin's, as TensorFlow's own file or, with ONNX
Runtime, as the file NETWORK. Imports what it needs and no more, as such a script would.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from adjuvant.image import Limits, read_scan
from adjuvant.interpretations.thyroid import gland_masks
from adjuvant.model import Model, read_model
from adjuvant.preprocess import on_source_matrix, prepare
from benchmarks.memory import memory_mb

Batch = NDArray[np.float32]
Run = Callable[[Batch], Batch]
Outline = Callable[[Dataset], None]


def tensorflow(model: Path, _network: Path) -> Run:
    """As a beginner's script does it, with Keras' `predict`."""
    import keras

    from adjuvant.model import released_file

    network = keras.saving.load_model(
        released_file(model, read_model(model).weights), compile=False
    )
    return lambda inputs: np.asarray(network.predict(inputs, verbose=0))


def onnx_runtime(_model: Path, network: Path) -> Run:
    """The quickest to start."""
    import onnxruntime

    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda inputs: np.asarray(session.run(None, {name: inputs})[0])


def masks_of(dataset: Dataset, model: Model, run: Run) -> NDArray[np.bool_]:
    """The gland on every frame, as the plugin outlines it."""
    counts = [frame.counts for frame in read_scan(dataset, Limits()).frames]
    answers = run(np.stack([prepare(one, model.whole_image) for one in counts]))
    return gland_masks(counts, on_source_matrix(answers, counts[0].shape), model)


def by_script(study: Path, outline: Outline) -> None:
    """Nothing but pydicom."""
    for path in sorted(study.iterdir()):
        outline(dcmread(path))


def by_monai(study: Path, outline: Outline) -> None:
    """MONAI Deploy's application, with its own operators as far as they know NM."""
    from monai.deploy.conditions import CountCondition
    from monai.deploy.core import Application, Operator
    from monai.deploy.operators.dicom_data_loader_operator import DICOMDataLoaderOperator
    from monai.deploy.operators.dicom_series_selector_operator import DICOMSeriesSelectorOperator

    class Outliner(Operator):  # type: ignore[misc]  # MONAI is not installed where types are checked
        def setup(self, spec):  # type: ignore[no-untyped-def]
            spec.input("selected")

        def compute(self, received, _emitted, _context):  # type: ignore[no-untyped-def]
            for selected in received.receive("selected"):
                for series in selected.selected_series:
                    for instance in series.series.get_sop_instances():
                        outline(instance.get_native_sop_instance())

    class Outlining(Application):  # type: ignore[misc]
        def compose(self):  # type: ignore[no-untyped-def]
            load = DICOMDataLoaderOperator(
                self, CountCondition(self, 1), input_folder=study, name="load"
            )
            select = DICOMSeriesSelectorOperator(self, name="select")
            self.add_flow(load, select, {("dicom_study_list", "dicom_study_list")})
            outliner = Outliner(self, name="outline")
            self.add_flow(select, outliner, {("study_selected_series_list", "selected")})

    Outlining([]).run()


WAYS: dict[str, tuple[Callable[[Path, Outline], None], Callable[[Path, Path], Run]]] = {
    "script, TensorFlow": (by_script, tensorflow),
    "script, ONNX Runtime": (by_script, onnx_runtime),
    "MONAI Deploy application, ONNX Runtime": (by_monai, onnx_runtime),
}


def main(how: str, study: Path, model: Path, network: Path, masks: Path) -> int:
    """The command; its exit code."""
    found: list[NDArray[np.bool_]] = []
    read, engine = WAYS[how]
    run, contract = engine(model, network), read_model(model)
    read(study, lambda dataset: found.append(masks_of(dataset, contract, run)))
    np.save(masks, np.concatenate(found))
    masks.with_suffix(".mb").write_text(str(memory_mb("VmHWM")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(Path, sys.argv[2:])))
