"""Results that give way: those of an earlier model to those of a new one, where that is configured;
those of a scan that was overwritten under its own UID, and the report of a refusal when the scan
was read after all, always."""

from __future__ import annotations

from collections.abc import Collection

from pydicom import Dataset

from adjuvant.archive import Archive, Filed, deleted
from adjuvant.errors import ArchiveFault, Refusal
from adjuvant.header import UNREADABLE, quiet, text
from adjuvant.image import read_header
from adjuvant.job import Filter, Job, Task
from adjuvant.ledger import Ledger
from adjuvant.results.correction import is_human_correction
from adjuvant.results.identity import orthanc_identifier
from adjuvant.results.provenance import is_own, result_uid
from adjuvant.results.uids import KINDS, ROOT, series_uid

# SEG, Secondary Capture, multi-frame Secondary Capture, Comprehensive and Comprehensive 3D SR.
RESULT_SOP_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.4",
        "1.2.840.10008.5.1.4.1.1.7",
        "1.2.840.10008.5.1.4.1.1.7.4",
        "1.2.840.10008.5.1.4.1.1.88.33",
        "1.2.840.10008.5.1.4.1.1.88.34",
    }
)

MOST_JOBS = 1000  # about one scan: one for each model that has read it


def delete_earlier(archive: Archive, task: Task, source_sop_instance_uid: str) -> int:
    """Delete what other models of the same interpretation made of this scan; how many objects.

    To be called when the new results are stored. An object is deleted only if our equipment made
    it and its UID is the one that we give to a result of this scan by the model that it names: a
    person's correction, a result for another scan or by another interpretation never is. One that
    Orthanc cannot read stays. Raises ArchiveFault where Orthanc fails, Refusal where the scan was
    deleted meanwhile.
    """
    source = source_sop_instance_uid
    own = _result_uids(source, task.interpretation, task.model_digest)
    others = (one for one in _study(archive, task).values() if one.uid not in own)
    return _delete(archive, [o for o in others if _is_known_as_ours(archive, o, task, source)])


def delete_refusal(archive: Archive, task: Task, source: Dataset) -> bool:
    """Delete the report that this model refused this scan, now that it has read it, as after a
    limit was raised; whether there was one. `source` is the scan's header. Raises ArchiveFault."""
    report = Dataset()
    for keyword in ("PatientID", "StudyInstanceUID"):
        if keyword in source:
            report[keyword] = source[keyword]
    named = (str(source.SOPInstanceUID), task.interpretation, task.model_digest)
    report.SeriesInstanceUID = series_uid(*named, "refusal")
    report.SOPInstanceUID = result_uid(*named, "refusal")
    instance = orthanc_identifier(report)
    if not archive.holds(instance):
        return False
    archive.delete(instance)
    return True


def outdated(task: Task, ledger: Ledger, archive: Archive) -> list[Job]:
    """The ended jobs about this scan, of any model, that have read another file than Orthanc holds
    under the same UIDs now; none where that cannot be told. Raises ArchiveFault."""
    about = Filter(instances=(task.instance,), interpretation=task.interpretation)
    jobs, _ = ledger.jobs(about, MOST_JOBS, 0)
    read = [job for job in jobs if job.state in ("done", "refused") and job.source_md5]
    now = archive.md5(task.instance) if read else None
    return [job for job in read if now not in (None, job.source_md5)]


def delete_outdated(archive: Archive, ledger: Ledger, task: Task, md5: str) -> int:
    """Delete what any model made of this scan before it was overwritten; how many objects. `md5` is
    that of its file now.

    A job tells which file its model has read. Where none tells of this task's model, what Orthanc
    stored before the scan was made of another file: it is made anew. Otherwise as `delete_earlier`,
    but raises ArchiveFault also where a result cannot be read.
    """
    held = _study(archive, task)
    if (scan := held.get(task.instance)) is None:
        raise deleted()
    files = _files_read(ledger, task, scan.uid)
    own = _result_uids(scan.uid, task.interpretation, task.model_digest)

    def is_outdated(one: Filed) -> bool:
        read = files.get(one.uid)
        if read is None:
            return one.uid in own and one.received < scan.received
        return read != md5

    chosen = [one for one in held.values() if is_outdated(one)]
    return _delete(archive, [one for one in chosen if _is_ours(archive, one, task, scan.uid)])


def _files_read(ledger: Ledger, task: Task, source: str) -> dict[str, str | None]:
    """The UID of each result of which the ledger knows the model, and the MD5 of the file that it
    was made of; None where that was not written down."""
    about = Filter(instances=(task.instance,), interpretation=task.interpretation)
    jobs, _ = ledger.jobs(about, MOST_JOBS, 0)
    return {
        uid: job.source_md5
        for job in jobs
        for uid in _result_uids(source, task.interpretation, job.task.model_digest)
    }


def _result_uids(source: str, interpretation: str, digest: str) -> set[str]:
    return {result_uid(source, interpretation, digest, kind) for kind in KINDS}


def _study(archive: Archive, task: Task) -> dict[str, Filed]:
    """Every instance of the scan's study."""
    study = archive.parents(task.instance).study
    return {one.instance: one for one in archive.filed(study)}


def _delete(archive: Archive, results: Collection[Filed]) -> int:
    for one in results:
        archive.delete(one.instance)
    return len(results)


def _is_ours(archive: Archive, one: Filed, task: Task, source: str) -> bool:
    """True where a model of ours made it of that scan, and nobody corrected it."""
    # Somebody else's files are mostly not even read: they may be damaged, or many.
    if one.sop_class not in RESULT_SOP_CLASSES or not one.uid.startswith(ROOT):
        return False
    try:
        header = read_header(archive.read(one.instance))
        with quiet():
            if not is_own(header) or is_human_correction(header):
                return False
        digest = text(header, "DeviceSerialNumber")
    except (Refusal, *UNREADABLE):  # not as we write it, or gone
        return False
    return one.uid in _result_uids(source, task.interpretation, digest)


def _is_known_as_ours(archive: Archive, one: Filed, task: Task, source: str) -> bool:
    """False also where Orthanc cannot read it, which may be anybody's: nobody waits for that."""
    try:
        return _is_ours(archive, one, task, source)
    except ArchiveFault as fault:
        if fault.status is None:
            raise
        return False
