"""How a planar scan was acquired: static or not, views, duration, pixel size, collimator.

Everything here is read from the header or is "not told": nothing has a default.
"""

from __future__ import annotations

import re

from pydicom import Dataset
from pydicom.tag import BaseTag, Tag

from adjuvant.errors import Refusal
from adjuvant.header import fold, items, numbers, text, value, values, whole_number

# Image Type value 3 (PS3.3 C.8.4.9.1.1), and what each means to a reader who gets a refusal.
NOT_STATIC = {
    "DYNAMIC": "a dynamic series",
    "GATED": "a gated acquisition",
    "WHOLE BODY": "a whole-body sweep",
    "TOMO": "projections of a tomography",
    "GATED TOMO": "projections of a gated tomography",
    "RECON TOMO": "slices of a tomography",
    "RECON GATED TOMO": "slices of a gated tomography",
}

# The only vectors by which frames of a static image may differ (PS3.3 C.8.4.8).
# A tuple, searched by equality: under a wrong VR a pointer can be anything, even unhashable.
STATIC_VECTORS = (Tag("EnergyWindowVector"), Tag("DetectorVector"))

# PS3.16 CID 26: SNOMED CT, and the SNOMED-RT codes (SRT, SNM3, 99SDM) of older cameras.
VIEWS_BY_CODE = {
    "399321004": "anterior",
    "G-5215": "anterior",
    "399001007": "posterior",
    "G-5216": "posterior",
    "399074003": "left anterior oblique",
    "G-5207": "left anterior oblique",
    "399108003": "right anterior oblique",
    "G-5206": "right anterior oblique",
    "399136008": "left posterior oblique",
    "G-5209": "left posterior oblique",
    "399075002": "right posterior oblique",
    "G-5208": "right posterior oblique",
    "399118008": "left lateral",
    "G-5223": "left lateral",
    "399297009": "right lateral",
    "G-5222": "right lateral",
}

# Words of private codes and of descriptions, folded; OAG, OAD, LPO and so on are obliques. What is
# "antero-posterior" names both faces, and so none: where the camera stands it does not tell.
VIEWS_BY_WORD = {
    "left anterior oblique": r"\b(lao|oag|oai)\b|left ant\w* obl",
    "right anterior oblique": r"\b(rao|oad)\b|right ant\w* obl",
    "left posterior oblique": r"\b(lpo|opg|opi)\b|left post\w* obl",
    "right posterior oblique": r"\b(rpo|opd)\b|right post\w* obl",
    "left lateral": r"\b(llat|left lat(eral\w*)?)\b",
    "right lateral": r"\b(rlat|right lat(eral\w*)?)\b",
    "anterior": r"\b(ant|antero|anterior|anterieure?|anteriore|ventr(al|o))\b",
    "posterior": r"\b(post|postero|posterior|posterieure?|posteriore|dors(al|o))\b",
}

# Whatever the order and language: "Oblique antérieure gauche", "OBL ANT D", "links ventral schräg".
OBLIQUE = re.compile(r"\b(obl|schrag|schuin)")
# "ANT LATE" is an anterior view, hours after the injection.
LATERAL = re.compile(r"\b(lat|latera\w*|profil\w*|seitlich\w*)\b")
SIDES_BY_WORD = {
    "left": r"\b(left|lt|l|gauche|g|link\w*|sinistr\w*|izquierd\w*)\b",
    "right": r"\b(right|rt|r|droite?|d|recht\w*|destr\w*|derech\w*)\b",
}
# "Left lobe obl ant", "lobe gauche": the side of the gland, not of the camera.
SIDE_OF_LOBE = re.compile(
    r"({0}) (lobe|lobo|lobus|lappen|kwab)\b|\b(lobe|lobo) ({0})".format(
        "|".join(SIDES_BY_WORD.values())
    )
)
FACES_BY_WORD = {"anterior": r"\b(ant\w*|ventral\w*)", "posterior": r"\b(post\w*|dorsal\w*)"}

# "Thyroid 20 min post inj", "post thyroidectomy", "decubitus dorsal" name no view.
ALSO_NO_VIEW = re.compile(r"\b(post|dorsal|ventral)\b")

