"""What every structure measures on every view: input of tables, pictures and reports."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adjuvant.findings import Findings, FrameMeasures, Segment
from adjuvant.measure import pixel_area_cm2
from adjuvant.nodule_measures import Around, NoduleMeasures, measure_nodule
from adjuvant.preprocess import Mask
from adjuvant.scan import Frame, Scan

# SNOMED CT codes of the two lobes, whose counts are compared with one another.
LOBES = ("29565003", "79163004")
# Nodule, thyroid nodule: numbered, on one view each, and measured in their surroundings.
NODULES = ("27925004", "237495005")


@dataclass(frozen=True)
class StructureMeasures:
    """One segment on one frame on which it is seen; None means "not measured".

    `segment_number` and `frame_number` count from 1, as in the SEG and in the source.
    `to_background` is a ratio of mean counts per pixel; `share_of_lobes`, of a lobe only, is its
    part (0 to 1) of the counts of both lobes, not corrected for background. `nodule` is there for
    nodules only.
    """

    segment_number: int
    frame_number: int
    pixels: int
    area_cm2: float | None
    counts: float
    to_background: float | None
    share_of_lobes: float | None
    nodule: NoduleMeasures | None = None

    @property
    def counts_per_pixel(self) -> float:
        """Mean counts per pixel."""
        return self.counts / self.pixels


def measure_structures(scan: Scan, findings: Findings) -> tuple[StructureMeasures, ...]:
    """Every segment of `findings` on every frame on which it is seen, by frame, then by segment."""
    area = pixel_area_cm2(scan)
    spacing_mm = None if area is None else scan.spacing_mm
    measured = {one.frame_number: one for one in findings.measures}
    found = []
    for place, frame in enumerate(scan.frames):
        gland = measured.get(frame.number)
        here = _on_frame(frame, place, findings.segments, gland, area)
        found += _with_nodules(here, frame, place, findings.segments, spacing_mm)
    return tuple(found)


def _with_nodules(
    structures: list[StructureMeasures],
    frame: Frame,
    place: int,
    segments: tuple[Segment, ...],
    spacing_mm: tuple[float, float] | None,
) -> list[StructureMeasures]:
    """The same, with what is measured of nodules only: in the gland about them, in its lobes."""
    seen = {one.segment_number: segments[one.segment_number - 1] for one in structures}
    nodules = {n: one.masks[place] for n, one in seen.items() if one.type.value in NODULES}
    if not nodules:
        return structures
    lobes = {one.type.value: one.masks[place] for one in seen.values() if one.type.value in LOBES}
    gland = segments[0].masks[place]
    around = Around(gland, gland & ~np.any(list(nodules.values()), axis=0), lobes)
    measured = {
        number: measure_nodule(frame.counts, mask, around, spacing_mm)
        for number, mask in nodules.items()
    }
    return [replace(one, nodule=measured.get(one.segment_number)) for one in structures]


def _on_frame(
    frame: Frame,
    place: int,
    segments: tuple[Segment, ...],
    gland: FrameMeasures | None,
    area_of_pixel_cm2: float | None,
) -> list[StructureMeasures]:
    masks = [segment.masks[place] for segment in segments]
    counts = [_counts(frame, mask) for mask in masks]
    shares = lobe_shares(segments, counts)
    background = None
    # Where the gland has no ratio, there are too few counts for the others' too.
    if gland is not None and gland.gland_to_background is not None:
        background = gland.background_counts_per_pixel
    found = []
    for number, (mask, total, share) in enumerate(zip(masks, counts, shares, strict=True), 1):
        pixels = int(np.count_nonzero(mask))
        if pixels:
            found.append(
                StructureMeasures(
                    segment_number=number,
                    frame_number=frame.number,
                    pixels=pixels,
                    area_cm2=None if area_of_pixel_cm2 is None else pixels * area_of_pixel_cm2,
                    counts=total,
                    to_background=total / pixels / background if background else None,
                    share_of_lobes=share,
                )
            )
    return found


def _counts(frame: Frame, mask: Mask) -> float:
    return float(frame.counts[mask].sum(dtype=np.float64))


def lobe_shares(segments: tuple[Segment, ...], counts: list[float]) -> list[float | None]:
    """Each lobe's part of the counts of both, None for all else and where one lobe is not seen."""
    lobes = {
        segment.type.value: total
        for segment, total in zip(segments, counts, strict=True)
        if segment.type.value in LOBES
    }
    both = sum(lobes.values())
    if len(lobes) < len(LOBES) or min(lobes.values()) <= 0:
        return [None] * len(segments)
    return [
        total / both if segment.type.value in LOBES else None
        for segment, total in zip(segments, counts, strict=True)
    ]
