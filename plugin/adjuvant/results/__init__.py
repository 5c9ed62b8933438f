"""What leaves: the DICOM objects built from a scan and its findings.

Every object is a pure function of (scan, findings, model): built twice, it has the same UIDs and
the same bytes.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from adjuvant.results.sequence_bytes import with_encoded_sequences

if TYPE_CHECKING:
    from pydicom import Dataset


def encode(dataset: Dataset) -> bytes:
    """A result as a DICOM file (PS3.10), in the transfer syntax of its file meta."""
    buffer = BytesIO()
    with_encoded_sequences(dataset).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
