"""A physician opens the report in OHIF, and reads it."""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset

from deploy.viewer import Viewer
from tests.viewer.browser import browse
from tests.viewer.objects import Results


def test_every_measurement_of_the_report_is_read_by_its_name(
    viewer: Viewer, results: Results, tmp_path: Path
) -> None:
    report = results.report
    answer = browse(
        "report",
        tmp_path,
        url=viewer.study(results.source.StudyInstanceUID, "viewer"),
        series=len(results.instances),
        report=report.Modality,
        title=report.ConceptNameCodeSequence[0].CodeMeaning,
    )
    lines = [" ".join(line.split()) for line in answer["text"].splitlines()]
    written = said(report)
    assert len(written) > 20
    assert [line for line in written if line not in lines] == []
    assert answer["complaints"] == []


def said(item: Dataset) -> list[str]:
    """Numbers and remarks of the report, as OHIF writes them."""
    name = item.ConceptNameCodeSequence[0].CodeMeaning
    found = []
    if item.ValueType == "NUM":
        value = item.MeasuredValueSequence[0]
        unit = value.MeasurementUnitsCodeSequence[0].CodeValue
        found.append(f"{name}: {value.NumericValue} {unit}")
    elif item.ValueType == "TEXT":
        found.append(f"{name}: {item.TextValue}")
    for content in item.get("ContentSequence", []):
        found.extend(said(content))
    return found
