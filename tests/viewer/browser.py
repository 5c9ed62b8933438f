"""Runs one scenario (`*.cjs`) in a real, headless Chromium and reads what it answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from deploy.viewer import install_driver

SCENARIOS = Path(__file__).parent
LIMIT_S = 200.0


def browse(scenario: str, out: Path, **request: Any) -> dict[str, Any]:
    """What `scenario` answers to `request`; its pictures lie in `out`.

    `complaints` in the answer are the errors of the console, of the page and of its requests.
    Fails with the scenario's own message, or after LIMIT_S; the browser is gone then.
    """
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not installed (Debian package chromium)"
    out.mkdir(parents=True, exist_ok=True)
    asked = json.dumps({"chromium": chromium, "out": str(out), **request})
    command = ["node", str(SCENARIOS / f"{scenario}.cjs"), asked]
    process = subprocess.Popen(
        command,
        env={**os.environ, "NODE_PATH": str(install_driver())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said, fault = process.communicate(timeout=LIMIT_S)
    finally:
        if process.poll() is None:  # with everything that it started
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 0, fault.decode()
    answer: dict[str, Any] = json.loads(said)
    return answer
