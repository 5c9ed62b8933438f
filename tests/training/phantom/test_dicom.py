import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from training.phantom.dicom import to_dicom, to_dicom_views, write_dicom
from training.phantom.simulator import simulate_case

CASES = [simulate_case(3, number) for number in range(6)]


def errors(path: Path) -> list[str]:
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    return [line for line in said.stderr.splitlines() if line.startswith("Error")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case_id)
def test_dciodvfy_finds_no_error(case, tmp_path: Path) -> None:
    path = tmp_path / "scan.dcm"
    write_dicom(case, path)
    assert errors(path) == []


def test_the_pixels_come_back(tmp_path: Path) -> None:
    write_dicom(CASES[0], tmp_path / "scan.dcm")
    read = pydicom.dcmread(tmp_path / "scan.dcm")
    assert np.array_equal(read.pixel_array, CASES[0].counts)
    assert [float(side) for side in read.PixelSpacing] == [CASES[0].properties["spacing_mm"]] * 2


def test_several_views_become_frames_with_their_own_detector(tmp_path: Path) -> None:
    dataset = to_dicom_views([CASES[0], CASES[0]])
    dataset.save_as(tmp_path / "views.dcm", enforce_file_format=True)
    assert errors(tmp_path / "views.dcm") == []
    read = pydicom.dcmread(tmp_path / "views.dcm")
    assert read.pixel_array.shape == (2, *CASES[0].counts.shape)
    assert list(read.DetectorVector) == [1, 2]


def test_the_same_case_has_the_same_uids_and_other_cases_have_others() -> None:
    assert to_dicom(CASES[0]).SOPInstanceUID == to_dicom(CASES[0]).SOPInstanceUID
    assert len({to_dicom(case).SOPInstanceUID for case in CASES}) == len(CASES)


def test_views_of_different_patients_are_refused() -> None:
    other = next(case for case in CASES if case.patient_id != CASES[0].patient_id)
    with pytest.raises(ValueError, match="views of one object need one patient_id"):
        to_dicom_views([CASES[0], other])
