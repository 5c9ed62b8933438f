"""PNG, NIfTI and NRRD: the pentagon out of each, and what is refused."""

from __future__ import annotations

import io

import nibabel
import nrrd
import numpy as np
import pytest
from PIL import Image

from tests.training.rois.vectors import counts, expected
from training.rois.drawing import Drawings, RoiError
from training.rois.labels import Names
from training.rois.placing import Plane, rasterise
from training.rois.readers import read_drawings


def png(values: np.ndarray, mode: str | None = None) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(values)
    (picture.convert(mode) if mode else picture).save(stream, "png")
    return stream.getvalue()


def nifti(values: np.ndarray, affine: np.ndarray | None = None) -> bytes:
    """(columns, rows[, frames]) with the axes that ITK writes for a planar image."""
    itk = np.diag([-1.2, -1.2, 1.0, 1.0]) if affine is None else affine
    return bytes(nibabel.Nifti1Image(values, itk).to_bytes())


def segmentation(values: np.ndarray, tmp_path, **header: str) -> bytes:  # type: ignore[no-untyped-def]
    """A .seg.nrrd as Slicer writes it."""
    path = tmp_path / "s.seg.nrrd"
    nrrd.write(str(path), values, {"space directions": np.diag([1.2, 1.2, 1.0]), **header})
    return path.read_bytes()


def masks(found: Drawings) -> dict[str, np.ndarray]:
    assert found.problems == ()
    return {one.name: rasterise(one, Plane(counts())) for one in found.drawings}


LABELS = expected().astype(np.uint8)
LABELS[2, 3:5] = 2


@pytest.mark.parametrize("value", [1, 255])
def test_a_png_of_two_values_is_background_and_gland(value: int) -> None:
    found = masks(read_drawings(png((expected() * value).astype(np.uint8))))
    np.testing.assert_array_equal(found["gland"], expected())


def test_a_black_and_white_and_an_indexed_png_are_read() -> None:
    for mode in ("1", "P"):
        found = masks(read_drawings(png((expected() * 255).astype(np.uint8), mode)))
        np.testing.assert_array_equal(found["gland"], expected())


def test_a_png_label_map_holds_gland_and_nodule() -> None:
    found = masks(read_drawings(png(LABELS)))
    np.testing.assert_array_equal(found["gland"], LABELS == 1)
    np.testing.assert_array_equal(found["nodule"], LABELS == 2)


def test_values_without_a_name_and_pictures_in_colours_are_named() -> None:
    found = read_drawings(png(LABELS * 3))
    assert found.problems == (
        "value 3 has no name: 1 is the gland, 2 a nodule",
        "value 6 has no name: 1 is the gland, 2 a nodule",
    )
    with pytest.raises(RoiError, match=r"in colours \(RGB\)"):
        read_drawings(png(np.zeros((8, 10, 3), np.uint8)))
    with pytest.raises(RoiError, match="the picture cannot be read"):
        read_drawings(png(LABELS)[:40])


def test_a_picture_with_smoothed_edges_is_no_label_map() -> None:
    edges = np.tile(np.arange(48, dtype=np.uint8), (48, 1))
    for data in (png(edges), nifti(edges)):
        with pytest.raises(RoiError, match="48 different values: smoothed or an image"):
            read_drawings(data)


def test_a_nifti_label_map_runs_along_the_rows_first() -> None:
    for data in (nifti(LABELS.T[:, :, None]), nifti(LABELS.T)):
        found = masks(read_drawings(data))
        np.testing.assert_array_equal(found["gland"], LABELS == 1)
        np.testing.assert_array_equal(found["nodule"], LABELS == 2)


def test_each_frame_of_a_volume_is_a_frame_of_the_image() -> None:
    empty = np.zeros_like(LABELS.T)
    found = read_drawings(nifti(np.stack([empty, LABELS.T], axis=2)))
    assert [(one.name, one.reference.frame) for one in found.drawings] == [
        ("gland", 2),
        ("nodule", 2),
    ]


