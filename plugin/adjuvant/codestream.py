"""The size that a compressed frame itself declares, looked at before a decoder believes it.

A decoder takes the memory that its stream asks for, which may be 65535 x 65535 where the DICOM
header says 64 x 64.
"""

from __future__ import annotations

from typing import NamedTuple

from pydicom import uid as uids

SOI = b"\xff\xd8"
SOC_SIZ = b"\xff\x4f\xff\x51"
# JPEG's start of frame in all its processes (ISO 10918-1 table B.1), and that of JPEG-LS.
STARTS_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
# DHT, DAC, DQT, DRI, APPn, JPEG-LS parameters and COM: all that may stand before it, each with a
# length. Others, such as TEM and RSTn, have none, and a decoder would read on elsewhere than we.
BEFORE_START_OF_FRAME = frozenset({0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xF8, 0xFE})
RLE_HEADER_BYTES = 64
JPEG_2000 = frozenset(
    {
        uids.JPEG2000Lossless,
        uids.JPEG2000,
        uids.HTJ2KLossless,
        uids.HTJ2KLosslessRPCL,
        uids.HTJ2K,
    }
)


class Declared(NamedTuple):
    """What a stream says of itself."""

    rows: int
    columns: int
    samples: int


def declared_size(frame: bytes, syntax: str) -> Declared | None:
    """The size that a frame of JPEG, JPEG-LS or JPEG 2000 declares; None where there is none."""
    return _jpeg_2000(frame) if syntax in JPEG_2000 else _jpeg(frame)


def _jpeg(frame: bytes) -> Declared | None:
    """ISO 10918-1 B.2.2: marker segments until a start of frame."""
    if not frame.startswith(SOI):
        return None
    at = 2
    while at + 10 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in STARTS_OF_FRAME:
            rows, columns = number(frame, at + 5, 2), number(frame, at + 7, 2)
            return Declared(rows, columns, frame[at + 9])
        elif marker in BEFORE_START_OF_FRAME and number(frame, at + 2, 2) >= 2:
            at += 2 + number(frame, at + 2, 2)
        else:
            break
    return None


def _jpeg_2000(frame: bytes) -> Declared | None:
    """ISO 15444-1 A.5.1: SIZ follows at once. PS3.5 A.4.4 allows no JP2 file around it."""
    if not frame.startswith(SOC_SIZ) or len(frame) < 42:
        return None
    right, bottom, left, top = (number(frame, at, 4) for at in (8, 12, 16, 20))
    return Declared(bottom - top, right - left, number(frame, 40, 2))


def number(data: bytes, at: int, size: int) -> int:
    """The big-endian number in `size` bytes of a stream, fewer at its end."""
    return int.from_bytes(data[at : at + size], "big")


def rle_is_bounded(frame: bytes, size: int) -> bool:
    """True where no segment of an RLE frame unpacks to more than `size` bytes (PS3.5 annex G)."""
    count = int.from_bytes(frame[:4], "little")
    if len(frame) < RLE_HEADER_BYTES or not 1 <= count <= 15:
        return False
    begins = [int.from_bytes(frame[n : n + 4], "little") for n in range(4, 4 + 4 * count, 4)]
    ends = [*begins[1:], len(frame)]
    return all(
        _unpacked(frame[begin:end], size) <= size for begin, end in zip(begins, ends, strict=True)
    )


def _unpacked(segment: bytes, limit: int) -> int:
    """How many bytes a segment unpacks to; any number above `limit` is as good as another."""
    at = length = 0
    while at < len(segment) and length <= limit:
        header = segment[at]
        if header < 128:
            length += min(header + 1, len(segment) - at - 1)  # the last byte may be padding
            at += header + 2
        elif header > 128:
            length += 257 - header
            at += 2
        else:
            at += 1
    return length
