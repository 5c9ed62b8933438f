"""The released networks, both of them, on a simulated scan: what docs/models.md says to write."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adjuvant.model import read_model
from deploy.demo import SEED, choose_case
from deploy.serve import ROOT
from tests.builder import to_bytes
from tests.integration.conftest import Start
from tests.integration.hospital import SC, SEG, SR
from tests.integration.test_versions import labels_on
from tests.integration.tiny import IN_SERVICE
from training.metrics import dice
from training.phantom.dicom import to_dicom

BOTH = {"thyroid": IN_SERVICE, "cold-nodules": "0.6.0"}


def test_the_scan_of_the_demo_gets_its_gland_and_its_cold_nodules(
    start: Start, tmp_path: Path
) -> None:
    case = choose_case(SEED)
    dataset = to_dicom(case)
    settings = {"ModelsDirectory": str(ROOT / "models"), "Models": BOTH}
    with start(tmp_path / "data", adjuvant=settings) as hospital:
        job = hospital.wait_for_end(hospital.send_by_rest(to_bytes(dataset)))
        assert job["state"] == "done"
        titles = [read_model(ROOT / "models" / name / BOTH[name]).title for name in BOTH]
        assert job["model"] == " + ".join(titles)
        held = hospital.study(dataset.StudyInstanceUID)
        assert [len(held[kind]) for kind in (SEG, SC, SR)] == [1, 1, 1]
        labels = labels_on(hospital, dataset)
        assert "Thyroid gland" in labels
        nodules = [label for label in labels if label.startswith("Cold nodule")]
        assert len(nodules) == job["summary"]["cold_nodules"] >= 1
        (segmentation,) = held[SEG]
        gland = segmentation.pixel_array[labels.index("Thyroid gland")] > 0
        assert dice(np.asarray(gland), case.gland) > 0.9
