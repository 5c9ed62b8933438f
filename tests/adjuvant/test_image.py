"""Any bytes end as a Scan that says what is in the file, or as a Refusal that says why not."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_header, read_scan
from adjuvant.scan import Scan
from tests.bad_inputs import BAD_INPUTS, BadInput
from tests.fuzz import tried
from tests.headers import STYLES, nm_dataset, thyroid_counts, to_bytes


def scan_of(ds: Dataset, limits: Limits | None = None) -> Scan:
    return read_scan(to_bytes(ds), limits or Limits())


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_style_is_read_with_the_counts_that_were_written(style: Callable[[], Dataset]):
    scan = scan_of(style())
    rows, columns = scan.shape
    written = thyroid_counts(rows, columns, len(scan.frames))
    for frame, counts in zip(scan.frames, written, strict=True):
        np.testing.assert_array_equal(frame.counts, counts)
        assert frame.counts.dtype == np.float32
    assert "PixelData" not in scan.header


@pytest.mark.parametrize("bad", BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_every_bad_input_is_refused_with_its_code(bad: BadInput):
    with pytest.raises(Refusal) as refusal:
        read_scan(bad.data(), Limits())
    assert refusal.value.code == bad.code
    assert len(refusal.value.reason) > 20


def test_a_refusal_tells_the_keyword_and_the_value():
    with pytest.raises(Refusal, match="Rows is 65535, not between 16 and 2048"):
        read_scan(BAD_INPUTS["huge header, few bytes"].data(), Limits())
    with pytest.raises(Refusal, match="PixelData has 1000 bytes instead of 8192"):
        read_scan(BAD_INPUTS["pixels too short"].data(), Limits())
    with pytest.raises(Refusal, match="ImageType value 3 is 'WHOLE BODY': a whole-body sweep"):
        read_scan(BAD_INPUTS["whole body"].data(), Limits())


def test_limits_are_the_callers():
    ds = nm_dataset(thyroid_counts(128, 128, 3))
    assert len(scan_of(ds, Limits(128, 3)).frames) == 3
    with pytest.raises(Refusal, match="Rows is 128, not between 16 and 127"):
        scan_of(ds, Limits(127, 3))
    with pytest.raises(Refusal, match="NumberOfFrames is 3, not between 1 and 2"):
        scan_of(ds, Limits(128, 2))


def test_many_large_frames_are_refused_although_each_limit_is_kept():
    with pytest.raises(Refusal, match="64 frames of 2048 x 2048 are more than"):
        scan_of(nm_dataset(thyroid_counts(64, 64), NumberOfFrames=64, Rows=2048, Columns=2048))


def test_a_deflated_bomb_is_not_unpacked():
    ds = nm_dataset(thyroid_counts(64, 64))
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = to_bytes(ds)
    begin = 144 + int.from_bytes(whole[140:144], "little")
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    zeros = b"\0" * (1 << 20)
    bomb = b"".join(packer.compress(zeros) for _ in range(200)) + packer.flush()
    with pytest.raises(Refusal, match="unpacks to more than 128 MiB"):
        read_scan(whole[:begin] + bomb, Limits())
    with pytest.raises(Refusal, match=r"cannot be read as DICOM \(error\)"):
        read_header(whole[:begin] + b"\xff" * 100)


def test_a_dataset_is_read_like_its_file_and_left_as_it_is():
    ds = nm_dataset(thyroid_counts())
    before = to_bytes(ds)
    from_dataset = read_scan(dcmread(BytesIO(before)), Limits())
    scan = read_scan(ds, Limits())
    assert to_bytes(ds) == before
    np.testing.assert_array_equal(scan.frames[0].counts, from_dataset.frames[0].counts)


def test_the_header_keeps_undecoded_values_as_they_came():
    ds = nm_dataset(thyroid_counts(), PatientName="Müller^Änne", SpecificCharacterSet="ISO_IR 100")
    name = read_scan(to_bytes(ds), Limits()).header.get_item("PatientName")
    assert isinstance(name, RawDataElement)
    assert name.value.strip() == "Müller^Änne".encode("latin-1")


def test_an_empty_frame_is_left_out_and_the_others_keep_their_numbers():
    counts = thyroid_counts(frames=3)
    counts[1] = 0
    assert [frame.number for frame in scan_of(nm_dataset(counts)).frames] == [1, 3]


def test_a_rescale_slope_is_applied():
    ds = nm_dataset(thyroid_counts(), RescaleSlope="2.5", RescaleIntercept="1")
    np.testing.assert_allclose(scan_of(ds).frames[0].counts, thyroid_counts()[0] * 2.5 + 1)


def test_a_difference_image_is_no_count_image():
    counts = thyroid_counts().astype(np.int16) - 5
    with pytest.raises(Refusal, match="the smallest pixel is -5: not a count image"):
        scan_of(nm_dataset(counts))


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "JPEG-lossy.dcm"])
def test_a_real_whole_body_scan_is_refused(name: str):
    path = get_testdata_file(name, download=False)
    with open(path, "rb") as file, pytest.raises(Refusal, match="a whole-body sweep"):
        read_scan(file.read(), Limits(4096))


SMALL = to_bytes(nm_dataset(thyroid_counts(16, 16)))
TAGS = sorted(tag for tag in nm_dataset(thyroid_counts(16, 16)).keys())  # noqa: SIM118
VRS = st.sampled_from(["US", "LO", "CS", "IS", "DS", "SQ", "OW", "UI", "AT", "FD", "UN", "PN"])


@tried(400)
@example(0x00280009, "SQ", bytes(8), False)
@given(st.sampled_from(TAGS), VRS, st.binary(max_size=40), st.booleans())
def test_no_mutation_of_an_element_ends_otherwise(tag: int, vr: str, raw: bytes, own_vr: bool):
    """Any element with any bytes, under its own or any VR: a Scan or a Refusal, nothing else."""
    ds = dcmread(BytesIO(SMALL))
    kind = ds[tag].VR if own_vr else vr
    ds._dict[Tag(tag)] = RawDataElement(Tag(tag), kind, len(raw), raw, 0, False, True)
    ends_well(ds)


@tried(400)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12), st.floats(0, 1))
def test_no_damage_to_the_file_ends_otherwise(bytes_at: list[tuple[float, int]], end: float):
    """Any bytes overwritten anywhere in the header, and the file cut anywhere."""
    data = bytearray(SMALL)
    for place, byte in bytes_at:
        data[int(place * (len(data) - 600))] = byte
    ends_well(bytes(data[: int(len(data) * (0.5 + end))]))


def ends_well(data: bytes | Dataset) -> None:
    """Any exception but a Refusal, and any warning, fails the test that calls this."""
    try:
        scan = read_scan(data, Limits(64, 4))
    except Refusal:
        return
    assert all(frame.counts.shape == scan.shape for frame in scan.frames)
    assert scan.spacing_mm is None or min(scan.spacing_mm) > 0
