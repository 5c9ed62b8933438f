"""Results that give way: those of an earlier model to those of a new one, where that is configured;
those of a scan that was overwritten under its own UID, and the report of a refusal when the scan
was read after all, always."""

from __future__ import annotations

from collections.abc import Callable

from pydicom import Dataset

from adjuvant.archive import Archive
from adjuvant.errors import Refusal
from adjuvant.header import text
from adjuvant.image import read_header
from adjuvant.job import Filter, Job, Task
from adjuvant.ledger import Ledger
from adjuvant.results.correction import is_human_correction
from adjuvant.results.identity import orthanc_identifier
from adjuvant.results.provenance import is_own, result_uid
from adjuvant.results.uids import KINDS, series_uid

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
    person's correction, a result for another scan or by another interpretation never is. Raises
    ArchiveFault where Orthanc fails, Refusal where the scan was deleted meanwhile.
    """
    return _delete(archive, task, source_sop_instance_uid, lambda of: of != task.model_digest)


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


def delete_outdated(archive: Archive, task: Task) -> int:
    """Delete what this model made of this scan before it was overwritten; how many objects.

    Told as by `delete_earlier`, which raises the same.
    """
    source = archive.sop_instance_uid(task.instance)
    return _delete(archive, task, source, lambda of: of == task.model_digest)


def _delete(archive: Archive, task: Task, source: str, of_these: Callable[[str], bool]) -> int:
    """Delete our results of a scan by the models whose digests are `of_these`."""
    study = archive.parents(task.instance).study
    held = archive.held("studies", study) or {}
    chosen = [
        instance
        for instance, sop_class in held.items()
        if sop_class in RESULT_SOP_CLASSES
        and (digest := _made_by(archive, instance, task, source)) is not None
        and of_these(digest)
    ]
    for instance in chosen:
        archive.delete(instance)
    return len(chosen)


def _made_by(archive: Archive, instance: str, task: Task, source: str) -> str | None:
    """The digest of the model of ours that made this of that scan; None where none did."""
    try:
        header = read_header(archive.read(instance))
    except Refusal:  # unreadable, or gone
        return None
    digest = text(header, "DeviceSerialNumber")
    if not is_own(header) or is_human_correction(header):
        return None
    ours = (result_uid(source, task.interpretation, digest, kind) for kind in KINDS)
    return digest if text(header, "SOPInstanceUID") in ours else None
