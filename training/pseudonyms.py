"""Names for patients, studies and days that only the holder of a key can link to the real ones.

Every pseudonym is an HMAC-SHA-256 of the original under the department's key (RFC 2104): the same
patient is the same pseudonym today and next year, in every import; without the key nobody can go
back, nor try out a list of names. Keep the key where the patients' names are kept, never beside
the data set: who has both has the patients.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

KEY_BYTES = 32
# About ten years back: no date of a data set is of the time when it was made.
LONGEST_SHIFT_DAYS = 3650
# Within a day, so that a working day seldom crosses midnight.
LONGEST_SHIFT_SECONDS = 4 * 3600

TIME = re.compile(r"(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})?")


class KeyFault(Exception):
    """The key cannot be used; the text names the file."""


@dataclass(frozen=True)
class Shift:
    """How far the days and the times of day of one patient are moved."""

    days: int
    seconds: int

    def day(self, written: str) -> str:
        """A DICOM date (DA), moved; empty where it is none."""
        try:
            moved = datetime.strptime(written.strip(), "%Y%m%d").date() + timedelta(days=self.days)
        except (ValueError, OverflowError):
            return ""
        return moved.strftime("%Y%m%d") if moved >= date(1000, 1, 1) else ""

    def time(self, written: str) -> str:
        """A DICOM time of day (TM), moved, modulo 24 hours; empty where it is none."""
        match = TIME.fullmatch(written.strip())
        if match is None:
            return ""
        hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
        total = (hours * 3600 + minutes * 60 + seconds + self.seconds) % 86400
        return f"{total // 3600:02}{total // 60 % 60:02}{total % 60:02}"

    def moment(self, written: str) -> str:
        """A DICOM date and time (DT), moved as its two parts are; empty where it is none."""
        day, rest = written.strip()[:8], re.split("[+-]", written.strip()[8:])[0]
        moved = self.day(day)
        return moved + (self.time(rest) if moved and rest else "")


class Pseudonyms:
    """The pseudonyms of one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise KeyFault(f"a key has {KEY_BYTES} bytes or more, got {len(key)}")
        self._key = key

    def name(self, patient: str) -> str:
        """`Th_<hex>`, for PatientName."""
        return f"Th_{self._hex('name', patient, 16)}"

    def patient(self, patient: str) -> str:
        """`ID_<hex>`, for PatientID."""
        return f"ID_{self._hex('patient', patient, 16)}"

    def accession(self, number: str) -> str:
        """`TA_<hex>`, for AccessionNumber, which holds 16 characters (SH)."""
        return f"TA_{self._hex('accession', number, 13)}"

    def uid(self, uid: str) -> str:
        """A UID of the form 2.25.<number of 128 bits> (PS3.5 B.2)."""
        return f"2.25.{int(self._hex('uid', uid, 32), 16)}"

    def token(self, kind: str, text: str) -> str:
        """What stands for a text in a file that people may see."""
        return self._hex(kind, text, 32)

    def shift(self, patient: str) -> Shift:
        """One shift for all the dates of a patient, always into the past."""
        number = int(self._hex("shift", patient, 32), 16)
        seconds = number // LONGEST_SHIFT_DAYS % (2 * LONGEST_SHIFT_SECONDS) + 1
        return Shift(-1 - number % LONGEST_SHIFT_DAYS, seconds - LONGEST_SHIFT_SECONDS)

    def _hex(self, kind: str, text: str, digits: int) -> str:
        # A name of a file may be no text.
        message = f"{kind}\0{text}".encode(errors="surrogateescape")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:digits]


def write_key(path: Path) -> None:
    """Write a new random key, readable by its owner only. Raises KeyFault where one is there."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as fault:
        raise KeyFault(
            f"{path} exists: another key would give every patient another name"
        ) from fault
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")


def read_key(path: Path) -> bytes:
    """The key in a file of hexadecimal digits. Raises KeyFault."""
    try:
        return bytes.fromhex(path.read_text("ascii").strip())
    except OSError as fault:
        raise KeyFault(f"cannot read the key {path}: {fault.strerror}") from fault
    except ValueError as fault:
        raise KeyFault(f"{path} is no key: it does not hold hexadecimal digits") from fault
