"""A finished run -> `models/<name>/<version>/`: weights, contract, measured figures, model card."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adjuvant.close_up import CloseUp
from adjuvant.model import CONTRACT_FILE, Model, Output, Weights
from adjuvant.network import Batch, Network, load_network, with_mirror_image
from adjuvant.preprocess import CHANNELS, Mask
from training.card import write_card
from training.collect.collection import write_whole
from training.comparison import Comparison
from training.datasets.fingerprint import Tally, read_fingerprint, write_fingerprint
from training.datasets.shift import Shifts, compare
from training.errors import ReleaseError
from training.evaluate import Watch, evaluate
from training.familiar_scans import read_familiar
from training.figures import Evaluation, Figure, Rate, Score
from training.foundation import go_back
from training.onlooker import onlooker
from training.pages.gland import gland_report
from training.pages.parts import Context
from training.phantom.case import Case
from training.pictures import draw_worst
from training.recipe import Recipe
from training.report import markdown, write_evaluation
from training.run_folder import BEST_FILE, read_run, read_state
from training.sample import add_sample
from training.seen import origin, seen_by_run
from training.train import build, with_weights

# Both run the same float32 weights; only the order of sums differs.
TOLERANCE = 1e-4
VERSION = re.compile(r"\d+\.\d+\.\d+")
REPORT = "report.html"


@dataclass(frozen=True)
class Request:
    """Release `run` as `version` into `folder`, which must not exist yet.

    `in_service` is the version that the candidate must not be worse than, `test_set` the SHA-256
    of the frozen test set; None where there is none. `mirrored`: test-time augmentation.
    `foundation_share`: how far the weights go back to those that the run began with; None: not.
    """

    run: Path
    folder: Path
    version: str
    in_service: Path | None = None
    test_set: str | None = None
    mirrored: bool = False
    foundation_share: float | None = None

    def check_test_set(self, measured: str) -> None:
        """Raise ReleaseError where what was measured on is not what was frozen."""
        if self.test_set not in (None, measured):
            raise ReleaseError(
                f"the test set has changed: its SHA-256 is {measured}, frozen was {self.test_set}; "
                "`check` names the cases"
            )

    def tell(self, report: str, folder: Path, comparison: Comparison | None) -> None:
        """Write the report into the run and, where the candidate is not worse, the new version.

        Raises ReleaseError where it is.
        """
        write_whole(self.run / REPORT, report.encode())
        if comparison is not None:
            try:
                comparison.require_not_worse()
            except ReleaseError as fault:
                raise ReleaseError(f"{fault}. Nothing released; see {self.run / REPORT}") from fault
            content = json.dumps(comparison.content(), indent=1, allow_nan=False)
            (folder / "comparison.json").write_text(content + "\n", "utf-8")
        (folder / REPORT).write_text(report, "utf-8")


def release(request: Request, cases: Iterable[Case], watch: Watch) -> Evaluation:
    """Export, check, measure on `cases`, compare, write report and card; the folder appears only
    when all is well.

    Raises ReleaseError when the run is not finished, the folder exists already or is not named as
    a version, the released file does not answer as the trained network does, the test set is not
    the frozen one, or the candidate may be worse than the version in service; SeenError when a
    case is of a patient of the run; ModelFault when the plugin cannot load it.
    """
    about, recipe = open_run(request)
    if isinstance(recipe.preprocessing, CloseUp):
        raise ReleaseError(f"{request.run} finds nodules: release it with a gland model (--gland)")
    with new_version(request) as folder:
        network = export(request, recipe, about, folder)
        known = {"familiar": read_familiar(request.run)}
        network = replace(network, model=network.model.model_copy(update=known))
        looking = onlooker(request.in_service)

        def both(case: Case, found: Mask, score: Score) -> None:
            looking.see(case, found, score)
            watch(case, found, score)

        measured = evaluate(cases, network, seen_by_run(about), both)
        request.check_test_set(measured.totals.test_set)
        model = network.model.model_copy(update={"figures": figures(measured)})
        # The digest covers the figures, which are known only now.
        measured = replace(measured, digest=model.digest)
        comparison = looking.compare(measured, recipe.margins)
        shifts = keep_fingerprint(request.run, folder, looking.tally)
        context = Context(
            model,
            measured.totals.simulated,
            looking.gallery,
            comparison,
            shifts,
            read_state(request.run).log,
            measured.totals.test_set,
        )
        request.tell(gland_report(measured, context), folder, comparison)
        write_contract(model, folder)
        write_evaluation(measured, folder, (comparison, shifts))
        draw_worst(looking.worst, folder / "worst.png")
        told = markdown(measured, (comparison, shifts))
        write_card(model, told, folder, recipe.network.members)
    return measured


def keep_fingerprint(run: Path, folder: Path, tally: Tally) -> Shifts | None:
    """The fingerprint of the training goes with the version; how other scans differ from it."""
    training = read_fingerprint(run)
    if training is None:
        return None
    write_fingerprint(folder, training)
    return compare(training, tally)


def open_run(request: Request) -> tuple[dict[str, Any], Recipe]:
    """What the run is made of. Raises ReleaseError where it, or the new version, cannot be."""
    if not VERSION.fullmatch(request.version):
        raise ReleaseError(f"a version is three numbers such as 0.1.0, got {request.version!r}")
    if request.folder.exists():
        raise ReleaseError(f"{request.folder} exists; a released version never changes")
    return _finished(request.run)


@contextmanager
def new_version(request: Request) -> Iterator[Path]:
    """A folder to fill; it appears as `request.folder` only when all went well."""
    request.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=request.folder.parent, prefix=".release-") as new:
        folder = Path(new) / request.version
        folder.mkdir()
        yield folder
        shutil.move(folder, request.folder)


def _finished(run: Path) -> tuple[dict[str, Any], Recipe]:
    """What the run is made of, once its last stage is over."""
    about = read_run(run)
    recipe = Recipe.model_validate(about["recipe"])
    state, last = read_state(run), len(recipe.stages) - 1
    if state.stage < last or state.best_epoch == 0 or not state.is_over(recipe.stages[last]):
        raise ReleaseError(
            f"{run} has reached stage {state.stage + 1} of {last + 1}, epoch {state.epoch} of "
            f"{recipe.stages[state.stage].epochs}: train on before releasing"
        )
    return about, recipe


def export(request: Request, recipe: Recipe, about: dict[str, Any], folder: Path) -> Network:
    """Write weights (float32, no optimizer) and contract; load them as the plugin does; compare;
    add the sample with which the plugin compares from then on."""
    trained = with_weights(recipe, request.run / BEST_FILE, precision="float32")
    if request.foundation_share is not None:
        go_back(trained, request.run, request.foundation_share)
    plain = build(recipe, precision="float32")
    plain.set_weights(trained.get_weights())
    file = folder / f"{recipe.model}.keras"
    plain.save(file)
    write_contract(contract(request, recipe, about, file), folder)
    network = load_network(folder, device="cpu")
    size = recipe.preprocessing.size

    def answers(inputs: Batch) -> Batch:
        return np.asarray(trained(inputs, training=False))

    inputs = np.random.default_rng(0).random((2, size, size, CHANNELS), np.float32)
    expected = (with_mirror_image(answers) if request.mirrored else answers)(inputs)
    difference = float(np.abs(expected - network(inputs)).max())
    if not difference <= TOLERANCE:
        raise ReleaseError(
            f"{file.name} answers differently from the trained network, by up to {difference:g}"
        )
    model = add_sample(folder, network)
    write_contract(model, folder)
    return replace(network, model=model)


def contract(request: Request, recipe: Recipe, about: dict[str, Any], file: Path) -> Model:
    """The model's contract, before anything is measured."""
    return Model(
        name=recipe.model,
        version=request.version,
        weights=Weights(file=file.name, sha256=hashlib.sha256(file.read_bytes()).hexdigest()),
        preprocessing=recipe.preprocessing,
        output=Output(
            labels=recipe.labels,
            threshold=recipe.threshold,
            minimum_area_pixels=recipe.minimum_area_pixels,
            mirrored=True if request.mirrored else None,
        ),
        training=origin(about, request.foundation_share),
        figures={},
    )


