"""CSV, XML, JSON and the archive in an SR: the same pentagon out of each, and what is refused."""

from __future__ import annotations

import json
import plistlib
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from tests.training.rois.vectors import MATRIX, POINTS, UID, counts, expected
from training.rois.drawing import Drawing, Drawings, RoiError
from training.rois.osirix_csv import read_osirix_csv
from training.rois.osirix_json import read_osirix_json
from training.rois.osirix_plist import read_osirix_plist, read_osirix_sr
from training.rois.placing import Plane, rasterise

OLD = (
    "ImageNo,RoiNo,RoiMean,RoiMin,RoiMax,RoiTotal,RoiDev,RoiName,RoiCenterX,RoiCenterY,"
    "RoiCenterZ,LengthCm,LengthPix,AreaPix2, AreaCm2,RoiType,"
)
TAIL = "NumOfPoints,mmX,mmY,mmZ,pxX,pxY,...\n"
WITHOUT_UIDS = OLD + TAIL
WITH_UIDS = OLD + "SOPInstanceUID,SeriesInstanceUID,StudyInstanceUID," + TAIL


def line(
    kind: int,
    points: list[tuple[float, float]],
    *,
    name: str = '"Thyroïde, contour"',
    image: int = 0,
    uids: str = f"{UID},1.2.3,1.2.4,",
    mean: str = "20.0",
) -> str:
    """One row as the plugin writes it, made-up mm included."""
    head = f"{image},0,{mean},20,20,380,0,{name},1,2,0,4.5,15,19.6,0.2,{kind},"
    body = ",".join(f"9.9,9.9,0.0,{x:f},{y:f}" for x, y in points)
    return f"{head}{uids}{len(points)},{body}\n"


def mask_of(drawing: Drawing) -> np.ndarray:
    return rasterise(drawing, Plane(counts()))


def only(found: Drawings) -> Drawing:
    assert found.problems == ()
    (drawing,) = found.drawings
    return drawing


def test_a_csv_with_uids_gives_the_pixels_computed_by_hand() -> None:
    drawing = only(read_osirix_csv((WITH_UIDS + line(11, POINTS)).encode()))
    assert drawing.name == "Thyroïde, contour"
    assert drawing.reference.instance == UID
    assert drawing.statistics.mean == 20
    np.testing.assert_array_equal(mask_of(drawing), expected())


def test_a_csv_of_an_older_version_has_no_uids_and_names_its_frame() -> None:
    text = WITHOUT_UIDS + line(15, POINTS, uids="", image=2)
    drawing = only(read_osirix_csv(text.encode("utf-8-sig")))
    assert (drawing.reference.instance, drawing.reference.frame) == (None, 3)
    np.testing.assert_array_equal(mask_of(drawing), expected())


def test_rows_are_as_long_as_their_rois() -> None:
    square = [(1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 3.0)]
    text = WITH_UIDS + line(11, POINTS) + line(6, square) + line(11, POINTS[:3])
    found = read_osirix_csv(text.encode())
    assert [int(mask_of(one).sum()) for one in found.drawings] == [19, 4, 8]


def test_a_rectangle_and_an_oval_of_two_corners_are_what_they_say() -> None:
    corners = [(2.0, 1.0), (7.0, 4.0)]
    text = WITH_UIDS + line(6, corners) + line(9, corners)
    rectangle, oval = (mask_of(one) for one in read_osirix_csv(text.encode()).drawings)
    assert int(rectangle.sum()) == 15
    # Half axes 2.5 and 1.5 around (4.5, 2.5): row 2 has 5 centres, rows 1 and 3 those within
    # 2.5 * sqrt(1 - 1 / 2.25) = 1.86: 3.5, 4.5, 5.5.
    assert [int(row.sum()) for row in oval] == [0, 3, 5, 3, 0, 0, 0, 0]


def test_an_oval_of_many_points_is_the_polygon_of_its_points() -> None:
    np.testing.assert_array_equal(
        mask_of(only(read_osirix_csv((WITH_UIDS + line(9, POINTS)).encode()))), expected()
    )


@pytest.mark.parametrize(
    ("kind", "points", "said"),
    [
        (20, [], "brush: its pixels are not in the file"),
        (5, POINTS[:2], "length: encloses no area"),
        (13, POINTS[:1], "text: encloses no area"),
        (77, POINTS, "kind 77: encloses no area"),
        (11, POINTS[:2], "closed polygon: 2 points enclose no area"),
    ],
)
def test_what_encloses_no_area_is_named_and_the_rest_is_read(
    kind: int, points: list[tuple[float, float]], said: str
) -> None:
    text = WITH_UIDS + line(kind, points) + line(11, POINTS)
    found = read_osirix_csv(text.encode())
    assert len(found.drawings) == 1
    assert len(found.problems) == 1
    assert found.problems[0].startswith("line 2: ")
    assert said in found.problems[0]


def test_a_row_that_was_cut_short_is_named() -> None:
    text = WITH_UIDS + line(11, POINTS).rsplit(",", 3)[0] + "\n" + "0,1,garbage\n"
    found = read_osirix_csv(text.encode())
    assert found.drawings == ()
    assert "line 2: 22 values for 5 points instead of 25" in found.problems[0]
    assert "line 3: the row is cut short or holds no numbers" in found.problems[1]


@pytest.mark.parametrize("data", [b"", b"name;value\n1;2\n", b"\xff\xfe\x00", b'a,"b\n'])
def test_another_csv_is_refused(data: bytes) -> None:
    with pytest.raises(RoiError, match=r"not an export of ROIs|not a CSV file"):
        read_osirix_csv(data)


