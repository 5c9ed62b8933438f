"""Small files that ask for a lot of memory are refused before they get it.

Each is read by a process of its own that may take only so much beyond what its imports took: a
decoder that believed the file would end in MemoryError, or be killed.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from adjuvant import pixels
from adjuvant.codestream import Declared, declared_size
from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_scan
from adjuvant.jpeg_2000 import is_bounded
from tests.builder import nm_dataset, thyroid_counts, to_bytes

ROOT = Path(__file__).parents[2]
MEMORY = 400 << 20  # bytes beyond what the process had after its imports
SECONDS = 20.0  # of computing, on a busy machine; idle, each takes well below one
MB = 1 << 20


def scan(syntax: str | None = None) -> Dataset:
    dataset = nm_dataset(thyroid_counts(64, 64))
    if syntax:
        dataset.compress(syntax, generate_instance_uid=False)
    return dataset


def with_stream(syntax: str, frame: bytes) -> bytes:
    """A scan of 64 x 64 whose one compressed frame is this."""
    dataset = scan(RLELossless)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    return to_bytes(dataset)


def first_frame(dataset: Dataset) -> bytes:
    """Behind the empty offset table and its own item header (PS3.5 A.4)."""
    at = dataset.PixelData.index(b"\xfe\xff\x00\xe0", 8) + 8
    return bytes(dataset.PixelData[at:])


def jpeg_ls() -> bytes:
    """A true stream that says 65535 x 65535 where it said 64 x 64."""
    frame = first_frame(scan(JPEGLSLossless))
    at = frame.index(b"\xff\xf7") + 5
    return with_stream(JPEGLSLossless, frame[:at] + b"\xff" * 4 + frame[at + 4 :])


def jpeg_2000() -> bytes:
    frame = first_frame(scan(JPEG2000Lossless))
    huge = struct.pack(">6I", 65535, 65535, 0, 0, 65535, 65535)
    return with_stream(JPEG2000Lossless, frame[:8] + huge + frame[32:])


def cut_jpeg_2000(
    side: int, tile: int | None = None, precincts: bytes = b"", layers: int = 1, tail: bytes = b""
) -> bytes:
    """An empty stream (side, side); `tail` stands at the end of its only tile's header."""
    siz = struct.pack(">HHH8IH", 0xFF51, 41, 0, side, side, 0, 0, *2 * [tile or side], 0, 0, 1)
    levels = len(precincts) - 1 if precincts else 5
    cod = struct.pack(">HHBBHB", 0xFF52, 12 + len(precincts), bool(precincts), 0, layers, 0)
    cod += bytes([levels, 4, 4, 0, 1]) + precincts
    steps = bytes(3 * levels + 1)
    qcd = struct.pack(">HHB", 0xFF5C, 3 + len(steps), 0x40) + steps
    sot = struct.pack(">HHHIBB", 0xFF90, 10, 0, 14 + len(tail), 0, 1)
    return b"\xff\x4f" + siz + b"\x0f\x01\x01" + cod + qcd + sot + tail + b"\xff\x93\xff\xd9"


def jpeg_2000_of_a_million_precincts() -> bytes:
    dataset = scan(RLELossless)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.Rows = dataset.Columns = 2048
    dataset.PixelData = encapsulate([cut_jpeg_2000(2048, precincts=b"\0\0")])
    return to_bytes(dataset)


def jpeg_2000_in_a_box() -> bytes:
    """A JP2 file, which the standard forbids here, may hold any stream."""
    box = struct.pack(">I4sI", 12, b"jP  ", 0x0D0A870A)
    return with_stream(JPEG2000Lossless, box + first_frame(scan(JPEG2000Lossless)))


def jpeg_lossless() -> bytes:
    start = struct.pack(">HHBHHBBBB", 0xFFC3, 11, 16, 65535, 65535, 1, 1, 0x11, 0)
    return with_stream(JPEGLosslessSV1, b"\xff\xd8" + start + b"\0" * 200)


def rle() -> bytes:
    """Each pair of bytes unpacks to 128: 8 MB to half a gigabyte."""
    header = struct.pack("<16I", 2, 64, 64 + 4 * MB, *(13 * [0]))
    return with_stream(RLELossless, header + b"\x81\x07" * (4 * MB))


