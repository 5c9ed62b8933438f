"""What the image does, without Docker: `python -m deploy.docker.rehearse` (`make test-docker`).

The steps of the Dockerfile run in a Debian root, where Debian's Orthanc and PostgreSQL stand in for
those of the images: of Debian 13, whose Python the image has, and of the release after it, whose
Orthanc is newer than the image's. Then Orthanc is started as the image's user with the
configuration that its entry point would merge, and a scan has to be read.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.debian_root import Root, RootError, debian_root
from deploy.generations import GENERATIONS, Generation, pinned
from deploy.serve import ROOT

SUITES = ("trixie", "forky")
LOCK = "requirements/runtime.lock"
STAND_INS = ("orthanc", "orthanc-python", "orthanc-dicomweb", "orthanc-postgresql", "postgresql")
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SECRETS = ROOT / "deploy" / "docker" / "make-secrets.sh"
INSIDE = Path("/run/secrets")  # where Docker mounts them, too
# `index` is the other container. The user of the image is 999.
START = """set -eu
sed -i 's/localhost/localhost index/' /etc/hosts
service postgresql start >/dev/null
{ printf "CREATE ROLE orthanc LOGIN PASSWORD '%s';\\n" "$(cat /run/secrets/index-password)"
  echo "CREATE DATABASE orthanc OWNER orthanc;"; } >/var/tmp/create.sql
su postgres -c "psql --quiet --set ON_ERROR_STOP=1" </var/tmp/create.sql
chmod a+x /var/lib/orthanc  # closed by Debian's package, open in the image
install -d -o 999 -g 999 /var/lib/orthanc/db /var/lib/adjuvant
install -o 999 /run/secrets/merged.json /tmp/orthanc.json
setpriv --reuid 999 --regid 999 --clear-groups \\
    Orthanc /tmp/orthanc.json >/var/log/orthanc.log 2>&1 &
orthanc=$!
trap 'kill $orthanc 2>/dev/null && wait $orthanc; service postgresql stop >/dev/null' EXIT
for second in $(seq 180); do
    sleep 1
    kill -0 $orthanc || { tail -n 20 /var/log/orthanc.log; exit 1; }
    ! grep -q 'Adjuvant: ready' /var/log/orthanc.log || break
done
python3 /opt/adjuvant/health.py
cd /opt/adjuvant/plugin
python3 -m adjuvant doctor --configuration /tmp/orthanc.json
PYTHONPATH=. /opt/adjuvant/.venv/bin/python /run/secrets/ask.py
kill $orthanc
wait $orthanc
"""
ASK = """import json, time
import requests
from adjuvant.rehearsal import drawn_scan

settings = json.load(open("/tmp/orthanc.json"))
session = requests.Session()
session.auth = next(iter(settings["RegisteredUsers"].items()))
base = "http://127.0.0.1:8042"
stored = session.post(f"{base}/instances", drawn_scan(), timeout=30).json()["ID"]
for attempt in range(300):
    time.sleep(0.2)
    jobs = session.get(f"{base}/adjuvant/jobs", timeout=30).json()["jobs"]
    if jobs and jobs[0]["state"] not in ("queued", "running"):
        break
print(f"the drawn scan is {jobs[0]['state']}, with {len(jobs[0]['results'])} results")
assert jobs[0]["state"] == "done", jobs
session.auth = None
assert session.get(f"{base}/system", timeout=30).status_code == 401
"""


def steps(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Instruction and argument of each step, continued lines joined, comments left out."""
    joined = re.sub(r"\\\n", "", re.sub(r"^#.*\n", "", dockerfile, flags=re.M))
    for line in joined.splitlines():
        if line.strip():
            instruction, _, argument = line.partition(" ")
            yield instruction, argument.strip()


def build(root: Root, generation: Generation) -> None:
    """Run the steps inside. Raises RootError.

    Where the lock names what the generation's Python cannot have, versions take its place."""
    for instruction, argument in steps(DOCKERFILE.read_text()):
        if instruction == "RUN":
            if generation.replaced:
                argument = argument.replace("--require-hashes", "")
            root.require(["sh", "-ec", f"CUDA=; {argument}"], f"run {argument.split()[0]}")
        elif instruction == "COPY":
            source, target = argument.split()
            inside = root.folder / target.lstrip("/")
            _copy(ROOT / source, inside)
            if generation.replaced and source == LOCK:
                inside.write_text(pinned(generation))
        elif instruction not in ("FROM", "ARG"):
            raise RootError(f"the rehearsal does not know {instruction}")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignore)
    else:
        shutil.copy(source, target)


def merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Objects into objects, as the image's entry point merges its files."""
    merged = dict(first)
    for key, value in second.items():
        held = merged.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            merged[key] = merge(held, value)
        else:
            merged[key] = value
    return merged


def prepare(root: Root, secrets: Path) -> None:
    """Models, secrets and the merged configuration, where the containers would have them."""
    _copy(ROOT / "models", root.folder / "models")
    inside = root.folder / INSIDE.relative_to("/")
    shutil.rmtree(inside, ignore_errors=True)
    subprocess.run([str(SECRETS), str(secrets)], check=True, capture_output=True)
    shutil.copytree(secrets, inside)
    ours = (root.folder / "etc" / "orthanc").glob("adjuvant*.json")
    whole: dict[str, Any] = {
        "Plugins": ["/usr/share/orthanc/plugins"],
        "StorageDirectory": "/var/lib/orthanc/db",
    }
    for path in (*sorted(ours), inside / "orthanc.json"):
        whole = merge(whole, json.loads(path.read_text()))
    (inside / "merged.json").write_text(json.dumps(whole, indent=2))
    (inside / "ask.py").write_text(ASK)


def rehearse(suite: str) -> int:
    """Everything, in a root that is thrown away; 0 where the scan was read. Raises RootError."""
    generation = GENERATIONS[suite]
    root = debian_root(suite, f"{suite}-docker")
    try:
        root.install((*STAND_INS, *generation.builders))
        build(root, generation)
        with tempfile.TemporaryDirectory() as folder:
            prepare(root, Path(folder) / "secrets")
        return root.run(["sh", "-c", START])
    finally:
        shutil.rmtree(root.folder)


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 where the scan was read in each. The first that fails is the last."""
    parser = argparse.ArgumentParser(prog="python -m deploy.docker.rehearse", description=__doc__)
    parser.add_argument("suite", choices=[*SUITES, "all"])
    suite = parser.parse_args(arguments).suite
    try:
        return int(any(rehearse(one) for one in (SUITES if suite == "all" else [suite])))
    except RootError as fault:
        print(f"rehearse: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
