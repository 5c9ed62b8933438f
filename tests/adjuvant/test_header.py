"""What a header is asked for is told as it is, or counts as absent; nothing else of it is told."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian

from adjuvant.header import (
    MAXIMUM_SEQUENCE_BYTES,
    items,
    numbers,
    text,
    value,
    values,
    whole_number,
)
from adjuvant.image import read_header
from adjuvant.rules.attribute import parse_attribute
from tests.builder import nm_dataset, thyroid_counts, to_bytes

KEYWORD = "PhotometricInterpretation"


def with_sequence(*held: Dataset) -> Dataset:
    """A header with a sequence in the place of a plain value."""
    header = Dataset()
    header[KEYWORD] = DataElement(KEYWORD, "SQ", Sequence(held))
    return header


@pytest.fixture
def patient() -> Dataset:
    one = Dataset()
    one.PatientName = "Geheimnis^Gudrun"
    return one


def test_a_sequence_in_the_place_of_a_value_is_no_text(patient: Dataset) -> None:
    header = with_sequence(patient)
    assert values(header, KEYWORD) == numbers(header, KEYWORD) == []
    assert (text(header, KEYWORD), whole_number(header, KEYWORD)) == ("", None)
    assert items(header, KEYWORD) == [patient]


def test_a_sequence_exists_for_a_rule_where_it_has_an_item(patient: Dataset) -> None:
    attribute = parse_attribute(KEYWORD)
    assert attribute.is_there(with_sequence(patient))
    assert not attribute.is_there(with_sequence())
    assert list(attribute.texts(with_sequence(patient))) == []


@pytest.mark.parametrize(
    ("written", "found"), [("ORIGINAL\\PRIMARY", ["ORIGINAL", "PRIMARY"]), ("PRIMARY", ["PRIMARY"])]
)
def test_values_are_told_one_by_one_and_as_one_text(written: str, found: list[str]) -> None:
    header = Dataset()
    header.ImageType = written
    assert (values(header, "ImageType"), text(header, "ImageType")) == (found, written)


def test_an_absent_value_and_an_empty_one_are_the_same() -> None:
    header = Dataset()
    header.ImageType = ""
    for keyword in ("ImageType", "Rows"):
        assert value(header, keyword) is None
        assert (values(header, keyword), text(header, keyword)) == ([], "")


@pytest.mark.parametrize(("more", "count"), [(0, MAXIMUM_SEQUENCE_BYTES // 4096), (1, 0)])
def test_a_sequence_that_takes_long_to_convert_counts_as_absent(more: int, count: int) -> None:
    """A file may hold megabytes of it, and every condition of a rule asks again."""
    tag = Tag("RequestAttributesSequence")
    element = b"\x32\x10\x60\x10" + (4080).to_bytes(4, "little") + b" " * 4080
    item = b"\xfe\xff\x00\xe0" + len(element).to_bytes(4, "little") + element
    written = item * (MAXIMUM_SEQUENCE_BYTES // len(item) + more)
    raw = RawDataElement(tag, "SQ", len(written), written, 0, True, True)
    assert len(items(Dataset({tag: raw}), "RequestAttributesSequence")) == count


@pytest.mark.parametrize(("counts", "found"), [("<u2", 65000), ("<i2", -536)])
def test_a_number_whose_kind_follows_from_the_pixels_is_a_number(counts: str, found: int) -> None:
    source = nm_dataset(thyroid_counts(32, 32).astype(counts))
    source.add_new("LargestImagePixelValue", "US", 65000)
    source.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    header = read_header(to_bytes(source))
    assert numbers(header, "LargestImagePixelValue") == [found]
    del header.PixelRepresentation
    assert values(header, "LargestImagePixelValue") is not None