def deflated(vr: bytes = b"UI") -> bytes:
    """150 MB of zeros in less than one; the syntax may be written under another VR."""
    dataset = scan()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = to_bytes(dataset)
    begin = 144 + int.from_bytes(whole[140:144], "little")
    head = whole[:begin].replace(b"\x02\x00\x10\x00UI", b"\x02\x00\x10\x00" + vr)
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    zeros = bytes(MB)
    return head + b"".join(packer.compress(zeros) for _ in range(150)) + packer.flush()


def many_items(group: int, element: int, count: int) -> bytes:
    begin = struct.pack("<HH2sHI", group, element, b"SQ", 0, 0xFFFFFFFF)
    return begin + b"\xfe\xff\x00\xe0\0\0\0\0" * count + b"\xfe\xff\xdd\xe0\0\0\0\0"


def items() -> bytes:
    """Millions of empty items in one sequence, each of which becomes a data set."""
    whole = to_bytes(scan())
    at = whole.index(b"\x54\x00\x12\x00SQ")  # EnergyWindowInformationSequence
    return whole[:at] + many_items(0x0054, 0x0011, MB) + whole[at:]


def in_the_meta(more: bytes) -> bytes:
    """A file whose File Meta Information ends with this."""
    whole = to_bytes(scan())
    length = int.from_bytes(whole[140:144], "little")
    told = struct.pack("<I", length + len(more))
    return whole[:140] + told + whole[144 : 144 + length] + more + whole[144 + length :]


def items_in_the_meta() -> bytes:
    """As above, where the transfer syntax is not known yet."""
    return in_the_meta(many_items(0x0002, 0x0200, MB))


def elements_in_the_meta() -> bytes:
    return in_the_meta(struct.pack("<HH4s", 2, 0x0200, b"LO\0\0") * (4 * MB))


def items_deflated() -> bytes:
    dataset = scan()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = to_bytes(dataset)
    begin = 144 + int.from_bytes(whole[140:144], "little")
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return whole[:begin] + packer.compress(many_items(0x0008, 0x1115, MB)) + packer.flush()


def elements() -> bytes:
    """Millions of empty elements before the pixels."""
    numbers = np.arange(MB + MB // 4, dtype=np.uint32)
    tags = np.zeros(len(numbers), [("group", "<u2"), ("element", "<u2"), ("rest", "V4")])
    tags["group"] = 0x1001 + 2 * (numbers >> 16)
    tags["element"] = numbers & 0xFFFF
    tags["rest"] = np.void(b"LO\0\0")
    whole = to_bytes(scan())
    at = whole.index(b"\x28\x00\x02\x00US")  # SamplesPerPixel
    return whole[:at] + tags.tobytes() + whole[at:]


def behind_the_pixels() -> bytes:
    whole, extra = to_bytes(scan()), elements()
    begin = extra.index(b"\x01\x10\x00\x00LO")
    return whole + extra[begin : begin + 8 * MB]


def values() -> bytes:
    """One attribute with millions of values."""
    dataset = scan()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    whole = to_bytes(dataset)
    short = struct.pack("<HHI", 0x0028, 0x0030, len("1.2\\1.2 ")) + b"1.2\\1.2 "
    assert short in whole
    long = b"1\\" * (3 * MB)
    return whole.replace(short, struct.pack("<HHI", 0x0028, 0x0030, len(long)) + long)


def character_sets() -> bytes:
    dataset = scan()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    whole = to_bytes(dataset)
    short = struct.pack("<HHI", 0x0008, 0x0005, len("ISO_IR 192")) + b"ISO_IR 192"
    assert short in whole
    long = b"ISO_IR 192\\" * MB
    return whole.replace(short, struct.pack("<HHI", 0x0008, 0x0005, len(long)) + long)


def huge_matrix(**tags: int) -> bytes:
    dataset = scan()
    for keyword, number in tags.items():
        setattr(dataset, keyword, number)
    return to_bytes(dataset)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "65535 x 65535": (lambda: huge_matrix(Rows=65535, Columns=65535), "matrix"),
    "2048 x 2048 x 64": (lambda: huge_matrix(Rows=2048, Columns=2048, NumberOfFrames=64), "frames"),
    "2048 x 2048, few bytes": (lambda: huge_matrix(Rows=2048, Columns=2048), "pixel-data"),
    "2**31 frames": (lambda: huge_matrix(NumberOfFrames=2**31 - 1), "frames"),
    "JPEG-LS": (jpeg_ls, "pixel-data"),
    "JPEG 2000": (jpeg_2000, "pixel-data"),
    "JPEG 2000 of a million precincts": (jpeg_2000_of_a_million_precincts, "pixel-data"),
    "JPEG 2000 in a box": (jpeg_2000_in_a_box, "pixel-data"),
    "JPEG lossless": (jpeg_lossless, "pixel-data"),
    "RLE": (rle, "pixel-data"),
    "deflated": (deflated, "matrix"),
    "deflated, under another VR": (lambda: deflated(b"LO"), "matrix"),
    "items": (items, "not-dicom"),
    "items, deflated": (items_deflated, "not-dicom"),
    "items in the meta": (items_in_the_meta, "not-dicom"),
    "elements in the meta": (elements_in_the_meta, "not-dicom"),
    "elements": (elements, "not-dicom"),
    "character sets": (character_sets, "not-dicom"),
}

