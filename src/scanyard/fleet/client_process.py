"""The process that the client lives in, seen from outside: asked to record, watched, and ended when it hangs.

CARLA's client library calls ``abort`` from threads of its own, where no ``except`` runs, so it never lives in the
worker.  It records and seals by itself; what crosses the pipe is the scenario, a word per frame, and a few numbers in
the end.  Every word renews a deadline, and silence beyond it ends the process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Literal

from scanyard.errors import ScanyardError, ServerError
from scanyard.fleet.faults import Fault
from scanyard.fleet.limits import Limits
from scanyard.fleet.outcome import Recorded
from scanyard.fleet.process_group import ProcessGroup, signal_name
from scanyard.scenario.concrete import ConcreteScenario
from scanyard.sequence import Domain

logger = logging.getLogger(__name__)

GRACE_S = 5.0
"""The client gives up by itself when a deadline passes, and has this much to say so."""
IMPORT_S = 120.0
"""A machine that starts many clients at once takes long to read their libraries."""
FAREWELL_S = 5.0
LOOK_EVERY_S = 0.5
"""How often it is looked whether the client still has a server."""
WITHOUT_SERVER_S = 2.0
"""For a client to say by itself what it makes of its server's death; CARLA's library mostly just waits on."""


@dataclass(frozen=True)
class Job:
    """What a client is for, as long as it lives."""

    host: str
    port: int
    maps: str
    """Folder of the OpenDRIVE maps."""
    dataset: str
    domain: Domain
    limits: Limits


@dataclass(frozen=True)
class Connected:
    """The client has greeted the server."""

    version: str
    embedded: bool


@dataclass(frozen=True)
class Stage:
    """Where a recording is: loading its world, playing, sealing; said anew with every frame."""

    name: Literal["load", "play", "seal"]


@dataclass(frozen=True)
class Raised:
    """What recording raised."""

    error: ScanyardError
    errno: int | None
    """The system's word beneath it, which does not survive pickling: a full disk is told by it."""


Word = Connected | Stage | Recorded | Raised
"""All that a client says."""


class ClientProcess:
    """One client of one server, in a process of its own."""

    def __init__(self, log: Path, *, has_server: Callable[[], bool] = lambda: True) -> None:
        """Start the process; it reads its libraries while nobody has a job for it yet.

        ``has_server`` says whether the server lives: nobody waits for a client that waits for a dead one.
        """
        self._has_server = has_server
        ours, theirs = Pipe()
        self._pipe: Connection[object, Word] = ours
        with theirs:
            argv = [sys.executable, "-m", "scanyard.fleet.client", str(theirs.fileno()), str(os.getpid())]
            self._group = ProcessGroup(argv, log, pass_fds=[theirs.fileno()])
        self._limits = Limits()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._group.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._group.returncode is None

    def connect(self, job: Job) -> Connected:
        """Give it its job and wait until it has greeted the server; ServerError otherwise."""
        self._limits = job.limits
        self._send(job)
        word = self._next("greeting the server", IMPORT_S + job.limits.load_s)
        assert isinstance(word, Connected)
        return word

    def record(self, scenario: ConcreteScenario, on_sign: Callable[[], None]) -> Recorded:
        """Have one scenario recorded and sealed; ``on_sign`` is called with every sign of life.

        Raises what the client raised, and ServerError when it died or fell silent.
        """
        self._send(scenario)
        limits = self._limits
        patience = {"load": limits.load_s, "play": limits.tick_s, "seal": limits.seal_s}
        stage = Stage("load")
        while True:
            doing = f"{scenario.sequence_name}, {stage.name}"
            word = self._next(doing, patience[stage.name], needs_server=stage.name != "seal")  # it has all frames then
            on_sign()
            if isinstance(word, Recorded):
                return word
            assert isinstance(word, Stage)
            stage = word

    def end(self) -> None:
        """Let it say farewell to its server, and end it."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        if self._group.wait(FAREWELL_S) is None:
            logger.warning("client %d does not leave", self.pid)
        self._group.end(GRACE_S)

    def kill(self) -> None:
        """End it at once: the server it would say farewell to is broken."""
        self._group.name.signal(signal.SIGKILL)
        self._group.wait(GRACE_S)
        self._pipe.close()

    def _send(self, what: object) -> None:
        try:
            self._pipe.send(what)
        except (BrokenPipeError, ConnectionResetError):
            raise self._death() from None

    def _next(self, doing: str, patience_s: float, *, needs_server: bool = True) -> Connected | Stage | Recorded:
        """The client's next word; raised where it is an error."""
        began = time.monotonic()
        deadline = began + patience_s + GRACE_S
        try:
            while not self._pipe.poll(max(0.0, min(LOOK_EVERY_S, deadline - time.monotonic()))):
                if time.monotonic() >= deadline:
                    silent_s = time.monotonic() - began
                    raise ServerError(f"the client said nothing for {silent_s:.1f} s ({doing})", name=Fault.CLIENT_HUNG)
                if needs_server and not self._has_server():
                    deadline, needs_server = min(deadline, time.monotonic() + WITHOUT_SERVER_S), False
            word = self._pipe.recv()
        except (EOFError, OSError):  # OSError where it ended in the middle of a word
            raise self._death() from None
        if isinstance(word, Raised):
            raise word.error from (None if word.errno is None else OSError(word.errno, os.strerror(word.errno)))
        return word

    def _death(self) -> ServerError:
        """The error that says how the client ended."""
        code = self._group.wait(GRACE_S)
        tail = self._group.log_tail()
        if code is None:
            return ServerError(f"the client closed its pipe and lives on{tail}", name=Fault.CLIENT_HUNG)
        if code >= 0:
            return ServerError(f"the client exited with code {code}{tail}", name=Fault.CLIENT_EXITED)
        names: dict[int, Fault] = {signal.SIGABRT: Fault.CLIENT_ABORTED, signal.SIGKILL: Fault.CLIENT_KILLED}
        name = names.get(-code, Fault.CLIENT_CRASHED)
        return ServerError(f"the client died of {signal_name(-code)}{tail}", name=name)
