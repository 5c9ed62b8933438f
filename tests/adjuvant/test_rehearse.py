"""The rehearsal runs the whole pipeline on a drawn scan and names what is broken."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pydicom
import pytest

from adjuvant.errors import Fault, ModelFault
from adjuvant.findings import Findings
from adjuvant.image import Limits
from adjuvant.interpretations import INTERPRETATIONS
from adjuvant.model import Model
from adjuvant.pipeline import analyse
from adjuvant.rehearsal import drawn_scan, rehearse
from adjuvant.rules.syntax import default_rules
from adjuvant.scan import Scan
from tests.networks import bright_network, model

THYROID = INTERPRETATIONS["thyroid"]


def test_the_drawn_scan_passes_the_rule_and_shows_a_gland():
    header = pydicom.dcmread(BytesIO(drawn_scan()))
    assert default_rules().decide(header, THYROID.name).rule
    outcome = analyse(drawn_scan(), THYROID, bright_network(), Limits())
    # Two ellipses of 9 x 24 mm half axes are 13.6 cm²; this network outlines at a quarter of the
    # maximum, where the blurred edge lies 1.22 times as far out: 20 cm², and a little noise.
    area = outcome.findings.measures[0].gland_area_cm2
    assert area is not None
    assert 19 < area < 24


def test_a_rehearsal_with_a_sound_network_says_nothing():
    assert rehearse(THYROID, bright_network(), Limits()) is None


def test_a_network_without_the_label_fails_the_rehearsal():
    other = model(output={"labels": ["knee"], "threshold": 0.5, "minimum_area_pixels": 20})
    with pytest.raises(ModelFault, match="has no label 'thyroid', only knee"):
        rehearse(THYROID, bright_network(other), Limits())


def test_a_fault_of_any_part_means_that_the_model_cannot_be_used():
    def interpret(scan: Scan, probabilities: np.ndarray, model: Model) -> Findings:
        raise Fault("the outline is lost")

    with pytest.raises(ModelFault, match="the rehearsal failed: the outline is lost"):
        rehearse(replace(THYROID, interpret=interpret), bright_network(), Limits())


def test_limits_that_refuse_the_drawn_scan_are_named():
    with pytest.raises(ModelFault, match=r"the rehearsal was refused: .*256"):
        rehearse(THYROID, bright_network(), Limits(maximum_matrix=64))
