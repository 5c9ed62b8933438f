"""The script that Orthanc runs (`"PythonScript"`), and the only file that imports `orthanc`.

Whatever is wrong with us, Orthanc starts, stores and answers: every import of ours is guarded,
callbacks never raise and never call Orthanc's REST API (tried: a deadlock), and everything slow
happens in one daemon thread that begins when Orthanc has started. Until then next to nothing is
imported, so that Orthanc answers as soon as it would without us. That Orthanc has started, and
that it ends, is seen by its HTTP server (`adjuvant/listening.py` says why).
"""

import os
import sys
import threading
import time

import orthanc

BASE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
NAME = "adjuvant"
# Of the threads that run TensorFlow: cut short in there, they take the process down.
COMPUTING = (NAME, "adjuvant-hand", "adjuvant-upgrade", "adjuvant-shadow")
# Orthanc has to end within 10 s of SIGTERM, also while a job runs: the thread is a daemon.
JOIN_S = 6.0
STARTED_LOOK_S = 0.02
ENDED_LOOK_S = 0.25
# The kernel's table is no snapshot: a port that is not in it is looked for again.
ENDED_LOOKS = 3
ENDED_AGAIN_S = 0.05
ENDED = "Orthanc's HTTP server takes no connections any more: Orthanc ends, or has to be restarted"
FORBIDDEN = "A page of another site may change nothing here (Sec-Fetch-Site: cross-site)"


