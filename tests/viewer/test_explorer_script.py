"""What the script on Orthanc Explorer's pages shows, step by step, without a browser."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from adjuvant.explorer import SCRIPT
from tests.viewer.browser import SCENARIOS

HEAD, BUTTON = "AI analysis", "Analyze"
RESULTS = [{"kind": "SEG", "instance": "seg"}]
TROUBLE = (503, '{"error": "Not possible now", "details": "too much is asked at once"}')


def job(state: str, **others: Any) -> dict[str, Any]:
    named = {"interpretation": "thyroid", "model": "thyroid 0.1.0", "summary": {}, "reason": None}
    return {**named, "state": state, "results": RESULTS, **others}


def jobs(*listed: dict[str, Any], total: int | None = None) -> tuple[str, dict[str, Any]]:
    return "answer", {"jobs": listed, "total": len(listed) if total is None else total}


def steps(*done: tuple[str, Any], page: str = "study") -> list[dict[str, Any]]:
    """What is shown, asked and waited for after each step."""
    asked = json.dumps({"script": SCRIPT, "page": page, "steps": done})
    command = ["node", str(SCENARIOS / "explorer_script.cjs"), asked]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found


def test_a_page_goes_on_looking_after_an_answer_that_failed():
    first, _, failed, asked, last = steps(
        jobs(job("running")), ("wait", None), ("fail", TROUBLE), ("wait", None), jobs(job("done"))
    )
    assert first["waits"] == 1000
    assert failed["texts"] == [HEAD, "Not possible now", "too much is asked at once", BUTTON]
    assert failed["waits"] > 1000
    assert asked["asked"].startswith("GET ../adjuvant/studies/x/jobs")
    assert "thyroid: done" in last["texts"]
    assert last["waits"] is None


def test_what_will_not_pass_is_not_asked_again():
    (failed,) = steps(("fail", (404, '{"error": "Not found", "details": "gone"}')))
    assert failed["texts"] == [HEAD, "Not found", "gone", BUTTON]
    assert failed["waits"] is None


def test_why_an_analysis_was_not_begun_stays_beside_the_jobs_until_the_next_try():
    refused = [jobs(job("queued")), ("press", None), ("fail", TROUBLE), jobs(job("queued"))]
    later = [("wait", None), jobs(job("running"))]
    again = [("press", None), ("answer", {}), jobs(job("done"))]
    shown = [step["texts"] for step in steps(*refused, *later, *again)]
    assert shown[3][1:4] == ["Not possible now", "too much is asked at once", "thyroid: waiting"]
    assert shown[5][1:4] == ["Not possible now", "too much is asked at once", "thyroid: running"]
    assert shown[8][1] == "thyroid: done"


def test_what_did_not_change_is_not_built_anew():
    first, _, same, _, other = steps(
        jobs(job("running")),
        ("wait", None),
        jobs(job("running")),
        ("wait", None),
        jobs(job("done")),
    )
    assert same["shown"] == first["shown"]
    assert same["waits"] == first["waits"]
    assert other["shown"] == first["shown"] + 1


def test_a_button_with_the_focus_of_the_keyboard_keeps_it():
    *_, last = steps(jobs(), ("focus", None), ("press", None), ("answer", {}), jobs(job("queued")))
    assert "thyroid: waiting" in last["texts"]
    assert last["focused"]


def test_all_that_is_not_shown_is_counted():
    (shown,) = steps(jobs(*[job("done")] * 20, total=4711))
    assert "and 4691 more" in shown["texts"]
    assert shown["asked"].endswith("/jobs?limit=20")


def test_results_that_may_be_gone_are_no_links():
    for state, links in (("done", ["#instance?uuid=seg"]), ("superseded", []), ("queued", [])):
        (shown,) = steps(jobs(job(state)), page="instance")
        assert shown["links"] == links
