"""Which of the patient's sides lies where on an image, claimed only where it is certain."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from adjuvant.scan import Frame

# A posterior camera sees the patient's left on the image's left. Of oblique views nothing is said.
RIGHT_ON_THE_LEFT = {"anterior": True, "posterior": False}

# Below this cosine a row does not run from one side of the patient to the other.
CLEARLY_SIDEWAYS = 0.5


def right_is_on_the_left(frame: Frame, header: Dataset) -> bool | None:
    """True as in an anterior view, False as in a posterior one, None where it is not certain.

    A mirrored image says so in Patient Orientation (PS3.3 C.7.6.1.1.1) or in the detector's Image
    Orientation (C.8.4.11); where that contradicts the view, a mark would be a guess.
    """
    expected = RIGHT_ON_THE_LEFT.get(frame.view or "")
    if expected is None or any(said != expected for said in _said(frame, header)):
        return None
    return expected


def _said(frame: Frame, header: Dataset) -> Iterator[bool]:
    """What the header says besides the view: does the row run towards the patient's left?"""
    row = str((header.get("PatientOrientation") or [""])[0])
    if row[:1] in ("L", "R"):
        yield row.startswith("L")
    cosines = _detector(frame, header).get("ImageOrientationPatient") or []
    if len(cosines) == 6 and abs(float(cosines[0])) >= CLEARLY_SIDEWAYS:
        yield float(cosines[0]) > 0


def _detector(frame: Frame, header: Dataset) -> Dataset:
    """The detector of this frame (PS3.3 C.8.4.8: item n of the sequence for value n)."""
    detectors = header.get("DetectorInformationSequence") or []
    vector = header.get("DetectorVector")
    numbers = [vector] if isinstance(vector, int) else list(vector or [])
    number = int(numbers[frame.number - 1]) if len(numbers) >= frame.number else 1
    return detectors[number - 1] if 1 <= number <= len(detectors) else Dataset()
