"""Masks and label maps as pictures and volumes: PNG, NIfTI, and the NRRD of 3D Slicer.

The first axis of a volume runs along the rows and the second down the columns, as Slicer, ITK and
nnU-Net store a planar image; a third counts the frames. Volumes whose axes point elsewhere are
refused: nobody can say how they lie on the image.

A value without a name is read by number: 1 is the gland, 2 a nodule. A picture of 0 and one other
value is background and gland, whatever that value is.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.rois.drawing import Drawing, Drawings, Painted, Reference, RoiError

# Names by which `labels.label_of` knows them.
NAMES_BY_VALUE = {1: "gland", 2: "nodule"}
MAXIMUM_BYTES = 2**28
# What people label by number are a few things; a smoothed edge has every grey in between.
MOST_VALUES = 16
DAMAGED = (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, zlib.error)


def read_png(data: bytes) -> Drawings:
    """A grey, indexed or black-and-white picture of the image's own matrix. Raises RoiError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            mode, values = picture.mode, np.asarray(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, *DAMAGED) as fault:
        raise RoiError(f"the picture cannot be read ({type(fault).__name__})") from fault
    if values.ndim != 2:
        raise RoiError(f"a picture in colours ({mode}): save the mask in grey or indexed")
    found = np.unique(values)
    if len(found) == 2 and found[0] == 0:
        values = (values > 0).astype(np.uint8)
    return _label_map("png", values[None], {})


def read_nifti(data: bytes) -> Drawings:
    """A label map (columns, rows[, frames]) as .nii or .nii.gz. Raises RoiError."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    try:
        image: Any = nibabel.Nifti1Image.from_bytes(_unzipped(data))
        values = np.asarray(image.dataobj)
        axes = np.asarray(image.affine)[:3, :3]
    except (ImageFileError, HeaderDataError, *DAMAGED) as fault:
        raise RoiError(f"the volume cannot be read ({type(fault).__name__})") from fault
    _require_axes(axes[:2, :2])
    return _label_map("nifti", _frames_first(values), {})


def read_nrrd(data: bytes) -> Drawings:
    """A label map or a segmentation (.seg.nrrd) of 3D Slicer. Raises RoiError.

    Slicer may cut a segmentation to what is drawn; where it says how far, it is put back.
    """
    import nrrd

    try:
        stream = io.BytesIO(data)
        header = nrrd.read_header(stream)
        values = nrrd.read_data(header, stream)
    except (nrrd.NRRDError, *DAMAGED) as fault:
        raise RoiError(f"the volume cannot be read ({type(fault).__name__})") from fault
    layers = values if values.ndim == 4 else values[None]
    directions = header.get("space directions")
    if directions is not None:
        axes = np.array([row for row in directions if np.isfinite(row).all()], np.float64)
        _require_axes(axes[:2, :2].T)
    if not any(key.endswith("_LabelValue") for key in header):
        return _label_map("nrrd", _frames_first(layers[0]), {})
    return _segments(header, layers)


def _segments(header: Mapping[str, Any], layers: NDArray[Any]) -> Drawings:
    """Segment0_Name, Segment0_LabelValue, Segment0_Layer and so on."""
    drawings: list[Drawing] = []
    problems: list[str] = []
    across, down, through = _extent_offset(header)
    for key, label in header.items():
        if not key.endswith("_LabelValue"):
            continue
        prefix = key.removesuffix("_LabelValue")
        try:
            layer = layers[int(header.get(f"{prefix}_Layer", 0))]
            frames = _frames_first(layer) == int(label)
        except (ValueError, IndexError):
            problems.append(f"{prefix}: its layer or label value is not in the file")
            continue
        name = str(header.get(f"{prefix}_Name", ""))
        drawings += _drawn(name, frames, (down, across), through)
    return Drawings("slicer-nrrd", tuple(drawings), tuple(problems))


def _extent_offset(header: Mapping[str, Any]) -> tuple[int, int, int]:
    """Columns, rows and slices that were cut off before the first."""
    try:
        across, down, through = (
            int(one) for one in str(header["Segmentation_ReferenceImageExtentOffset"]).split()
        )
    except (KeyError, ValueError):
        return 0, 0, 0
    return across, down, through


def _label_map(reader: str, frames: NDArray[Any], names: Mapping[int, str]) -> Drawings:
    """One drawing for each value and frame; `frames` is (frames, rows, columns)."""
    if frames.dtype.kind == "f" and not np.array_equal(frames, np.rint(frames)):
        raise RoiError("values between whole numbers: not a label map")
    found = np.unique(frames)
    if len(found) > MOST_VALUES:
        raise RoiError(f"{len(found)} different values: smoothed or an image, not a label map")
    drawings: list[Drawing] = []
    problems: list[str] = []
    for value in found:
        name = names.get(int(value)) or NAMES_BY_VALUE.get(int(value))
        if value == 0:
            continue
        if name is None:
            problems.append(f"value {int(value)} has no name: 1 is the gland, 2 a nodule")
            continue
        drawings += _drawn(name, frames == value, (0, 0))
    return Drawings(reader, tuple(drawings), tuple(problems))


def _drawn(
    name: str, frames: NDArray[np.bool_], offset: tuple[int, int], cut_before: int = 0
) -> list[Drawing]:
    """One drawing for each frame with something on it; so many frames were cut off before."""
    several = len(frames) > 1 or cut_before != 0
    return [
        Drawing(name, Painted(mask, offset), Reference(frame=number if several else None))
        for number, mask in enumerate(frames, start=1 + cut_before)
        if mask.any()
    ]


def _frames_first(values: NDArray[Any]) -> NDArray[Any]:
    """(columns, rows[, frames]) -> (frames, rows, columns)."""
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3:
        raise RoiError(f"a volume of {values.ndim} dimensions, not 2 or 3")
    return np.ascontiguousarray(values.transpose(2, 1, 0))


def _require_axes(axes: NDArray[np.float64]) -> None:
    """First axis along x and second along y, whichever way; anything else is another plane."""
    turned = abs(axes[0, 1]) + abs(axes[1, 0])
    if axes.shape == (2, 2) and turned > 1e-3 * max(abs(axes[0, 0]) + abs(axes[1, 1]), 1e-9):
        raise RoiError("the volume's axes are not those of the image: it is turned or oblique")


def _unzipped(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    with gzip.open(io.BytesIO(data)) as file:
        unzipped = file.read(MAXIMUM_BYTES + 1)
    if len(unzipped) > MAXIMUM_BYTES:
        raise RoiError(f"the volume unpacks to more than {MAXIMUM_BYTES >> 20} MiB")
    return unzipped
