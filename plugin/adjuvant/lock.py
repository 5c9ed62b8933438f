"""One Orthanc for each DataDirectory: a lock that the kernel keeps, and takes back by itself when
the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adjuvant.database import LedgerFault

FILE = "lock"


class LedgerHeld(LedgerFault):
    """Another process has the ledger; `holder` is what it says of itself."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"DataDirectory {folder} is in use by another Orthanc ({holder}): stop that one, "
            "or give each Orthanc a DataDirectory of its own"
        )
        self.holder = holder


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep others away from the ledger in `folder`, which is made if need be.

    Raises LedgerHeld where another process holds it, LedgerFault where the folder cannot be used.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)  # what a full disk refuses is not tried again at close
    except OSError as fault:
        raise LedgerFault(f"the ledger below {folder} cannot be used: {fault}") from fault
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            file.seek(0)
            said = (file.read(200) or b"").decode(errors="replace").strip()
            holder = said or "a process that does not give its name"
            raise LedgerHeld(folder, holder) from fault
        except OSError as fault:
            raise LedgerFault(f"{path} cannot be locked: {fault}") from fault
        with suppress(OSError):  # a full disk
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
