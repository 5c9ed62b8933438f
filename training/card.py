"""The model card, generated from the contract and the evaluation: nothing in it is by hand."""

from __future__ import annotations

from pathlib import Path

from adjuvant.close_up import CloseUp
from adjuvant.model import Model, Training
from training.checklists import claim, relaince

NOTICE = "trained on simulated scans – not for clinical use"  # noqa: RUF001


GLAND = """Outlines the visible thyroid gland on planar thyroid scintigraphies (static views, Tc-99m
pertechnetate, I-123, I-131)."""
NODULES = """Marks cold nodules inside of the gland that another network has outlined on planar
thyroid scintigraphies (static views, Tc-99m pertechnetate, I-123, I-131). It is made to miss little
and therefore marks much that is no nodule: a mark is a question to the reader, never a finding."""

WORST_GLANDS = "![Worst cases: truth cyan, network yellow](worst.png)"
WORST_NODULES = "`report.html` shows the worst, typical and best cases with their marks."

# By what the training data is, see `adjuvant.model.Training`.
SIMULATED_TRUTH = (
    "the visible edge by the written rule in `docs/truth.md`, known from the simulation"
)
MIRRORED = ", and read together with its mirror image"
DRAWN_TRUTH = "outlines drawn by people, a pixel inside where its centre is (`docs/training.md`)"
TRUTH = {
    "simulated": SIMULATED_TRUTH,
    "clinical": DRAWN_TRUTH,
    "mixed": f"{SIMULATED_TRUTH}; and {DRAWN_TRUTH}",
}


def write_card(model: Model, figures: str, folder: Path, members: int = 1) -> None:
    """Write `card.md` (Mitchell et al., Model Cards for Model Reporting, FAT* 2019)."""
    (folder / "card.md").write_text(card(model, figures, members), "utf-8")


def began_with(training: Training) -> str:
    """The model before, and how far the new weights were moved back to it."""
    begun = training.foundation or "fresh weights"
    if training.foundation_share is None:
        return begun
    return f"{begun}; the weights are {training.foundation_share:.0%} of the way back to it"


def glands_row(training: Training) -> str:
    """Whose outlines a network for nodules has learnt in."""
    by = training.glands or "hand, or by the simulation, with the nodules in mind"
    return f"| glands | outlined by {by} |\n"


def card(model: Model, figures: str, members: int = 1) -> str:
    """The whole card as markdown, with the measured `figures` in it.

    The network is the mean of so many `members`.
    """
    training = model.training
    nodules = isinstance(model.preprocessing, CloseUp)
    purpose, worst = (NODULES, WORST_NODULES) if nodules else (GLAND, WORST_GLANDS)
    notice = f"**{NOTICE[0].upper()}{NOTICE[1:]}.**\n\n" if model.simulated else ""
    return f"""# Model card: {model.name} {model.version}

{notice}## Intended use
{purpose}
A second reader beside a physician, never in place of one. For research, teaching and technical
evaluation, until a site has trained or validated it on its own scans. It must not be used for
dosimetry, for children, or for anything but thyroid views.

## Training
| | |
|---|---|
| data | {training.data} scans: {training.images} images of {training.patients} patients |
| simulator seed | {", ".join(str(seed) for seed in training.seeds) or "none"} |
| truth | {TRUTH[training.data]} |
| began with | {began_with(training)} |
{glands_row(training) if nodules else ""}| recipe | `{training.recipe}` |
| source | commit {training.commit} |
| date | {training.date} |
| input | {model.preprocessing.size} x {model.preprocessing.size}, any matrix is resampled to it\
{MIRRORED if model.output.mirrored else ""} |
| labels | {", ".join(model.output.labels)} |
| threshold | {model.output.threshold:g}; islands below {model.output.minimum_area_pixels} pixels \
of the network's grid are dropped |
| weights | `{model.weights.file}`, SHA-256 `{model.weights.sha256}` |

## Figures
{figures}
## Where it did worst
{worst}

## Limits
- Figures on simulated scans say how well the network learnt the simulator, not how well it reads
  patients. No public set of thyroid scintigraphies with masks is known to measure that.
- A gland whose peak stays below half of the background has no outline by definition.
- Salivary glands, oesophageal activity, contamination, markers and ectopic tissue can be taken for
  gland, or gland for them. A gland cut by the border is outlined only as far as it is seen.
- Readers differ too: κ of 0.57 to 0.70 between four readers of solitary cold lesions. Small
  nodules are beyond the method: none of 22 nodules of 2 to 5 mm was seen (JAMA 1976), and the
  anterior view alone missed 31 % of 192.

## What is claimed
{relaince(model)}

## Where to find what a reader of such work asks for
{claim(model, members)}
"""
