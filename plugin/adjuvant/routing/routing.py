"""Everything about routing in one place: what is offered goes to the destinations that want it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adjuvant.archive import Archive
from adjuvant.config import RouteSettings
from adjuvant.database import set_aside
from adjuvant.health import Health, Log
from adjuvant.job import Filter, Task
from adjuvant.ledger import Ledger, LedgerFault
from adjuvant.routing.destination import Destination, Ourselves
from adjuvant.routing.outbox import Outbox, OutboxCorrupt, OutboxFault
from adjuvant.routing.sender import Sender
from adjuvant.sqlite_file import translated

ALARM = "routing"
STRANDED = "routing stranded"
SOURCE = "source"
JOIN_S = 2.0
PAGE = 500
PRUNE_S = 3600.0
CONNECT_S = 2.0
PATIENCE_S = 15.0  # beyond the time that Orthanc itself waits for a peer


@dataclass(frozen=True)
class Way:
    """How routing is set up: `routes` by name, the file of the outbox, this Orthanc's own ports."""

    routes: Mapping[str, RouteSettings]
    path: Path
    ourselves: Ourselves
    retry_s: float


class Routing:
    """Threads that send, and the list that they work from. Safe to use from any thread.

    Raises OutboxFault as long as the list cannot be used.
    """

    def __init__(
        self, way: Way, archive: Archive, ledger: Ledger, health: Health, log: Log
    ) -> None:
        self._way = way
        self._archive = archive
        self._ledger = ledger
        self._health = health
        self._log = log
        self._stop = threading.Event()
        self._change = threading.Event()  # the list is broken, or it is time to stop
        self._sending = threading.Event()  # set where the present threads have to end
        self._senders: dict[str, Sender] = {}
        self._threads: list[threading.Thread] = []
        self._outbox: Outbox | None = None

    def start(self) -> None:
        """Open the list and begin to send. What is wrong with the list is an alarm, and is tried
        again later."""
        if self._is_used:
            self._try_to_open()
            self._spawn("adjuvant-routing", self._tend)

    def close(self) -> None:
        """Stop soon; what is on its way then is found again at the next start."""
        self._stop.set()
        self._change.set()
        self._rest()
        for thread in self._threads:
            thread.join(JOIN_S)

    def offer(
        self, task: Task, results: Sequence[Mapping[str, str]], named: Collection[str] = ()
    ) -> None:
        """Have the results of a scan sent, and the scan where that is asked for: each once, and
        once more where its file is another one than was sent.

        To be called by the thread of the archive, when they are stored and before their job is
        done: then nothing is forgotten, whenever we are killed. Raises ArchiveFault.
        """
        self._offer(task, results, named, self._archive.md5)

    def _offer(
        self,
        task: Task,
        results: Sequence[Mapping[str, str]],
        named: Collection[str],
        md5: Callable[[str], str | None],
    ) -> None:
        contents: dict[str, str | None] = {}
        for name, settings in self._way.routes.items():
            chosen = _chosen(settings, task, results)
            if chosen and self._wants(name, task, named):
                outbox = self._open_outbox()
                contents |= {one: md5(one) for one, _ in chosen if one not in contents}
                outbox.offer(name, chosen, contents)
                self._senders[name].wake()

    def status(self) -> list[dict[str, Any]]:
        """Every destination as REST shows it."""
        if self._way.routes:
            self._open_outbox()
        return [sender.status() for sender in self._senders.values()]

    def retry(self, name: str) -> int | None:
        """Try at once what had failed; how many, None where there is no such destination."""
        if name not in self._way.routes:
            return None
        self._open_outbox()
        return self._senders[name].retry()

    def forget(self, name: str) -> int:
        """Forget what waits for a route that is not there any more; how many objects."""
        if name in self._way.routes or not self._is_used:
            return 0
        outbox = self._open_outbox()
        forgotten = outbox.forget(name)
        self._look_for_stranded(outbox)
        return forgotten

    def is_route(self, name: str) -> bool:
        """Whether orthanc.json has a route of this name."""
        return name in self._way.routes

    @property
    def _is_used(self) -> bool:
        """Whether something is to be sent, or perhaps was when there still were routes."""
        return bool(self._way.routes) or self._way.path.exists()

    def _wants(self, name: str, task: Task, named: Collection[str]) -> bool:
        settings = self._way.routes[name]
        if name in named:
            return True
        chosen = settings.interpretations
        return settings.always and (not chosen or task.interpretation in chosen)

    # The list and its threads

    def _open_outbox(self) -> Outbox:
        outbox = self._outbox
        if outbox is None:
            raise OutboxFault(f"{self._way.path} is not open: see the alarms")
        return outbox

    def _tend(self) -> None:
        """Open the list again where it could not be, or turned out to be broken."""
        while not self._stop.is_set():
            changed = self._change.wait(PRUNE_S if self._outbox else self._way.retry_s)
            if self._stop.is_set():
                return
            if self._outbox and not changed:
                self._prune(self._outbox)
                continue
            self._change.clear()
            self._rest()
            self._try_to_open()

    def _prune(self, outbox: Outbox) -> None:
        try:
            outbox.prune()
        except OutboxFault as fault:
            self._log.warning(f"{fault}")

    def _try_to_open(self) -> None:
        try:
            self._begin(self._whole_outbox())
        except (OutboxFault, LedgerFault) as fault:
            self._rest()
            self._alarm(ALARM, f"nothing is sent: {fault}")

    def _whole_outbox(self) -> Outbox:
        """The list; a new one in place of a corrupt one, to be filled with all that the ledger
        knows. A file beside it says so until the new one does: we may be killed in between."""
        path = self._way.path
        lost = path.with_name(f"{path.name}.lost")
        with translated(str(path), OutboxFault, OutboxCorrupt):
            try:
                outbox = Outbox(path, lost=lost.exists())
            except OutboxCorrupt as fault:
                lost.touch()
                aside = set_aside(path).name
                self._alarm(ALARM, f"nothing is sent: {fault}; it was set aside as {aside}")
                outbox = Outbox(path, lost=True)
            lost.unlink(missing_ok=True)
        return outbox

    def _begin(self, outbox: Outbox) -> None:
        self._senders = {name: self._sender(name, outbox) for name in self._way.routes}
        self._outbox = outbox
        if outbox.lost:
            self._refill(outbox)
        for sender in self._senders.values():
            sender.recall()
        self._look_for_stranded(outbox)
        self._health.settle(ALARM)
        self._sending = threading.Event()
        for name, sender in self._senders.items():
            self._spawn(f"adjuvant-route-{name}", partial(self._send, sender, self._sending))

    def _refill(self, outbox: Outbox) -> None:
        """What was sent is not known any more: it is sent again, which receivers recognise."""
        for state in ("done", "refused"):
            offset, total = 0, 1
            while offset < total:  # meanwhile new jobs push others back: seen twice, never missed
                jobs, total = self._ledger.jobs(Filter(state), PAGE, offset)
                for job in jobs:
                    named = job.summary.get("routing", ())
                    self._offer(job.task, job.results, named, lambda instance: None)
                offset += PAGE
        outbox.found()
        self._log.warning("what has to be sent was found in the ledger")

    def _look_for_stranded(self, outbox: Outbox) -> None:
        """What waits for a route that was renamed or removed waits for ever, unless told."""
        stranded = outbox.stranded(self._way.routes)
        if not stranded:
            self._health.settle(STRANDED)
            return
        told = ", ".join(f"{count} for {name!r}" for name, count in sorted(stranded.items()))
        self._alarm(STRANDED, f"objects wait for routes that orthanc.json does not have: {told}")

    def _sender(self, name: str, outbox: Outbox) -> Sender:
        settings = self._way.routes[name]
        archive = self._archive.another((CONNECT_S, settings.timeout_seconds + PATIENCE_S))
        destination = Destination(name, settings, archive, self._way.ourselves)
        return Sender(destination, outbox, self._health, self._log, self._way.retry_s)

    def _send(self, sender: Sender, stop: threading.Event) -> None:
        try:
            sender.run(stop)
        except OutboxCorrupt:
            self._change.set()

    def _rest(self) -> None:
        """Stop sending and close the list."""
        outbox, self._outbox = self._outbox, None
        self._sending.set()
        for sender in self._senders.values():
            sender.wake()
        if outbox is not None:
            outbox.close()

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(threading.Thread(target=work, name=name, daemon=True))
        self._threads[-1].start()

    def _alarm(self, key: str, what: str) -> None:
        if self._health.alarm(key, what):
            self._log.error(f"alarm: {what}")


def _chosen(
    settings: RouteSettings, task: Task, results: Sequence[Mapping[str, str]]
) -> list[tuple[str, str]]:
    """Instance and kind of what goes there of one job: nothing where it has no results."""
    chosen: list[tuple[str, str]]
    chosen = [(one["instance"], one["kind"]) for one in results if one["kind"] in settings.send]
    if SOURCE in settings.send and results:
        chosen.append((task.instance, SOURCE))
    return chosen
