"""What every structure measures on every view: input of tables, pictures and reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adjuvant.findings import Findings, FrameMeasures, Segment
from adjuvant.measure import pixel_area_cm2
from adjuvant.preprocess import Mask
from adjuvant.scan import Frame, Scan

# SNOMED CT codes of the two lobes, whose counts are compared with one another.
LOBES = ("29565003", "79163004")


@dataclass(frozen=True)
class StructureMeasures:
    """One segment on one frame on which it is seen; None means "not measured".

    `segment_number` and `frame_number` count from 1, as in the SEG and in the source.
    `to_background` is a ratio of mean counts per pixel; `share_of_lobes`, of a lobe only, is its
    part (0 to 1) of the counts of both lobes, not corrected for background.
    """

    segment_number: int
    frame_number: int
    pixels: int
    area_cm2: float | None
    counts: float
    to_background: float | None
    share_of_lobes: float | None

    @property
    def counts_per_pixel(self) -> float:
        """Mean counts per pixel."""
        return self.counts / self.pixels


def measure_structures(scan: Scan, findings: Findings) -> tuple[StructureMeasures, ...]:
    """Every segment of `findings` on every frame on which it is seen, by frame, then by segment."""
    area = pixel_area_cm2(scan)
    measured = {one.frame_number: one for one in findings.measures}
    return tuple(
        one
        for place, frame in enumerate(scan.frames)
        for one in _on_frame(frame, place, findings.segments, measured.get(frame.number), area)
    )


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
    background = gland.background_counts_per_pixel if gland else None
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
