"""A model card's answers to two checklists: RELAINCE (what is claimed), CLAIM (what is reported).

RELAINCE: Jha et al., J Nucl Med 2022;63:1288, best practices for evaluating AI in nuclear medicine.
CLAIM: Mongan et al., Radiology: Artificial Intelligence 2020;2:e200029, 42 items. What does not
apply, or was not done, is said as plainly as what was.
"""

from __future__ import annotations

from collections.abc import Iterable

from adjuvant.close_up import CloseUp
from adjuvant.model import Model

GLAND_TASK = "outline the visible thyroid gland, with its cold nodules, on a planar thyroid scan"
NODULE_TASK = "mark places inside of the gland's outline that may be cold nodules"
ADULTS = "simulated adults of a thyroid clinic, with the mix of diseases of `docs/truth.md`"
OWN = "the patients of the data set that was collected; see the subgroups for what is known of them"
# By what the training data is, see `adjuvant.model.Training`.
PATIENTS = {"simulated": ADULTS, "clinical": OWN, "mixed": f"{ADULTS}; and {OWN}"}
ACQUISITION = (
    "static views with Tc-99m pertechnetate, I-123 or I-131, parallel holes or pinhole; "
    "see the subgroups"
)
EXTRACTION = (
    "the plugin's own code: probabilities on the scan's own matrix, the threshold above, small "
    "islands dropped{filled}; no person in between"
)
# By the key of the contract's figures.
MERIT = {
    "dice_mean": "mean Dice of the gland",
    "sensitivity_10_mm": "part of the detectable nodules from 10 mm that are marked",
    "sensitivity_size_not_known": "part of the detectable nodules of unknown size that are marked",
    "false_positives_per_scan": "false marks in a scan",
}
CLASSES = {
    "simulated": "proof of concept, on simulated scans: no claim about patients",
    "mixed": "technical, in part on simulated scans: no claim about outcomes of patients",
    "clinical": "technical: agreement with drawn outlines, no claim about outcomes of patients",
}


def relaince(model: Model) -> str:
    """The five components of the claim, and the class of evaluation, as a table."""
    nodules = isinstance(model.preprocessing, CloseUp)
    filled = "" if nodules else ", holes filled"
    rows = [
        ("task", NODULE_TASK if nodules else GLAND_TASK),
        ("patients", PATIENTS[model.training.data]),
        ("imaging", ACQUISITION),
        ("from image to answer", EXTRACTION.format(filled=filled)),
        ("figure of merit", "; ".join(_merits(model)) or "not measured yet"),
        ("class of evaluation", CLASSES[model.training.data]),
    ]
    return _table(("RELAINCE", "claimed here"), rows)


def _merits(model: Model) -> Iterable[str]:
    for key, name in MERIT.items():
        value, interval = (model.figures.get(one) for one in (key, f"{key}_interval_95"))
        if isinstance(value, float) and isinstance(interval, list):
            low, high = interval
            yield f"{name} {value:.3f} (95 % interval {low:.3f} to {high:.3f})"


def claim(model: Model, members: int = 1) -> str:
    """Where each of the 42 items is answered, as a table; `members` networks answer together."""

    def of(simulated: str, clinical: str) -> str:
        """The answer for the data that training saw."""
        mixed = f"simulated scans: {simulated}; others: {clinical}"
        return {"simulated": simulated, "clinical": clinical, "mixed": mixed}[model.training.data]

    nodules = isinstance(model.preprocessing, CloseUp)
    rows = [
        ("1, 2, 4, 6", "identification, summary, objectives, goal", "intended use"),
        ("3", "background and clinical role", "intended use; a second reader, never the only one"),
        ("5", "prospective or retrospective",
         of("neither", "retrospective")),
        ("7, 8", "data sources, eligibility",
         f"training; {of('`docs/truth.md`', 'the rule that chose the scans')}"),
        ("9", "preprocessing", "`plugin/adjuvant/preprocess.py`, shared by training and plugin"),
        ("10, 33", "selection and flow of cases",
         "none left out but flat images; refused scans are counted"),
        ("11", "data elements", "DICOM keywords; SNOMED CT in the results"),
        ("12", "de-identification",
         of("no patients", "pseudonyms under a key of the site (`docs/training.md`)")),
        ("13", "missing data", "no pixel size or a pinhole: no HD95, no area"),
        ("14, 15", "reference standard and why", "truth, in training above"),
        ("16, 17", "who drew it, with what",
         of("nobody, known from the simulation", "the readers of the data set")),
        ("18", "variability between readers",
         of("does not apply", "not measured here")),
        ("19", "sample size", "not calculated; intervals say what it allows"),
        ("20, 21", "partitions", "by patient; figures say how it was checked"),
        ("22, 24, 25", "model, initialisation, training",
         "the recipe named above; `began with`; `training/architectures.py`"),
        ("23", "software", "`requirements/` of the commit named above"),
        ("26", "selection of the final model",
         "the best epoch by Dice on validation patients, or the last, as the recipe says"),
        ("27", "ensembling",
         ("none" if members == 1 else f"mean of {members} networks")
         + (", mirror image read too" if model.output.mirrored else "")),
        ("28, 29, 35, 36", "metrics with their uncertainty", "figures"),
        ("30", "robustness",
         "figures: subgroups" + ("" if nodules else ", and half of the counts")),
        ("31", "explainability", "the outline itself is the answer; no further method"),
        ("32", "external data",
         of("none, no public set of thyroid scans with outlines is known",
            "see figures by centre, where there are several")),
        ("34", "characteristics of cases", "subgroups; `fingerprint.json`"),
        ("37", "failures", "where it did worst; `report.html`"),
        ("38, 39", "limitations, implications", "limits"),
        ("40, 41, 42", "registration, protocol, funding", "none; this repository; none"),
    ]  # fmt: skip
    return _table(("CLAIM", "about", "answered by"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
