"""One simulated scan through a real Orthanc: `python -m deploy.demo` (`make demo`).

Starts Orthanc with the plugin, sends a scan by C-STORE, waits for the results, shows them, and
leaves Orthanc running until Ctrl-C.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydicom import dcmread
from rich.console import Console
from rich.table import Table

from deploy.client import FINAL_STATES, Client, ClientError, store
from deploy.ports import is_free
from deploy.serve import ROOT, ServeError, Server, running_orthanc
from training.phantom.case import Case, Property
from training.phantom.dicom import write_dicom
from training.phantom.simulator import simulate_case

READY_S = 240.0
RESULT_S = 120.0
SEED = 54
MODELS = ROOT / "models"
PICTURE = ROOT / "build" / "demo.png"

Answer = TypeVar("Answer")


class DemoError(Exception):
    """A step of the demo did not succeed; the text is one line."""


@dataclass(frozen=True)
class Shown:
    """What the table tells of one scan: the job as `/adjuvant/jobs` has it, and two times in s."""

    case: Case
    source: str
    job: dict[str, Any]
    store_s: float
    result_s: float


def main(
    exit_: Annotated[bool, typer.Option("--exit", help="End Orthanc after the results.")] = False,
    http_port: Annotated[int, typer.Option(help="Another free one is taken if in use.")] = 8042,
    dicom_port: Annotated[int, typer.Option(help="Another free one is taken if in use.")] = 4242,
    data: Annotated[Path | None, typer.Option(help="Keep everything here.")] = None,
    picture: Annotated[Path, typer.Option(help="Where the fused picture goes.")] = PICTURE,
    models: Annotated[Path, typer.Option(help="The folder of the models.")] = MODELS,
) -> None:
    """Show the whole way of one scan on a real Orthanc."""
    signal.signal(signal.SIGTERM, _end)
    console = Console()
    try:
        with (
            _folder(data) as folder,
            running_orthanc(
                folder,
                http_port=_free_or_any(http_port),
                dicom_port=_free_or_any(dicom_port),
                overrides={"Adjuvant": {"ModelsDirectory": str(models.resolve())}},
                wait_ready=False,
            ) as server,
        ):
            _demonstrate(console, server, picture)
            if not exit_:
                _leave_running(console, server)
    except (DemoError, ClientError, ServeError, OSError) as fault:
        _say(console, f"demo: {fault}")
        raise typer.Exit(1) from fault


def _demonstrate(console: Console, server: Server, picture: Path) -> None:
    client = Client(server.url)
    _step(console, f"Orthanc answers at {server.url}, DICOM port {server.dicom_port}")
    status = _wait_ready(console, server, client)
    models = ", ".join(f"{model['name']} {model['version']}" for model in status["models"])
    _step(console, f"Adjuvant {status['version']} is ready: model {models} on {status['device']}")
    case = choose_case(SEED)
    shown = _analyse(console, server, client, case)
    console.print(table(client, shown))
    _save_picture(client, shown.job, picture)
    study = client.json(f"/instances/{shown.source}/study")["ID"]
    _say(console, f"fused picture  {picture}")
    _say(console, f"the study      {server.url}/app/explorer.html#study?uuid={study}")


def choose_case(seed: int) -> Case:
    """The first everyday case of a data set: Tc-99m, LEHR, 256 x 256, a gland seen from the front.

    Deterministic: the demo shows the same scan to everybody.
    """
    wanted: dict[str, Property] = {
        "isotope": "Tc-99m",
        "collimator": "LEHR",
        "view": "anterior",
        "rows": 256,
        "gland_visible": True,
    }
    number = 0
    while True:
        case = simulate_case(seed, number)
        if all(case.properties[key] == value for key, value in wanted.items()):
            return case
        number += 1


def _wait_ready(console: Console, server: Server, client: Client) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        status = client.status()
        return status if status["state"] != "starting" else None

    status = _wait(console, server, "the worker loads TensorFlow and the model", look, READY_S)
    if status["state"] != "ready":
        raise DemoError(f"the plugin is {status['state']}: {status['reason']} (see {server.log})")
    return status


def _analyse(console: Console, server: Server, client: Client, case: Case) -> Shown:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scan.dcm"
        write_dicom(case, file)
        begun = time.perf_counter()
        store(file, server.dicom_port)
        stored = time.perf_counter()
        uid = _instance_uid(file)
    _step(console, f"the scan of a simulated patient was sent by C-STORE ({case.case_id})")
    source = client.find(uid)
    if source is None:
        raise DemoError(f"Orthanc accepted the scan but does not hold it (see {server.log})")

    def look() -> dict[str, Any] | None:
        job = client.job_of(source)
        return job if job and job["state"] in FINAL_STATES else None

    job = _wait(console, server, "the scan is read", look, RESULT_S)
    if job["state"] != "done":
        raise DemoError(f"the scan was {job['state']}: {job['reason']}")
    return Shown(case, source, job, stored - begun, time.perf_counter() - stored)


def _instance_uid(file: Path) -> str:
    return str(dcmread(file, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def table(client: Client, shown: Shown) -> Table:
    """Source, results, measures, model and times of one scan."""
    job, case = shown.job, shown.case
    grid = Table(title="one scan in, results out", show_header=False, title_justify="left")
    properties = case.properties
    grid.add_row(
        "source",
        f"NM, {properties['view']}, {properties['isotope']}, {properties['rows']} x "
        f"{properties['columns']}, {properties['total_counts']} counts (simulated)",
    )
    for result in job["results"]:
        series = client.json(f"/instances/{result['instance']}/series")["MainDicomTags"]
        text = f"{series['Modality']}, {series.get('SeriesDescription', 'no description')}"
        grid.add_row(f"result {result['kind'].upper()}", text)
    grid.add_row("gland area", _area(job["summary"].get("gland_area_cm2")))
    marked = job["summary"].get("cold_nodules")
    if marked is not None:
        grid.add_row("cold nodules", f"{marked} marked, candidates for a second look")
    grid.add_row("model", f"{job['model']}, digest {job['model_digest'][:12]}")
    if any(model["simulated"] for model in client.status()["models"]):
        grid.add_row("", "trained on simulated scans, not for clinical use")
    steps = ", ".join(f"{name} {value:.0f}" for name, value in job["steps_ms"].items())
    grid.add_row("times", f"C-STORE {shown.store_s:.2f} s, results {shown.result_s:.2f} s later")
    grid.add_row("steps (ms)", steps)
    return grid


def _area(value: object) -> str:
    return f"{value:.1f} cm²" if isinstance(value, float) else "not measured"


def _save_picture(client: Client, job: dict[str, Any], picture: Path) -> None:
    capture = next((r["instance"] for r in job["results"] if r["kind"].lower() == "sc"), None)
    if capture is None:
        raise DemoError("the job is done but names no Secondary Capture among its results")
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(client.picture(capture))


def _wait(
    console: Console,
    server: Server,
    what: str,
    look: Callable[[], Answer | None],
    timeout_s: float,
) -> Answer:
    """Show progress until `look` has an answer; the last log lines go into the error."""
    deadline = time.monotonic() + timeout_s
    with console.status(f"{what} …", spinner="dots"):
        while True:
            answer = look()
            if answer is not None:
                return answer
            if server.process.poll() is not None:
                raise DemoError(f"Orthanc ended: {_tail(server)}")
            if time.monotonic() > deadline:
                raise DemoError(f"{what}: nothing after {timeout_s:g} s: {_tail(server)}")
            time.sleep(0.02)


def _tail(server: Server) -> str:
    return " | ".join(server.log.read_text(errors="replace").splitlines()[-3:])


def _step(console: Console, text: str) -> None:
    _say(console, f"done: {text}")


def _say(console: Console, text: str) -> None:
    """One line as it is: no wrapping of addresses, no markup in what others wrote."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _leave_running(console: Console, server: Server) -> None:
    _say(console, "Orthanc is left running; Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        server.process.wait()


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """`data`, which stays, or a folder that goes away with a demo that succeeded."""
    folder = data or Path(tempfile.mkdtemp(prefix="adjuvant-demo-"))
    yield folder
    if data is None:
        shutil.rmtree(folder)


def _free_or_any(port: int) -> int:
    """`port` where nobody listens on it, otherwise 0: any free one."""
    return port if is_free(port) else 0


def _end(number: int, frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    typer.run(main)
