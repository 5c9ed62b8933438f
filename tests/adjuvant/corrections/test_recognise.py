"""A small Orthanc with a scan, our result, and what OHIF, Slicer and others saved over it."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from adjuvant import dicom_file
from adjuvant.archive import Archive, Connection
from adjuvant.corrections import difference, recognise, register
from adjuvant.corrections.difference import Outlines
from adjuvant.corrections.recognise import Looked, Recogniser
from adjuvant.corrections.register import Correction, Register, RegisterFault
from adjuvant.corrections.watch import Watch
from adjuvant.errors import ArchiveFault
from adjuvant.health import Health, Log
from adjuvant.results.seg import pack
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.viewer.objects import file_of, two_views

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
RESULTS = two_views()


def saved(*, change: bool = True, kind: str = "MANUAL", **tags: str) -> Dataset:
    """Our segmentation as a viewer saves it: another UID and maker, everything by hand, and a few
    pixels more in the gland of the first view where `change`."""
    found = deepcopy(RESULTS.segmentation)
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = "2.25.4711"
    found.Manufacturer, found.ManufacturerModelName = "Unspecified", ""
    del found.ContributingEquipmentSequence
    for segment in found.SegmentSequence:
        segment.SegmentAlgorithmType = kind
    if change:
        masks = RESULTS.masks.copy()
        masks[0, 0, 20:24, 20:30] = True
        found.PixelData = pack(masks)
    for keyword, value in tags.items():
        setattr(found, keyword, value)
    return found


class Room:
    """An Orthanc, the list, and the watch whose walks the tests make."""

    def __init__(self, orthanc: SmallOrthanc, folder: Path) -> None:
        self.orthanc, self.health = orthanc, Health("0.1.0")
        self.archive = Archive(Connection(orthanc.url, TOKEN), 1 << 24)
        self.register = Register(folder)
        self.lines: list[str] = []
        log = Log(self.lines.append, self.lines.append, self.lines.append)
        told = (self.health, log)
        self.flooded = self.ends = False
        self.watch = Watch(
            self.archive,
            self.register,
            ("thyroid",),
            told,
            0.01,
            lambda: self.flooded,
            lambda: self.ends,
        )

    def put(self, name: str, dataset: Dataset) -> None:
        self.orthanc.put(name, file_of(dataset))
        self.orthanc.classes[name] = str(dataset.SOPClassUID)

    def seen(self) -> list[Correction]:
        self.watch.walk()
        return self.register.corrections({}, 10, 0)[0]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with small_orthanc() as orthanc:
        room = Room(orthanc, tmp_path)
        room.put("scan", RESULTS.source)
        room.put("ours", RESULTS.segmentation)
        yield room
        room.watch.close()
        room.register.close()
        room.archive.close()


def test_what_a_person_saved_is_linked_to_our_result_and_its_model_version(room: Room) -> None:
    room.put("theirs", saved())
    (one,) = room.seen()
    found = one.found
    assert (found.instance, found.source, found.result) == ("theirs", "scan", "ours")
    assert (found.interpretation, found.model) == ("thyroid", "thyroid 0.1.0")
    assert found.model_digest == RESULTS.segmentation.DeviceSerialNumber
    assert found.changed == ("Thyroid gland",)
    assert (found.added, found.removed) == (40, 0)
    gland = int(RESULTS.masks.any(axis=0).sum())
    assert found.dice == pytest.approx(2 * gland / (2 * gland + 40))
    assert found.evidence == "SegmentAlgorithmType is MANUAL in 2 of 2 segments"
    assert (found.tool, one.state) == ("Unspecified", "open")
    date = str(RESULTS.source.AcquisitionDate or RESULTS.source.StudyDate)
    assert found.month == f"{date[:4]}-{date[4:6]}"
    assert found.scanner.startswith(str(RESULTS.source.Manufacturer))


def test_what_nobody_touched_is_listed_as_unchanged_though_all_of_it_says_manual(
    room: Room,
) -> None:
    room.put("theirs", saved(change=False))
    (one,) = room.seen()
    assert (one.found.changed, one.found.dice) == ((), 1.0)


def test_a_second_walk_finds_nothing_twice(room: Room) -> None:
    room.put("theirs", saved())
    assert len(room.seen()) == len(room.seen()) == 1
    assert len([line for line in room.lines if line.startswith("correction ")]) == 1


def test_neither_our_result_nor_another_program_s_is_a_correction(room: Room) -> None:
    room.put("program", saved(kind="AUTOMATIC"))
    assert room.seen() == []


@pytest.mark.parametrize(("change", "number"), [(True, 1), (False, 0)])
def test_an_automatic_one_with_a_creator_is_a_person_s_only_where_it_differs(
    room: Room, change: bool, number: int
) -> None:
    room.put("theirs", saved(kind="AUTOMATIC", change=change, ContentCreatorName="Jones^Mary"))
    found = room.seen()
    assert len(found) == number
    assert not any(
        "Jones" in line for line in [*room.lines, *(one.found.evidence for one in found)]
    )
    if found:
        assert found[0].found.evidence == "a creator is named, and 40 pixels differ from ours"


def test_our_equipment_copied_by_a_tool_does_not_make_it_ours(room: Room) -> None:
    room.put("theirs", saved(Manufacturer=str(RESULTS.segmentation.Manufacturer)))
    assert len(room.seen()) == 1


def test_a_label_that_a_person_invented_is_not_repeated(room: Room) -> None:
    theirs = saved()
    theirs.SegmentSequence[1].SegmentLabel = "Nodule of Mrs Smith"
    room.put("theirs", theirs)
    (one,) = room.seen()
    # Our own segment is missing now, and there is a new one.
    assert one.found.changed == ("Thyroid gland", "Cold nodule 1", "new: nodule")


def test_our_result_may_come_after_what_a_person_drew(room: Room) -> None:
    ours = room.orthanc.instances.pop("ours")
    room.put("theirs", saved())
    assert room.seen() == []
    room.orthanc.instances["ours"] = ours
    (one,) = room.seen()
    assert one.found.result == "ours"


def test_of_two_results_the_one_that_is_more_alike_was_corrected(room: Room) -> None:
    other = two_views().segmentation
    masks = RESULTS.masks.copy()
    masks[0, :, 40:60] = False
    _become_version(other, "9.9.9", masks)
    room.put("another version", other)
    room.put("theirs", saved())
    (one,) = room.seen()
    assert (one.found.result, one.found.model) == ("ours", "thyroid 0.1.0")


def _become_version(seg: Dataset, version: str, masks: np.ndarray) -> None:
    """As another model version would have made it: its digest, its UID, its pixels."""
    from adjuvant.results.uids import result_uid

    seg.DeviceSerialNumber = "f" * 64
    seg.SoftwareVersions = ["adjuvant", f"thyroid {version}"]
    uid = result_uid(str(RESULTS.source.SOPInstanceUID), "thyroid", "f" * 64, "seg")
    seg.SOPInstanceUID = seg.file_meta.MediaStorageSOPInstanceUID = uid
    seg.PixelData = pack(masks)


@pytest.mark.parametrize(
    "damage",
    [
        lambda seg: setattr(seg, "PixelData", b"\0\0"),
        lambda seg: setattr(seg, "SegmentationType", "FRACTIONAL"),
        lambda seg: delattr(seg, "PerFrameFunctionalGroupsSequence"),
        lambda seg: setattr(seg, "Rows", 64),
        lambda seg: setattr(seg, "NumberOfFrames", 2**30),
    ],
)
def test_a_damaged_one_is_passed_over_and_the_next_one_is_found(
    room: Room, damage: Callable[[Dataset], None]
) -> None:
    broken = saved()
    damage(broken)
    broken.SOPInstanceUID = broken.file_meta.MediaStorageSOPInstanceUID = "2.25.4712"
    room.put("broken", broken)
    room.put("theirs", saved())
    assert [one.found.instance for one in room.seen()] == ["theirs"]


def test_what_stands_behind_the_pixels_is_not_read(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = (struct.pack("<HH4s", 0x7FE3, number, b"LO\0\0") for number in range(3000))
    room.orthanc.put("theirs", file_of(saved()) + b"".join(tags))
    room.orthanc.classes["theirs"] = SEG
    elements: list[int] = []

    def outlines_on(source: Dataset, scan: str) -> Outlines:
        elements.append(len(source))
        return difference.outlines_on(source, scan)

    monkeypatch.setattr(recognise, "outlines_on", outlines_on)
    assert [one.found.instance for one in room.seen()] == ["theirs"]
    assert len(elements) == 2  # ours, and theirs
    assert max(elements) < 200


def test_a_segmentation_of_others_is_not_decoded_in_search_of_ours(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.put("theirs", saved())
    room.put("other", saved(SOPInstanceUID="2.25.4713"))
    parsed: list[int] = []

    def parse(data: bytes, *, pixels: bool) -> Dataset:
        parsed.append(len(data))
        return dicom_file.parse(data, pixels=pixels)

    monkeypatch.setattr(recognise, "parse", parse)
    assert Recogniser(room.archive, ("thyroid",)).look("theirs") is not None
    assert len(parsed) == 2  # theirs, and ours


def test_nothing_is_stored_changed_or_deleted_in_orthanc(room: Room) -> None:
    room.put("theirs", saved())
    room.seen()
    changing = ("PUT", "DELETE", "POST /instances")
    assert not [one for one in room.orthanc.requests if one.startswith(changing)]


def test_an_orthanc_that_ends_is_no_alarm(room: Room) -> None:
    room.ends = True
    room.orthanc.broken.add("changes")
    room.watch.start(0)
    asked = len(room.orthanc.requests)
    _until(lambda: len(room.orthanc.requests) > asked + 3)
    assert not _alarms(room)


def test_an_orthanc_that_fails_is_an_alarm_and_the_next_walk_settles_it(room: Room) -> None:
    room.orthanc.broken.add("changes")
    room.put("theirs", saved())
    room.watch.start(0)
    _until(lambda: any("not looked for" in str(a["what"]) for a in _alarms(room)))
    room.orthanc.broken.clear()
    _until(lambda: not _alarms(room))
    assert len(room.register.corrections({}, 10, 0)[0]) == 1


@pytest.mark.parametrize("fault", [ArchiveFault("Orthanc's REST API: ReadTimeout"), KeyError(7)])
def test_what_cannot_be_looked_at_holds_up_the_others_thrice_and_is_named(
    room: Room, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    look = Recogniser.look

    def look_or_fail(recogniser: Recogniser, instance: str) -> Looked | None:
        if instance == "ill":
            raise fault
        return look(recogniser, instance)

    monkeypatch.setattr(Recogniser, "look", look_or_fail)
    room.put("ill", saved())
    room.put("theirs", saved())
    for _ in range(2):
        with pytest.raises(type(fault)):
            room.seen()
    assert [one.found.instance for one in room.seen()] == ["theirs"]
    assert len(_pages(room)) == 3
    assert len(set(_pages(room))) == 1
    assert any(line.startswith("no corrections are looked for in ill: ") for line in room.lines)


def test_a_list_that_cannot_be_written_loses_no_page(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.put("theirs", saved())
    with monkeypatch.context() as patch:
        patch.setattr(room.register, "put", _fail)
        for _ in range(5):
            with pytest.raises(RegisterFault):
                room.seen()
    assert [one.found.instance for one in room.seen()] == ["theirs"]
    assert len(set(_pages(room))) == 1


def of_slices(sop_class: str | None) -> Dataset:
    """A segmentation of 500 slices, by a person."""
    slices = saved()
    slices.SourceImageSequence = [Dataset() for _ in range(500)]
    for number, one in enumerate(slices.SourceImageSequence):
        one.ReferencedSOPInstanceUID = f"2.25.500.{number}"
        one.ReferencedSOPClassUID = sop_class
    for keyword in (
        "ReferencedSeriesSequence",
        "PerFrameFunctionalGroupsSequence",
        "SharedFunctionalGroupsSequence",
    ):
        if keyword in slices:
            delattr(slices, keyword)
    return slices


def lookups(room: Room) -> int:
    return sum(one == "POST /tools/lookup" for one in room.orthanc.requests)


def waiting(room: Room) -> list[str]:
    return [f"2.25.500.{n}" for n in range(500) if room.register.unlinked((f"2.25.500.{n}",))]


def test_slices_of_another_modality_are_not_looked_for(room: Room) -> None:
    room.put("theirs", of_slices("1.2.840.10008.5.1.4.1.1.2"))
    assert room.seen() == []
    assert (lookups(room), waiting(room)) == (0, [])


def test_of_what_says_nothing_a_bounded_number_is_looked_for(room: Room) -> None:
    room.put("theirs", of_slices(None))
    assert room.seen() == []
    assert lookups(room) == len(waiting(room)) == 64


def test_of_what_waits_for_a_result_the_oldest_goes(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "MOST_UNLINKED", 3)
    for name in "abcde":
        room.register.keep_unlinked(name, ("2.25.1",))
    assert room.register.unlinked(("2.25.1",)) == ["c", "d", "e"]


def _fail(_: object) -> bool:
    raise RegisterFault("the disk is full")


def _pages(room: Room) -> list[str]:
    return [one for one in room.orthanc.requests if "/changes" in one]


def _alarms(room: Room) -> list[dict[str, str]]:
    return list(room.health.snapshot()["alarms"])


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nothing_is_looked_at_while_scans_come_in_a_flood(room: Room) -> None:
    room.flooded = True
    walking = threading.Thread(target=room.watch.walk)
    walking.start()
    try:
        _until(lambda: any("/changes" in one for one in room.orthanc.requests))
        time.sleep(0.2)
        assert not any("/instances" in one for one in room.orthanc.requests)
    finally:
        room.flooded = False
        walking.join()
    assert any("/instances" in one for one in room.orthanc.requests)
