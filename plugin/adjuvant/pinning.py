"""Orthanc's own certificate, trusted by its fingerprint: it is ourselves whom we talk to."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from adjuvant.errors import ArchiveFault


class Pinned(HTTPAdapter):
    """Trust one certificate, known by its SHA-256, instead of authorities and host names."""

    def __init__(self, sha256: str, retries: Retry) -> None:
        self._sha256 = sha256
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, assert_fingerprint=self._sha256, **options)


def fingerprint(certificate: Path) -> str:
    """SHA-256 (hex) of the first certificate in a PEM file, which may hold the key as well.

    Raises ArchiveFault where there is none.
    """
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    try:
        text = certificate.read_text(encoding="ascii", errors="replace")
        body = text[text.index(begin) : text.index(end) + len(end)]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(body)).hexdigest()
    except (OSError, ValueError) as fault:
        raise ArchiveFault(f"SslCertificate {certificate} holds no readable certificate") from fault