def write_contract(model: Model, folder: Path) -> None:
    """`model.json`, as `adjuvant.model.read_model` reads it."""
    (folder / CONTRACT_FILE).write_text(
        model.model_dump_json(indent=2, exclude_none=True) + "\n", "utf-8"
    )


def figures(measured: Evaluation) -> dict[str, float | str | list[float]]:
    """The few figures that travel with the model: each with its interval."""
    kind = "simulated scans" if measured.totals.simulated else "scans"
    result: dict[str, float | str | list[float]] = {
        "data": f"{measured.scans} {kind} of {measured.patients} unseen patients",
    }
    named: dict[str, Figure | Rate] = {f"dice_{name}": one for name, one in measured.dice.items()}
    named |= {f"hausdorff_95_mm_{name}": one for name, one in measured.hausdorff_95_mm.items()}
    if measured.silent_without_gland is not None:
        named["silent_without_gland"] = measured.silent_without_gland
    named["missed"] = measured.missed
    named["elsewhere"] = measured.elsewhere
    if measured.half_counts_loss is not None:
        named["half_counts_loss"] = measured.half_counts_loss
    if measured.calibration_error is not None:
        named["calibration_error"] = measured.calibration_error
    for name, one in named.items():
        value = one.value if isinstance(one, Figure) else one.part / one.whole
        result[name] = round(value, 4)
        result[f"{name}_interval_95"] = [round(one.low, 4), round(one.high, 4)]
    return result
