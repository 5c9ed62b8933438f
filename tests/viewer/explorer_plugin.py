"""Run by Orthanc: the real script on the real pages, over routes that answer like Adjuvant's.

Every analysis asked for is waiting when it is looked at for the first time, running the second
time, and done from then on. With ADJUVANT_OFF set, they say that Adjuvant is off.
"""

import json
import os
import sys

import orthanc

sys.path.insert(0, os.environ["ADJUVANT_PLUGIN"])

from adjuvant.explorer import explorer_script

STATES = ["queued", "running", "done"]
LOOKS = {}


def analyze(output, uri, **request):
    LOOKS[tuple(request["groups"])] = 0
    output.AnswerBuffer(json.dumps({"queued": 1}), "application/json")


def off(output, uri, **request):
    body = json.dumps({"error": "Adjuvant is off", "details": "Adjuvant.Enabled is false"})
    output.SendHttpStatus(503, body, len(body))


def jobs(output, uri, **request):
    resource = tuple(request["groups"])
    found = [job(resource)] if resource in LOOKS else []
    output.AnswerBuffer(json.dumps({"jobs": found, "total": len(found)}), "application/json")


def job(resource):
    state = STATES[min(LOOKS[resource], 2)]
    LOOKS[resource] += 1
    done = state == "done"
    result = {"kind": "seg", "instance": resource[1], "series": "s", "sop_instance_uid": "2.25.1"}
    return {
        "interpretation": "thyroid",
        "model": "thyroid 0.1.0",
        "state": state,
        "reason": None,
        "results": [result] if done else [],
        "summary": {"gland_seen": True, "gland_area_cm2": 23.456} if done else {},
    }


RESOURCE = "/adjuvant/(studies|series|instances)/([^/]+)"
is_off = "ADJUVANT_OFF" in os.environ
orthanc.RegisterRestCallback(f"{RESOURCE}/analyze", off if is_off else analyze)
orthanc.RegisterRestCallback(f"{RESOURCE}/jobs", off if is_off else jobs)
orthanc.ExtendOrthancExplorer(explorer_script())
