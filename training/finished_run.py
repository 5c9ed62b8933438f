"""A finished run as the plugin would load it, without releasing it: for studies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adjuvant.network import Network
from training.evaluate import evaluate
from training.figures import Evaluation
from training.phantom.case import Case
from training.release import Request, export, open_run
from training.run_folder import read_run
from training.seen import Seen, seen_by_run


@contextmanager
def exported(run: Path) -> Iterator[tuple[Network, Seen]]:
    """The network of a finished run, and which patients it saw. Raises ReleaseError where the run
    is not finished."""
    with tempfile.TemporaryDirectory() as folder:
        request = without_release(run, Path(folder))
        about, recipe = open_run(request)
        request.folder.mkdir()
        yield export(request, recipe, about, request.folder), seen_by_run(read_run(run))


def without_release(run: Path, folder: Path) -> Request:
    """A request that is never fulfilled: `folder` is where a version would go."""
    return Request(run, folder / "0.0.0", "0.0.0")


def evaluation_of(run: Path, cases: Iterable[Case]) -> Evaluation:
    """What a finished run's network does with each case. Raises SeenError where it learnt from
    one of their patients."""
    with exported(run) as (network, seen):
        return evaluate(cases, network, seen, lambda *_: None)
