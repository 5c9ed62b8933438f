"""Which of the patient's sides lies where on an image, claimed only where it is certain."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from adjuvant.header import items, numbers, values
from adjuvant.scan import Frame, Scan

# A posterior camera sees the patient's left on the image's left. Of oblique views nothing is said
# to a reader: what lies beside the thyroid there is in front of it or behind.
RIGHT_ON_THE_LEFT = {"anterior": True, "posterior": False}

# Views in which the image's row runs towards the patient's left, or right, unless it is mirrored.
TOWARDS_THE_LEFT = {
    "anterior": True,
    "left anterior oblique": True,
    "right anterior oblique": True,
    "posterior": False,
    "left posterior oblique": False,
    "right posterior oblique": False,
}

# Below this cosine a row or a column does not clearly run along an axis of the patient.
CLEARLY = 0.5


def right_is_on_the_left(frame: Frame, header: Dataset) -> bool | None:
    """True as in an anterior view, False as in a posterior one, None where it is not certain."""
    expected = RIGHT_ON_THE_LEFT.get(frame.view or "")
    return None if contradicted(frame, header) else expected


def contradicted(frame: Frame, header: Dataset) -> bool:
    """True where the header says that the row runs another way than it does in this view, or that
    the head is not at the top.

    A mirrored or turned image says so in Patient Orientation (PS3.3 C.7.6.1.1.1) or in the
    detector's Image Orientation (C.8.4.11); where that contradicts the view, a side would be a
    guess, and so would be what is above and below.
    """
    expected = TOWARDS_THE_LEFT.get(frame.view or "")
    if expected is None:
        return False
    return turned(frame, header) or any(said != expected for said in _said(frame, header))


def contradicted_frames(scan: Scan) -> frozenset[int]:
    """The numbers of the frames on which right and left are not certain for that reason."""
    return frozenset(frame.number for frame in scan.frames if contradicted(frame, scan.header))


def _said(frame: Frame, header: Dataset) -> Iterator[bool]:
    """What the header says besides the view: does the row run towards the patient's left?"""
    row = str((values(header, "PatientOrientation") or [""])[0])
    if row[:1] in ("L", "R"):
        yield row.startswith("L")
    cosines = _cosines(frame, header)
    if len(cosines) == 6 and abs(cosines[0]) >= CLEARLY:
        yield cosines[0] > 0


def turned(frame: Frame, header: Dataset) -> bool:
    """Whether the header says that rows run along the body, or columns towards the head."""
    row, column = (*(str(one) for one in values(header, "PatientOrientation")), "", "")[:2]
    if row[:1] in ("H", "F") or column[:1] == "H":
        return True
    cosines = _cosines(frame, header)
    return len(cosines) == 6 and (abs(cosines[2]) >= CLEARLY or cosines[5] >= CLEARLY)


def _cosines(frame: Frame, header: Dataset) -> list[float]:
    """Those of row and column of the frame's detector, six, or none or others where told so."""
    detector = _detector(frame, header)
    return [] if detector is None else list(numbers(detector, "ImageOrientationPatient"))


def _detector(frame: Frame, header: Dataset) -> Dataset | None:
    """The detector of this frame (PS3.3 C.8.4.8: item n of the sequence for value n)."""
    detectors = items(header, "DetectorInformationSequence")
    vector = numbers(header, "DetectorVector")
    number = int(vector[frame.number - 1]) if len(vector) >= frame.number else 1
    return detectors[number - 1] if 1 <= number <= len(detectors) else None
