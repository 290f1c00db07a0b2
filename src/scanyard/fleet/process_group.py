"""A program and all that it starts, in a session of its own, ended together and never mistaken for another's.

A process id alone names nobody for long: ids are used again.  So a group is remembered with the time its leader started
(in ticks since boot, which no clock change moves), and whoever has another start time is a stranger and let be.  Linux
gives a group's id to no new process while any member lives, so members without their leader may be ours; but once all
of ours are gone a stranger's group may have the number, and lose its leader too.  A mark in the environment says which.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from scanyard.ray_guard import has_in_environment

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
MARK = "SCANYARD_GROUP"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class GroupName:
    """Which group, beyond doubt."""

    group: int
    """The id of the group, of its session and of its leader."""
    started_ticks: int
    """When its leader started, in clock ticks since boot."""
    boot: str
    """Which boot that was."""
    mark: str = ""
    """What its members have in their environment, drawn at random, where the leader was given one."""

    @classmethod
    def of_leader(cls, pid: int, mark: str = "") -> GroupName:
        """The group that the process ``pid`` leads."""
        return cls(pid, start_ticks(pid) or 0, boot_id(), mark)

    def members(self) -> list[psutil.Process]:
        """Who of it lives; nobody where the number has passed to somebody else."""
        if self.boot != boot_id():
            return []
        leader = start_ticks(self.group)
        if leader is not None and leader != self.started_ticks:
            return []
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
                if os.getpgid(process.pid) == self.group and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found if leader is not None else [process for process in found if self._has_mark(process)]

    def _has_mark(self, process: psutil.Process) -> bool:
        return not self.mark or has_in_environment(process.pid, f"{MARK}={self.mark}".encode())

    def signal(self, number: int) -> None:
        """Send a signal to every member, if there is any."""
        if self.members():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, number)

    def end(self, patience_s: float, *, asks: bool = True) -> bool:
        """TERM, wait, KILL, wait; returns whether TERM was enough.  Without ``asks`` it begins with KILL."""
        for number in (signal.SIGTERM, signal.SIGKILL) if asks else (signal.SIGKILL,):
            self.signal(number)
            deadline = time.monotonic() + patience_s
            while self.members():
                if time.monotonic() > deadline:
                    logger.warning(
                        "group %d outlived %s by %.1f s", self.group, signal.Signals(number).name, patience_s
                    )
                    break
                time.sleep(0.02)
            else:
                return number == signal.SIGTERM
        return False


class ProcessGroup:
    """A program that runs in a session of its own; its output goes to ``log``."""

    def __init__(
        self, argv: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        mark = uuid.uuid4().hex
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(env or {}), MARK: mark},
                pass_fds=tuple(pass_fds),
            )
        self.name = GroupName.of_leader(self._process.pid, mark)

    @property
    def pid(self) -> int:
        """Process id of the leader, and id of the group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code of the leader, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, if it comes within ``timeout_s``."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self.returncode

    def memory_mb(self) -> float:
        """Resident memory of all members."""
        total = 0
        for process in self.name.members():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / 1e6

    def end(self, patience_s: float, *, asks: bool = True) -> bool:
        """TERM, wait, KILL; returns whether TERM was enough.  Without ``asks`` it begins with KILL."""
        self._process.poll()
        gently = self.name.end(patience_s, asks=asks)
        self.wait(patience_s)
        return gently

    def log_tail(self, lines: int = 5) -> str:
        """``; its log ends: ...``, to be put behind an error."""
        text = self.log.read_text(encoding="utf-8", errors="replace").strip() if self.log.exists() else ""
        return "; its log ends: " + " | ".join(text.splitlines()[-lines:]) if text else "; its log is empty"


def signal_name(number: int) -> str:
    """Its name; realtime signals have none."""
    names = {one.value: one.name for one in signal.Signals}
    return names.get(number, f"signal {number}")


def start_ticks(pid: int) -> int | None:
    """When ``pid`` started, in clock ticks since boot; None where there is no such process, or only its remains."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # hidden from us, so none of ours
        return None
    fields = text.rpartition(")")[2].split()  # the program's name may hold spaces and brackets
    return None if fields[0] == "X" else int(fields[19])


def boot_id() -> str:
    """What tells one boot of this machine from another."""
    return BOOT_ID.read_text(encoding="ascii").strip()


def die_with_parent(parent: int) -> None:
    """Have the system kill this process when the thread that started it ends; ``parent`` is who that was."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        logger.warning("the system refused to end us with our parent (errno %d)", ctypes.get_errno())
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGKILL)
