"""`python -m benchmarks` (`make benchmarks`): measure all, or those named; rewrite the page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmarks import (
    building,
    endurance,
    engines,
    footprint,
    growth,
    latency,
    per_study,
    reception,
    shadow,
)
from benchmarks.common import (
    FIGURES,
    BenchmarkError,
    Figures,
    busy_cores,
    machine,
    save,
    with_load,
)
from deploy.client import ClientError
from deploy.serve import ROOT, ServeError

PAGE = ROOT / "docs" / "benchmarks.md"
BENCHMARKS: dict[str, Callable[[], Figures]] = {
    "reception": reception.measure,
    "latency": latency.measure,
    "shadow": shadow.measure,
    "building": building.measure,
    "engines": engines.measure,
    "per_study": per_study.measure,
    "growth": growth.measure,
    "footprint": footprint.measure,
    "endurance": endurance.measure,
}


def write_page() -> None:
    """Compose docs/benchmarks.md from the newest section of each benchmark."""
    here = machine()
    sections = [FIGURES / f"{name}.md" for name in BENCHMARKS]
    text = "\n".join(section.read_text() for section in sections if section.exists())
    PAGE.write_text(
        "# Benchmarks\n\n"
        "Written by `make benchmarks`; each section is a script in `benchmarks/`, and the raw\n"
        "figures are in `docs/benchmarks/`. Ratios are what carries over to another machine.\n\n"
        f"Measured on: {here['processor']}, {here['cores']} cores, {here['system']}, Python"
        f" {here['python']}.\n\n{text}"
    )


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="all by default")
    names = parser.parse_args().names or BENCHMARKS
    try:
        for name in names:
            print(f"measuring {name} …", flush=True)
            busy = busy_cores()
            figures = with_load(BENCHMARKS[name](), busy)
            save(figures)
            print(f"\n{figures.text}\n", flush=True)
    except (BenchmarkError, ClientError, ServeError) as fault:
        print(f"benchmarks: {fault}", file=sys.stderr)
        return 1
    write_page()
    print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
