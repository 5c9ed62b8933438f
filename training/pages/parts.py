"""The sections that all reports share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adjuvant.model import Model
from training.card import NOTICE, began_with
from training.comparison import Comparison
from training.datasets.shift import NAMES, Shifts, number
from training.difference import Difference, sentence, shown, signed
from training.pages.charts import curve, interval
from training.pages.gallery import Gallery, Shown, tile
from training.pages.page import Safe, box, section, table

MEASURED_NOTICE = "measured on simulated scans – not a figure about patients"  # noqa: RUF001
VERDICTS = {
    "not worse": ("good", "Not worse than {name}, in service"),
    "worse": ("bad", "Worse than {name}, in service"),
    "undecided": ("unsure", "Not shown to be as good as {name}, in service"),
}
WHO = {"candidate": "this version", "in-service": "version in service"}
TRUTH = {True: "truth (simulated)", False: "drawn by hand"}
PERCENT = {"p5": "5 %", "p50": "median", "p95": "95 %"}


@dataclass(frozen=True)
class Context:
    """What a report shows beside the figures; what is None or empty was not there to show.

    `log` holds a row for each epoch of the run, `scans_simulated` is of the scans measured on.
    """

    model: Model
    scans_simulated: bool
    gallery: Gallery
    comparison: Comparison | None = None
    shifts: Shifts | None = None
    log: Sequence[Mapping[str, Any]] = field(default=())
    test_set: str = ""


def notice(context: Context) -> str:
    """What must stand above every figure; empty where all scans are of patients."""
    said = [NOTICE] if context.model.simulated else []
    said += [MEASURED_NOTICE] if context.scans_simulated else []
    return "; ".join(said).capitalize()


def verdict(comparison: Comparison | None) -> str:
    """Whether the version can take over, with every figure and its margin."""
    if comparison is None:
        return ""
    kind, title = VERDICTS[comparison.verdict]
    judged = [sentence(one) for one in comparison.differences if one.verdict != "not judged"]
    return section(
        f"Against {comparison.name}",
        box(kind, title.format(name=comparison.name), judged or ["too few patients to judge"]),
        table(
            ("figure", "this", comparison.name, "difference", "95 % interval", "", "margin",
             "verdict", "scans, patients"),
            [_difference(one) for one in comparison.differences],
        ),
        lead="Both read the same scans. The difference of each scan counts, patients are resampled "
        "(paired bootstrap). Not worse: even the far end of the interval of the loss lies within "
        "the margin, which the recipe fixed before the training. The dashed line is no difference, "
        "the red one the margin. "
        + seen_sentence(comparison),
    )  # fmt: skip


def seen_sentence(comparison: Comparison) -> str:
    """What is known of the version in service having learnt from these scans."""
    if comparison.separation == "unchecked":
        return (
            "Whether the version in service learnt from some of these scans is not known; "
            "if so, that favours it."
        )
    return "The version in service never saw these scans either."


def _difference(one: Difference) -> tuple[object, ...]:
    reach = max(abs(one.low), abs(one.high), one.margin or 0.0) or 1.0
    return (
        one.name,
        shown(one.candidate, one.unit),
        shown(one.in_service, one.unit),
        signed(one.value, one.unit),
        f"{signed(one.low, one.unit)} to {signed(one.high, one.unit)}",
        Safe(interval(one.value, one.low, one.high, (-reach, reach), 0, _limit(one))),
        "" if one.margin is None else shown(one.margin, one.unit),
        one.verdict,
        f"{one.scans}, {one.patients}",
    )


def _limit(one: Difference) -> float | None:
    """Where the margin ends, as a difference."""
    if one.margin is None:
        return None
    return one.margin if one.better == "lower" else -one.margin


def warnings(shifts: Shifts | None) -> str:
    """A box where the scans differ from those of the training; nothing where they do not."""
    if shifts is None or not shifts.warnings:
        return ""
    return box("unsure", "These scans differ from those of the training", shifts.warnings)


def shift_section(shifts: Shifts | None) -> str:
    """Every measure of these scans and of the training's."""
    title = "Are these scans like those of the training?"
    if shifts is None:
        return section(title, lead="Not compared: this version has no fingerprint of its training.")
    rows = [
        (
            NAMES.get(one.name, one.name),
            *(number(one.training[key]) for key in PERCENT),
            *(number(one.new[key]) for key in PERCENT),
            f"{one.outside.part} of {one.outside.whole} "
            f"({one.outside.part / one.outside.whole:.0%})",
            "shifted" if one.shifted else "",
        )
        for one in shifts.measures
    ]
    head = ("measure", *(f"training, {name}" for name in PERCENT.values()),
            *(f"here, {name}" for name in PERCENT.values()), "outside of 90 %", "")  # fmt: skip
    return section(
        title,
        warnings(shifts)
        or box("good", "No difference found", ["in equipment, sizes and intensities"]),
        table(head, rows),
        lead=f"{shifts.scans} scans here, {shifts.training_scans} in training. Ten per cent are "
        "expected outside of the range that holds 90 % of the training scans; shifted is said "
        "where surely more than twice as many are, or where more than half lie in one outer "
        "quarter. It looks at scans, not at whether outlines are right.",
    )


