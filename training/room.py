"""Is there room on the disk? Asked before weights are written: HDF5 crashes half-way."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

# What HDF5 writes around each array, generously.
BYTES_AROUND = 2048
# A file system that cannot say it in advance.
UNANSWERED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def weights_bytes(network: keras.Model) -> int:
    """At most so many bytes has a file with the network's weights and its optimizer's state."""
    variables = (*network.variables, *network.optimizer.variables)
    return sum(4 * math.prod(one.shape) + BYTES_AROUND for one in variables)


def require_room(folder: Path, size: int) -> None:
    """Raise OSError, naming the folder, where `size` more bytes do not fit on its disk.

    Where the system (macOS) or its disk cannot say so in advance, nothing is raised.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    path = folder / "room.part"
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as fault:
        if fault.errno not in UNANSWERED:
            said = f"{fault.strerror}: {size / 1e6:.1f} MB are needed"
            raise OSError(fault.errno, said, str(folder)) from fault
    finally:
        path.unlink(missing_ok=True)
