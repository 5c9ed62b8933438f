"""Damaged scans end as a scan or as a refusal, never otherwise: bounded here, long by `make fuzz`.

Mutations know the structure: they change elements of true NM headers of all dialects, and bytes of
true compressed streams, rather than bytes of noise.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_header, read_scan
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.results.provenance import is_own
from adjuvant.rules.syntax import default_rules
from tests.fuzz import tried
from tests.headers import STYLES, to_bytes

BOUNDED = tried(60)
VRS = st.sampled_from(["CS", "DS", "IS", "LO", "SQ", "UI", "UN", "US", "OW", "PN", "AT", "FD"])
VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b"\\" * 40, b"1e999", b"-1", b"nan ", b"\xff\xff\xff\xff", b"65535 "]),
)
SMALL = Limits(512, 4)
RULES = default_rules()


@cache
def whole(style: str) -> bytes:
    return to_bytes(STYLES[style]())


def read_all(data: bytes) -> None:
    """What the plugin does with a file before any network sees it; rules are asked as well."""
    with suppress(Refusal):
        header = read_header(data)
        is_own(header)
        assert all(RULES.decide(header, name).reason for name in INTERPRETATIONS)
        read_scan(data, SMALL)


def mutated(dataset: Dataset, place: float, vr: str, raw: bytes) -> None:
    tags = [tag for tag in dataset.keys() if tag.group > 2]  # noqa: SIM118 - iterating decodes
    tag = tags[int(place * (len(tags) - 1))]
    element = dataset.get_item(tag)
    own = element.VR if vr == "UN" and element is not None else vr
    # Not by item assignment: for a private tag, that reads the character set, changed or not.
    dataset._dict[tag] = RawDataElement(Tag(tag), own, len(raw), raw, 0, False, True)


@BOUNDED
@given(
    st.sampled_from(sorted(STYLES)),
    st.lists(st.tuples(st.floats(0, 1), VRS, VALUES), min_size=1, max_size=4),
)
def test_headers_with_changed_elements(style: str, changes: list[tuple[float, str, bytes]]) -> None:
    dataset = STYLES[style]()
    for place, vr, raw in changes:
        mutated(dataset, place, vr, raw)
    with suppress(Refusal):
        header = dataset.copy()
        assert all(RULES.decide(header, name).reason for name in INTERPRETATIONS)
        read_scan(dataset, SMALL)


@BOUNDED
@given(
    st.sampled_from(sorted(STYLES)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=8),
    st.floats(0, 1),
    st.booleans(),
)
def test_files_with_changed_bytes(
    style: str, changes: list[tuple[float, bytes]], end: float, cut: bool
) -> None:
    data = bytearray(whole(style))
    for place, piece in changes:
        at = 132 + int(place * (len(data) - 140))
        data[at : at + len(piece)] = piece
    read_all(bytes(data[: int(end * len(data))] if cut else data))


@BOUNDED
@given(st.integers(0, 2**32), st.binary(min_size=1, max_size=400))
def test_noise_behind_a_true_beginning(at: int, noise: bytes) -> None:
    data = whole("plain")
    begin = 132 + at % 3000
    read_all(data[:begin] + noise)
