"""UIDs are the same for the same things, different for different things, and valid."""

from __future__ import annotations

from itertools import product

from pydicom.uid import UID

from adjuvant.results import uids


def test_every_name_gives_its_own_valid_uid():
    names = list(product(("1.2.3", "1.2.4"), ("thyroid", "other"), ("a" * 64, "b" * 64)))
    made = [uids.result_uid(*name, kind) for name in names for kind in uids.KINDS]
    made += [uids.series_uid(*name, kind) for name in names for kind in uids.KINDS]
    made += [uids.device_uid(digest) for digest in ("a" * 64, "b" * 64)]
    assert len(made) == len(set(made))
    assert all(UID(uid).is_valid for uid in made)


def test_uids_never_change_between_releases():
    """Stored results are found again by them: a change here stores every result twice."""
    digest = "0" * 64
    assert uids.result_uid("1.2.3", "thyroid", digest, "seg") == UIDS["instance"]
    assert uids.series_uid("1.2.3", "thyroid", digest, "seg") == UIDS["series"]
    assert uids.device_uid(digest) == UIDS["device"]


UIDS = {
    "instance": "2.25.318767968973240188155005413007762571536",
    "series": "2.25.244932813608081454253089223390867834357",
    "device": "2.25.338572931215330689479009648379858827606",
}
