"""Runs a program that knows nothing of us, and ends it with all it started when whoever started us is gone.

    python -m scanyard.fleet.guard FD STOP_S CIDFILE PROGRAM [ARGUMENTS...]

``FD`` is the reading end of a pipe whose other end the starter holds: it ends with the starter, however that dies.
CARLA's start script does not ``exec``, so a signal to it alone would leave the simulator behind; the whole group is
ended, also where the script ends first, and has ``STOP_S`` and a little more from TERM to KILL.  ``CIDFILE`` is empty,
or where a ``PROGRAM`` that runs a container writes its id: that is no member of the group.  The exit code is the
program's own, and where a signal ended it, the same signal ends us.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from scanyard.fleet.container import start_removal
from scanyard.fleet.process_group import GroupName, die_with_parent

GRACE_S = 2.0
"""More than the starter gives them, who says that they did not heed TERM."""


def main(arguments: Sequence[str]) -> int:
    """Run the program to its end; returns its exit code."""
    lifeline, stop_s, cid, program = int(arguments[0]), float(arguments[1]), arguments[2], list(arguments[3:])
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))  # to the whole group: the program decides
    here = os.getpid()

    def before_exec() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        die_with_parent(here)

    try:
        child = subprocess.Popen(program, preexec_fn=before_exec)  # noqa: PLW1509  # we have no other thread
    except OSError as error:
        print(f"cannot start {program[0]}: {error}", file=sys.stderr, flush=True)  # noqa: T201  # goes to the log
        return 127
    ended = os.pidfd_open(child.pid)
    ready, _, _ = select.select([lifeline, ended], [], [])
    if lifeline in ready:
        if cid:
            start_removal(program[0], Path(cid))
        _end_others(here, stop_s, told)
    code = child.wait()
    _end_others(here, stop_s, told)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -code)
    return code


def _end_others(here: int, stop_s: float, told: Sequence[int]) -> None:
    """TERM, wait, KILL all of the group but us; no second TERM where the group was told already."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if number == signal.SIGKILL or not told:
            for process in _others(here):
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    process.send_signal(number)
        deadline = time.monotonic() + stop_s + GRACE_S
        while _others(here) and time.monotonic() < deadline:
            time.sleep(0.05)


def _others(here: int) -> list[psutil.Process]:
    return [one for one in GroupName.of_leader(here).members() if one.pid != here]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
