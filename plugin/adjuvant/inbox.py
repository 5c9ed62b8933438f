"""How a received instance becomes known to the worker: at once from Orthanc's callback, and
for certain from Orthanc's own change log.

The callback only drops an identifier into memory. What memory loses (a crash, an overflow, an
error in the callback), a sweep over `/changes` finds. Standard library only: this module is
imported before Orthanc has started.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

CAPACITY = 100_000
CURSOR = "changes"

# What gets a job (PS3.4 B.5): NM, and the Secondary Capture classes, under which some cameras file
# theirs. These are never read: their job says why. The rules look at the rest of the header.
READABLE_SOP_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.20",
        "1.2.840.10008.5.1.4.1.1.7",
        "1.2.840.10008.5.1.4.1.1.7.1",
        "1.2.840.10008.5.1.4.1.1.7.2",
        "1.2.840.10008.5.1.4.1.1.7.3",
        "1.2.840.10008.5.1.4.1.1.7.4",
    }
)


class Inbox:
    """Identifiers of instances that just arrived. Safe to use from any thread, never blocks."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._waiting: deque[str] = deque(maxlen=capacity)  # when full, the oldest falls out
        self._in_hand: dict[str, None] = {}
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._capacity = capacity
        self._bell = threading.Condition()
        self._rung = False
        # Ever since the start:
        self.arrivals = 0  # of what may be a scan
        self.calls = 0  # of those who do not want to wait

    def __len__(self) -> int:
        """How many wait, those in hand included."""
        with self._bell:
            return len(self._in_hand) + len(self._waiting)

    def offer(self, instance: str, sop_class: str | None) -> None:
        """An instance was stored; `sop_class` where it is known already."""
        with self._bell:
            if sop_class is not None and sop_class not in READABLE_SOP_CLASSES:
                self._settle(instance)
                return
            self._waiting.append(instance)
            self.arrivals += 1
            self._rung = True
            self._bell.notify()

    def settle(self, instance: str) -> None:
        """Remember that nothing is to be done for `instance`: a result of ours, another class."""
        with self._bell:
            self._settle(instance)

    def settled(self, instance: str) -> bool:
        """True where `settle` was said of `instance` (the memory is bounded: False is a maybe)."""
        with self._bell:
            return instance in self._settled

    def take(self) -> list[str]:
        """Everything that waits, oldest first, each once, without what is settled.

        It is in hand until `put_away`: what is not put away is taken once more.
        """
        with self._bell:
            taken = self._in_hand | dict.fromkeys(self._waiting)
            left = [one for one in taken if one not in self._settled]
            self._in_hand = dict.fromkeys(left[-self._capacity :])
            self._waiting.clear()
            self._rung = False
            return list(self._in_hand)

    def put_away(self, instance: str) -> None:
        """What was taken is in the ledger now."""
        with self._bell:
            self._in_hand.pop(instance, None)

    def clear(self) -> None:
        """Forget what arrived: another Orthanc sees to it."""
        with self._bell:
            self._waiting.clear()
            self._in_hand.clear()

    def wake(self) -> None:
        """End a `wait` at once."""
        with self._bell:
            self.calls += 1
            self._rung = True
            self._bell.notify()

    def wait(self, timeout_s: float) -> None:
        """Return when something arrives, at the latest after `timeout_s`."""
        with self._bell:
            self._bell.wait_for(lambda: self._rung, timeout_s)
            self._rung = False

    def _settle(self, instance: str) -> None:
        self._settled[instance] = None
        while len(self._settled) > self._capacity:
            self._settled.popitem(last=False)


class ChangeLog(Protocol):
    """What `Sweep` asks of the archive."""

    def changes(self, since: int, /) -> Page: ...


class Page(Protocol):
    """One page of the change log."""

    @property
    def instances(self) -> Iterable[str]: ...
    @property
    def stable(self) -> Iterable[str]: ...
    @property
    def stored(self) -> Mapping[str, str]: ...
    @property
    def last(self) -> int: ...
    @property
    def done(self) -> bool: ...


class Notes(Protocol):
    """Where the cursor is kept: the ledger."""

    def note(self, name: str, /) -> int | None: ...
    def keep_note(self, name: str, value: int, /) -> None: ...


@dataclass
class Sweep:
    """A walk over the change log, page by page, so that new scans need not wait for its end.

    Each walk begins where the walk before the last one ended: an index with several writers may
    commit changes out of their order, and what is seen twice is queued once. `stored` says when
    each of the instances on the last page was.
    """

    log: ChangeLog
    notes: Notes
    position: int | None = None
    previous_end: int | None = None
    stored: Mapping[str, str] = field(init=False, default_factory=dict)
    _before: int | None = field(init=False, default=None)

    def page(self) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
        """The new instances of the next page, the series and studies that are stable since then,
        and whether the walk has come to its end."""
        if self.position is None:
            self.position = self.notes.note(CURSOR) or 0
        page = self.log.changes(self.position)
        if page.last < self.position:  # another database, or it was emptied
            self._before = self.position = self.previous_end = 0
            self.notes.keep_note(CURSOR, 0)
            return (), (), False
        self._before, self.position, self.stored = self.position, page.last, page.stored
        return tuple(page.instances), tuple(page.stable), page.done

    def again(self) -> None:
        """The last page could not be looked at to its end: the next one is the same."""
        self.position = self._before

    def finish(self) -> None:
        """Everything that the walk found is in the ledger: move the cursor."""
        if self.previous_end is not None:
            self.notes.keep_note(CURSOR, self.previous_end)
        self.previous_end, self.position = self.position, None
