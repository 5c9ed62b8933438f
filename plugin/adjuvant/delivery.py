"""Results on their way into the archive: each stored once, under the right patient."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from adjuvant.archive import Archive, Parents, Stored, deleted
from adjuvant.errors import Fault, Refusal
from adjuvant.reader import Reader
from adjuvant.results import encode
from adjuvant.results.gate import check_refusal
from adjuvant.results.identity import orthanc_identifier
from adjuvant.results.report import build_refusal_report

if TYPE_CHECKING:
    from pydicom import Dataset

KINDS = {
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
    "1.2.840.10008.5.1.4.1.1.7.4": "SC",
    "1.2.840.10008.5.1.4.1.1.88.34": "SR",
}

# Refusals that are not about a scan that the department waits for, or leave nothing to refer to.
UNREPORTED = frozenset(
    {"bad-uid", "deleted", "missing-uid", "not-applicable", "not-dicom", "too-large"}
)


def chosen(results: Sequence[Dataset], kinds: Collection[str]) -> list[Dataset]:
    """Those of these kinds: SEG, SC, SR."""
    return [result for result in results if KINDS.get(result.SOPClassUID) in kinds]


def deliver(archive: Archive, source: str, results: Sequence[Dataset]) -> list[dict[str, str]]:
    """Store what the archive does not hold yet; what each result became, as REST shows it.

    `source` is Orthanc's identifier of the scan. The UIDs of results are deterministic, so a
    second run finds those of the first, also where the first was cut short between two of them.
    Raises Refusal where the scan was deleted meanwhile, Fault where a result is not stored or is
    filed under another patient or study than the scan.
    """
    parents = archive.parents(source)
    stored = [_store(archive, parents, result) for result in results]
    if not archive.holds(source):  # nobody wants an outline of a picture that is gone
        for one in stored:
            if one.new:
                archive.delete(one.instance)
        raise deleted()
    return [_public(one, result) for one, result in zip(stored, results, strict=True)]


def deliver_refusal(
    archive: Archive, source: str, header: Dataset, refusal: Refusal, reader: Reader
) -> list[dict[str, str]]:
    """Store the report that a scan was refused, as its only result; what became of it.

    There is none where the file has no study in which to file it. Raises like `deliver`.
    """
    if refusal.code in UNREPORTED:
        return []
    interpretation = reader.interpretation.name
    try:
        report = build_refusal_report(header, refusal, reader.algorithm, interpretation)
    except Refusal:
        return []
    check_refusal(header, report)
    return deliver(archive, source, [report])


def _store(archive: Archive, parents: Parents, result: Dataset) -> Stored:
    stored = _present(archive, result) or archive.store(encode(result))
    if stored.parents != parents:
        if stored.new:
            archive.delete(stored.instance)  # ours, and in front of the wrong patient's eyes
        raise Fault(f"the {_kind(result)} was filed under another patient or study than its scan")
    return stored


def _public(stored: Stored, result: Dataset) -> dict[str, str]:
    return {
        "instance": stored.instance,
        "series": stored.series,
        "kind": _kind(result),
        "sop_instance_uid": str(result.SOPInstanceUID),
    }


def _kind(result: Dataset) -> str:
    return KINDS.get(result.SOPClassUID, "other")


def _present(archive: Archive, result: Dataset) -> Stored | None:
    """The result where the archive holds it. One whose identifier cannot be told is stored once
    more, which Orthanc answers with "already stored"."""
    instance = orthanc_identifier(result)
    if not archive.holds(instance):
        return None
    return Stored(instance, archive.series(instance), archive.parents(instance), new=False)
