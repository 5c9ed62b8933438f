"""Scans, findings and models for the tests of results: real headers, an analytic gland."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from scipy.ndimage import gaussian_filter

from adjuvant.findings import Code, Findings, FrameMeasures, Segment
from adjuvant.image import Limits, read_scan
from adjuvant.model import Model, Output, Training, Weights
from adjuvant.preprocess import Preprocessing
from adjuvant.results import encode
from adjuvant.scan import Frame, Scan
from tests.builder import nm_dataset, thyroid_counts, to_bytes

ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
MORPHOLOGY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
GLAND = Code("69748006", "SCT", "Thyroid gland")
NODULE = Code("27925004", "SCT", "Nodule")


def model(*, data: str = "simulated", version: str = "0.1.0") -> Model:
    """A contract without weights."""
    return Model(
        name="thyroid",
        version=version,
        weights=Weights(file="unet.keras", sha256="0" * 64),
        preprocessing=Preprocessing(),
        output=Output(labels=("gland",), threshold=0.5, minimum_area_pixels=20),
        training=Training.model_validate(
            {"data": data, "images": 9, "patients": 9, "recipe": "r", "commit": "c", "date": "d"}
        ),
        figures={"dice": 0.97},
    )


def scan_of(source: Dataset) -> Scan:
    """The source as the pipeline reads it."""
    return read_scan(to_bytes(source), Limits())


def views(*names: str, rows: int = 256, columns: int = 256) -> Scan:
    """A scan with one frame for each name of a view."""
    counts = thyroid_counts(rows, columns, frames=len(names))
    return scan_of(nm_dataset(counts, views=names))


def gland_masks(scan: Scan) -> NDArray[np.bool_]:
    """Where the blurred counts exceed 20: both lobes of the analytic gland."""
    return np.stack([gaussian_filter(frame.counts, 2) > 20 for frame in scan.frames])


def findings(scan: Scan, *, seen: bool = True, remarks: tuple[str, ...] = ()) -> Findings:
    """The gland, and a nodule inside it, on every frame."""
    gland = gland_masks(scan) & seen
    row, column = np.indices(scan.shape)
    distance = np.hypot(row / scan.shape[0] - 0.45, column / scan.shape[1] - 0.4)
    segments = [Segment("Thyroid gland", ANATOMY, GLAND, gland)]
    if seen:
        segments.append(Segment("Cold nodule 1", MORPHOLOGY, NODULE, gland & (distance < 0.03)))
    measures = tuple(map(_measure, scan.frames, gland))
    return Findings("thyroid", tuple(segments), measures, remarks)


def _measure(frame: Frame, gland: NDArray[np.bool_]) -> FrameMeasures:
    inside = float(frame.counts[gland].sum())
    total = float(frame.counts.sum())
    return FrameMeasures(frame.number, frame.view, total, int(gland.sum()), None, inside, 2.5, 12.5)


def dciodvfy(dataset: Dataset, folder: Path) -> list[str]:
    """Errors that dicom3tools finds in the file."""
    path = folder / "result.dcm"
    path.write_bytes(encode(dataset))
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, check=False)
    lines = done.stderr.decode("latin-1").splitlines()
    assert lines, "dciodvfy names at least the IOD"
    return [line for line in lines if "Error" in line]
