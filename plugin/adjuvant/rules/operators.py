"""What a condition asks of a value: equals, one of, matches, range. One value is enough."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import re2

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# The standard wants three digits, and some equipment leaves out the zeros before.
AGE = re.compile(r"(\d{1,3})([DWMY])", re.ASCII)
YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}

LONGEST_PATTERN = 1000
# RE2 takes time in proportion to text times program, whatever the pattern: with these limits and
# the one on the text (`attribute.py`) no condition takes longer than a fraction of a second.
LARGEST_PROGRAM = 4000
MEMORY_BYTES = 1 << 20


class Operator(Protocol):
    """`said` are the two ways to say in a reason that it holds, and that it does not."""

    @property
    def said(self) -> tuple[str, str]: ...
    def holds(self, text: str) -> bool: ...


@dataclass(frozen=True)
class Among:
    """Is one of these texts, or one of these numbers, however it is written (`1`, `1.0`)."""

    said: ClassVar[tuple[str, str]] = ("has a value that is asked for", "has another value")
    texts: frozenset[str]
    numbers: frozenset[float]

    def holds(self, text: str) -> bool:
        return text in self.texts or (bool(self.numbers) and number(text) in self.numbers)


@dataclass(frozen=True)
class Matches:
    """Holds a match of a regular expression, anywhere in it."""

    said: ClassVar[tuple[str, str]] = ("matches the pattern", "does not match the pattern")
    search: Callable[[str], object]

    def holds(self, text: str) -> bool:
        return self.search(text) is not None


@dataclass(frozen=True)
class Range:
    """Is a number from `low` to `high`, both included."""

    said: ClassVar[tuple[str, str]] = ("is in the range", "is not in the range")
    low: float
    high: float

    def holds(self, text: str) -> bool:
        found = number(text)
        return found is not None and self.low <= found <= self.high


def number(text: str) -> float | None:
    """The number that a text is, an age (PS3.5 section 6.2, AS) in years; None where it is none."""
    age = AGE.fullmatch(text)
    if age:
        return int(age[1]) * YEARS[age[2]]
    found = float(text) if len(text) <= 64 and NUMBER.fullmatch(text) else math.nan
    return found if math.isfinite(found) else None


def compile_pattern(written: str) -> Callable[[str], Any]:
    """The search function of a regular expression (RE2's syntax: no look-around, no references).

    Raises ValueError with what is wrong with it.
    """
    if len(written) > LONGEST_PATTERN:
        raise ValueError(f"has to have at most {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY_BYTES
    try:
        pattern = re2.compile(written, options)
    except UnicodeError:
        raise ValueError("has to be text that can be written as UTF-8") from None
    except re2.error as fault:
        said = fault.args[0] if fault.args else b""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"has to be a regular expression of RE2 ({why})") from None
    if pattern.programsize > LARGEST_PROGRAM:
        raise ValueError("has to be a smaller regular expression: its repetitions are too large")
    search: Callable[[str], Any] = pattern.search
    return search