def export(points: list[Any], kind: int = 11, **more: Any) -> dict[str, Any]:
    """The dictionary that the plugin saves as XML."""
    roi = {
        "IndexInImage": 0,
        "Mean": 20.0,
        "Max": 20.0,
        "Name": "Gland",
        "Type": kind,
        "NumberOfPoints": len(points),
        "Point_px": points,
    }
    image = {
        "ImageHeight": MATRIX[0],
        "ImageWidth": MATRIX[1],
        "ImageIndex": 0,
        "ImageTotalNum": 1,
        "NumberOfROIs": 1,
        "ROIs": [roi | more],
    }
    return {"Images": [image]}


TEXTS = [f"({x:f}, {y:f})" for x, y in POINTS]


def test_an_xml_property_list_gives_the_pixels_computed_by_hand() -> None:
    drawing = only(read_osirix_plist(plistlib.dumps(export(TEXTS))))
    assert drawing.matrix == MATRIX
    assert drawing.reference.frame is None
    np.testing.assert_array_equal(mask_of(drawing), expected())


@pytest.mark.parametrize(
    "points", [TEXTS, [list(one) for one in POINTS], [{"x": x, "y": y} for x, y in POINTS]]
)
def test_json_gives_the_pixels_computed_by_hand_however_points_are_written(
    points: list[Any],
) -> None:
    content = export(points, SOPInstanceUID=UID)
    drawing = only(read_osirix_json(json.dumps(content).encode()))
    assert drawing.reference.instance == UID
    np.testing.assert_array_equal(mask_of(drawing), expected())


def test_an_roi_without_points_or_kind_is_named() -> None:
    content = export(TEXTS)
    content["Images"][0]["ROIs"] += [{"Type": 20, "Name": "x"}, {"Name": "x"}]
    found = read_osirix_plist(plistlib.dumps(content))
    assert len(found.drawings) == 1
    assert "image 0, ROI 1: brush: its pixels are not in the file" in found.problems[0]
    assert found.problems[1] == "image 0, ROI 2: it lacks its kind or points"


@pytest.mark.parametrize(
    "data", [b"<plist><dict>", b"<html></html>", plistlib.dumps({"Rois": 1}), b"bplist00\x00\x01"]
)
def test_a_damaged_or_other_property_list_is_refused(data: bytes) -> None:
    with pytest.raises(RoiError, match=r"property list|no list Images"):
        read_osirix_plist(data)


@pytest.mark.parametrize("data", [b"{", b"[1]", b'{"Images": 3}', b"\xff{"])
def test_damaged_or_other_json_is_refused(data: bytes) -> None:
    with pytest.raises(RoiError, match=r"not JSON|no list Images"):
        read_osirix_json(data)


def report(document: bytes) -> Dataset:
    """An SR as Horos keeps its ROIs in."""
    source = Dataset()
    source.Modality = "SR"
    item = Dataset()
    item.ReferencedSOPInstanceUID = UID
    item.ReferencedFrameNumber = 2
    series = Dataset()
    series.ReferencedSOPSequence = [item]
    study = Dataset()
    study.ReferencedSeriesSequence = [series]
    source.CurrentRequestedProcedureEvidenceSequence = [study]
    source.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    return source


def archive(kind: int, points: list[tuple[float, float]], rect: str) -> bytes:
    """What NSKeyedArchiver makes of an array with one ROI (ROI.m, encodeWithCoder)."""
    uid = plistlib.UID
    objects: list[Any] = ["$null", {"NS.objects": [uid(2)], "$class": uid(3)}]
    objects += [{}, {"$classname": "NSMutableArray"}, {"$classname": "ROI"}, rect, kind, "Gland"]
    objects += [{"NS.objects": [], "$class": uid(3)}, {"$classname": "MyPoint"}]
    objects[2] = {"$class": uid(4), "$0": uid(8), "$1": uid(5), "$2": uid(6), "$10": uid(7)}
    for x, y in points:
        objects[8]["NS.objects"].append(uid(len(objects)))
        objects += [{"$0": uid(len(objects) + 1), "$class": uid(9)}, f"{{{x:g}, {y:g}}}"]
    top = {"$archiver": "NSKeyedArchiver", "$version": 100000, "$top": {"root": uid(1)}}
    return plistlib.dumps(top | {"$objects": objects}, fmt=plistlib.FMT_BINARY)


def test_the_archive_inside_an_sr_gives_the_pixels_computed_by_hand() -> None:
    drawing = only(read_osirix_sr(report(archive(11, POINTS, "{{0, 0}, {0, 0}}"))))
    assert drawing.name == "Gland"
    assert (drawing.reference.instance, drawing.reference.frame) == (UID, 2)
    np.testing.assert_array_equal(mask_of(drawing), expected())


def test_a_rectangle_in_an_archive_has_its_corners_in_its_box() -> None:
    drawing = only(read_osirix_sr(report(archive(6, [], "{{2, 1}, {5, 3}}"))))
    assert int(mask_of(drawing).sum()) == 15


def test_an_oval_in_an_archive_is_kept_by_its_centre_and_half_axes() -> None:
    drawing = only(read_osirix_sr(report(archive(9, [], "{{4.5, 2.5}, {2.5, 1.5}}"))))
    assert [int(row.sum()) for row in mask_of(drawing)] == [0, 3, 5, 3, 0, 0, 0, 0]


def test_a_plain_property_list_inside_an_sr_is_read_as_well() -> None:
    drawing = only(read_osirix_sr(report(plistlib.dumps(export(TEXTS)))))
    assert drawing.reference.instance == UID
    np.testing.assert_array_equal(mask_of(drawing), expected())


def test_a_typed_stream_inside_an_sr_is_refused_with_a_way_out() -> None:
    with pytest.raises(RoiError, match=r"typed stream.*export them as XML or CSV"):
        read_osirix_sr(report(b"\x04\x0bstreamtyped\x81\xe8\x03"))
