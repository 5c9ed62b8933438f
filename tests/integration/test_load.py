"""Many senders at once while results are written: the case that once froze an archive for good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.integration.hospital import SC, SEG, SR, Hospital, scan

SENDERS = 4
SCANS_EACH = 10


def test_four_senders_at_once_are_served_while_results_are_written(
    hospital: Hospital, tmp_path: Path
) -> None:
    loads = [[scan(128, 128) for _ in range(SCANS_EACH)] for _ in range(SENDERS)]
    with ThreadPoolExecutor(SENDERS) as senders:
        sent = [
            senders.submit(hospital.send_by_dicom, load, tmp_path / str(number))
            for number, load in enumerate(loads)
        ]
        for one in sent:
            one.result(timeout=120)
    hospital.wait_until_idle()
    for dataset in (dataset for load in loads for dataset in load):
        held = hospital.study(dataset.StudyInstanceUID)
        assert (len(held[SEG]), len(held[SC]), len(held[SR])) == (1, 1, 1)
    assert hospital.status()["alarms"] == []
