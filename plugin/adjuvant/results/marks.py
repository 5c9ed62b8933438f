"""What the segments of a DICOM Segmentation mark, whoever wrote it (PS3.3 A.51, C.8.20).

BINARY and LABELMAP are read; FRACTIONAL has no outline until somebody chooses a threshold. Frames
are decoded by pydicom and placed by their own functional groups: OHIF and we write layouts that
strict readers refuse, yet say for every frame which segment and which image it shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array

from adjuvant.errors import Refusal
from adjuvant.header import UNREADABLE, fold, quiet
from adjuvant.pixels import Layout, require_honest_frames
from adjuvant.preprocess import Mask

# A hot nodule belongs to the gland; for a network that looks for cold ones it is none.
Meaning = Literal["gland", "nodule", "hot nodule"]

# Words as they are after `_words`; a nodule is asked for first: "thyroid nodule" is a nodule.
COLD = r"\bcold|\bfroid|\bkalt|\bfredd|\bfri[oa]s?\b|\bkoud"
NODULE = rf"nodul|nodo|knoten|knobbel|\bnod\b|{COLD}"
# "Toxic goitre" is the gland: these words make a hot nodule only of what is called a nodule.
HOT = (
    r"\bhot(?:nod|\b)|\bheiss|\bheet\b|\bhete\b|\bwarm|\bchaud|\bcald[aeio]\b|\bcalient|\bquente"
    r"|\bto(?:x|ss)ic|\btoxi[sq]|\bautonom|\bautonoom|\baftn\b"
    r"|\b(?:hyper|iper|hiper)\s?(?:fu|fo|fix|fis|a[ck]t|capt)"
)
HOT_ONES = rf"{NODULE}|adenom|\baftn\b"
# Words of a nodule that say that there is none, or that it is a lymph node.
NO_NODULE = (
    r"\b(?:no|without|w o|ohne|sans|pas de|senza|sin|zonder) (?:nodul|nodo|knoten|knobbel)\w*"
    r"|\b(?:nodul|knoten|knobbel)\w* ?(?:free|frei|vrij)\w*"
    r"|\b(?:lymph|linfo) ?(?:nodul|nodo|knoten)\w*"
)
PART = r"lobe|lobo\b|lappen|kwab|isthm|istmo"
GLAND = rf"thyr|tiroid|tireo|schilddr|schildklier|gland|druse|struma|goit|{PART}|\bsd\b|contour"
# All of them: where they change, a name may mean something else.
WORDS = (COLD, NODULE, HOT, HOT_ONES, NO_NODULE, PART, GLAND)

# Of the masks of all frames together: a planar study has a hundredth of it.
MOST_PIXELS = 1 << 28


@dataclass(frozen=True)
class Place:
    """The image that a frame of a segmentation lies on: its SOP Instance UID and its frame number
    (from 1), None where the file does not say."""

    instance: str | None = None
    frame: int | None = None


# Segment number -> place -> mask, bool (rows, columns); only places where something is marked.
Marks = dict[int, dict[Place, Mask]]


def read_marks(source: Dataset) -> Marks:
    """The pixels of every segment, also of those that mark none.

    Raises Refusal (segmentation) where the file is of another kind, too large or damaged.
    """
    kind = str(source.get("SegmentationType", ""))
    if kind not in ("BINARY", "LABELMAP"):
        raise Refusal("segmentation", "SegmentationType is not BINARY or LABELMAP")
    try:
        _require_size(source, binary=kind == "BINARY")
        marks: Marks = {int(one.SegmentNumber): {} for one in source.SegmentSequence}
        shared = (source.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        groups = source.PerFrameFunctionalGroupsSequence
        for frame, group in zip(_frames(source), groups, strict=True):
            place = _place(group, shared)
            named = [_segment(group, shared)] if kind == "BINARY" else [one for one in marks if one]
            for number in named:
                # A label map is one frame for all segments: each pixel holds a number.
                mask = frame != 0 if kind == "BINARY" else frame == number
                if number in marks and mask.any():
                    known = marks[number].get(place)
                    marks[number][place] = mask if known is None else mask | known
    except (*UNREADABLE, KeyError) as fault:
        said = f"the segmentation cannot be read ({type(fault).__name__})"
        raise Refusal("segmentation", said) from fault
    return marks


def segment_name(segment: Dataset) -> str:
    """The words of the label, and what its code says: OHIF's own label may be "Segment 1"."""
    codes = segment.get("SegmentedPropertyTypeCodeSequence") or []
    meanings = " ".join(str(code.get("CodeMeaning", "")) for code in codes)
    return f"{segment.get('SegmentLabel', '')} {meanings}".strip()


