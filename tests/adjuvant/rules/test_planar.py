"""What no rule can make a scan of is told why."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import (
    CTImageStorage,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
)

from adjuvant.image import read_header
from adjuvant.results.provenance import MANUFACTURER
from adjuvant.rules.planar import not_a_planar_image


def planar(**tags: str) -> Dataset:
    """An NM image, and then `tags`."""
    ds = Dataset()
    ds.SOPClassUID, ds.Modality = NuclearMedicineImageStorage, "NM"
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def test_a_planar_image_may_be_read():
    assert not_a_planar_image(planar()) is None


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"SOPClassUID": CTImageStorage}, "SOPClassUID is CT Image Storage, not Nuclear"),
        (
            {"SOPClassUID": PositronEmissionTomographyImageStorage, "Modality": "PT"},
            "SOPClassUID is Positron Emission Tomography Image Storage, not Nuclear",
        ),
        ({"SOPClassUID": SecondaryCaptureImageStorage}, "a picture, whose pixels need not be"),
        ({"SOPClassUID": "1.2.3.4"}, "SOPClassUID is unknown, not Nuclear"),
        ({"SOPClassUID": ""}, "SOPClassUID is missing, not Nuclear"),
        ({"Modality": "PT"}, "Modality is 'PT', not 'NM'"),
        ({"Modality": ""}, "Modality is missing or unknown, not 'NM'"),
        ({"Manufacturer": MANUFACTURER}, "it is a result of Adjuvant itself"),
    ],
)
def test_what_is_no_planar_image_is_told_why(tags: dict[str, str], reason: str):
    found = not_a_planar_image(planar(**tags))
    assert found is not None
    assert reason in found


def test_a_real_whole_body_scan_under_secondary_capture_is_told_why():
    with open(get_testdata_file("JPEG2000.dcm", download=False), "rb") as file:
        found = not_a_planar_image(read_header(file.read()))
    assert found is not None
    assert found.startswith("SOPClassUID is Secondary Capture")
