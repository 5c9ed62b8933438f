"""The measurements beside a view: what each row is called, and its value in words."""

from __future__ import annotations

from adjuvant.findings import Findings, FrameMeasures
from adjuvant.results.texts import Texts, name_of, number
from adjuvant.structures import LOBES, NODULES, StructureMeasures

Row = tuple[str, str]


def measure_rows(measures: FrameMeasures, texts: Texts) -> list[Row]:
    """Label and value of each measurement of the gland; what is not measured says so."""
    ratio = texts.not_measured
    if measures.gland_to_background is not None:
        ratio = number(measures.gland_to_background, 1, texts)
    rows = [
        (texts.area, _area(measures.gland_area_cm2, measures.gland_pixels, 1, texts)),
        (texts.counts, number(measures.gland_counts, 0, texts)),
        (texts.ratio, ratio),
    ]
    if measures.gland_volume_ml is not None:
        rows.insert(1, (texts.volume, f"{number(measures.gland_volume_ml, 0, texts)} mL"))
    if measures.uptake_percent is not None:
        rows.append((texts.uptake, f"{number(measures.uptake_percent, 2, texts)} %"))
    return rows


def structure_rows(
    findings: Findings, structures: tuple[StructureMeasures, ...], frame_number: int, texts: Texts
) -> list[Row]:
    """The lobes, how their counts compare, and the nodules: those that are on this frame."""
    here = [one for one in structures if one.frame_number == frame_number]
    named = [(findings.segments[one.segment_number - 1], one) for one in here]
    lobes = [(segment, one) for segment, one in named if segment.type.value in LOBES]
    # The patient's right first, as it stands on the image.
    lobes.sort(key=lambda pair: LOBES.index(pair[0].type.value))
    nodules = [(segment, one) for segment, one in named if segment.type.value in NODULES]
    rows = [
        (name_of(segment, texts), _area(one.area_cm2, one.pixels, 1, texts))
        for segment, one in lobes
    ]
    shares = [one.share_of_lobes for _, one in lobes if one.share_of_lobes is not None]
    if len(shares) == len(LOBES):
        right = round(100 * shares[0])
        rows.append((texts.sides, f"{right} % / {100 - right} %"))
    return rows + [(name_of(segment, texts), _of_nodule(one, texts)) for segment, one in nodules]


def _of_nodule(one: StructureMeasures, texts: Texts) -> str:
    """Where it is, where that is told, and how large."""
    nodule = one.nodule
    if nodule is None:
        return _area(one.area_cm2, one.pixels, 2, texts)
    length = nodule.length_mm
    size = _area(None, one.pixels, 0, texts) if length is None else f"{number(length, 0, texts)} mm"
    if nodule.lobe is None or nodule.third is None:
        return size
    side = texts.sides_of_lobes[LOBES.index(nodule.lobe)]
    return f"{side}, {texts.thirds[nodule.third]} · {size}"


def _area(cm2: float | None, pixels: int, digits: int, texts: Texts) -> str:
    if cm2 is None:
        return f"{number(pixels, 0, texts)} {texts.pixels}"
    return f"{number(cm2, digits, texts)} cm²"
