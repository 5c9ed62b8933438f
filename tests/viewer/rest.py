"""The two requests to Orthanc that the viewer's tests need."""

from __future__ import annotations

import urllib.request

from deploy.serve import Server


def upload(server: Server, data: bytes) -> bytes:
    """Orthanc's answer to a DICOM file."""
    request = urllib.request.Request(f"{server.url}/instances", data, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        said: bytes = answer.read()
    return said


def ask(server: Server, path: str) -> bytes:
    """What Orthanc answers to GET."""
    with urllib.request.urlopen(server.url + path, timeout=10) as answer:
        said: bytes = answer.read()
    return said
