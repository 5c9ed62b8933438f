"""DICOM bytes -> header and `Scan`: the one place where foreign files are read.

Nothing is guessed. What cannot be read with certainty is a `Refusal` with a stable code:

| code | the file |
|---|---|
| not-dicom | is no DICOM file (PS3.10), or ends within the header |
| transfer-syntax | is compressed in a way that is not read here |
| lossy | was compressed with loss: counts are measurements, and these are not the measured ones |
| matrix, frames | has no, an impossible or a too large matrix or number of frames |
| pixel-format, photometric, rescale | holds pixels that are not counts as NM defines them |
| not-static | is dynamic, gated, a tomography or a whole-body sweep |
| not-emission | shows a source behind the patient, not what the patient emits |
| pixel-data, pixel-values | lacks pixels, or they cannot be decoded, or they are no counts |
| flat-image | shows nothing: every pixel of every frame is the same |
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset

from adjuvant.acquisition import (
    duration_s,
    frame_views,
    frame_windows_kev,
    magnifies,
    require_static,
    spacing_mm,
)
from adjuvant.dicom_file import PIXEL_DATA, parse
from adjuvant.errors import Refusal
from adjuvant.header import UNREADABLE, quiet
from adjuvant.pixels import (
    Limits,
    decode,
    require_counts,
    require_layout,
    require_syntax,
    rescale,
)
from adjuvant.preprocess import Image
from adjuvant.scan import Frame, Scan

__all__ = ["Limits", "read_header", "read_scan"]


def read_header(data: bytes) -> Dataset:
    """The header of a DICOM file, without its pixels, values still as they came.

    Raises Refusal (not-dicom) on anything that is not a DICOM file.
    """
    return _without_pixels(parse(data, pixels=False))


def read_scan(data: bytes | Dataset, limits: Limits) -> Scan:
    """Read every static view of a planar NM image; a given dataset is left as it is.

    Frames that hold no signal at all are left out as long as one remains: the second head of a
    camera is often off. Raises Refusal with one of the codes above (PS3.3 A.5 and C.8.4).
    """
    source = parse(data, pixels=True) if isinstance(data, bytes) else data
    layout = require_layout(source, limits)
    require_static(source, layout.frames)
    require_counts(source)
    require_syntax(source)
    counts = rescale(source, decode(source, layout))
    header = _without_pixels(source)
    return Scan(header, _frames(header, counts), spacing_mm(header), magnifies(header))


def _without_pixels(source: Dataset) -> Dataset:
    """The same elements, undecoded ones as they are, without the pixels and the file's bytes."""
    kept = [tag for tag in source.keys() if tag != PIXEL_DATA]  # noqa: SIM118 - iterating decodes
    header = Dataset({tag: source.get_item(tag, keep_deferred=True) for tag in kept})
    _require_character_set(source)
    implicit, little = source.original_encoding
    header.set_original_encoding(implicit, little, source.original_character_set)
    header.file_meta = getattr(source, "file_meta", FileMetaDataset())
    return header


def _require_character_set(source: Dataset) -> None:
    """Without it no text of the patient can be handed on (PS3.3 C.12.1.1.2)."""
    try:
        with quiet():
            _ = source._character_set
    except UNREADABLE:
        raise Refusal("not-dicom", "SpecificCharacterSet cannot be read") from None


def _frames(header: Dataset, counts: Image) -> tuple[Frame, ...]:
    views, duration = frame_views(header, len(counts)), duration_s(header)
    windows = frame_windows_kev(header, len(counts))
    frames = tuple(
        Frame(number, image, view, duration, window)
        for number, (image, view, window) in enumerate(
            zip(counts, views, windows, strict=True), start=1
        )
        if image.min() < image.max()
    )
    if not frames:
        raise Refusal("flat-image", f"the image is flat: every pixel holds {counts.min():g} counts")
    return frames
