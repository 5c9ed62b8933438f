"""A result is stored once, under the patient and study of its scan, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom import Dataset

from adjuvant.archive import Archive, Connection
from adjuvant.delivery import deliver
from adjuvant.errors import Fault, Refusal
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, small_orthanc
from tests.builder import nm_dataset, thyroid_counts


@pytest.fixture
def orthanc() -> Iterator[SmallOrthanc]:
    with small_orthanc() as orthanc:
        orthanc.put("source", b"")
        yield orthanc


@pytest.fixture
def archive(orthanc: SmallOrthanc) -> Iterator[Archive]:
    archive = Archive(Connection(orthanc.url, TOKEN), 1 << 20)
    yield archive
    archive.close()


def results() -> list[Dataset]:
    return [nm_dataset(thyroid_counts(64, 64)) for _ in range(2)]


def test_every_result_is_stored_and_told(orthanc: SmallOrthanc, archive: Archive) -> None:
    both = results()
    told = deliver(archive, "source", both)
    assert orthanc.stores == 2
    assert [one["sop_instance_uid"] for one in told] == [one.SOPInstanceUID for one in both]


def test_a_second_delivery_stores_nothing(orthanc: SmallOrthanc, archive: Archive) -> None:
    both = results()
    assert deliver(archive, "source", both) == deliver(archive, "source", both)
    assert orthanc.stores == 2


def test_a_delivery_that_was_cut_short_is_completed(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    both = results()
    deliver(archive, "source", both[:1])
    deliver(archive, "source", both)
    assert orthanc.stores == 2


def test_nothing_is_stored_for_a_scan_that_is_gone(orthanc: SmallOrthanc, archive: Archive) -> None:
    with pytest.raises(Refusal, match="deleted"):
        deliver(archive, "gone", results())
    assert orthanc.stores == 0


def test_a_result_under_another_patient_is_taken_back(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    orthanc.file_under = ("somebody else", "study")
    with pytest.raises(Fault, match="filed under another patient or study"):
        deliver(archive, "source", results())
    assert set(orthanc.instances) == {"source"}
