"""A DICOM object without its patient: nothing identifying stays, everything needed does."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian

from adjuvant.image import Limits, read_scan
from adjuvant.rules.thyroid import explain_thyroid
from tests.training.department import Visit, scan
from training.burnt_in import burnt_in_risk
from training.collect.objects import Chooser, describe_scan
from training.collect.source import Item
from training.deidentify import deidentify, identity_of, to_file
from training.pseudonyms import Pseudonyms
from training.rois.labels import Names

PSEUDONYMS = Pseudonyms(bytes(range(32)))
VISIT = Visit(1, 4)


@pytest.fixture(scope="module")
def result() -> Dataset:
    source = scan(VISIT)
    found = deidentify(source, PSEUDONYMS, Names())
    describe_scan(found, read_scan(source, Limits()))
    return found


def texts(dataset: Dataset) -> str:
    return str(dataset) + to_file(dataset, ExplicitVRLittleEndian).decode("latin-1")


@pytest.mark.parametrize("value", VISIT.identifying)
def test_no_identifying_value_stays_at_any_depth(result: Dataset, value: str) -> None:
    assert value in str(scan(VISIT)) or value in ("Sainte",)
    assert value.casefold() not in texts(result).casefold()
    assert value.encode().decode("latin-1") not in texts(result)


def test_pseudonyms_stand_where_the_identity_was(result: Dataset) -> None:
    assert str(result.PatientName).startswith("Th_")
    assert result.PatientID.startswith("ID_")
    assert result.AccessionNumber.startswith("TA_")
    assert result.PatientIdentityRemoved == "YES"
    assert result.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert result.LongitudinalTemporalInformationModified == "MODIFIED"


def test_private_attributes_are_gone_at_every_depth(result: Dataset) -> None:
    def private(dataset: Dataset) -> list[object]:
        found = [element.tag for element in dataset if element.tag.is_private]
        for element in dataset:
            if element.VR == "SQ":
                found += [tag for item in element.value for tag in private(item)]
        return found

    assert private(scan(VISIT))
    assert private(result) == []


def test_the_scan_is_still_the_same_scan_and_chosen_by_the_same_rule(result: Dataset) -> None:
    again = dcmread(BytesIO(to_file(result, ExplicitVRLittleEndian)))
    before, after = read_scan(scan(VISIT), Limits()), read_scan(again, Limits())
    np.testing.assert_array_equal(after.frames[0].counts, before.frames[0].counts)
    assert after.spacing_mm == before.spacing_mm
    assert after.frames[0].view == before.frames[0].view == "anterior"
    assert after.frames[0].duration_s == before.frames[0].duration_s
    assert after.pinhole is before.pinhole is False
    assert explain_thyroid(again).applies


def test_intervals_within_a_patient_are_kept() -> None:
    def days_and_seconds(visit: Visit) -> tuple[str, int, int]:
        found = deidentify(scan(visit), PSEUDONYMS, Names())
        tracer = found.RadiopharmaceuticalInformationSequence[0]
        times = (found.AcquisitionTime or found.StudyTime, tracer.RadiopharmaceuticalStartTime)
        seconds = [int(t[:2]) * 3600 + int(t[2:4]) * 60 + int(t[4:6]) for t in times]
        return found.StudyDate, seconds[0] - seconds[1], int(found.StudyDate)

    from datetime import datetime

    first, second = Visit(1, 0), Visit(1, 5)
    moved = [datetime.strptime(days_and_seconds(v)[0], "%Y%m%d") for v in (first, second)]
    real = [datetime.strptime(v.day, "%Y%m%d") for v in (first, second)]
    assert moved[1] - moved[0] == real[1] - real[0]
    assert moved[0] != real[0]
    # Injected at 09:02, acquired at 09:17: a quarter of an hour, as before.
    assert [days_and_seconds(v)[1] for v in (first, second)] == [900, 900]


def test_one_patient_keeps_one_pseudonym_however_the_name_is_spelt() -> None:
    one, other = scan(Visit(1, 0)), scan(Visit(1, 1))
    other.PatientName = "VANDENBROUCKE^A."
    ids = {deidentify(each, PSEUDONYMS, Names()).PatientID for each in (one, other)}
    assert len(ids) == 1
    names = {str(deidentify(each, PSEUDONYMS, Names()).PatientName) for each in (one, other)}
    assert len(names) == 1
    assert len({deidentify(e, PSEUDONYMS, Names()).StudyInstanceUID for e in (one, other)}) == 2


def test_without_a_number_the_name_and_birth_date_are_the_patient_else_the_study() -> None:
    source = scan(VISIT)
    source.PatientID = ""
    assert identity_of(source).startswith("name ")
    source.PatientName = source.PatientBirthDate = ""
    assert identity_of(source) == f"study {source.StudyInstanceUID}"


def test_references_between_objects_still_meet(result: Dataset) -> None:
    assert result.SOPInstanceUID == PSEUDONYMS.uid(VISIT.uid)
    assert result.SOPClassUID == scan(VISIT).SOPClassUID


def test_a_damaged_number_is_lost_and_the_scan_is_not() -> None:
    source = scan(VISIT)
    source.InstanceNumber = "12"
    data = to_file(source, ExplicitVRLittleEndian)
    damaged = data.replace(b"IS\x02\x0012", b"IS\x02\x00xx")
    assert damaged != data
    kept = Chooser(PSEUDONYMS).keep(damaged, Item("k", bytes, "scan"))
    assert kept.outcome == "scan"
    assert kept.data is not None
    again = dcmread(BytesIO(kept.data))
    assert "InstanceNumber" not in again
    np.testing.assert_array_equal(again.pixel_array, source.pixel_array)


def test_names_of_outlines_become_what_they_mean() -> None:
    source = Dataset()
    source.PatientID = "1"
    source.StructureSetROISequence = [Dataset(), Dataset()]
    for item, name in zip(
        source.StructureSetROISequence, ("Thyroid of Apollonia", "Apollonia"), strict=True
    ):
        item.ROINumber, item.ROIName = 1, name
    found = deidentify(source, PSEUDONYMS, Names()).StructureSetROISequence
    assert [item.ROIName for item in found] == ["gland", "other"]


def test_what_stands_behind_the_pixels_or_in_a_compressed_stream_is_lost() -> None:
    source = scan(VISIT)
    source.PixelData = source.PixelData + b"Vandenbroucke "
    kept = Chooser(PSEUDONYMS).keep(
        to_file(source, ExplicitVRLittleEndian), Item("k", bytes, "scan")
    )
    assert kept.outcome == "scan"
    assert kept.data is not None
    assert b"Vandenbroucke" not in kept.data
    compressed = scan(VISIT)
    compressed.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    kept = Chooser(PSEUDONYMS).keep(
        to_file(compressed, "1.2.840.10008.1.2.5"), Item("k", bytes, "scan")
    )
    assert kept.data is not None
    again = dcmread(BytesIO(kept.data))
    assert not again.file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(again.pixel_array, scan(VISIT).pixel_array)


@pytest.mark.parametrize("signed", [0, 1])
def test_an_overlay_in_the_bits_above_the_pixels_is_lost(signed: int) -> None:
    source = scan(VISIT)
    source.BitsStored, source.HighBit, source.PixelRepresentation = 12, 11, signed
    values = scan(VISIT).pixel_array.astype("<u2")
    source.PixelData = (
        (values | np.where(with_letters(values) == 60, 1 << 12, 0)).astype("<u2").tobytes()
    )
    kept = Chooser(PSEUDONYMS).keep(
        to_file(source, ExplicitVRLittleEndian), Item("k", bytes, "scan")
    )
    assert kept.data is not None
    np.testing.assert_array_equal(
        np.frombuffer(dcmread(BytesIO(kept.data)).PixelData, "<u2"), values.ravel()
    )


@pytest.mark.parametrize("written", ["12-34-56", "12.34.56 Tc", "the 12 34 56"])
def test_a_number_of_short_parts_is_known_as_a_whole(written: str) -> None:
    source = scan(VISIT)
    source.PatientID = "12-34-56"
    window = source.EnergyWindowInformationSequence[0]
    for name, wanted in ((written, ""), ("112 34 56", "112 34 56"), ("Tc 34", "Tc 34")):
        window.EnergyWindowName = name
        kept = deidentify(source, PSEUDONYMS, Names()).EnergyWindowInformationSequence[0]
        assert kept.EnergyWindowName == wanted


def with_letters(counts: np.ndarray) -> np.ndarray:
    """The same image with a name written into its corner, as a camera's program does."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", counts.shape[::-1])
    ImageDraw.Draw(picture).text((1, 1), "DOE J", fill=255)
    return np.where(np.asarray(picture) > 128, 60, counts).astype(np.float32)


def test_letters_in_the_pixels_are_reported_and_counts_are_not() -> None:
    source = scan(VISIT)
    counts = source.pixel_array.astype(np.float32)
    assert burnt_in_risk(source, [counts]) is None
    assert "as letters do" in str(burnt_in_risk(source, [with_letters(counts)]))
    source.BurnedInAnnotation = "YES"
    assert burnt_in_risk(source, [counts]) == "BurnedInAnnotation is YES"
    source.BurnedInAnnotation = "NO"
    source.ImageType = ["DERIVED", "SECONDARY"]
    assert "captured from a screen" in str(burnt_in_risk(source, [counts]))