def test_a_turned_volume_or_a_probability_map_is_refused() -> None:
    turned = np.array([[0, -1.2, 0, 0], [1.2, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(RoiError, match="turned or oblique"):
        read_drawings(nifti(LABELS.T[:, :, None], turned))
    with pytest.raises(RoiError, match="not a label map"):
        read_drawings(nifti(LABELS.T.astype(np.float32) / 2))
    with pytest.raises(RoiError, match="cannot be read"):
        read_drawings(nifti(LABELS.T)[:400])


def test_a_slicer_segmentation_names_its_segments(tmp_path) -> None:  # type: ignore[no-untyped-def]
    names = {"Segment0_Name": "Schilddr__se", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
    names |= {"Segment1_Name": "Knoten", "Segment1_LabelValue": "2", "Segment1_Layer": "0"}
    data = segmentation(LABELS.T[:, :, None], tmp_path, **names)
    found = masks(read_drawings(data.replace(b"__", "ü".encode())))
    gland, nodule = found.values()
    np.testing.assert_array_equal(gland, LABELS == 1)
    np.testing.assert_array_equal(nodule, LABELS == 2)
    assert [Names().label_of(name) for name in found] == ["gland", "nodule"]


def test_a_slicer_segmentation_in_overlapping_layers_is_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    layers = np.stack([expected().T, (LABELS == 2).T]).astype(np.uint8)[..., None]
    names = {"Segment0_Name": "gland", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
    names |= {"Segment1_Name": "nodule", "Segment1_LabelValue": "1", "Segment1_Layer": "1"}
    path = tmp_path / "layers.seg.nrrd"
    nan = [np.nan] * 3
    directions = np.array([nan, [1.2, 0, 0], [0, 1.2, 0], [0, 0, 1.0]])
    nrrd.write(str(path), layers, {"space directions": directions, "space": "LPS", **names})
    found = masks(read_drawings(path.read_bytes()))
    np.testing.assert_array_equal(found["gland"], expected())
    np.testing.assert_array_equal(found["nodule"], LABELS == 2)


def test_a_slicer_segmentation_that_was_cut_is_put_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    cut = expected()[1:6, 2:7].T[:, :, None].astype(np.uint8)
    names = {"Segment0_Name": "gland", "Segment0_LabelValue": "1"}
    names["Segmentation_ReferenceImageExtentOffset"] = "2 1 0"
    found = masks(read_drawings(segmentation(cut, tmp_path, **names)))
    np.testing.assert_array_equal(found["gland"], expected())


@pytest.mark.parametrize(("slices", "frames"), [(2, [2, 3]), (1, [2])])
def test_slices_that_were_cut_are_put_back_too(tmp_path, slices: int, frames: list[int]) -> None:  # type: ignore[no-untyped-def]
    cut = np.stack([expected()[1:6, 2:7].T] * slices, axis=2).astype(np.uint8)
    names = {"Segment0_Name": "gland", "Segment0_LabelValue": "1"}
    names["Segmentation_ReferenceImageExtentOffset"] = "2 1 1"
    found = read_drawings(segmentation(cut, tmp_path, **names))
    assert [one.reference.frame for one in found.drawings] == frames
    for one in found.drawings:
        np.testing.assert_array_equal(rasterise(one, Plane(counts())), expected())


def test_a_segment_that_is_not_in_the_file_and_a_damaged_file_are_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    names = {"Segment0_Name": "gland", "Segment0_LabelValue": "1", "Segment0_Layer": "3"}
    data = segmentation(LABELS.T[:, :, None], tmp_path, **names)
    found = read_drawings(data)
    assert found.problems == ("Segment0: its layer or label value is not in the file",)
    with pytest.raises(RoiError, match="the volume cannot be read"):
        read_drawings(data[:-20])
