"""Scans with their results, as the viewer's tests show them."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from adjuvant.findings import Code, Findings, FrameMeasures, Segment
from adjuvant.image import Limits, read_scan
from adjuvant.model import Model, Output, Training, Weights
from adjuvant.nodules import CANDIDATE, MORPHOLOGICALLY_ABNORMAL, NODULE_TYPE
from adjuvant.preprocess import Preprocessing
from adjuvant.results.capture import build_capture
from adjuvant.results.gate import check_results
from adjuvant.results.report import build_report
from adjuvant.results.seg import build_segmentation
from adjuvant.scan import Scan
from tests.builder import nm_dataset

ROWS, COLUMNS = 128, 128
LABELS = ("Thyroid gland", "Cold nodule 1")
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Results:
    """What lies in one study. `masks` is bool (segments, frames, rows, columns)."""

    source: Dataset
    segmentation: Dataset
    capture: Dataset
    report: Dataset
    masks: Masks

    @property
    def instances(self) -> tuple[Dataset, ...]:
        return self.source, self.segmentation, self.capture, self.report


def two_views() -> Results:
    """An anterior and an oblique view, with a gland and a nodule that no flip maps to itself."""
    masks = np.stack([np.stack([_lobes(0), _lobes(9)]), np.stack([_nodule(0), _nodule(9)])])
    return _results(masks, nm_dataset(_counts(masks), views=("anterior", "left anterior oblique")))


def one_oblong_view() -> Results:
    """A single frame without NumberOfFrames, higher than wide, with a Frame of Reference."""
    masks = np.stack([_lobes(0)[None, :, :96], _nodule(0)[None, :, :96]])
    frame_of_reference = {"FrameOfReferenceUID": "2.25.77", "PositionReferenceIndicator": ""}
    return _results(masks, nm_dataset(_counts(masks), NumberOfFrames=None, **frame_of_reference))


def _results(masks: Masks, source: Dataset) -> Results:
    scan = read_scan(source, Limits())
    findings, model = _findings(scan, masks), _model()
    segmentation, capture, report = (
        build(scan, findings, model) for build in (build_segmentation, build_capture, build_report)
    )
    check_results(scan, findings, (segmentation, capture, report))
    return Results(source, segmentation, capture, report, masks)


def file_of(dataset: Dataset) -> bytes:
    """The dataset as a DICOM file."""
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _disc(row: float, column: float, height: float, width: float) -> Masks:
    y, x = np.mgrid[:ROWS, :COLUMNS]
    inside: Masks = ((y - row) / height) ** 2 + ((x - column) / width) ** 2 < 1
    return inside


def _lobes(shift: int) -> Masks:
    return _disc(58 + shift, 48 + shift, 24, 11) | _disc(64 + shift, 76 + shift, 17, 9)


def _nodule(shift: int) -> Masks:
    return _disc(70 + shift, 46 + shift, 6, 5)


def _counts(masks: Masks) -> NDArray[np.uint16]:
    gland, nodule = masks
    expected = 2.5 + 50.0 * gland - 35.0 * nodule
    return np.random.default_rng(7).poisson(expected).astype(np.uint16)


def _findings(scan: Scan, masks: Masks) -> Findings:
    anatomy = Code("91723000", "SCT", "Anatomical Structure")
    segments = (
        Segment(LABELS[0], anatomy, Code("69748006", "SCT", "Thyroid"), masks[0]),
        Segment(LABELS[1], MORPHOLOGICALLY_ABNORMAL, NODULE_TYPE, masks[1], modifier=CANDIDATE),
    )
    measures = tuple(
        FrameMeasures(
            frame_number=frame.number,
            view=frame.view,
            total_counts=float(frame.counts.sum()),
            gland_pixels=int(mask.sum()),
            gland_area_cm2=None,
            gland_counts=float(frame.counts[mask].sum()),
            background_counts_per_pixel=2.5,
            gland_to_background=20.0,
        )
        for frame, mask in zip(scan.frames, masks[0], strict=True)
    )
    return Findings("thyroid", segments, measures, ())


def _model() -> Model:
    return Model(
        name="thyroid",
        version="0.1.0",
        weights=Weights(file="thyroid.keras", sha256="0" * 64),
        preprocessing=Preprocessing(),
        output=Output(labels=("gland",), threshold=0.5, minimum_area_pixels=10),
        training=Training(
            data="simulated",
            images=1,
            patients=1,
            recipe="test",
            commit="0" * 40,
            date="2026-01-01",
        ),
        figures={},
    )
