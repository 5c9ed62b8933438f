"""A collection and what is drawn of it -> the scans to draw next, each with a draft to correct.

    out/proposals.csv             rank, patient, instance, expected_error, files
    out/001-<instance>.dcm        the scan, pseudonymous, as it was collected
    out/001-<instance>.seg.dcm    the network's outline on it, as the plugin would deliver it

Scans of test patients are not proposed: whatever is drawn on them, nothing may learn from it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_scan
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.network import Network
from adjuvant.pipeline import analyse
from adjuvant.preprocess import prepare
from training.collect.collection import write_whole
from training.collect.journal import Line, read_journal, scans_of
from training.collect.source import SourceFault, read_file
from training.dataset import INDEX, DatasetError, Entry, read_case, read_index
from training.datasets.outlined import case_stem
from training.datasets.split import TEST, read_split
from training.deidentify import to_file
from training.progress import progress_bar
from training.propose.ranking import Values, choose, descriptor, expected_error

PROPOSALS = "proposals.csv"
COLUMNS = ("rank", "patient", "instance", "expected_error", "scan", "draft")
INTERPRETATION = "thyroid"

Store = Callable[[bytes], None]


@dataclass(frozen=True)
class Request:
    """Propose `number` scans of a collection that `data` holds no case of."""

    collection: Path
    data: Path
    number: int


@dataclass(frozen=True)
class Looked:
    """A scan that nobody has drawn: what the network expects its own outline to be wrong by, on
    the view where that is most, and the coarse picture of that view."""

    line: Line
    error: float
    picture: Values


@dataclass(frozen=True)
class Proposal:
    """A chosen scan, the best first; files are names in the folder of the proposals."""

    rank: int
    looked: Looked
    scan: str
    draft: str


@dataclass(frozen=True)
class Proposed:
    """The proposals, out of how many undrawn scans, and how many of these cannot be read."""

    proposals: tuple[Proposal, ...]
    undrawn: int
    refused: int


def propose(
    request: Request, network: Network, out: Path, console: Console, store: Store | None = None
) -> Proposed:
    """Rank, draft and write; `store` is called with each scan and each draft.

    Raises DatasetError where there is no collection, or `out` holds other proposals already;
    OSError where the disk is full.
    """
    if (out / PROPOSALS).exists():
        raise DatasetError(f"{out} holds proposals already: choose another folder")
    entries = read_index(request.data) if (request.data / INDEX).exists() else []
    undrawn = _undrawn(request, entries)
    with progress_bar(console) as bar:
        looked = [
            one
            for line in bar.track(undrawn, description="looking at scans")
            if (one := _look(request.collection, line, network)) is not None
        ]
        drawn = [
            descriptor(prepare(case.counts.astype(np.float32), network.model.whole_image))
            for entry in bar.track(entries, description="looking at what is drawn")
            if (case := read_case(request.data, entry)).counts.max() > case.counts.min()
        ]
        chosen = _choose(looked, drawn, request.number)
        proposals = tuple(
            _draft(place, request.collection, network, (out, store))
            for place in bar.track(list(enumerate(chosen, 1)), description="drafting")
        )
    write_whole(out / PROPOSALS, _table(proposals))
    return Proposed(proposals, len(undrawn), len(undrawn) - len(looked))


def _undrawn(request: Request, entries: list[Entry]) -> list[Line]:
    scans = scans_of(read_journal(request.collection))
    if not scans:
        raise DatasetError(f"{request.collection} holds no collected scan")
    drawn = {entry.case_id.rpartition("-f")[0] for entry in entries}
    split = read_split(request.data)
    patients = {} if split is None else split.patients
    return [
        line
        for line in scans
        if case_stem(line) not in drawn and patients.get(str(line.patient)) != TEST
    ]


def _look(collection: Path, line: Line, network: Network) -> Looked | None:
    try:
        scan = read_scan(read_file(collection / str(line.file)), Limits())
        plan = network.model.whole_image
        inputs = np.stack([prepare(frame.counts, plan) for frame in scan.frames])
    except (Refusal, SourceFault):
        return None
    gland = network.model.output.labels.index(INTERPRETATION)
    threshold = network.model.output.threshold
    errors = [expected_error(one, threshold) for one in network(inputs)[..., gland]]
    worst = int(np.argmax(errors))
    return Looked(line, errors[worst], descriptor(inputs[worst]))


def _choose(looked: list[Looked], drawn: list[Values], number: int) -> list[Looked]:
    if not looked:
        return []
    pictures = np.stack([one.picture for one in looked])
    known = np.stack(drawn) if drawn else np.zeros((0, pictures.shape[1]))
    errors = [one.error for one in looked]
    return [looked[place] for place in choose(errors, pictures, known, number)]


def _draft(
    place: tuple[int, Looked], collection: Path, network: Network, to: tuple[Path, Store | None]
) -> Proposal:
    """Write (and store) the scan and our segmentation of it, the very one that the plugin makes."""
    (rank, looked), (out, store) = place, to
    data = read_file(collection / str(looked.line.file))
    outcome = analyse(data, INTERPRETATIONS[INTERPRETATION], network, Limits())
    seg = outcome.objects[0]
    draft = to_file(seg, seg.file_meta.TransferSyntaxUID)
    stem = f"{rank:03}-{looked.line.instance}"
    proposal = Proposal(rank, looked, f"{stem}.dcm", f"{stem}.seg.dcm")
    for name, content in ((proposal.scan, data), (proposal.draft, draft)):
        write_whole(out / name, content)
        if store is not None:
            store(content)
    return proposal


def _table(proposals: Iterable[Proposal]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in proposals:
        line = one.looked.line
        error = f"{one.looked.error:.4f}"
        writer.writerow((one.rank, line.patient, line.instance, error, one.scan, one.draft))
    return text.getvalue().encode()
