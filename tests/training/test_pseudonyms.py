"""Pseudonyms: the same under one key, others under another, and no way back."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from training.pseudonyms import KeyFault, Pseudonyms, Shift, read_key, write_key

ONE, OTHER = Pseudonyms(bytes(range(32))), Pseudonyms(bytes(range(1, 33)))


def test_pseudonyms_have_the_forms_of_the_reference_and_fit_their_attributes() -> None:
    assert re.fullmatch("Th_[0-9a-f]{16}", ONE.name("id 1"))
    assert re.fullmatch("ID_[0-9a-f]{16}", ONE.patient("id 1"))
    assert re.fullmatch("TA_[0-9a-f]{13}", ONE.accession("A-1"))
    assert len(ONE.accession("A-1")) <= 16
    assert re.fullmatch(r"2\.25\.(0|[1-9]\d*)", ONE.uid("1.2.3"))
    assert len(ONE.uid("1.2.3")) <= 64


def test_a_patient_stays_the_same_under_one_key_and_is_another_under_another() -> None:
    assert ONE.patient("id 1") == Pseudonyms(bytes(range(32))).patient("id 1")
    assert ONE.patient("id 1") != ONE.patient("id 2")
    assert ONE.patient("id 1") != OTHER.patient("id 1")
    assert ONE.patient("id 1")[3:] != ONE.name("id 1")[3:]


def test_a_name_of_a_file_need_not_be_a_text() -> None:
    names = ["Schilddrüse", os.fsdecode(b"Schilddr\xfcse"), os.fsdecode(b"Schilddr\xe9se")]
    assert len({ONE.token("stem", name) for name in names}) == 3


def test_all_dates_of_a_patient_move_by_the_same_number_of_days_into_the_past() -> None:
    shift = ONE.shift("id 1")
    assert shift == ONE.shift("id 1")
    assert shift != ONE.shift("id 2")
    for patient in range(200):
        assert -3650 <= ONE.shift(str(patient)).days <= -1
        assert -14400 < ONE.shift(str(patient)).seconds <= 14400


def test_dates_and_times_are_moved_and_what_is_none_is_emptied() -> None:
    shift = Shift(-10, 3661)
    assert shift.day("20240305") == "20240224"
    assert shift.time("101500") == "111601"
    assert shift.time("2330") == "003101"
    assert shift.time("101500.123456") == "111601"
    assert shift.moment("20240305101500.5+0100") == "20240224111601"
    assert shift.moment("20240305") == "20240224"
    assert [shift.day("yesterday"), shift.time("noon"), shift.moment("2024")] == ["", "", ""]


def test_a_key_is_written_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(read_key(path)) == 32
    with pytest.raises(KeyFault, match="exists: another key would give every patient another"):
        write_key(path)


def test_what_is_no_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFault, match=r"cannot read the key .*none: No such file"):
        read_key(tmp_path / "none")
    (tmp_path / "text").write_text("password")
    with pytest.raises(KeyFault, match="text is no key"):
        read_key(tmp_path / "text")
    with pytest.raises(KeyFault, match="32 bytes or more, got 2"):
        Pseudonyms(b"ab")