def cases(context: Context) -> str:
    """Worst, typical and best, with lines that can be switched on and off."""
    keys = {"truth": TRUTH[context.scans_simulated]} | WHO
    return section(
        "Cases",
        cases_of(context.gallery, keys),
        lead="Inverse grey, each with its own window, cut to what is outlined. Typical are cases "
        "next to the median.",
    )


def cases_of(gallery: Gallery, keys: Mapping[str, str]) -> str:
    """The cases of a gallery, below a key to their lines."""
    groups = (("Worst", gallery.worst), ("Typical", gallery.typical), ("Best", gallery.best))
    there = {outline.who for _, group in groups for one in group for outline in one.outlines}
    boxes = "".join(
        f'<label class="{who}"><input type="checkbox" id="see-{who}" checked> {name}</label>'
        for who, name in keys.items()
        if who in there
    )
    content = "".join(_group(name, group) for name, group in groups if group)
    return f'<div class="key">{boxes}</div>{content}'


def _group(name: str, group: Sequence[Shown]) -> str:
    return f'<h3>{name}</h3><div class="cases">{"".join(tile(one) for one in group)}</div>'


def curves(log: Sequence[Mapping[str, Any]]) -> str:
    """Loss and validation Dice after each epoch."""
    if not log:
        return ""
    stages = [int(row["stage"]) for row in log]
    breaks = [n for n in range(1, len(stages)) if stages[n] != stages[n - 1]]
    losses = curve([float(row["loss"]) for row in log], breaks, "loss", ("epoch", "loss"))
    dices = curve([float(row["dice"]) for row in log], breaks, "candidate",
                  ("epoch", "validation Dice"))  # fmt: skip
    return section(
        "How it learnt",
        f'<div class="charts"><figure>{losses}</figure><figure>{dices}</figure></div>',
        lead="After each epoch, on the validation scans of other patients. Dashed: another stage "
        "begins. Live, and step by step: tensorboard --logdir RUN.",
    )


def provenance(context: Context) -> str:
    """Everything that it takes to know what was measured on what."""
    model, training = context.model, context.model.training
    seeds = ", ".join(str(seed) for seed in training.seeds)
    rows = [
        ("network", f"{model.name} {model.version}"),
        ("digest of the contract", model.digest),
        ("SHA-256 of the weights", model.weights.sha256),
        ("SHA-256 of the test set", context.test_set),
        ("learnt from", f"{training.images} {training.data} scans of {training.patients} patients"),
        ("simulator seeds", seeds or "none"),
        ("began with", began_with(training)),
        *([("glands", f"outlined by {training.glands}")] if training.glands else []),
        ("recipe", training.recipe),
        ("source", f"commit {training.commit}"),
        ("trained", training.date),
        ("threshold", f"{model.output.threshold:g}"),
    ]
    return section("What exactly was measured", table(("", ""), rows, "plain"))
