"""`python -m adjuvant`. What is wrong is told even where the packages are missing."""

from __future__ import annotations

import sys

from adjuvant.doctor.command import main as see_the_doctor
from adjuvant.screen import print_any_name

if __name__ == "__main__":
    print_any_name()
    if sys.argv[1:2] == ["doctor"]:
        try:
            sys.exit(see_the_doctor(sys.argv[2:]))
        except KeyboardInterrupt:
            sys.exit(130)
    try:
        from adjuvant.commands import app
    except ImportError as fault:
        sys.exit(f"adjuvant: {fault}: `python -m adjuvant doctor` says how to mend it")
    app()
