"""The integration tests on three generations of Orthanc: `python -m deploy.generations trixie`.

Each generation is that of a Debian release, with the Python that its plugin embeds, in a root of
its own (`make test-orthanc`). What was tested last stands in docs/compatibility.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import asdict, dataclass, field
from itertools import chain

from deploy.debian_root import Root, RootError, debian_root
from deploy.serve import ROOT

HERE = "/opt/adjuvant"
PYTHON = "/opt/venv/bin/python"
PACKAGES = (
    *("orthanc", "orthanc-python", "orthanc-dicomweb", "dcmtk", "dicom3tools"),
    *("python3", "python3-venv", "git"),
)
PLUGINS = ("orthanc-python", "orthanc-dicomweb")
# The main way by every door, refusals, stops and power cuts, every route, users, what is broken.
TESTS = tuple(
    f"tests/integration/test_{name}.py"
    for name in ("results", "bad_input", "restart", "routes", "security", "troubles", "versions")
)
PAGE = ROOT / "docs" / "compatibility.md"
FIGURES = ROOT / "docs" / "compatibility"
BEGIN, END = "<!-- generations -->\n", "<!-- /generations -->\n"
SUMMARY = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")


@dataclass(frozen=True)
class Generation:
    """A Debian release; `replaced` are packages whose locked version its Python cannot have, and
    `builders` the Debian packages with which others are built that have no wheel for it."""

    suite: str
    title: str
    replaced: dict[str, str] = field(default_factory=dict)
    builders: tuple[str, ...] = ()


GENERATIONS = {
    one.suite: one
    for one in (
        Generation("bookworm", "Debian 12"),
        Generation("trixie", "Debian 13"),
        # For Python 3.14 TensorFlow has no release yet, and pyjpegls no wheel.
        Generation(
            "forky",
            "Debian 14 (testing)",
            {"tensorflow": "2.22.0rc0"},
            ("build-essential", "python3-dev"),
        ),
    )
}


@dataclass(frozen=True)
class Outcome:
    """What a run of the tests came to, and with which versions."""

    title: str
    orthanc: str
    plugin: str
    dicomweb: str
    python: str
    tensorflow: str
    passed: int
    failed: int
    skipped: int
    seconds: int
    date: str


def prepare(generation: Generation) -> Root:
    """The root with Orthanc, our packages and a fresh copy of this folder. Raises RootError."""
    root = debian_root(generation.suite)
    wanted = requirements(generation)
    packages = (*PACKAGES, *generation.builders)
    digest = hashlib.sha256(f"{packages}{wanted}".encode()).hexdigest()
    stamp = root.folder / "opt" / "stamp"
    if not stamp.exists() or stamp.read_text() != digest:
        root.install(packages)
        (root.folder / "opt" / "requirements.txt").write_text(wanted)
        root.require(["python3", "-m", "venv", "/opt/venv"], "make an environment")
        pip = [PYTHON, "-m", "pip", "install", "--quiet", "--no-input"]
        root.require([*pip, "-r", "/opt/requirements.txt"], "install Python packages")
        stamp.write_text(digest)
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    root.copy(ROOT, names, HERE)
    return root


def requirements(generation: Generation) -> str:
    """The lock with its hashes; where it cannot be had, what pyproject.toml asks for itself."""
    if not generation.replaced:
        return (ROOT / "requirements" / "dev.lock").read_text()
    return pinned(generation, "training", "dev")


def pinned(generation: Generation, *extras: str) -> str:
    """What pyproject.toml asks for itself, in versions that the Python there can have."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = (project["optional-dependencies"][extra] for extra in extras)
    pairs = (one.split("==") for one in chain(project["dependencies"], *optional))
    return "".join(f"{name}=={generation.replaced.get(name, held)}\n" for name, held in pairs)


def run_tests(generation: Generation, root: Root, tests: list[str]) -> Outcome:
    """Run pytest inside, showing what it says; what it came to."""
    begun, log = time.monotonic(), root.folder.with_suffix(".tests.log")
    log.write_bytes(b"")
    # In /var, for /tmp inside is memory.
    command = (
        f"cd {HERE} && exec {PYTHON} -m pytest -q --basetemp /var/tmp/tests -p no:cacheprovider"
    )
    root.run(["sh", "-c", f'{command} "$@"', "sh", *tests], log=log)
    told = log.read_text(errors="replace")
    print(told[-4000:])
    last = told.strip().splitlines()[-1:] or [""]
    counts = {kind.rstrip("s"): int(number) for number, kind in SUMMARY.findall(last[0])}
    return Outcome(
        title=generation.title,
        orthanc=_version(root.read(["Orthanc", "--version"])),
        plugin=_version(_debian_version(root, "orthanc-python")),
        dicomweb=_version(_debian_version(root, "orthanc-dicomweb")),
        python=_version(root.read([PYTHON, "--version"])),
        tensorflow=root.read([PYTHON, "-c", METADATA]),
        passed=counts.get("passed", 0),
        failed=counts.get("failed", 0) + counts.get("error", 0),
        skipped=counts.get("skipped", 0),
        seconds=round(time.monotonic() - begun),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
    )


METADATA = "from importlib.metadata import version; print(version('tensorflow'))"


def _debian_version(root: Root, package: str) -> str:
    return root.read(["dpkg-query", "--show", "--showformat=${Version}", package])


def _version(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else "?"


def write_page(outcomes: list[Outcome]) -> None:
    """Rewrite the table of docs/compatibility.md."""
    head = "| | Orthanc | Python plugin | DICOMweb | Python | TensorFlow | tests | last run |\n"
    rows = [head, "|---|---|---|---|---|---|---|---|\n"]
    for one in outcomes:
        tests = ", ".join(
            f"{number} {kind}"
            for kind, number in (
                *(("passed", one.passed), ("**failed**", one.failed), ("skipped", one.skipped)),
            )
            if number
        )
        rows.append(
            f"| {one.title} | {one.orthanc} | {one.plugin} | {one.dicomweb} | {one.python} "
            f"| {one.tensorflow} | {tests} | {one.date}, {one.seconds} s |\n"
        )
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + "".join(rows) + END + rest.partition(END)[2])


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 where every test passed."""
    parser = argparse.ArgumentParser(prog="python -m deploy.generations", description=__doc__)
    parser.add_argument(
        "version", choices=[*GENERATIONS, "all"], help="whatever follows is for pytest"
    )
    options, tests = parser.parse_known_args(arguments)
    wanted = GENERATIONS if options.version == "all" else [options.version]
    outcomes = []
    for suite in wanted:
        try:
            root = prepare(GENERATIONS[suite])
        except RootError as fault:
            print(f"generations: {fault}", file=sys.stderr)
            return 1
        outcomes.append(run_tests(GENERATIONS[suite], root, tests or list(TESTS)))
        if not tests:
            FIGURES.mkdir(exist_ok=True)
            path = FIGURES / f"{suite}.json"
            path.write_text(json.dumps(asdict(outcomes[-1]), indent=2) + "\n")
    if not tests:
        found = [FIGURES / f"{suite}.json" for suite in GENERATIONS]
        write_page([Outcome(**json.loads(one.read_text())) for one in found if one.exists()])
    return 0 if all(one.passed and not one.failed for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