HARMLESS = {"behind the pixels": behind_the_pixels, "values": values}

# One process imports everything once; each file is read by a child of its own.
READER = """
import os, resource, sys, time
from pathlib import Path
import openjpeg, _libjpeg, _CharLS, pydicom.pixels.decoders
from adjuvant.errors import Refusal
from adjuvant.image import Limits, read_header, read_scan

def read(data):
    for read in (lambda: read_header(data), lambda: read_scan(data, Limits())):
        try:
            read()
            code = "read"
        except Refusal as refusal:
            code = refusal.code
    return code

limit = int(sys.argv[1])
for path in sorted(Path(sys.argv[2]).iterdir()):
    data = path.read_bytes()
    sys.stdout.flush()
    if os.fork() == 0:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + limit, taken + limit))
        try:
            code = read(data) if path.name != "greedy" else len(bytearray(2 * limit))
        except BaseException as fault:
            code = type(fault).__name__
        print(path.name, code, time.process_time(), sep="|", flush=True)
        os._exit(0)
    _, status = os.wait()
    if status:
        print(path.name, f"ended with {status}", 0, sep="|", flush=True)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    """Name -> code of the refusal, or `read`; seconds of computing."""
    folder = tmp_path_factory.mktemp("hostile")
    builders = {name: build for name, (build, _) in HOSTILE.items()} | HARMLESS
    for name, build in builders.items():
        (folder / name).write_bytes(build())
    (folder / "greedy").touch()
    ended = subprocess.run(
        [sys.executable, "-c", READER, str(MEMORY), str(folder)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "plugin")},
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    rows = [line.split("|") for line in ended.stdout.splitlines()]
    return {name: (code, float(seconds)) for name, code, seconds in rows}


def test_the_limit_of_these_tests_does_limit(answers: dict[str, tuple[str, float]]) -> None:
    assert answers["greedy"][0] == "MemoryError"


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_soon_and_before_memory_is_taken(
    answers: dict[str, tuple[str, float]], name: str
) -> None:
    code, seconds = answers[name]
    assert code == HOSTILE[name][1]
    assert seconds < SECONDS


@pytest.mark.parametrize("name", HARMLESS)
def test_what_nobody_asks_for_costs_nothing(
    answers: dict[str, tuple[str, float]], name: str
) -> None:
    code, seconds = answers[name]
    assert code == "read"
    assert seconds < SECONDS


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_the_size_that_a_true_stream_declares_is_found(syntax: str) -> None:
    assert declared_size(first_frame(scan(syntax)), syntax) == Declared(64, 64, 1)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize(
    "frame", [b"", b"\xff\xd8", b"\xff\xd8\xff\xf7", b"\xff\xd8" + b"\xff" * 99]
)
def test_a_stream_without_a_size_has_none(syntax: str, frame: bytes) -> None:
    assert declared_size(frame, syntax) is None


START = struct.pack(">HHBHHBBBB", 0xFFC3, 11, 16, 64, 64, 1, 1, 0x11, 0)


@pytest.mark.parametrize("before", [b"\xff\xe0\0\4ab", b"\xff\xff\xfe\0\2", b"\xff\xc4\0\3a"])
def test_a_size_behind_other_segments_is_found(before: bytes) -> None:
    assert declared_size(b"\xff\xd8" + before + START, JPEGLosslessSV1) == Declared(64, 64, 1)


@pytest.mark.parametrize("marker", [0x01, 0xC8, 0xD0, 0xD8, 0xD9, 0xDC, 0xDE, 0xF0])
def test_a_size_behind_a_marker_that_decoders_skip_otherwise_is_not_believed(marker: int) -> None:
    frame = b"\xff\xd8" + bytes([0xFF, marker]) + b"\0\4ab" + START
    assert declared_size(frame, JPEGLosslessSV1) is None


def test_a_size_behind_a_segment_that_is_shorter_than_its_length_is_not_believed() -> None:
    assert declared_size(b"\xff\xd8\xff\xe0\0\0" + START, JPEGLosslessSV1) is None


@pytest.mark.parametrize("side", [32, 64, 100, 1024])
def test_a_jpeg_2000_stream_of_an_encoder_is_bounded(side: int) -> None:
    dataset = nm_dataset(thyroid_counts(side, side))
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    assert is_bounded(first_frame(dataset))


@pytest.mark.parametrize(
    "frame",
    [
        cut_jpeg_2000(2048, tile=64),
        cut_jpeg_2000(2048, precincts=b"\x22\x33\x44\x55\x66\x77"),  # as OpenJPEG halves them
        cut_jpeg_2000(64, precincts=b"\0\x11\x22\x33\x44\x55"),
        cut_jpeg_2000(64, layers=20, tail=b"\xff\x64\0\x05\0\1a"),
    ],
    ids=["tiles", "precincts", "small ones", "layers"],
)
def test_a_jpeg_2000_stream_in_few_parts_is_bounded(frame: bytes) -> None:
    assert is_bounded(frame)


COARSE = cut_jpeg_2000(64)


@pytest.mark.parametrize(
    "frame",
    [
        cut_jpeg_2000(2048, tile=9),
        cut_jpeg_2000(2048, precincts=b"\0\0"),
        cut_jpeg_2000(64, layers=65535),
        cut_jpeg_2000(64, tile=64, tail=b"\xff\x52\0\x0e\1\0\0\1\0\1\4\4\0\1\0\0"),
        cut_jpeg_2000(64, tail=b"\xff\x53\0\x0b\0\1\1\4\4\0\1\0\0"),
        COARSE.replace(b"\xff\x5c", b"\xff\x53\0\x0b\0\1\1\4\4\0\1\0\0\xff\x5c"),
        COARSE.replace(b"\xff\x5c", b"\xff\x70\0\x04ab\xff\x5c"),
        COARSE.replace(b"\xff\x5c", COARSE[COARSE.index(b"\xff\x52") :]),
        COARSE.replace(b"\xff\x52", b"\xff\x64"),
        COARSE[:-20],
        COARSE[:45],
    ],
    ids=[
        *("tiles", "precincts", "layers", "COD of a tile", "COC of a tile", "COC", "unknown"),
        *("second COD", "no COD", "no tile", "nothing"),
    ],
)
def test_a_jpeg_2000_stream_in_too_many_or_unknown_parts_is_not(frame: bytes) -> None:
    assert not is_bounded(frame)


def test_a_frame_that_an_extended_offset_table_points_at_is_never_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the table the decoder sees the first stream, with it the second one."""
    honest = first_frame(scan(JPEGLSLossless))
    at = honest.index(b"\xff\xf7") + 5
    huge = honest[:at] + b"\xff" * 4 + honest[at + 4 :]
    dataset = scan(JPEGLSLossless)
    dataset.PixelData = encapsulate([honest + huge], has_bot=False)
    dataset.ExtendedOffsetTable = struct.pack("<Q", len(honest))
    dataset.ExtendedOffsetTableLengths = struct.pack("<Q", len(huge))
    monkeypatch.setattr(pixels, "pixel_array", lambda _: pytest.fail("it is decoded"))
    with pytest.raises(Refusal, match="ExtendedOffsetTable is present") as refused:
        read_scan(to_bytes(dataset), Limits())
    assert refused.value.code == "pixel-data"
