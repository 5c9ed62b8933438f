"""What may be printed. Standard library only: the doctor prints where packages are missing."""

from __future__ import annotations

import io
import sys


def print_any_name() -> None:
    """From now on a name of a file that is no text, such as Latin-1 on a disk of UTF-8, is printed
    with its bytes as escapes, and does not end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
