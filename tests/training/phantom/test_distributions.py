import numpy as np
import pytest

from training.phantom.distributions import DISEASES, draw_patient, mix_of


def test_the_usual_shares_are_kept() -> None:
    assert mix_of({}) == pytest.approx(DISEASES)


def test_the_others_divide_what_is_left_as_they_did() -> None:
    mix = mix_of({"cold nodule": 0.5, "normal": 0.0})
    assert sum(mix.values()) == pytest.approx(1)
    assert (mix["cold nodule"], mix["normal"]) == (0.5, 0.0)
    assert mix["Graves disease"] / mix["one lobe"] == pytest.approx(
        DISEASES["Graves disease"] / DISEASES["one lobe"]
    )


def test_patients_have_the_diseases_of_the_mix() -> None:
    mix = mix_of({"cold nodule": 0.8})
    found = [draw_patient(np.random.default_rng([3, n]), mix).disease for n in range(300)]
    assert found.count("cold nodule") / 300 == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"cold": 0.4}, "no disease 'cold' is simulated, only normal, "),
        ({"cold nodule": 40}, "from 0 to 1, got 40"),
        ({"cold nodule": float("nan")}, "from 0 to 1, got nan"),
        ({"cold nodule": 0.7, "normal": 0.5}, "the shares make 1.2 together"),
        (dict.fromkeys(DISEASES, 0.01), "the shares make 0.12 together"),
    ],
)
def test_shares_that_make_no_sense_are_refused(shares: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mix_of(shares)


def test_every_disease_may_have_a_share() -> None:
    assert mix_of(DISEASES) == pytest.approx(DISEASES)
