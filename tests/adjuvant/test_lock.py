"""Two Orthancs never share a ledger, and a lock never outlives its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adjuvant.database import LedgerFault
from adjuvant.lock import FILE, LedgerHeld, hold

HOLDER = """
import sys, time
from pathlib import Path
from adjuvant.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": "plugin"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        said = rf"in use by another Orthanc \(process {other.pid} on .+\): stop that one"
        with pytest.raises(LedgerHeld, match=said) as caught, hold(tmp_path):
            pass
        assert caught.value.holder.startswith(f"process {other.pid} on ")
        other.send_signal(signal.SIGKILL)
        other.wait(10)
    with hold(tmp_path):  # nothing has to be tidied up
        assert (tmp_path / FILE).read_text().startswith(f"process {os.getpid()} on ")


def test_it_is_free_again_at_the_end(tmp_path: Path) -> None:
    for _ in range(2):
        with hold(tmp_path / "new"):
            pass


def test_a_folder_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerFault, match="cannot be used"), hold(tmp_path / "file" / "data"):
        pass
