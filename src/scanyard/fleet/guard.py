"""Runs a program that knows nothing of us, and ends it with all it started when whoever started us is gone.

    python -m scanyard.fleet.guard FD CIDFILE PROGRAM [ARGUMENTS...]

``FD`` is the reading end of a pipe whose other end the starter holds: it ends with the starter, however that dies.
CARLA's start script does not ``exec``, so a signal to it alone would leave the simulator behind; the whole group is
ended, also where the script ends first.  ``CIDFILE`` is empty, or where a ``PROGRAM`` that runs a container writes its
id: that is no member of the group.  The exit code is the program's own, and where a signal ended it, the same signal
ends us.
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

from scanyard.fleet.container import remove_container
from scanyard.fleet.process_group import GroupName, die_with_parent

PATIENCE_S = 5.0


def main(arguments: Sequence[str]) -> int:
    """Run the program to its end; returns its exit code."""
    lifeline, cid, program = int(arguments[0]), arguments[1], list(arguments[2:])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it goes to the whole group: the program decides what to do
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
    if ended not in ready:
        os.killpg(0, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_S
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if cid:
            remove_container(program[0], Path(cid))
        os.killpg(0, signal.SIGKILL)  # and us with it
    code = child.wait()
    _end([one for one in GroupName.of_leader(here).members() if one.pid != here])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -code)
    return code


def _end(left: Sequence[psutil.Process]) -> None:
    """TERM, wait, KILL what a program has left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, left = psutil.wait_procs(left, PATIENCE_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