# PS3.3 C.8.4.11, Collimator Type: with these, a pixel has no size without a depth. An astigmatic
# one has two focal distances, one along each axis.
MAGNIFYING = {"PINH", "CONE", "FANB", "DIVG", "ASTG"}
PARALLEL = {"PARA", "SLNT"}
PINHOLE = re.compile(r"pin[\W_]?h|stenop")

# Pixels of gamma cameras are of 0.3 to 10 mm; what lies far beyond that is no size.
SMALLEST_MM, LARGEST_MM = 0.05, 50.0


def require_static(header: Dataset, frames: int) -> None:
    """Raise Refusal unless every frame is a static view of what the patient emits.

    Image Type value 4 tells a transmission image. Value 3 tells what is static; where it is absent,
    one frame alone is a static view, and several are if the frame vectors say that only detector
    and energy window differ.
    """
    kinds = values(header, "ImageType")
    if len(kinds) > 3 and str(kinds[3]).strip().upper() == "TRANSMISSION":
        raise Refusal(
            "not-emission", "ImageType value 4 is 'TRANSMISSION': a source behind the patient"
        )
    kind = str(kinds[2]).strip().upper() if len(kinds) > 2 else ""
    if kind in NOT_STATIC:
        raise Refusal("not-static", f"ImageType value 3 is {kind!r}: {NOT_STATIC[kind]}")
    if kind not in ("", "STATIC"):
        raise Refusal("not-static", "ImageType value 3 is neither STATIC nor any defined term")
    if not kind and text(header, "WholeBodyTechnique"):
        raise Refusal("not-static", "WholeBodyTechnique is present: a whole-body sweep")
    pointers = values(header, "FrameIncrementPointer")
    moving = [pointer for pointer in pointers if pointer not in STATIC_VECTORS]
    if frames > 1 and moving:
        tags = [str(pointer) for pointer in moving if isinstance(pointer, BaseTag)]
        names = ", ".join(tags) or "no vector"
        raise Refusal(
            "not-static", f"FrameIncrementPointer names {names}: frames are no static views"
        )
    if frames > 1 and not kind and not pointers:
        raise Refusal(
            "not-static",
            f"neither ImageType nor FrameIncrementPointer says what the {frames} frames are",
        )


def frame_views(header: Dataset, frames: int) -> tuple[str | None, ...]:
    """The view of each frame, as a plain word, or None where the header does not tell.

    DetectorVector names the item of DetectorInformationSequence whose ViewCodeSequence counts
    (PS3.3 C.8.4.11). A single frame may also be named by a ViewCodeSequence at the top, or by
    the words of ImageID or SeriesDescription.
    """
    detectors = items(header, "DetectorInformationSequence")
    found = tuple(
        _coded_view(detectors[number]) if number is not None else None
        for number in _detector_of_frames(header, frames, len(detectors))
    )
    if frames > 1 or found[0] is not None:
        return found
    named = (_described_view(text(header, word)) for word in ("ImageID", "SeriesDescription"))
    return (_coded_view(header) or next((view for view in named if view), None),)


def _detector_of_frames(header: Dataset, frames: int, detectors: int) -> list[int | None]:
    """For each frame the index of its detector's item, or None where the header does not tell."""
    vector = numbers(header, "DetectorVector")
    if len(vector) != frames:
        return [0 if detectors == 1 else None] * frames
    return [int(one) - 1 if 1 <= one <= detectors else None for one in vector]


def _coded_view(holder: Dataset) -> str | None:
    for code in items(holder, "ViewCodeSequence")[:1]:
        known = VIEWS_BY_CODE.get(text(code, "CodeValue"))
        if known:
            return known
        value, meaning = text(code, "CodeValue"), text(code, "CodeMeaning")
        return _view_in_words(f"{value} {meaning}", meaning)
    return None


def _described_view(words: str) -> str | None:
    """The view that free text names, where words that may mean something else stand alone."""
    view, folded = _view_in_words(words), _folded(words)
    straight = view in ("anterior", "posterior")
    if straight and ALSO_NO_VIEW.search(folded) and not ALSO_NO_VIEW.fullmatch(folded):
        return None
    return view


def _folded(words: str) -> str:
    return re.sub(r"[_\W]+", " ", fold(words)).strip()