class Plugin:
    """Orthanc's callbacks. `desk` is None until it is opened, and where our own code is broken."""

    def __init__(self):
        self.stop = threading.Event()
        self.opening = threading.Lock()
        self.thread = None
        self.desk = None
        self.has_users = False
        self.broken = None
        # When Orthanc stops, its Python plugin lets go of these without the interpreter's lock:
        # a segmentation fault where nobody else holds them (tried: plugin 5.0 on Python 3.13).
        self.callbacks = (self.on_rest, self.on_stored_instance)

    def register(self):
        """Hand the callbacks to Orthanc."""
        rest, stored_instance = self.callbacks
        orthanc.RegisterRestCallback("/adjuvant", rest)
        orthanc.RegisterRestCallback("/adjuvant/(.*)", rest)
        orthanc.RegisterOnStoredInstanceCallback(stored_instance)
        self.extend_explorer()
        self.keep_first_start()
        self.thread = threading.Thread(target=self.run, name=NAME, daemon=True)
        self.thread.start()
        # No daemon: the interpreter, and with it Orthanc, waits for it to end.
        threading.Thread(target=self.end_with_orthanc, name=f"{NAME}-end").start()

    def open(self):
        """The desk, with which our own code is imported; None where it cannot be.

        In a thread of ours: the stack of Orthanc's HTTP threads is too small for Python 3.14 to
        compile a module (tried: a MemoryError).
        """
        with self.opening:
            if self.desk is None and self.broken is None:
                thread = threading.Thread(target=self.import_desk, name="adjuvant-import")
                thread.start()
                thread.join()
            return self.desk

    def import_desk(self):
        """Set `desk`, or say in `broken` why not."""
        try:
            from adjuvant import __version__, api, health, inbox

            self.api = api
            self.has_users = _has_users()
            self.log = health.Log(_line(orthanc.LogInfo), _line(orthanc.LogWarning), _error)
            self.desk = api.Desk(health.Health(__version__), inbox.Inbox(), log=self.log)
        except Exception as fault:
            self.broken = f"Adjuvant cannot be imported: {type(fault).__name__}: {fault}"
            _error(self.broken)

    def extend_explorer(self):
        """Show us on Orthanc Explorer's pages, where this Orthanc has them."""
        try:
            from adjuvant.explorer import explorer_script

            if hasattr(orthanc, "ExtendOrthancExplorer"):
                orthanc.ExtendOrthancExplorer(explorer_script())
        except Exception as fault:
            _error(f"Orthanc Explorer is not extended: {type(fault).__name__}: {fault}")

    def keep_first_start(self):
        """Orthanc accepts no scan before we are registered: from here on each one is ours."""
        try:
            import json

            from adjuvant.first_start import keep_first_start

            section = json.loads(orthanc.GetConfiguration()).get("Adjuvant", {})
            keep_first_start(section if isinstance(section, dict) else {}, BASE)
        except Exception as fault:
            _error(f"the first start is not written down: {type(fault).__name__}: {fault}")

    def on_stored_instance(self, dicom, instance):
        """Drop the identifier. An exception would be lost, and a slow answer blocks all senders;
        what is lost here, or comes before the desk is open, is found in the change log."""
        if self.desk is None:
            return
        try:
            known = dicom.HasInstanceMetadata("SopClassUid")
            sop_class = dicom.GetInstanceMetadata("SopClassUid") if known else None
            self.desk.inbox.offer(instance, sop_class)
        except Exception as fault:
            _error(f"an arrival was not noticed at once: {type(fault).__name__}")

    def end_with_orthanc(self):
        """Wait for Orthanc's end, its HTTP server first, the interpreter at the latest; then stop
        the thread. Whatever fails here, nothing is lost: what runs is queued again at the start."""
        interpreter = threading.main_thread()
        try:
            self.wait_for_end(interpreter)
        except Exception as fault:
            _error(f"Orthanc's end is noticed late: {type(fault).__name__}: {fault}")
            interpreter.join()
        self.stop.set()
        if self.desk is not None:
            self.desk.health.become("off", ENDED)
            self.desk.inbox.wake()
        interpreter.join()
        end = time.monotonic() + JOIN_S
        for one in [one for one in threading.enumerate() if one.name in COMPUTING]:
            one.join(max(0.0, end - time.monotonic()))
            if one.is_alive():  # Orthanc's index is closed by now
                _error(f"the thread {one.name} does not end: Orthanc's process ends without it")
                os._exit(0)

    def wait_for_end(self, interpreter):
        from adjuvant.listening import is_listening

        port = self.http_port()
        started, closed = False, 0
        while interpreter.is_alive():
            listening = port is not None and is_listening(port)
            started = started or listening is True
            closed = closed + 1 if started and listening is False else 0
            if closed == ENDED_LOOKS:
                return
            interpreter.join(ENDED_AGAIN_S if closed else ENDED_LOOK_S)

    def wait_for_start(self):
        """Return when Orthanc's HTTP server takes connections, or where that cannot be seen."""
        from adjuvant.listening import is_listening

        port = self.http_port()
        while port is not None and is_listening(port) is False:
            if self.stop.wait(STARTED_LOOK_S):
                return

    def http_port(self):
        """None where Orthanc has no HTTP server, or the configuration is not what we know."""
        import json

        configuration = json.loads(orthanc.GetConfiguration())
        port = configuration.get("HttpPort", 8042)
        known = configuration.get("HttpServerEnabled", True) and isinstance(port, int)
        return port if known else None

    def run(self):
        """The thread: waits for Orthanc, imports everything, and works until told to stop."""
        try:
            self.wait_for_start()
        except Exception as fault:  # then the archive is asked until it answers
            _error(f"Orthanc's start is not seen: {type(fault).__name__}: {fault}")
        if self.stop.is_set() or self.open() is None:
            return
        try:
            import json
            from pathlib import Path

            configuration = json.loads(orthanc.GetConfiguration())
            _add_virtual_environment(configuration)
            from adjuvant.service import Host, Service

            written = Path(orthanc.GetConfigurationPath() or ".").resolve()
            folder = written if written.is_dir() else written.parent
            token = orthanc.GenerateRestApiAuthorizationToken()
            host = Host(configuration, folder, token, Path(BASE), _publisher(), written)
            Service(host, self.desk, self.log, self.stop).run()
        except Exception as fault:
            reason = f"{type(fault).__name__}: {fault}"
            self.desk.health.become("off", reason)
            self.log.error(f"off: {reason}")

    def on_rest(self, output, uri, **request):
        """/adjuvant/...: in one of Orthanc's HTTP threads, several at the same time."""
        try:
            _reply(output, *self.answer(request))
        except Exception as fault:
            _error(f"a request to /adjuvant cannot be answered: {type(fault).__name__}")
            _reply(output, 500, {"error": "Internal error", "details": type(fault).__name__})

    def answer(self, request):
        """HTTP status and document; after that, where it is known, the method that is allowed."""
        path, headers = (request.get("groups") or ("",))[0], request.get("headers") or {}
        if request["method"] != "GET" and headers.get("sec-fetch-site") == "cross-site":
            return 403, {"error": "Forbidden", "details": FORBIDDEN}
        desk = self.open()
        if desk is not None:
            query, body = request.get("get") or {}, request.get("body") or b""
            user = _user(headers) if self.has_users else ""
            asked = self.api.Request(request["method"], path, query, body, user)
            return self.api.answer(asked, desk)
        if path == "status":
            return 200, {"state": "off", "reason": self.broken}
        return 503, {"error": "Adjuvant is off", "details": self.broken}


