"""The health of the container: the archive answers, and scans are read or soon will be.

Standard library only. The exit code is 0 where all is well, else 1 with one line why.
"""

from __future__ import annotations

import base64
import json
import sys
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

CONFIGURATION = Path("/tmp/orthanc.json")  # as the image writes it at the start
TIMEOUT_S = 5.0
WELL = ("ready", "starting", "standby")


def main(configuration: Path = CONFIGURATION) -> int:
    """Ask the archive's database, then the plugin."""
    try:
        settings = json.loads(configuration.read_text())
        _ask(settings, "/changes?last")
        status = _ask(settings, "/adjuvant/status")
    except (OSError, ValueError, HTTPException) as fault:
        print(f"Orthanc does not answer: {str(fault).strip()}")
        return 1
    if status.get("state") in WELL:
        return 0
    print(f"Adjuvant is {status.get('state')}: {status.get('reason')}")
    return 1


def _ask(settings: dict[str, Any], path: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{settings.get('HttpPort', 8042)}{path}"
    request = urllib.request.Request(url)
    for user, password in list(settings.get("RegisteredUsers", {}).items())[:1]:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        document: dict[str, Any] = json.load(answer)
        return document


if __name__ == "__main__":
    sys.exit(main())
