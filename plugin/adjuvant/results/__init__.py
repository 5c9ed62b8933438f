"""What leaves: the DICOM objects built from a scan and its findings.

Every object is a pure function of (scan, findings, model): built twice, it has the same UIDs and
the same bytes.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from adjuvant.results.report_bytes import CONTENT, with_encoded_content

if TYPE_CHECKING:
    from pydicom import Dataset


def encode(dataset: Dataset) -> bytes:
    """The dataset as a DICOM file (PS3.10), in the transfer syntax of its file meta."""
    buffer = BytesIO()
    if CONTENT in dataset:
        dataset = with_encoded_content(dataset)
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
