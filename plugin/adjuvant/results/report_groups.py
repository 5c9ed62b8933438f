"""The report's content: one measurement group for each view and each structure on it.

A structure's group (PS3.16 TID 1410) points to its segment in the SEG and to the view that it was
drawn on: together they name one outline. ReferencedSegmentNumber and ReferencedFrameNumber exclude
one another in one reference (PS3.3 C.17.4.1), so the frame is given with the source image only.
Numbers have no content of their own (method, site): OHIF passes over numbers that have.
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.sr.coding import Code as ConceptCode
from pydicom.uid import SegmentationStorage

from adjuvant.chain import Algorithm
from adjuvant.findings import Code, Findings, FrameMeasures, Segment
from adjuvant.model import Model
from adjuvant.results import provenance, uids
from adjuvant.results import report_codes as words
from adjuvant.results import report_items as items
from adjuvant.results.anatomy import ORGANS, is_anatomy
from adjuvant.results.datasets import plain
from adjuvant.scan import Frame, Scan
from adjuvant.structures import StructureMeasures, measure_structures


def groups_of(scan: Scan, findings: Findings, made_by: Algorithm) -> list[Dataset]:
    """Every view and, after it, the structures that are seen on it."""
    structures = measure_structures(scan, findings)
    # The same in every group: written once, shared.
    names_of = [algorithm_name(one) for one in made_by.models]
    names = (scan.header.SOPInstanceUID, findings.interpretation, made_by.digest)
    segmentation = uids.result_uid(*names, "seg")
    groups = []
    for view in findings.measures:
        on_view = [one for one in structures if one.frame_number == view.frame_number]
        groups.append(_of_view(scan, findings.interpretation, names_of[0], view, on_view))
        for one in on_view:
            drawn_by = names_of[findings.segments[one.segment_number - 1].drawn_by]
            groups.append(_of_structure(scan.header, segmentation, drawn_by, findings, one))
    return groups


def summary(
    source: Dataset,
    interpretation: str,
    made_by: Algorithm,
    evaluation: tuple[ConceptCode, ConceptCode],
    sentences: list[tuple[ConceptCode, str]],
) -> Dataset:
    """TID 1501, first in the report: the outcome, and every sentence that a reader must know."""
    uid = uids.tracking_uid(source.SOPInstanceUID, f"{interpretation} {made_by.digest}")
    cautions = (provenance.ADJUVANT_ONLY, provenance.warning(made_by))
    comments = [(words.COMMENT, caution) for caution in cautions if caution]
    return _group(
        "1501",
        [
            *_tracking("Analysis", uid),
            *_organ(interpretation),
            *algorithm(made_by.models[0]),
            items.code(*evaluation),
            items.image(words.SOURCE_OF_MEASUREMENT, _instance(source)),
            *(items.text(name, sentence) for name, sentence in [*sentences, *comments]),
        ],
    )


def closer_looks(source: Dataset, findings: Findings, made_by: Algorithm) -> list[Dataset]:
    """TID 1501 for each model that looked closer at what the first one found: which, and how many
    places it marked. None where nothing was found that could be looked at."""
    groups: list[Dataset] = []
    if not findings.gland_seen:
        return groups
    for place, model in enumerate(made_by.models[1:], start=1):
        label = f"Analysis, {model.title}"
        uid = uids.tracking_uid(source.SOPInstanceUID, f"{label} {made_by.digest}")
        marked = sum(segment.drawn_by == place for segment in findings.segments)
        content = [
            *_tracking(label, uid),
            *_organ(findings.interpretation),
            *algorithm(model),
            items.number(words.CANDIDATES, marked, words.UNITY),
            items.image(words.SOURCE_OF_MEASUREMENT, _instance(source)),
        ]
        groups.append(_group("1501", content))
    return groups


def algorithm(model: Model) -> list[Dataset]:
    """TID 4019 in full, equal to the algorithm of the SEG and to the processing equipment."""
    said = (
        (words.ALGORITHM_MANUFACTURER, provenance.MANUFACTURER),
        (words.ALGORITHM_PARAMETERS, f"threshold={model.output.threshold:g}"),
        (words.ALGORITHM_PARAMETERS, f"digest={model.digest}"),
    )
    family = (words.ALGORITHM_FAMILY, words.ARTIFICIAL_INTELLIGENCE)
    return [
        *algorithm_name(model),
        *(items.text(name, value, "HAS CONCEPT MOD") for name, value in said),
        items.code(*family, "HAS CONCEPT MOD"),
    ]


def algorithm_name(model: Model) -> list[Dataset]:
    """The mandatory part of TID 4019, for every group: the rest is in the first one."""
    name = f"{provenance.MODEL_NAME} {model.name}"
    return [
        items.text(words.ALGORITHM_NAME, name, "HAS CONCEPT MOD"),
        items.text(words.ALGORITHM_VERSION, model.version, "HAS CONCEPT MOD"),
    ]


def _of_view(
    scan: Scan,
    interpretation: str,
    common: list[Dataset],
    view: FrameMeasures,
    structures: list[StructureMeasures],
) -> Dataset:
    """TID 1501: the view as a whole, and whether the organ is seen on it."""
    source = scan.header
    label = _label(next(frame for frame in scan.frames if frame.number == view.frame_number))
    uid = uids.tracking_uid(source.SOPInstanceUID, f"frame {view.frame_number}")
    uptake = words.PRESENT if structures else words.NOT_VISUALIZED
    return _group(
        "1501",
        [
            *_tracking(label, uid),
            *_organ(interpretation),
            *common,
            *_view_numbers(view, structures),
            items.code(words.UPTAKE, uptake),
            items.image(words.SOURCE_OF_MEASUREMENT, _instance(source), frame=view.frame_number),
        ],
    )


def _label(frame: Frame) -> str:
    """`Frame 2, anterior, 100-120 keV`, as far as the header tells."""
    said = [f"Frame {frame.number}", *([frame.view] if frame.view else [])]
    if frame.window_kev is not None:
        said.append("{:g}-{:g} keV".format(*frame.window_kev))
    return ", ".join(said)


def _view_numbers(view: FrameMeasures, structures: list[StructureMeasures]) -> list[Dataset]:
    found = [items.number(words.TOTAL_COUNTS, view.total_counts, words.IN_COUNTS)]
    background = view.background_counts_per_pixel
    if background is not None:
        found.append(items.number(words.BACKGROUND, background, words.COUNTS_PER_PIXEL))
    if view.gland_volume_ml is not None:
        found.append(items.number(words.VOLUME, view.gland_volume_ml, words.MILLILITRE))
    if view.uptake_percent is not None:
        found.append(items.number(words.ADMINISTERED_UPTAKE, view.uptake_percent, words.PERCENT))
    shares = [one.share_of_lobes for one in structures if one.share_of_lobes is not None]
    if len(shares) == 2:
        asymmetry = 100 * abs(shares[0] - shares[1])
        found.append(items.number(words.ASYMMETRY, asymmetry, words.PERCENT))
    return found


def _of_structure(
    source: Dataset,
    segmentation: str,
    common: list[Dataset],
    findings: Findings,
    one: StructureMeasures,
) -> Dataset:
    """TID 1410: one segment on one view; the tracking UID is the one of the SEG."""
    segment = findings.segments[one.segment_number - 1]
    drawn = (SegmentationStorage, segmentation)
    return _group(
        "1410",
        [
            *_tracking(segment.label, uids.tracking_uid(segmentation, segment.label)),
            items.code(words.FINDING_CATEGORY, _concept(segment.category)),
            items.code(words.FINDING, _concept(segment.type)),
            *_site(segment, one, findings),
            *common,
            *_structure_numbers(one),
            *_nodule_content(segment, one),
            items.image(words.SEGMENTATION_FRAME, drawn, segment=one.segment_number),
            items.image(words.SEGMENTED_IMAGE, _instance(source), frame=one.frame_number),
        ],
    )


def _structure_numbers(one: StructureMeasures) -> list[Dataset]:
    """What is measured of a structure; what is not is left out."""
    share = None if one.share_of_lobes is None else 100 * one.share_of_lobes
    measured = (
        (words.AREA, one.area_cm2, words.SQUARE_CENTIMETRE),
        (words.PIXELS, one.pixels, words.IN_PIXELS),
        (words.COUNTS, one.counts, words.IN_COUNTS),
        (words.MEAN_COUNTS, one.counts_per_pixel, words.COUNTS_PER_PIXEL),
        (words.TO_BACKGROUND, one.to_background, words.RATIO),
        (words.SHARE_OF_LOBES, share, words.PERCENT),
    )
    return [items.number(name, value, unit) for name, value, unit in measured if value is not None]


def _nodule_content(segment: Segment, one: StructureMeasures) -> list[Dataset]:
    """What is said of a nodule only: that it is a candidate, its size, contrast and conspicuity."""
    if one.nodule is None:
        return []
    contrast = None if one.nodule.contrast is None else 100 * one.nodule.contrast
    measured = (
        (words.LONG_AXIS, one.nodule.length_mm, words.MILLIMETRE),
        (words.CONTRAST, contrast, words.PERCENT),
        (words.NETWORK_OUTPUT, segment.output, words.UNITY),
    )
    found = [items.number(name, value, unit) for name, value, unit in measured if value is not None]
    if segment.modifier is not None:
        found.append(items.code(words.APPEARANCE, _concept(segment.modifier)))
    return found


def _group(template: str, content: list[Dataset]) -> Dataset:
    return items.container(words.MEASUREMENT_GROUP, content, template)


def _tracking(label: str, uid: str) -> list[Dataset]:
    return [
        items.text(words.TRACKING_IDENTIFIER, label, "HAS OBS CONTEXT"),
        items.uid(words.TRACKING_UID, uid),
    ]


def _organ(interpretation: str) -> list[Dataset]:
    organ = ORGANS.get(interpretation)
    return [items.code(words.FINDING_SITE, organ, "HAS CONCEPT MOD")] if organ else []


def _site(segment: Segment, one: StructureMeasures, findings: Findings) -> list[Dataset]:
    """The structure itself, the lobe and its third where they are told, or the organ."""
    if is_anatomy(segment):
        return [items.code(words.FINDING_SITE, _concept(segment.type), "HAS CONCEPT MOD")]
    nodule = one.nodule
    if nodule is None or nodule.lobe is None or nodule.third is None:
        return _organ(findings.interpretation)
    lobe = next(other.type for other in findings.segments if other.type.value == nodule.lobe)
    third = words.THIRDS[nodule.third]
    modifier = items.code(words.TOPOGRAPHICAL_MODIFIER, third, "HAS CONCEPT MOD")
    return [items.code(words.FINDING_SITE, _concept(lobe), "HAS CONCEPT MOD", [modifier])]


def _concept(code: Code) -> ConceptCode:
    return ConceptCode(code.value, code.scheme, plain(code.meaning))


def _instance(source: Dataset) -> tuple[str, str]:
    return source.SOPClassUID, source.SOPInstanceUID
