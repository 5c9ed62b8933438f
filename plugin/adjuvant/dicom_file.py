"""DICOM bytes -> data set, with bounds on what reading may cost, whatever the bytes are.

A file of a few kB may unpack to gigabytes, and a file of some MB may hold millions of elements and
items, of which pydicom makes objects a hundred times their size. No planar scan comes near the
bounds here; what exceeds them is refused before memory is asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import _read_file_meta_info, read_partial, read_preamble
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from adjuvant.errors import Refusal
from adjuvant.header import UNREADABLE, quiet

PIXEL_DATA = Tag("PixelData")
FIRST_PIXELS = Tag("FloatPixelData")
SPECIFIC_CHARACTER_SET = Tag("SpecificCharacterSet")
MAXIMUM_INFLATED_BYTES = 2**27
MAXIMUM_META_BYTES = 2**16
MAXIMUM_HEADER_BYTES = 2**23
MAXIMUM_ELEMENTS = 20_000
MAXIMUM_ITEMS = 10_000
MAXIMUM_CHARACTER_SETS_BYTES = 1024
ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")  # in little and in big endian

Stop = Callable[[BaseTag, str | None, int], bool]


def parse(data: bytes, *, pixels: bool) -> Dataset:
    """The data set of a DICOM file, values as they came, without what follows its pixels.

    Raises Refusal (not-dicom, matrix) on anything that is no DICOM file or exceeds the bounds.
    """
    try:
        with quiet():
            _require_few_items(data)
            return _parse(_inflated(data), pixels)
    except InvalidDicomError:
        raise Refusal("not-dicom", "the file is not DICOM: it has no DICM prefix") from None
    except (*UNREADABLE, zlib.error) as fault:
        kind = type(fault).__name__
        raise Refusal("not-dicom", f"the file cannot be read as DICOM ({kind})") from None


def _require_few_items(data: bytes) -> None:
    if sum(data.count(item) for item in ITEMS) > MAXIMUM_ITEMS:
        raise Refusal("not-dicom", f"the file has more than {MAXIMUM_ITEMS} sequence items")


def _parse(data: bytes, pixels: bool) -> Dataset:
    if len(data) > MAXIMUM_HEADER_BYTES:
        until = _Until(pixels=False)
        source = read_partial(BytesIO(data[:MAXIMUM_HEADER_BYTES]), until)
        if not until.reached:
            limit = MAXIMUM_HEADER_BYTES >> 20
            raise Refusal("not-dicom", f"no pixels begin within the first {limit} MiB of the file")
        if not pixels:
            return source
    return read_partial(BytesIO(data), _Until(pixels=pixels))


class _Until:
    """Where to stop reading: before the pixels, or behind them, whatever the order of the tags."""

    def __init__(self, *, pixels: bool) -> None:
        self._pixels = pixels
        self._elements = 0
        self.reached = False

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        if self.reached:
            return True
        self._elements += 1
        if self._elements > MAXIMUM_ELEMENTS:
            raise Refusal("not-dicom", f"the file has more than {MAXIMUM_ELEMENTS} elements")
        if tag == SPECIFIC_CHARACTER_SET and length > MAXIMUM_CHARACTER_SETS_BYTES:
            raise Refusal("not-dicom", f"SpecificCharacterSet has {length} bytes")
        self.reached = tag >= FIRST_PIXELS
        return self.reached and not (self._pixels and tag == PIXEL_DATA)


def _inflated(data: bytes) -> bytes:
    """A deflated file as an uncompressed one, any other as it is."""
    source = BytesIO(data[:MAXIMUM_META_BYTES])
    read_preamble(source, False)
    meta = _read_file_meta_info(source)
    if source.tell() >= MAXIMUM_META_BYTES:
        raise Refusal("not-dicom", f"its File Meta Information exceeds {MAXIMUM_META_BYTES} bytes")
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return data
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = inflater.decompress(data[source.tell() :], MAXIMUM_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        limit = MAXIMUM_INFLATED_BYTES >> 20
        raise Refusal("matrix", f"the deflated data set unpacks to more than {limit} MiB")
    if not inflater.eof:
        raise Refusal("not-dicom", "the deflated data set cannot be unpacked")
    _require_few_items(unpacked)
    return data[:132] + _meta_of_uncompressed(meta) + unpacked


def _meta_of_uncompressed(meta: FileMetaDataset) -> bytes:
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_file_meta_info(stream, meta, enforce_standard=False)
    return stream.getvalue()
