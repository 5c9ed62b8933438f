"""Every remark that an interpretation can make is said in every language of the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from pydicom import Dataset

from adjuvant.familiar import MEASURES, Familiar, describe
from adjuvant.findings import Code, Findings, FrameMeasures, Segment
from adjuvant.image import Limits, read_scan
from adjuvant.interpretations import thyroid
from adjuvant.nodules import with_nodules
from adjuvant.quality import unfamiliar_remarks
from adjuvant.results.remarks import REMARKS, translate
from adjuvant.results.texts import Language
from adjuvant.scan import Frame, Scan
from adjuvant.uptake import Calibration, with_uptake
from tests.builder import code_item, nm_dataset, thyroid_counts, to_bytes, with_cold_discs
from tests.networks import cold_network, model

LANGUAGES = [language for language in get_args(Language) if language != "en"]
ROW, COLUMN = np.indices((256, 256))


def ellipse(row: float, column: float, height: float, width: float) -> np.ndarray:
    """A filled ellipse of these half axes."""
    return np.hypot((ROW - row) / height, (COLUMN - column) / width) <= 1


TWO_LOBES = ellipse(128, 90, 50, 18) | ellipse(128, 160, 50, 18)
# From each lobe a limb reaches over to the other without touching it: no isthmus, and no gap.
INTERLOCKED = TWO_LOBES.copy()
INTERLOCKED[124:132, 90:131] = INTERLOCKED[136:144, 124:160] = True
NOTHING = np.zeros((256, 256), bool)
FAINT = (2 * TWO_LOBES).astype(np.uint16)
HOT = ellipse(110, 90, 9, 9)


def remarks_on(ds: Dataset, *glands: np.ndarray) -> tuple[str, ...]:
    """What is said where the network draws `glands`, one a frame."""
    probabilities = np.stack(glands).astype(np.float32)[..., None]
    scan = read_scan(to_bytes(ds), Limits())
    return thyroid.interpret(scan, probabilities, model()).remarks


def source(view: str = "anterior", *, frames: int = 1, **tags: Any) -> Dataset:
    return nm_dataset(thyroid_counts(frames=frames), views=(view,) * frames, **tags)


def every_remark() -> Iterator[str]:
    """One scan for each thing that can be said."""
    yield from remarks_on(source(), NOTHING)
    yield from remarks_on(source(frames=2), TWO_LOBES, NOTHING)
    yield from remarks_on(source(), np.roll(TWO_LOBES, 90, axis=0))
    yield from remarks_on(nm_dataset(thyroid_counts() // 10), TWO_LOBES)
    bright = np.minimum(thyroid_counts() * 5, 255).astype(np.uint8)
    yield from remarks_on(nm_dataset(bright), TWO_LOBES)
    silent = thyroid_counts(frames=2)
    silent[0] = 0
    yield from remarks_on(nm_dataset(silent), TWO_LOBES)
    yield from remarks_on(source(PixelSpacing=None), TWO_LOBES)
    yield from remarks_on(source(PixelSpacing=["0", "0"]), TWO_LOBES)
    for collimator in ("PINH", ""):
        ds = source()
        ds.DetectorInformationSequence[0].CollimatorType = collimator
        yield from remarks_on(ds, TWO_LOBES)
    ds = source()
    del ds.DetectorInformationSequence[0].ViewCodeSequence
    yield from remarks_on(ds, TWO_LOBES)
    yield from remarks_on(source("posterior"), TWO_LOBES)
    yield from remarks_on(source(PatientOrientation=["R", "F"]), TWO_LOBES)
    yield from remarks_on(source(PatientOrientation=["F", "L"]), NOTHING)
    yield from remarks_on(source(), ellipse(100, 100, 3, 3))
    yield from remarks_on(source(), ellipse(100, 100, 50, 18))
    yield from remarks_on(source(), INTERLOCKED)
    yield from remarks_on(nm_dataset(np.full((256, 256), 9, np.uint16) + FAINT), TWO_LOBES)
    yield from remarks_on(nm_dataset((9 + 9 * TWO_LOBES + 200 * HOT).astype(np.uint16)), TWO_LOBES)


def every_remark_on_uptake() -> Iterator[str]:
    """A calibrated camera, and what can be wrong or missing then."""
    given = Dataset()
    given.RadionuclideTotalDose = 80
    given.RadiopharmaceuticalStartTime = "100000"
    given.RadionuclideCodeSequence = [code_item("72454006", "SCT", "Technetium Tc^99m^")]
    measured = FrameMeasures(1, "anterior", 2e5, 1000, 20.0, 1.2e5, 1.0, 120.0)
    whole = Dataset()
    whole.AcquisitionDate, whole.AcquisitionTime = "20260105", "103000"
    whole.RadiopharmaceuticalInformationSequence = [given]

    def said(scan: Scan, one: FrameMeasures = measured) -> tuple[str, ...]:
        calibration = Calibration({"*": 70.0}, REFERENCE)
        return with_uptake(Findings("thyroid", (), (one,), ()), scan, calibration).remarks

    scan = Scan(whole, (Frame(1, np.ones((8, 8), np.float32), "anterior", 300.0),), (2, 2), False)
    yield from said(scan)
    yield from said(scan, replace(measured, gland_counts=1001.0))
    yield from said(scan, replace(measured, background_counts_per_pixel=None))
    yield from said(replace(scan, pinhole=True))
    yield from said(replace(scan, header=Dataset()))
    whole.RadiopharmaceuticalInformationSequence = [given, given]
    yield from said(scan)
    whole.RadiopharmaceuticalInformationSequence = [given]
    whole.EnergyWindowVector = [1, 2]
    yield from said(scan)
    del whole.EnergyWindowVector
    whole.CorrectedImage = "DECY"
    yield from said(scan)
    del whole.CorrectedImage
    yield from said(replace(scan, header=without_a_time(whole)))
    given.RadiopharmaceuticalStartDateTime = "20260105110000"
    yield from said(scan)
    given.RadiopharmaceuticalStartDateTime = "20260105101500"
    yield from said(scan)
    del given.RadiopharmaceuticalStartTime
    given.RadiopharmaceuticalStartDateTime = "20251205101500"
    yield from said(scan)
    given.RadiopharmaceuticalStartTime = "100000"
    del given.RadiopharmaceuticalStartDateTime
    yield from said(scan, replace(measured, gland_counts=1e9))
    given.RadionuclideTotalDose = 8e7
    yield from said(scan)
    given.RadionuclideTotalDose = 80
    del given.RadionuclideCodeSequence
    yield from said(scan)


def without_a_time(whole: Dataset) -> Dataset:
    bare = Dataset()
    bare.RadiopharmaceuticalInformationSequence = whole.RadiopharmaceuticalInformationSequence
    return bare


def every_remark_on_nodules() -> Iterator[str]:
    """None, some, and more than are marked."""
    places = [(0, 0.42 + 0.03 * n, x, 0.012) for n in range(6) for x in (0.4, 0.6)]
    bright = ellipse(130, 102, 32, 11) | ellipse(125, 153, 32, 11)
    for discs in ([], places):
        scan = read_scan(to_bytes(nm_dataset(with_cold_discs(thyroid_counts(), *discs))), Limits())
        gland = Segment("", Code("", "", ""), Code("", "", ""), bright[None])
        found = Findings("thyroid", (gland,), (), ())
        yield from with_nodules(found, scan, cold_network()).remarks


def every_remark_on_unusual_images() -> Iterator[str]:
    """A scan that is far from the usual in one measure, each in turn."""
    scan = read_scan(to_bytes(source()), Limits())
    usual, number = describe(scan.frames[0].counts), len(MEASURES)
    precision = tuple(tuple(row) for row in np.eye(number).tolist())
    for one in range(number):
        mean = usual + 9 * (np.arange(number) == one)
        numbers = (tuple(mean.tolist()), (1.0,) * number, precision)
        yield from unfamiliar_remarks(scan, Familiar(tuple(MEASURES), *numbers, 1.0, 170))


REFERENCE = (0.2, 2.0)
EVERY = (every_remark, every_remark_on_uptake, every_remark_on_nodules)
SAID = sorted({one for every in (*EVERY, every_remark_on_unusual_images) for one in every()})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("remark", SAID)
def test_what_an_interpretation_says_is_translated(remark: str, language: Language):
    translated = translate(remark, language)
    assert translated != remark
    assert translated.endswith(".")
    assert "{" not in translated
    assert not re.search(r"\b(and|the|has|no)\b", translated), "no English left"


def test_no_translation_is_of_a_sentence_that_nobody_says():
    unsaid = set(REMARKS)
    for remark in SAID:
        french = translate(remark, "fr")
        unsaid -= {one for one in unsaid if core(REMARKS[one]["fr"]) in french}
    assert not unsaid


def core(translation: str) -> str:
    """The longest part without a hole and without its first letter, whose case may differ."""
    parts = [part.split("{")[0] for part in translation.split("}")]
    return max(parts, key=len)[1:]


def test_numbers_and_views_in_a_remark_are_written_as_the_language_does():
    few = (
        "Frame 1: limited quality: few counts (12,345 counts, below 50,000): "
        "the outline is less certain."
    )
    assert "(12.345, unter 50.000)" in translate(few, "de")
    high = "Frame 1: uptake of 12.50 % is above the reference range 0.25 to 2 %."
    assert "12,50 %" in translate(high, "de")
    assert "(0,25 à 2 %)" in translate(high, "fr")
    view = "Frame 2: lobes are not told apart: a posterior view is not split."
    assert "Face postérieure" in translate(view, "fr")
    assert translate(view, "fr").startswith("Image 2 : ")
    assert translate(view, "nl").startswith("Beeld 2: ")
