"""The figures for monitoring are those of the ledger and the board, and nothing waits for them."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adjuvant import metrics as module
from adjuvant.api import Desk, Request, answer
from adjuvant.archive import Archive, Connection
from adjuvant.comparison import Comparison
from adjuvant.config import RouteSettings
from adjuvant.figures import QUALITY_MINIMUM, labelled, of_routes, quantile
from adjuvant.health import Health, Log, ModelInUse, event
from adjuvant.inbox import Inbox
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.job import End, Task
from adjuvant.keeping import SHADOW_FOLDER, Folders, ModelKeeping
from adjuvant.ledger import Ledger
from adjuvant.metrics import NAMES, Metrics, publishing
from adjuvant.model import read_model
from adjuvant.registry import Announcer
from adjuvant.routing.destination import Ourselves
from adjuvant.routing.routing import Routing, Way
from adjuvant.shadow_tally import Seen, Tally, TallyFile
from tests.adjuvant.version_folders import write_version

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "adjuvant.json"
LINE = re.compile(r'(adjuvant_\w+)(\{\w+="[^"]*"(,\w+="[^"]*")*\})?')


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """With a route that leads to an Orthanc which does not answer, and two versions of a model."""
    desk = Desk(Health("0.1.0"), Inbox(), Ledger(tmp_path / "ledger.sqlite"))
    archive = Archive(Connection("http://127.0.0.1:9", "token"), 1 << 20)
    monkeypatch.setattr(archive, "md5", lambda instance: None)
    routes = {"pacs": RouteSettings.model_validate({"Kind": "peer", "Target": "pacs"})}
    way = Way(routes, tmp_path / "routing.sqlite", Ourselves(8042, 4242), 600.0)
    desk.routing = Routing(way, archive, desk.open_ledger, desk.health, desk.log)
    desk.routing.start()
    desk.models = choosing(desk, tmp_path).desk(None)  # type: ignore[arg-type] # nothing is loaded
    yield desk
    desk.routing.close()
    archive.close()
    desk.open_ledger.close()


def choosing(desk: Desk, folder: Path) -> ModelKeeping:
    """0.1.0 reads scans, 0.2.0 was compared with it on two scans of an earlier day."""
    contracts = [write_version(folder / "models", version) for version in ("0.1.0", "0.2.0")]
    keeping = ModelKeeping(
        Folders(folder / "models", folder),
        {"thyroid": "0.1.0"},
        (INTERPRETATIONS["thyroid"],),
        lambda folder: pytest.fail(f"{folder} is loaded"),
        Announcer(desk.health, desk.log),
    )
    readers = keeping.readers()
    keeping.hooks.loaded(readers)
    digests = [read_model(contract).digest for contract in contracts]
    tally = Tally("0.1.0", digests[0], "0.2.0", digests[1], None, failed=1)
    for dice, gained in ((0.75, 0), (0.5, 2)):
        tally = tally.add(Seen("i", None, Comparison(dice, None, gained, 0), 100.0, 300.0))
    TallyFile(folder / SHADOW_FOLDER / "thyroid.json").keep(tally)
    return keeping


def end(desk: Desk, name: str, how: End) -> None:
    desk.open_ledger.add([Task(name, "thyroid", "thyroid 0.1.0", "d")])
    job = desk.open_ledger.claim()
    assert job is not None
    desk.open_ledger.finish(job, how)


def done(milliseconds: float = 100.0, area: float | None = 20.0) -> End:
    results = [{"instance": "i", "kind": kind} for kind in ("SEG", "SC", "SR")]
    summary = {"gland_seen": area is not None, "gland_area_cm2": area}
    return End("done", steps_ms={"network": milliseconds}, results=results, summary=summary)


def looking(desk: Desk) -> tuple[Metrics, dict[str, float]]:
    published: dict[str, float] = {}
    return Metrics(desk, published.__setitem__, threading.Event()), published


def fill(desk: Desk) -> dict[str, float]:
    """A desk at which everything that has a figure has happened."""
    metrics, published = looking(desk)
    for number in range(QUALITY_MINIMUM):
        end(desk, f"scan {number}", done(100.0 * (number + 1), 10.0 + number))
    end(desk, "x", End("refused", "matrix", "Rows is 4096"))
    end(desk, "y", End("failed", "fault", "the disk is full"))
    desk.open_ledger.add([Task("waits", "thyroid", "thyroid 0.1.0", "d")])
    desk.health.become("ready", "waiting for scans")
    desk.health.use("CPU", (ModelInUse("thyroid", "0.1.0", "abc", True),))
    desk.health.know(orthanc="1.10.1")
    assert desk.routing is not None
    assert desk.models is not None
    task = Task("a", "thyroid", "thyroid 0.1.0", "d")
    desk.routing.offer(task, [{"instance": f"the-{one}", "kind": one} for one in ("SEG", "SR")])
    desk.models.run_silently("thyroid", "0.2.0", "alice")
    desk.health.alarm("disk", "the disk is full")
    desk.health.succeed(time.time() - 60)
    metrics.refresh()
    return published


def test_the_figures_are_those_of_ledger_and_board(desk: Desk) -> None:
    published = fill(desk)
    model = 'name="thyroid",version="0.1.0",digest="abc",simulated="true"'
    expected = {
        'adjuvant_state{state="ready"}': 1,
        'adjuvant_state{state="off"}': 0,
        f"adjuvant_model_info{{{model}}}": 1,
        "adjuvant_paused": 0,
        "adjuvant_alarms": 2,
        'adjuvant_jobs{state="queued"}': 1,
        'adjuvant_jobs{state="done"}': QUALITY_MINIMUM,
        'adjuvant_scans_total{state="failed"}': 1,
        'adjuvant_results_total{kind="SEG"}': QUALITY_MINIMUM,
        'adjuvant_refusals_total{code="matrix"}': 1,
        'adjuvant_step_seconds{step="network",quantile="0.5"}': 0.5,
        'adjuvant_step_seconds{step="network",quantile="0.9"}': 0.9,
        'adjuvant_step_seconds{step="network",quantile="0.99"}': 1.0,
        "adjuvant_gland_seen_ratio": 1,
        'adjuvant_gland_area_cm2{quantile="0.5"}': 14,
        'adjuvant_route_objects{route="pacs",state="waiting"}': 2,
        'adjuvant_route_objects{route="pacs",state="failed"}': 0,
        'adjuvant_shadow_info{model="thyroid",version="0.2.0"}': 1,
        'adjuvant_shadow_scans_total{model="thyroid",end="compared"}': 2,
        'adjuvant_shadow_scans_total{model="thyroid",end="failed"}': 1,
        'adjuvant_shadow_dice_sum{model="thyroid"}': 1.25,
        'adjuvant_shadow_dice_count{model="thyroid"}': 2,
        'adjuvant_shadow_nodules_total{model="thyroid",change="gained"}': 2,
        'adjuvant_shadow_seconds_total{model="thyroid",side="candidate"}': 0.6,
    }
    assert {name: published.get(name) for name in expected} == expected
    assert 60 <= published["adjuvant_last_success_seconds"] < 600
    assert 0 <= published["adjuvant_oldest_queued_seconds"] < 600
    assert 0 < published['adjuvant_route_oldest_seconds{route="pacs"}'] < 600


def test_who_is_called_by_the_alarms_finds_as_many_in_the_status(desk: Desk) -> None:
    metrics, published = looking(desk)
    for failed, called in enumerate((0, 1, 1)):
        metrics.refresh()
        shown = answer(Request("GET", "status"), desk).document["alarms"]
        assert published["adjuvant_alarms"] == len(shown) == called
        end(desk, f"scan {failed}", End("failed", "fault", "the disk is full"))


@pytest.mark.parametrize(("state", "ok"), [("ok", 1), ("down", 0), ("unusable", 0)])
def test_a_route_whose_destination_does_not_answer_is_not_ok(
    desk: Desk, state: str, ok: int
) -> None:
    assert desk.routing is not None
    (shown,) = desk.routing.status()
    assert shown["oldest_waiting"] is None
    figures = dict(of_routes([{**shown, "state": state}]))
    assert figures['adjuvant_route_ok{route="pacs"}'] == ok
    assert figures['adjuvant_route_oldest_seconds{route="pacs"}'] == 0


def test_of_a_shadow_that_was_ended_nothing_is_left(desk: Desk) -> None:
    metrics, published = looking(desk)
    assert desk.models is not None
    desk.models.run_silently("thyroid", "0.2.0", "alice")
    metrics.refresh()
    before = {name for name in published if "shadow" in name and published[name]}
    desk.models.run_silently("thyroid", None, "alice")
    metrics.refresh()
    assert len(before) > 5
    assert {published[name] for name in before} == {0}


def test_a_list_of_sendings_that_cannot_be_used_leaves_the_other_figures(desk: Desk) -> None:
    metrics, published = looking(desk)
    assert desk.routing is not None
    desk.routing.close()
    metrics.refresh()
    assert published["adjuvant_alarms"] == 0
    assert not any("route" in name for name in published)


def test_every_metric_is_published_named_and_in_prometheus_own_form(desk: Desk) -> None:
    published = fill(desk)
    assert all(LINE.fullmatch(name) for name in published)
    assert {name.partition("{")[0] for name in published} == set(NAMES)


def test_totals_grow_from_look_to_look_and_count_nothing_twice(desk: Desk) -> None:
    end(desk, "before", done())
    metrics, published = looking(desk)
    for number in range(3):
        end(desk, f"scan {number}", done())
        metrics.refresh()
        metrics.refresh()
        assert published['adjuvant_results_total{kind="SR"}'] == number + 1
    assert published['adjuvant_jobs{state="done"}'] == 4
    assert len(metrics._window) == 4  # times are also of those before


def test_a_clock_that_is_set_back_neither_stops_the_totals_nor_counts_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics, published = looking(desk)
    today = time.time()
    for number, now in enumerate((today, today + 5, today - 3600, today - 3000, today + 10)):
        monkeypatch.setattr(time, "time", lambda now=now: now)  # type: ignore[misc]
        metrics.refresh()  # as it does every few seconds
        monkeypatch.setattr(time, "time", lambda now=now: now + 1)  # type: ignore[misc]
        end(desk, f"scan {number}", done())
        metrics.refresh()
        assert published['adjuvant_scans_total{state="done"}'] == number + 1


def test_of_few_scans_no_share_is_told(desk: Desk) -> None:
    metrics, published = looking(desk)
    end(desk, "a", done())
    metrics.refresh()
    assert not any("gland" in name for name in published)


def test_a_model_that_is_not_in_service_any_more_is_0(desk: Desk) -> None:
    metrics, published = looking(desk)
    for version in ("0.1.0", "0.2.0"):
        desk.health.use("CPU", (ModelInUse("thyroid", version, "d", False),))
        metrics.refresh()
    models = {name: value for name, value in published.items() if "model_info" in name}
    assert [value for name, value in models.items() if 'version="0.1.0"' in name] == [0]
    assert [value for name, value in models.items() if 'version="0.2.0"' in name] == [1]


def test_without_a_ledger_the_state_is_told() -> None:
    metrics, published = looking(Desk(Health("0.1.0"), Inbox()))
    metrics.refresh()
    assert published['adjuvant_state{state="starting"}'] == 1
    assert not any(name.startswith("adjuvant_jobs") for name in published)


def test_nobody_waits_for_a_figure(desk: Desk) -> None:
    """While Orthanc takes a figure, the ledger, the board and the inbox are free."""
    used = []

    def publish(name: str, value: float) -> None:
        if not used:
            person = threading.Thread(target=use)
            person.start()
            person.join(20)

    def use() -> None:
        desk.open_ledger.add([Task("a", "thyroid", "thyroid 0.1.0", "d")])
        desk.health.snapshot()
        desk.inbox.offer("a", None)
        used.append(True)

    Metrics(desk, publish, threading.Event()).refresh()
    assert used == [True]


def test_a_fault_is_one_line_and_the_next_look_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 0.001)
    lines: list[str] = []
    desk.log = Log(lines.append, lines.append, lines.append)
    stop = threading.Event()
    looks = iter(range(5))

    def publish(name: str, value: float) -> None:
        if next(looks, None) is None:
            stop.set()
        raise RuntimeError("Geheimnis^Gudrun")

    with publishing(desk, publish, stop):
        assert stop.wait(20)
    (line,) = lines
    assert line.startswith("metrics are not refreshed: unexpected RuntimeError at ")


def test_where_orthanc_takes_no_figures_none_are_made(desk: Desk) -> None:
    before = threading.active_count()
    with publishing(desk, None, threading.Event()):
        assert threading.active_count() == before


def test_a_label_is_escaped() -> None:
    assert labelled("a", b='x"\\\n') == r'a{b="x\"\\\n"}'


def test_a_line_of_the_log_can_be_taken_apart_again() -> None:
    line = event("job-refused", job=7, code="matrix", reason='Rows is "4 k"\nand\u202e more')
    assert line.isprintable()
    assert line.isascii()
    kind, *_ = line.split(" ")
    fields = dict(re.findall(r'([a-z]+)=("(?:[^"\\]|\\.)*"|[^ ]+)', line))
    assert (kind, fields["job"], fields["code"]) == ("job-refused", "7", "matrix")
    assert json.loads(fields["reason"]) == 'Rows is "4 k"\nand\u202e more'


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.51, 3.0), (0.99, 4.0), (0.01, 1.0)])
def test_quantiles_are_values_that_occurred(share: float, value: float) -> None:
    assert quantile([3.0, 1.0, 4.0, 2.0], share) == value


def panels() -> list[dict[str, Any]]:
    document = json.loads(DASHBOARD.read_text())
    assert document["uid"] == "adjuvant"
    shown: list[dict[str, Any]] = document["panels"]
    return shown


def test_the_dashboard_names_only_metrics_and_labels_that_exist(desk: Desk) -> None:
    exist = fill(desk)
    labels: dict[str, set[str]] = {name: set() for name in NAMES}
    for line in exist:
        labels[line.partition("{")[0]] |= set(re.findall(r"(\w+)=", line))
    for panel in panels():
        for target in panel["targets"]:
            used = re.findall(r"(adjuvant_\w+)(?:\{([^}]*)\})?", target["expr"])
            assert used, target["expr"]
            for name, chosen in used:
                assert name in NAMES, f"{panel['title']}: {name}"
                assert set(re.findall(r"(\w+)=~?", chosen)) <= labels[name]
            legend = re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))
            assert set(legend) <= labels[used[0][0]], panel["title"]


def test_the_dashboard_shows_every_metric() -> None:
    text = json.dumps([panel["targets"] for panel in panels()])
    assert {name for name in NAMES if name not in text} == set()


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_operations_page_lists_every_metric() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    listed = dict(re.findall(r"^\| `(adjuvant_\w+)` \| (.+) \|$", text, re.MULTILINE))
    assert listed == NAMES
