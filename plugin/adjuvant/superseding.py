"""The results of an earlier model give way to those of a new one, where that is configured."""

from __future__ import annotations

from adjuvant.archive import Archive
from adjuvant.errors import Refusal
from adjuvant.header import text
from adjuvant.image import read_header
from adjuvant.job import Task
from adjuvant.results.correction import is_human_correction
from adjuvant.results.provenance import is_own, result_uid
from adjuvant.results.uids import KINDS

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


def delete_earlier(archive: Archive, task: Task, source_sop_instance_uid: str) -> int:
    """Delete what other models of the same interpretation made of this scan; how many objects.

    To be called when the new results are stored. An object is deleted only if our equipment made
    it and its UID is the one that we give to a result of this scan by the model that it names: a
    person's correction, a result for another scan or by another interpretation never is. Raises
    ArchiveFault where Orthanc fails, Refusal where the scan was deleted meanwhile.
    """
    study = archive.parents(task.instance).study
    held = archive.held("studies", study) or {}
    earlier = [
        instance
        for instance, sop_class in held.items()
        if sop_class in RESULT_SOP_CLASSES
        and _is_earlier(archive, instance, task, source_sop_instance_uid)
    ]
    for instance in earlier:
        archive.delete(instance)
    return len(earlier)


def _is_earlier(archive: Archive, instance: str, task: Task, source: str) -> bool:
    try:
        header = read_header(archive.read(instance))
    except Refusal:  # unreadable, or gone
        return False
    digest = text(header, "DeviceSerialNumber")
    if not is_own(header) or is_human_correction(header) or digest == task.model_digest:
        return False
    ours = (result_uid(source, task.interpretation, digest, kind) for kind in KINDS)
    return text(header, "SOPInstanceUID") in ours