def _view_in_words(words: str, spoken: str | None = None) -> str | None:
    """The one view that `words` name; None where they name none, or more than one.

    What is `spoken` of them (all by default) may name an oblique's side by a letter: the "R" of a
    code "R-12345" names none.
    """
    folded = _folded(words)
    named = [view for view, pattern in VIEWS_BY_WORD.items() if re.search(pattern, folded)]
    oblique = [view for view in named if "oblique" in view]
    if not oblique and OBLIQUE.search(folded):
        return _oblique_in_words(_folded(words if spoken is None else spoken))
    chosen = oblique or named
    if chosen in (["anterior"], ["posterior"]) and LATERAL.search(folded):
        return None
    return chosen[0] if len(chosen) == 1 else None


def _oblique_in_words(folded: str) -> str | None:
    """The oblique view whose side and face are named apart; None unless it is one of each."""
    told = SIDE_OF_LOBE.sub(" ", folded)
    side, face = (
        [word for word, pattern in words.items() if re.search(pattern, told)]
        for words in (SIDES_BY_WORD, FACES_BY_WORD)
    )
    return f"{side[0]} {face[0]} oblique" if len(side) == len(face) == 1 else None


def several_windows(header: Dataset) -> bool:
    """Whether frames differ in their energy window: the photopeak and its scatter, two isotopes."""
    return len(set(numbers(header, "EnergyWindowVector"))) > 1


def frame_windows_kev(header: Dataset, frames: int) -> tuple[tuple[float, float] | None, ...]:
    """(lower, upper) limit of each frame's energy window where there are several.

    None where there is one for all, or where the header does not tell one range (PS3.3 C.8.4.8).
    """
    windows = items(header, "EnergyWindowInformationSequence")
    vector = numbers(header, "EnergyWindowVector")
    if len(vector) != frames or not several_windows(header):
        return (None,) * frames
    return tuple(
        _limits_kev(windows[int(one) - 1]) if 1 <= one <= len(windows) else None for one in vector
    )


def _limits_kev(window: Dataset) -> tuple[float, float] | None:
    ranges = items(window, "EnergyWindowRangeSequence")
    if len(ranges) != 1:
        return None
    limits = [
        *numbers(ranges[0], "EnergyWindowLowerLimit"),
        *numbers(ranges[0], "EnergyWindowUpperLimit"),
    ]
    return (limits[0], limits[1]) if len(limits) == 2 and limits[0] < limits[1] else None


def duration_s(header: Dataset) -> float | None:
    """ActualFrameDuration, which is in ms, in seconds; None where absent or not positive."""
    milliseconds = whole_number(header, "ActualFrameDuration")
    return milliseconds / 1000 if milliseconds and milliseconds > 0 else None


def spacing_mm(header: Dataset) -> tuple[float, float] | None:
    """PixelSpacing (between rows, between columns), or None unless both can be a pixel's size.

    It already includes the zoom (PS3.3 C.8.4.10, Table C.8-8).
    """
    spacing = numbers(header, "PixelSpacing")
    if len(spacing) != 2 or not all(SMALLEST_MM <= one <= LARGEST_MM for one in spacing):
        return None
    return spacing[0], spacing[1]


def magnifies(header: Dataset) -> bool | None:
    """Whether any collimator is a pinhole or focused, so that pixels have no one size.

    None where the header does not tell. A pinhole is also known by CollimatorGridName, whatever the
    type beside it: some cameras write one type for all collimators.
    """
    detectors = items(header, "DetectorInformationSequence")
    kinds = [_collimator(detector) for detector in detectors]
    if any(kind in MAGNIFYING for kind in kinds):
        return True
    return False if kinds and all(kind in PARALLEL for kind in kinds) else None


def _collimator(detector: Dataset) -> str:
    if PINHOLE.search(fold(text(detector, "CollimatorGridName"))):
        return "PINH"
    return text(detector, "CollimatorType").upper()


def missing_spacing(header: Dataset) -> str:
    """Why there is no pixel size, for a remark."""
    if value(header, "PixelSpacing") is None:
        return "the header has no PixelSpacing"
    return f"PixelSpacing is not two numbers from {SMALLEST_MM:g} to {LARGEST_MM:g}"
