"""A person's segmentation and ours of the same scan, compared: what was changed. Arithmetic only.

A viewer marks everything as drawn by hand, also what nobody touched. So what was touched is found
pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from adjuvant.comparison import dice
from adjuvant.preprocess import Mask
from adjuvant.results.marks import (
    Place,
    meaning_of,
    parts_beside_a_whole,
    read_marks,
    segment_name,
)

# Frame number -> mask, bool (rows, columns); frames without anything are left out.
Frames = Mapping[int, Mask]
LONGEST_LABEL = 64


@dataclass(frozen=True)
class Outlines:
    """The segments of one segmentation on one scan: `segments` by label, and the whole `gland`
    with its nodules."""

    segments: Mapping[str, Frames]
    gland: Frames


@dataclass(frozen=True)
class Difference:
    """What a person's outlines differ by from ours.

    `changed` are the labels of segments of which any pixel differs; of those that we do not have
    only the meaning is said, because a person may write a name there. `added` and `removed` count
    pixels of the gland on all frames. `dice` is None where neither marks a gland.
    """

    changed: tuple[str, ...]
    added: int
    removed: int
    dice: float | None


def outlines_on(source: Dataset, scan: str) -> Outlines:
    """What a segmentation marks on the scan with this SOP Instance UID.

    Raises Refusal (segmentation) where it cannot be read.
    """
    marks = read_marks(source)
    names = {int(one.SegmentNumber): segment_name(one) for one in source.SegmentSequence}
    left_out = parts_beside_a_whole(names)
    gland: dict[int, Mask] = {}
    segments: dict[str, Frames] = {}
    # A segmentation with one segment whose name says nothing is an outline of the gland.
    alone = len(names) == 1
    for one in source.SegmentSequence:
        number = int(one.SegmentNumber)
        here = {_frame(place): mask for place, mask in marks[number].items() if _on(place, scan)}
        segments[str(one.get("SegmentLabel", ""))[:LONGEST_LABEL]] = here
        if number not in left_out and (alone or meaning_of(names[number]) is not None):
            for frame, mask in here.items():
                gland[frame] = gland[frame] | mask if frame in gland else mask
    return Outlines(segments, gland)


def difference(theirs: Outlines, ours: Outlines) -> Difference | None:
    """What was changed; None where the two lie on matrices of different sizes."""
    masks = [*theirs.gland.values(), *ours.gland.values()]
    if len({mask.shape for mask in masks}) > 1:
        return None
    labels = dict.fromkeys((*ours.segments, *theirs.segments))
    changed = dict.fromkeys(
        label if label in ours.segments else f"new: {meaning_of(label) or 'other'}"
        for label in labels
        if _differ(ours.segments.get(label), theirs.segments.get(label))
    )
    added = sum(_only(theirs.gland, ours.gland))
    removed = sum(_only(ours.gland, theirs.gland))
    frames = sorted({*theirs.gland, *ours.gland})
    if not frames:
        return Difference(tuple(changed), added, removed, None)
    pair = (_stacked(one, frames, masks[0]) for one in (theirs.gland, ours.gland))
    return Difference(tuple(changed), added, removed, dice(*pair))


def _on(place: Place, scan: str) -> bool:
    return place.instance in (None, scan)


def _frame(place: Place) -> int:
    return place.frame or 1


def _differ(one: Frames | None, other: Frames | None) -> bool:
    """A segment that is missing differs, unless the other one is empty."""
    return any(_only(one or {}, other or {})) or any(_only(other or {}, one or {}))


def _only(one: Frames, other: Frames) -> list[int]:
    """By frame, how many pixels lie in the first and not in the second."""
    return [
        int((mask & ~other[frame]).sum()) if frame in other else int(mask.sum())
        for frame, mask in one.items()
    ]


def _stacked(found: Frames, frames: list[int], like: Mask) -> Mask:
    return np.stack([found.get(frame, np.zeros_like(like)) for frame in frames])
