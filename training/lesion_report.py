"""An evaluation of nodules as files: `evaluation.json` with every nodule, `evaluation.md`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from training.collect.collection import write_whole
from training.figures import Figure, Rate
from training.lesions import LARGE_MM, LesionEvaluation
from training.report import NOTHING, Beside, beside_lines, percent_interval


def write_lesions(
    measured: LesionEvaluation, about: str, folder: Path, beside: Beside = NOTHING
) -> None:
    """Write both files into `folder`; `about` says where the scans come from."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(asdict(measured), indent=1, allow_nan=False)
    write_whole(folder / "evaluation.json", f"{content}\n".encode())
    write_whole(folder / "evaluation.md", lesion_markdown(measured, about, beside).encode())


def simulated_notice(simulated: bool) -> str:
    """What has to stand beside every figure that is not about patients."""
    return "The scans are simulated. " if simulated else ""


def lesion_markdown(measured: LesionEvaluation, about: str, beside: Beside = NOTHING) -> str:
    """The figures as a table; always with where they come from."""
    lines = [
        f"Measured on {measured.scans} scans with a visible gland of {measured.patients} patients "
        f"at the operating point {measured.threshold:g}. {about} 95 % intervals by bootstrap over "
        "patients, of rates by Wilson. Detectable is what the physics can show (`docs/truth.md`); "
        "found is what shares at least a tenth of the union with a mark; a false mark shares as "
        "much with no nodule at all.",
        "",
        "| what | figure | 95 % interval | of |",
        "|---|---|---|---|",
    ]
    if measured.sensitivity is not None:
        what = f"detectable nodules from {LARGE_MM:g} mm: found"
        lines.append(_rate(what, measured.sensitivity, "nodules"))
    for size, rate in measured.sensitivity_by_size.items():
        lines.append(_rate(f"detectable nodules, {size}: found", rate, "nodules"))
    if measured.dice is not None:
        lines.append(_figure("Dice of nodules that are found, mean", measured.dice, "nodules"))
    lines.append(_figure("false marks in a scan, mean", measured.false_positives, "scans"))
    if measured.silent is not None:
        lines.append(_rate("scans without any nodule: nothing marked", measured.silent, "scans"))
    return "\n".join(lines + beside_lines(beside)) + "\n"


def _figure(what: str, figure: Figure, unit: str) -> str:
    interval = f"{figure.low:.3f} to {figure.high:.3f}"
    return f"| {what} | {figure.value:.3f} | {interval} | {figure.scans} {unit} |"


def _rate(what: str, rate: Rate, unit: str) -> str:
    percent = 100 * rate.part / rate.whole
    share = f"{rate.part} ({percent:.1f} %)"
    return f"| {what} | {share} | {percent_interval(rate)} | {rate.whole} {unit} |"