def meaning_of(name: str) -> Meaning | None:
    """What a person or a program calls an outline; None where it is no part of the gland.

    Where a name says both, hot and cold, it is the cold nodule of a hot gland.
    """
    words = re.sub(NO_NODULE, "", _words(name))
    if re.search(HOT, words) and re.search(HOT_ONES, words) and not re.search(COLD, words):
        return "hot nodule"
    if re.search(NODULE, words):
        return "nodule"
    return "gland" if re.search(GLAND, words) else None


def is_part(name: str) -> bool:
    """Whether this is the name of a part of the gland, such as a lobe, not of a nodule in it."""
    return meaning_of(name) == "gland" and re.search(PART, _words(name)) is not None


def parts_beside_a_whole(names: Mapping[int, str]) -> frozenset[int]:
    """The segments, by number, that are only a part of a gland which has a segment of its own.

    They repeat the whole in our results. Where a person corrects the whole, they are left behind
    as they were; so they say nothing about it.
    """
    parts = frozenset(number for number, name in names.items() if is_part(name))
    whole = any(
        meaning_of(name) == "gland" for number, name in names.items() if number not in parts
    )
    return parts if whole else frozenset()


def _words(name: str) -> str:
    """Folded words of letters only: "Hot_nodule-1" -> "hot nodule "."""
    return re.sub(r"[\W\d_]+", " ", fold(name))


def _require_size(source: Dataset, *, binary: bool) -> None:
    """Every frame of a label map becomes as many masks as there are segments."""
    frames = int(source.get("NumberOfFrames") or 1)
    pixels = frames * int(source.Rows) * int(source.Columns)
    pixels *= 1 if binary else len(source.SegmentSequence)
    if pixels > MOST_PIXELS:
        raise Refusal("segmentation", f"the segmentation has {pixels} pixels, too many")


def _require_honest_frames(source: Dataset) -> None:
    layout = Layout(
        int(source.get("NumberOfFrames") or 1),
        int(source.Rows),
        int(source.Columns),
        int(source.BitsAllocated) // 8,
    )
    try:
        require_honest_frames(source, layout)
    except Refusal as refusal:
        raise Refusal("segmentation", refusal.reason) from None


def _frames(source: Dataset) -> NDArray[Any]:
    """Pixel values (frames, rows, columns)."""
    with quiet():
        if source.file_meta.TransferSyntaxUID.is_encapsulated:
            _require_honest_frames(source)
        pixels = pixel_array(source)
    return pixels if pixels.ndim == 3 else pixels[None]


def _segment(group: Dataset, shared: Dataset) -> int:
    """The number of the segment that a frame shows."""
    named = group if "SegmentIdentificationSequence" in group else shared
    return int(named.SegmentIdentificationSequence[0].ReferencedSegmentNumber)


def _place(group: Dataset, shared: Dataset) -> Place:
    for holder in (group, shared):
        for derivation in holder.get("DerivationImageSequence") or []:
            for image in derivation.get("SourceImageSequence") or []:
                frame = image.get("ReferencedFrameNumber")
                return Place(
                    str(image.ReferencedSOPInstanceUID), None if frame is None else int(frame)
                )
    return Place()