def _add_virtual_environment(configuration):
    """Let our packages be found: after this script's folder and the standard library, but before
    those of the system, which may hold others of the same names."""
    section = configuration.get("Adjuvant")
    name = section.get("VirtualEnvironment", ".venv") if isinstance(section, dict) else ""
    if not name or not isinstance(name, str):
        return
    from pathlib import Path

    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = BASE / Path(name).expanduser()
    packages = environment / "lib" / here / "site-packages"
    if not packages.is_dir():
        found = ", ".join(sorted(path.name for path in environment.glob("lib/python*"))) or "none"
        raise RuntimeError(
            f"Adjuvant.VirtualEnvironment {environment} holds no packages for {here}, "
            f"which Orthanc embeds (found: {found})"
        )
    places = [n for n, entry in enumerate(sys.path) if entry.endswith("-packages")]
    sys.path.insert(min(places, default=len(sys.path)), str(packages))


def _publisher():
    """What sets a figure of /tools/metrics-prometheus, where Orthanc's Python offers it."""
    if not hasattr(orthanc, "SetMetricsValue"):
        return None
    kind = orthanc.MetricsType.DEFAULT
    return lambda name, value: orthanc.SetMetricsValue(name, value, kind)


def _has_users():
    """Whether Orthanc checks the names of those who ask; else anybody may write any there.

    As Orthanc itself decides: where nothing is said, it does so if it answers other machines.
    """
    import json

    configuration = json.loads(orthanc.GetConfiguration())
    enabled = configuration.get("AuthenticationEnabled")
    return bool(configuration.get("RemoteAccessAllowed") if enabled is None else enabled)


def _user(headers):
    """The name with which somebody was let in by Orthanc; empty where there is none."""
    import base64

    kind, _, text = headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(text, validate=True).decode() if kind == "Basic" else ""
    except ValueError:
        return ""
    return "".join(letter for letter in pair.partition(":")[0] if letter.isprintable())[:100]


def _reply(output, status, document, allow="GET"):
    import json

    body = json.dumps(document)
    if status == 200:
        output.AnswerBuffer(body, "application/json")
        return
    if status == 405:  # SendHttpStatus refuses this one, and Orthanc drops the connection
        output.SendMethodNotAllowed(allow)
        return
    output.SetHttpHeader("Content-Type", "application/json")
    try:
        output.SendHttpStatus(status, body)
    except TypeError:  # the Python plugin before 4.2 wants the length as well
        output.SendHttpStatus(status, body, len(body))


def _line(write):
    """One line of the log for each text, whatever it holds."""
    return lambda text: write("Adjuvant: " + " ".join(text.split()))


def _error(text):
    _line(orthanc.LogError)(text)


Plugin().register()
