"""The archive is asked politely, believed carefully, and every failure is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adjuvant.archive import Archive, Changes, Connection, Parents, connection
from adjuvant.errors import ArchiveFault, Refusal
from adjuvant.pinning import fingerprint
from tests.adjuvant.small_orthanc import TOKEN, SmallOrthanc, make_certificate, small_orthanc
from tests.builder import nm_dataset, thyroid_counts, to_bytes

LIMIT = 1 << 20


@pytest.fixture
def orthanc() -> Iterator[SmallOrthanc]:
    with small_orthanc() as orthanc:
        yield orthanc


@pytest.fixture
def archive(orthanc: SmallOrthanc) -> Iterator[Archive]:
    archive = Archive(Connection(orthanc.url, TOKEN), LIMIT)
    yield archive
    archive.close()


def test_an_instance_is_read_whole(orthanc: SmallOrthanc, archive: Archive) -> None:
    orthanc.put("a", bytes(range(256)) * 4096)
    assert archive.read("a") == bytes(range(256)) * 4096


def test_an_instance_above_the_limit_is_refused(orthanc: SmallOrthanc, archive: Archive) -> None:
    orthanc.put("a", bytes(LIMIT + 1))
    with pytest.raises(Refusal, match="the file is larger than 1 MiB") as caught:
        archive.read("a")
    assert caught.value.code == "too-large"


def test_a_deleted_instance_is_a_refusal_and_no_fault(archive: Archive) -> None:
    for ask in (archive.read, archive.parents):
        with pytest.raises(Refusal, match="deleted from Orthanc before") as caught:
            ask("gone")
        assert caught.value.code == "deleted"
    assert archive.sop_class("gone") is None
    assert not archive.holds("gone")


def test_a_file_that_orthanc_cannot_open_is_a_fault_and_not_deleted(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    orthanc.put("a", b"whole")
    orthanc.unopenable.add("a")
    with pytest.raises(ArchiveFault, match=r"answered 404 to /instances/…/file") as caught:
        archive.read("a")
    assert caught.value.status == 404
    orthanc.unopenable.clear()
    assert archive.read("a") == b"whole"


def test_what_orthanc_knows_of_an_instance(orthanc: SmallOrthanc, archive: Archive) -> None:
    orthanc.put("a", b"1.2.3")
    assert archive.version() == "1.10.1"
    assert archive.sop_class("a") == "1.2.840.10008.5.1.4.1.1.20"
    assert archive.parents("a") == Parents("patient", "study")
    assert archive.find("1.2.3") == ["a"]
    assert archive.holds("a")
    assert archive.changes(0) == Changes(("a",), 9, True)


def test_a_store_answers_with_identifiers(orthanc: SmallOrthanc, archive: Archive) -> None:
    data = to_bytes(nm_dataset(thyroid_counts(64, 64)))
    stored = archive.store(data)
    assert (stored.parents, stored.new) == (Parents("patient", "study"), True)
    assert orthanc.instances[stored.instance] == data


@pytest.mark.parametrize("status", ["FilteredOut", "Failure", ""])
def test_a_result_that_orthanc_does_not_keep_is_a_fault(
    orthanc: SmallOrthanc, archive: Archive, status: str
) -> None:
    orthanc.store_status = status
    with pytest.raises(ArchiveFault, match=f"did not store a result: status '{status}'"):
        archive.store(b"")


def test_an_error_of_orthanc_names_status_and_route(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    orthanc.broken.add("/system")
    with pytest.raises(ArchiveFault, match=r"^Orthanc answered 500 to /system$"):
        archive.version()


def test_silence_is_a_fault_without_the_token() -> None:
    with small_orthanc() as orthanc:
        url = orthanc.url
    archive = Archive(Connection(url, TOKEN), LIMIT)
    with pytest.raises(ArchiveFault, match="ConnectionError") as caught:
        archive.version()
    assert "secret" not in str(caught.value)
    archive.close()


def test_a_wrong_token_is_a_fault(orthanc: SmallOrthanc) -> None:
    archive = Archive(Connection(orthanc.url, "Bearer other"), LIMIT)
    with pytest.raises(ArchiveFault, match="Orthanc answered 401"):
        archive.version()
    archive.close()


def test_a_proxy_of_the_environment_is_not_asked(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert archive.version() == "1.10.1"


def test_https_with_the_pinned_certificate_is_trusted(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "orthanc")
    with small_orthanc(certificate) as orthanc:
        archive = Archive(Connection(orthanc.url, TOKEN, certificate), LIMIT)
        assert archive.version() == "1.10.1"
        archive.close()


def test_https_with_another_certificate_is_not_spoken_to(tmp_path: Path) -> None:
    own, other = (make_certificate(tmp_path, name) for name in ("orthanc", "impostor"))
    with small_orthanc(own) as orthanc:
        archive = Archive(Connection(orthanc.url, TOKEN, other), LIMIT)
        with pytest.raises(ArchiveFault, match="SSLError"):
            archive.version()
        archive.close()
        assert orthanc.requests == []


@pytest.mark.parametrize("renewed", [True, False])
def test_orthanc_is_still_trusted_when_its_certificate_file_is_renewed_or_moved_away(
    tmp_path: Path, renewed: bool
) -> None:
    certificate, new = (make_certificate(tmp_path, name) for name in ("orthanc", "new"))
    with small_orthanc(certificate) as orthanc:
        archive = Archive(Connection(orthanc.url, TOKEN, certificate), LIMIT)
        if renewed:
            new.replace(certificate)
        else:
            certificate.unlink()
        other = archive.another((1.0, 5.0))
        assert other.version() == "1.10.1"
        archive.close()
        other.close()


def test_a_certificate_file_without_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "certificate.pem"
    for content in (None, "no certificate"):
        if content is not None:
            path.write_text(content)
        with pytest.raises(ArchiveFault, match=r"certificate\.pem holds no readable certificate"):
            fingerprint(path)


def test_the_connection_follows_the_configuration(tmp_path: Path) -> None:
    assert connection({}, tmp_path, TOKEN) == Connection("http://127.0.0.1:8042", TOKEN)
    secure = {"HttpPort": 8443, "SslEnabled": True, "SslCertificate": "own.pem"}
    expected = Connection("https://127.0.0.1:8443", TOKEN, tmp_path / "own.pem")
    assert connection(secure, tmp_path, TOKEN) == expected
    mutual = connection({**secure, "SslVerifyPeers": True}, tmp_path, TOKEN)
    assert mutual.client_certificate == tmp_path / "own.pem"


def test_without_a_rest_api_there_is_no_connection(tmp_path: Path) -> None:
    with pytest.raises(ArchiveFault, match="HttpServerEnabled is false"):
        connection({"HttpServerEnabled": False}, tmp_path, TOKEN)


def test_a_fault_says_whether_orthanc_answered_at_all(
    orthanc: SmallOrthanc, archive: Archive
) -> None:
    orthanc.broken.add("/system")
    with pytest.raises(ArchiveFault, match="answered 500 to /system") as broken:
        archive.version()
    assert broken.value.status == 500
    nowhere = Archive(Connection("http://127.0.0.1:9", TOKEN), LIMIT)
    with pytest.raises(ArchiveFault, match="Orthanc's REST API") as silent:
        nowhere.version()
    assert silent.value.status is None
    nowhere.close()


@pytest.mark.parametrize(
    ("before", "newest"),
    [
        ("20260131T100000", 0),
        ("20260131T100001", 2),
        ("20260131T100002", 2),
        ("20260131T100005", 5),
        ("20270101T000000", 6),
        (None, 6),
    ],
)
def test_the_newest_change_before_a_moment_is_found(
    orthanc: SmallOrthanc, archive: Archive, before: str | None, newest: int
) -> None:
    orthanc.dates = [f"20260131T10000{second}" for second in (0, 0, 2, 3, 4, 5)]
    assert archive.last_change(before) == newest


def test_what_is_gone_already_need_not_be_deleted(orthanc: SmallOrthanc, archive: Archive) -> None:
    orthanc.put("a", b"")
    archive.delete("a")
    archive.delete("a")
    assert orthanc.instances == {}
