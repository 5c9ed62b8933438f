"""Scans from files, one at a time: what the command line does, without its printing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image as Picture
from pydicom import Dataset

from adjuvant.errors import Fault, ModelFault, Refusal
from adjuvant.findings import FrameMeasures
from adjuvant.folders import files_below
from adjuvant.header import UNREADABLE
from adjuvant.image import Limits, read_header
from adjuvant.interpretations import Interpretation
from adjuvant.network import Network
from adjuvant.pipeline import analyse
from adjuvant.results import encode
from adjuvant.results.presentation import STANDARD, Presentation
from adjuvant.results.provenance import is_own
from adjuvant.rules.ruleset import RuleSet
from adjuvant.rules.syntax import default_rules

# No planar scan is near it; a larger file is refused before it is read.
MAXIMUM_FILE_BYTES = 2**29

# The results' files, in the order of `Outcome.objects`.
ENDINGS = (".seg.dcm", ".sc.dcm", ".sr.dcm")

State = Literal["done", "skipped", "refused", "failed"]


@dataclass(frozen=True)
class Report:
    """How one file ended; a batch of thousands keeps these numbers, and no pixels.

    `skipped`: the rule says that it is no such scan; the other states are as named.
    """

    source: Path
    state: State
    reason: str
    measures: tuple[FrameMeasures, ...] = ()
    remarks: tuple[str, ...] = ()
    milliseconds: float = 0.0

    @property
    def worked(self) -> bool:
        """True unless the file should have been analysed and was not."""
        return self.state in ("done", "skipped")


@dataclass(frozen=True)
class Batch:
    """What to do with each file: who reads it by which rules, and where the results go."""

    interpretation: Interpretation
    network: Network
    limits: Limits
    out: Path
    png: bool = False
    presentation: Presentation = STANDARD
    rules: RuleSet = field(default_factory=default_rules)

    def run(self, root: Path, sources: list[Path]) -> Iterator[Report]:
        """Analyse file after file; each ends in a report, whatever it holds."""
        taken: set[Path] = set()
        for source in sources:
            begin = time.perf_counter()
            base = _result_base(self.out, root, source, taken)
            taken.add(base)
            report = self._one(source, base)
            yield replace(report, milliseconds=(time.perf_counter() - begin) * 1e3)

    def _one(self, source: Path, base: Path) -> Report:
        try:
            data = read_file(source)
            decision = self.rules.decide(read_header(data), self.interpretation.name)
            if decision.rule is None:
                return Report(source, "skipped", decision.reason)
            outcome = analyse(
                data, self.interpretation, self.network, self.limits, self.presentation
            )
            self._write(base, outcome.objects)
        except Refusal as refusal:
            return Report(source, "refused", refusal.reason)
        except Fault as fault:
            return Report(source, "failed", str(fault))
        except OSError as fault:
            return Report(source, "failed", fault.strerror or type(fault).__name__)
        except UNREADABLE as fault:
            # Foreign exceptions may quote the header: only their kind is told.
            return Report(source, "failed", f"unexpected {type(fault).__name__}")
        findings = outcome.findings
        return Report(source, "done", decision.reason, findings.measures, findings.remarks)

    def _write(self, base: Path, objects: tuple[Dataset, ...]) -> None:
        named = zip(ENDINGS, objects, strict=True)
        targets = {base.with_name(base.name + ending): encode(one) for ending, one in named}
        for target in targets:
            require_replaceable(target)
        if self.png:
            picture = base.with_name(base.name + ".png")
            _require_own_picture(picture)
            targets[picture] = as_png(objects[1])
        base.parent.mkdir(parents=True, exist_ok=True)
        for target, data in targets.items():
            _write_whole(target, data)


def find_files(source: Path, out: Path | None = None) -> list[Path]:
    """The file itself, or all files below the folder in a fixed order.

    Hidden files are left out, and what lies below `out`: results of an earlier run. A folder that
    may not be listed is there too.
    """
    if not source.is_dir():
        return [source]
    results = out.resolve() if out is not None else None
    found = (path for path in files_below(source) if results not in path.resolve().parents)
    visible = (
        path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(source).parts)
    )
    return sorted(visible)


def read_file(source: Path) -> bytes:
    """The whole file; raises Refusal (size) where no planar scan can be that large."""
    size = source.stat().st_size
    if size > MAXIMUM_FILE_BYTES:
        limit = MAXIMUM_FILE_BYTES >> 20
        raise Refusal("size", f"the file has {size >> 20} MiB, more than {limit}")
    return source.read_bytes()


def newest_models(models: Path, interpretation: Interpretation) -> list[Path]:
    """The newest version of each model of an interpretation; all but the first may be missing.

    Raises ModelFault where the first is.
    """
    closer = [name for name in interpretation.models[1:] if (models / name).is_dir()]
    return [newest_model(models, name) for name in (interpretation.model, *closer)]


def newest_model(models: Path, name: str) -> Path:
    """The folder of the highest version of a model; raises ModelFault where there is none."""
    versions = [
        (tuple(int(part) for part in path.name.split(".")), path)
        for path in (models / name).glob("*")
        if re.fullmatch(r"\d+\.\d+\.\d+", path.name)
    ]
    if not versions:
        raise ModelFault(f"no model in {models / name}")
    return max(versions)[1]


def require_replaceable(target: Path) -> None:
    """Raise Fault unless `target` is free, or holds a result of ours from an earlier run."""
    if not target.exists():
        return
    try:
        own = is_own(read_header(target.read_bytes()))
    except Refusal:
        own = False
    if not own:
        raise _foreign(target)


def _require_own_picture(picture: Path) -> None:
    """Raise Fault where a PNG exists without the capture that is written before it.

    A PNG does not say who made it. That a capture beside it is ours has been checked.
    """
    if picture.exists() and not picture.with_suffix(".sc.dcm").exists():
        raise _foreign(picture)


def _foreign(target: Path) -> Fault:
    return Fault(f"{target} exists and is no result of Adjuvant: it is not overwritten")


def as_png(capture: Dataset) -> bytes:
    """The picture of a Secondary Capture, as a PNG file."""
    stream = BytesIO()
    Picture.fromarray(capture.pixel_array).save(stream, "PNG")
    return stream.getvalue()


def _result_base(out: Path, root: Path, source: Path, taken: set[Path]) -> Path:
    """Where results go, without their endings: the same place below `out` as below `root`."""
    place = source.relative_to(root).parent if root.is_dir() else Path()
    short = out / place / re.sub(r"\.dcm$", "", source.name, flags=re.IGNORECASE)
    # `scan` and `scan.dcm` beside each other must not write over each other's results.
    return short if short not in taken else out / place / source.name


def _write_whole(target: Path, data: bytes) -> None:
    """Write under another name first, so that no half file ever bears the right one."""
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(data)
    os.replace(part, target)
