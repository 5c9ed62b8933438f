"""What a training leaves in its folder after each epoch, so that a kill costs one epoch at most."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras

from training.collect.collection import synchronise, write_whole
from training.errors import ReleaseError, TrainingError
from training.provenance import commit
from training.recipe import Recipe, Stage
from training.room import require_room, weights_bytes

RUN_FILE = "run.json"
STATE_FILE = "state.json"
LOG_FILE = "log.csv"
BEST_FILE = "best.weights.h5"

# In `run.json`: the SHA-256 of what was read; None where nobody knows it.
SCANS = "scans and outlines"

Row = dict[str, Any]


@dataclass(frozen=True)
class State:
    """How far a run is: `epoch` epochs of `stage` are done, `weights` is the file after them."""

    stage: int = 0
    epoch: int = 0
    weights: str | None = None
    best_dice: float = -1.0
    best_epoch: int = 0
    log: tuple[Row, ...] = ()

    def next_stage(self) -> State:
        """The beginning of the stage after this one, which has a best epoch of its own."""
        return replace(self, stage=self.stage + 1, epoch=0, best_dice=-1.0, best_epoch=0)

    def is_over(self, stage: Stage) -> bool:
        """Whether nothing of this stage is left to do: all of its epochs are done, or the best one
        lies further back than its patience."""
        stalled = bool(stage.patience) and self.epoch - self.best_epoch >= stage.patience
        return stalled or self.epoch >= stage.epochs


def is_begun(run: Path, content: dict[str, Any]) -> bool:
    """Whether this folder holds the run that is made of `content`.

    Raises TrainingError, naming what differs, where it holds another one, and as `read_run` does.
    """
    if not (run / RUN_FILE).exists():
        return False
    there = read_run(run)
    # What later versions of this program added to recipes has its default.
    there["recipe"] = Recipe.model_validate(there["recipe"]).model_dump(mode="json")
    if None in (there.get(SCANS), content.get(SCANS)):
        # A run of an earlier version.
        there[SCANS] = content.get(SCANS)
    different = [key for key in content if there.get(key) != content[key]]
    if different:
        raise TrainingError(
            f"{run} holds a run with other {' and '.join(different)}; choose another folder"
        )
    return True


def read_run(run: Path) -> dict[str, Any]:
    """What `run.json` says. Raises ReleaseError where there is none."""
    try:
        about: dict[str, Any] = json.loads((run / RUN_FILE).read_text("utf-8"))
    except OSError as fault:
        raise ReleaseError(f"{run} is not a run: cannot read {RUN_FILE}") from fault
    except ValueError as fault:
        raise ReleaseError(f"{run / RUN_FILE} is damaged: {fault}") from fault
    return about


def write_run(run: Path, content: dict[str, Any]) -> None:
    """Write what the run is made of, with this program's commit and the day."""
    now = datetime.now(UTC).date().isoformat()
    _write_json(run / RUN_FILE, {**content, "commit": commit(), "date": now}, indent=2)


def read_state(run: Path) -> State:
    """How far the run in this folder is; a fresh state where nothing is there yet."""
    path = run / STATE_FILE
    if not path.exists():
        return State()
    content = json.loads(path.read_text("utf-8"))
    return State(**{**content, "log": tuple(content["log"])})


def write_state(run: Path, state: State) -> None:
    """Write how far the run is."""
    _write_json(run / STATE_FILE, asdict(state), indent=1)


def keep_epoch(network: keras.Model, recipe: Recipe, run: Path, state: State, row: Row) -> State:
    """Write weights and optimizer after the epoch that `row` tells of, then the state that names
    them.

    Raises OSError where the disk has no room for them; the epoch before stays the last.
    """
    # Also for the copy of the best.
    require_room(run, 2 * weights_bytes(network))
    file = f"stage{int(row['stage'])}-epoch{int(row['epoch']):04d}.weights.h5"
    network.save_weights(run / file)
    better = row["dice"] > state.best_dice
    if better or recipe.keep == "last":
        write_whole(run / BEST_FILE, (run / file).read_bytes())
    synchronise(run / file)
    synchronise(run)
    kept = replace(
        state,
        epoch=state.epoch + 1,
        weights=file,
        best_dice=row["dice"] if better else state.best_dice,
        best_epoch=state.epoch + 1 if better else state.best_epoch,
        log=(*state.log, row),
    )
    write_state(run, kept)
    _write_log(run / LOG_FILE, kept.log)
    # The new state before the old weights go.
    synchronise(run)
    if state.weights is not None and state.weights != file:
        (run / state.weights).unlink(missing_ok=True)
    return kept


def _write_log(path: Path, rows: tuple[Row, ...]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())


def _write_json(path: Path, content: dict[str, Any], *, indent: int) -> None:
    write_whole(path, (json.dumps(content, indent=indent) + "\n").encode())
