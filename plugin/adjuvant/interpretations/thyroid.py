"""Planar thyroid scintigraphy: probabilities of the gland -> outline, lobes, measures, remarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import label

from adjuvant.acquisition import missing_spacing
from adjuvant.errors import ModelFault
from adjuvant.findings import Code, Findings, FrameMeasures, Segment
from adjuvant.header import whole_number
from adjuvant.lobes import lobe_segments
from adjuvant.measure import measure_frame, pixel_area_cm2
from adjuvant.model import Model
from adjuvant.preprocess import Image, Mask
from adjuvant.quality import quality_remarks, unfamiliar_remarks
from adjuvant.scan import Scan
from adjuvant.sides import contradicted_frames
from adjuvant.visibility import without_suppressed

NAME = "thyroid"
GLAND = "thyroid"

ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
THYROID_GLAND = Code("69748006", "SCT", "Thyroid")


def interpret(scan: Scan, probabilities: Image, model: Model) -> Findings:
    """The gland with the nodules inside it, and its lobes where they can be told apart.

    `probabilities` is float32 (frames, rows, columns, labels) on the source's own matrix. Raises
    ModelFault where the model has no label for the gland.
    """
    masks = gland_masks([frame.counts for frame in scan.frames], probabilities, model)
    area = pixel_area_cm2(scan)
    measures = tuple(
        measure_frame(frame, mask, area) for frame, mask in zip(scan.frames, masks, strict=True)
    )
    gland = Segment("Thyroid gland", ANATOMICAL_STRUCTURE, THYROID_GLAND, masks)
    lobes, said = lobe_segments(masks, scan.frames, contradicted_frames(scan))
    of_quality = remarks(scan, masks, measures, gland_maps(probabilities, model))
    unusual = unfamiliar_remarks(scan, model.familiar)
    return Findings(NAME, (gland, *lobes), measures, (*of_quality, *unusual, *said))


def gland_masks(counts: Sequence[Image], probabilities: Image, model: Model) -> Mask:
    """Counts and probabilities of every frame -> the gland, bool (frames, rows, columns).

    The only way from a network's answer to an outline: the plugin delivers it and
    `training.evaluate` measures it. Raises ModelFault where the model has no label for the gland.
    """
    maps = gland_maps(probabilities, model)
    rows, columns = maps.shape[1:]
    smallest = minimum_area((rows, columns), model)
    masks = (gland_mask(one, model.output.threshold, smallest) for one in maps)
    return np.stack([without_suppressed(*pair) for pair in zip(masks, counts, strict=True)])


def gland_maps(probabilities: Image, model: Model) -> Image:
    """The gland's probabilities (frames, rows, columns) of those of every label.

    Raises ModelFault where the model has no label for the gland.
    """
    if GLAND not in model.output.labels:
        known = ", ".join(model.output.labels)
        raise ModelFault(f"{model.name} {model.version} has no label {GLAND!r}, only {known}")
    maps: Image = probabilities[..., model.output.labels.index(GLAND)]
    return maps


def minimum_area(shape: tuple[int, int], model: Model) -> float:
    """The model's smallest island in pixels of the source's matrix instead of the network's."""
    return model.output.minimum_area_pixels * (max(shape) / model.preprocessing.size) ** 2


def gland_mask(probability: Image, threshold: float, smallest: float) -> Mask:
    """Probabilities (rows, columns) -> mask, bool: every lobe kept, holes filled, islands dropped.

    Holes are filled because a cold nodule belongs to the gland.
    """
    # Diagonal neighbours touch: a thin isthmus does not fall apart.
    islands, _ = label(fill_holes(probability >= threshold), structure=np.ones((3, 3), bool))
    large = np.bincount(islands.ravel()) >= max(smallest, 1)
    large[0] = False
    mask: Mask = large[islands]
    return mask


def fill_holes(mask: Mask) -> Mask:
    """Everything that cannot be reached from the border; scipy's own is ten times slower."""
    outside, _ = label(np.pad(~mask, 1, constant_values=True))
    filled: Mask = outside[1:-1, 1:-1] != outside[0, 0]
    return filled


def remarks(
    scan: Scan, masks: Mask, measures: tuple[FrameMeasures, ...], maps: Image
) -> tuple[str, ...]:
    """What a reader has to know before believing the outline, most severe first.

    `masks` bool and `maps` float32, the gland's probabilities: both (frames, rows, columns).
    """
    if not masks.any():
        found = ["No thyroid uptake seen."]
    else:
        found = [
            f"Frame {frame.number}: no thyroid uptake seen."
            for frame, mask in zip(scan.frames, masks, strict=True)
            if not mask.any()
        ]
    found += _of_empty_frames(scan)
    for frame, mask, measured, one in zip(scan.frames, masks, measures, maps, strict=True):
        found += quality_remarks(scan, frame, mask, measured, one)
    return (*found, *_of_missing_area(scan))


def _of_empty_frames(scan: Scan) -> list[str]:
    """The reader leaves out frames without any signal: say so."""
    read = {frame.number for frame in scan.frames}
    frames = whole_number(scan.header, "NumberOfFrames") or 1
    return [
        f"Frame {number} holds no signal and was not analysed."
        for number in range(1, frames + 1)
        if number not in read
    ]


def _of_missing_area(scan: Scan) -> list[str]:
    """Why there is no area in cm², or why to doubt it."""
    if scan.pinhole:
        return ["No area in cm²: the collimator magnifies (pinhole or focused)."]
    if scan.spacing_mm is None:
        return [f"No area in cm²: {missing_spacing(scan.header)}."]
    if scan.pinhole is None:
        return ["The header does not tell the collimator; the area holds for parallel holes only."]
    return []
