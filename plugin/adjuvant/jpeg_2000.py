"""How many parts a JPEG 2000 frame is cut into, counted before a decoder takes memory for each.

A stream of 90 bytes may cut 2048 x 2048 pixels into millions of precincts. Encoders cut a planar
scan into a few, and say how in the main header alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from adjuvant.codestream import number

COD, SOT, SOD = 0xFF52, 0xFF90, 0xFF93
# CAP, COD, TLM, PLM, CPF, QCD, QCC, RGN, POC, PPM, CRG, COM; not COC, which would overrule COD.
IN_MAIN_HEADER = frozenset({0x50, 0x52, 0x55, 0x57, 0x59, *range(0x5C, 0x61), 0x63, 0x64})
# PLT, QCD, QCC, RGN, POC, PPT, COM; neither COD nor COC.
IN_TILE_HEADER = frozenset({0x58, *range(0x5C, 0x60), 0x61, 0x64})
# Precincts of all tiles and resolutions together: so many, and one more for each 256 pixels.
MOST_PRECINCTS = 1024
PIXELS_OF_PRECINCT = 256
MOST_LAYERS = 256


class _Style(NamedTuple):
    """COD (ISO 15444-1 A.6.1): of each resolution, the lowest first, the exponents of the width
    and height of its precincts."""

    layers: int
    precincts: list[tuple[int, int]]


def is_bounded(frame: bytes) -> bool:
    """True where the tiles, precincts and layers of a stream are in proportion to its size, and
    every header of it is of a form that can be followed (ISO 15444-1 A.4 to A.6)."""
    try:
        main = dict(_segments(frame, 2, SOT, IN_MAIN_HEADER | {0x51}))
        style = _style(frame, main[COD])
        _require_known_tile_headers(frame, main[SOT])
    except (LookupError, ValueError):
        return False
    right, bottom, left, top, width, height, tile_left, tile_top = (
        number(frame, at, 4) for at in range(8, 40, 4)
    )
    if not width or not height:
        return False
    columns, rows = right - left, bottom - top
    tiles = _cuts(right - tile_left, width) * _cuts(bottom - tile_top, height)
    precincts = tiles * _precincts(min(width, columns), min(height, rows), style.precincts)
    limit = MOST_PRECINCTS + rows * columns // PIXELS_OF_PRECINCT
    return precincts <= limit and style.layers <= MOST_LAYERS


def _segments(frame: bytes, at: int, last: int, known: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Each marker and where it is, up to and with `last`; raises ValueError on an unknown one, a
    second COD and a senseless length."""
    styles = 0
    while (marker := number(frame, at, 2)) != last:
        length = number(frame, at + 2, 2)
        styles += marker == COD
        if marker >> 8 != 0xFF or marker & 0xFF not in known or length < 2 or styles > 1:
            raise ValueError("a marker or its length is not known here")
        yield marker, at
        at += 2 + length
    yield marker, at


def _style(frame: bytes, at: int) -> _Style:
    length, has_precincts = number(frame, at + 2, 2), frame[at + 4] & 1
    resolutions = frame[at + 9] + 1
    if length != 12 + resolutions * has_precincts:
        raise ValueError("COD is of another length than its content")
    sizes = frame[at + 14 : at + 14 + resolutions] if has_precincts else b"\xff" * resolutions
    return _Style(number(frame, at + 6, 2), [(size & 15, size >> 4) for size in sizes])


def _require_known_tile_headers(frame: bytes, at: int) -> None:
    """Follow the tile-parts; raises ValueError on a header with other markers."""
    while number(frame, at, 2) == SOT:
        for _ in _segments(frame, at + 12, SOD, IN_TILE_HEADER):
            pass
        length = number(frame, at + 6, 4)
        if not length:  # up to the end
            return
        if length < 14:
            raise ValueError("a tile-part is shorter than its header")
        at += length


def _precincts(width: int, height: int, sizes: list[tuple[int, int]]) -> int:
    """Of one tile, all resolutions together (ISO 15444-1 B.6)."""
    halvings = range(len(sizes) - 1, -1, -1)
    return sum(
        _cuts(width, 1 << (halved + across)) * _cuts(height, 1 << (halved + down))
        for halved, (across, down) in zip(halvings, sizes, strict=True)
    )


def _cuts(length: int, part: int) -> int:
    return -(-length // part)
