"""One scan from bytes to results, without any archive: what Orthanc and the command line share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from adjuvant.findings import Findings
from adjuvant.image import Limits, read_scan
from adjuvant.interpretations import Interpretation
from adjuvant.network import Network
from adjuvant.nodules import with_nodules
from adjuvant.preprocess import on_source_matrix, prepare
from adjuvant.results.capture import build_capture
from adjuvant.results.gate import check_results
from adjuvant.results.presentation import STANDARD, Presentation
from adjuvant.results.report import build_report
from adjuvant.results.seg import build_segmentation
from adjuvant.scan import Scan
from adjuvant.uptake import UNCALIBRATED, Calibration, with_uptake


@dataclass(frozen=True)
class Outcome:
    """All that came of one scan: `objects` are the SEG, SC and SR, checked and ready to store.

    `steps_ms` is the time of each step: decode, preprocess, network, interpret, nodules (where a
    model looks for them), build.
    """

    scan: Scan
    findings: Findings
    objects: tuple[Dataset, ...]
    steps_ms: dict[str, float]


def analyse(
    data: bytes,
    interpretation: Interpretation,
    network: Network,
    limits: Limits,
    presentation: Presentation = STANDARD,
    calibration: Calibration = UNCALIBRATED,
) -> Outcome:
    """Read, prepare, infer, interpret, build and check; the caller has asked the rule.

    Raises Refusal where the scan cannot be analysed, Fault where we failed at it.
    """
    model, steps = network.model, dict[str, float]()
    with _timed(steps, "decode"):
        scan = read_scan(data, limits)
    with _timed(steps, "preprocess"):
        plan = model.whole_image
        inputs = np.stack([prepare(frame.counts, plan) for frame in scan.frames])
    with _timed(steps, "network"):
        answer = network(inputs)
    with _timed(steps, "interpret"):
        findings = interpretation.interpret(scan, on_source_matrix(answer, scan.shape), model)
        findings = with_uptake(findings, scan, calibration)
    if network.then is not None:
        with _timed(steps, "nodules"):
            findings = with_nodules(findings, scan, network.then)
    with _timed(steps, "build"):
        made_by = network.algorithm
        objects = (
            build_segmentation(scan, findings, made_by),
            build_capture(scan, findings, made_by, presentation),
            build_report(scan, findings, made_by),
        )
        check_results(scan, findings, objects)
    return Outcome(scan, findings, objects, steps)


@contextmanager
def _timed(steps: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    steps[name] = (time.perf_counter() - begin) * 1e3
