"""What leaves: the DICOM objects built from a scan and its findings.

Every object is a pure function of (scan, findings, model): built twice, it has the same UIDs and
the same bytes.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset


def encode(dataset: Dataset) -> bytes:
    """The dataset as a DICOM file (PS3.10), in the transfer syntax of its file meta."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
