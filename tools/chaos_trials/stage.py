"""A campaign on a stage: started as a process, watched line by line, its parts found, its traces counted afterwards.

Every process a campaign starts inherits a mark in its environment, by which it is found when its parents are gone, and
what Ray starts writes below the stage's folder: some of its processes overwrite their environment.  Nothing here is
ever found, or ended, by name.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
from held import holders, left_holders
from tiny import tiny_scenarios

from scanyard.ray_guard import has_in_environment, writes_below
from scanyard.store import seal_dataset, sweep_staging, verify
from scanyard.store.dataset import committed_names

HERE = Path(__file__).parent
MARK = "SCANYARD_CHAOS_MARK"
GONE_S = 30.0
"""For everything a campaign started to be gone after its end, however that came."""
DRIVER_S = 1800.0


@dataclass
class Traces:
    """What campaigns left behind, summed up."""

    lost_or_doubled: int = 0
    orphans: int = 0
    held_ports: int = 0
    digests: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled or left behind."""
        return not (self.lost_or_doubled or self.orphans or self.held_ports or self.problems)

    def add(self, other: Traces) -> None:
        """Sum up."""
        self.lost_or_doubled += other.lost_or_doubled
        self.orphans += other.orphans
        self.held_ports += other.held_ports
        self.digests |= other.digests
        self.problems += other.problems


class Stage:
    """A folder, a set of scenarios, and drivers that work on them one after another."""

    def __init__(self, seeds: Sequence[int], *, workers: int = 2, frames: int = 4, **order: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="scy-", dir="/tmp"))  # short: Ray's sockets lie in it
        self.seeds, self.workers, self.frames, self.order = list(seeds), workers, frames, order
        self.mark = order.pop("mark", None) or uuid.uuid4().hex  # of whoever else belongs to it, such as a cluster
        self.dataset = Path(order.pop("dataset", self.folder / "dataset"))
        self.logs = self.folder / "logs"
        self.places = {self.folder, *order.pop("places", ())}
        self.state: dict[str, Any] = {}
        self.failures: list[str] = []
        self.digest: str | None = None
        self._held_before = holders()
        self._driver: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        deadline = time.monotonic() + GONE_S
        while (left := self.marked()) and time.monotonic() < deadline:  # one that is killed may have started another
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the driver --------------------------------------------------------------------------------------------------

    def start(self, before: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        """Start a driver; ``before`` is a command it is started with, such as one that enters a namespace."""
        ours, theirs = os.pipe()  # Ray speaks on standard output and standard error, in the middle of our lines
        order = {
            "dataset": str(self.dataset), "logs": str(self.logs), "seeds": self.seeds, "frames": self.frames,
            "workers": self.workers, "say_to": theirs, **self.order,
        }  # fmt: skip
        self.state = {"done": 0, "workers": 0, "replaced": 0}  # the rest is not known until it is said
        self.digest = None
        self._lines = queue.Queue()
        self.logs.mkdir(parents=True, exist_ok=True)
        environment = {"SCANYARD_RAY_FOLDER": str(self.folder), **(environment or {})}
        self.places.add(Path(environment["SCANYARD_RAY_FOLDER"]))
        with (self.folder / "driver.log").open("a") as log:
            self._driver = subprocess.Popen(
                [*before, sys.executable, str(HERE / "driver.py"), json.dumps(order)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs], start_new_session=True,
                env={**os.environ, **environment, MARK: self.mark},
            )  # fmt: skip
        os.close(theirs)
        threading.Thread(target=_read, args=(ours, self._lines), daemon=True).start()

    @property
    def pid(self) -> int:
        """The driver's process."""
        assert self._driver is not None
        return self._driver.pid

    @property
    def is_running(self) -> bool:
        """Whether the driver runs."""
        return self._driver is not None and self._driver.poll() is None

    def wait(self, seconds: float) -> None:
        """Let the campaign go on for so long, or to its end, taking note of what it says."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                return
            if line is None:
                assert self._driver is not None
                self._driver.wait()
                return
            self._heed(json.loads(line))

    def wait_until(self, done: int, seconds: float = DRIVER_S) -> bool:
        """Let it go on until so many scenarios are done in this run; False when it ended, or took too long."""
        deadline = time.monotonic() + seconds
        while self.state["done"] < done and self.is_running and time.monotonic() < deadline:
            self.wait(0.1)
        return bool(self.state["done"] >= done)

    def finish(self, seconds: float = DRIVER_S) -> None:
        """Let it come to its end."""
        deadline = time.monotonic() + seconds
        while self.is_running and time.monotonic() < deadline:
            self.wait(0.5)
        self.wait(0.2)

    def kill_driver(self) -> bool:
        """SIGKILL the driver alone; False if it had come to its end before."""
        assert self._driver is not None
        self._driver.kill()
        self.wait(0.2)
        return self._driver.wait() == -signal.SIGKILL

    def _heed(self, said: dict[str, Any]) -> None:
        if "failure" in said:
            self.failures.append(said["failure"])
        elif "digest" in said:
            self.digest = said["digest"]
            self.state["quarantined"] = said["quarantined"]
        else:
            self.state.update(said)

    # --- its parts ---------------------------------------------------------------------------------------------------

    def marked(self) -> list[psutil.Process]:
        """Every process a driver of ours started, directly or not."""
        mark = f"{MARK}={self.mark}".encode()
        return [process for process in psutil.process_iter() if self._is_ours(process, mark) and _lives(process)]

    def _is_ours(self, process: psutil.Process, mark: bytes) -> bool:
        if process.pid == os.getpid():
            return False
        return has_in_environment(process.pid, mark) or any(writes_below(process.pid, place) for place in self.places)

    def parts(self) -> dict[str, list[psutil.Process]]:
        """Workers, servers and clients that live now."""
        parts: dict[str, list[psutil.Process]] = {"worker": [], "server": [], "client": []}
        workers = set()
        marked = [(process, command_line(process)) for process in self.marked()]
        for process, line in marked:
            if line.startswith("ray::Worker"):
                parts["worker"].append(process)
                workers.add(process.pid)
        for process, line in marked:
            if "scanyard.carla_server" in line:
                parts["server"].append(process)
            elif process.pid not in workers and _parent(process) in workers:
                parts["client"].append(process)
        return parts

    # --- what is left ------------------------------------------------------------------------------------------------

    def left_behind(self) -> list[psutil.Process]:
        """Processes that are still there after the time they have to go."""
        deadline = time.monotonic() + GONE_S
        while (left := self.marked()) and time.monotonic() < deadline:
            time.sleep(0.25)
        return left

    def num_sealed(self) -> int:
        """Sequences in the dataset."""
        return len(committed_names(self.dataset)) if self.dataset.is_dir() else 0

    def log_tail(self) -> str:
        """The last line that the driver wrote when it complained."""
        lines = (self.folder / "driver.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def traces(self) -> Traces:
        """Compare the dataset with what it should be, and look for what was left behind."""
        traces = Traces()
        left = self.left_behind()
        traces.orphans = len(left)
        traces.problems += [f"left behind: {command_line(process)[:120]}" for process in left]
        held = left_holders(self._held_before, GONE_S)
        traces.held_ports = len({one.port for one in held})
        traces.problems += [f"held: port {one.port} by process {one.pid}" for one in held]
        if self.dataset.is_dir():
            sweep_staging(self.dataset)
            expected = {one.sequence_name for one in tiny_scenarios(self.seeds, frames=self.frames)}
            committed = set(committed_names(self.dataset))
            findings = verify(self.dataset)
            traces.lost_or_doubled = len(expected ^ committed) + len(findings)
            traces.problems += [str(finding) for finding in findings[:3]]
            traces.problems += [f"missing or unexpected: {sorted(expected ^ committed)[:3]}"] * (expected != committed)
            if expected == committed:
                traces.digests.add(seal_dataset(self.dataset))
        return traces


@contextlib.contextmanager
def bystanders() -> Iterator[list[psutil.Process]]:
    """Two programs that are called as CARLA is and are not ours; one of them listens."""
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); time.sleep(1e6)"
    started = [
        subprocess.Popen([name, "-c", code, "-RenderOffScreen", "-carla-rpc-port=21000"], executable=sys.executable)
        for name in ("carla", "CarlaUE4-Linux-Shipping")
    ]
    try:
        yield [psutil.Process(one.pid) for one in started]
    finally:
        for one in started:
            one.kill()
            one.wait()


def touched(those: Sequence[psutil.Process]) -> int:
    """How many bystanders are not what they were: gone, stopped, or another process under the same number."""
    return sum(not process.is_running() or process.status() not in ("sleeping", "running") for process in those)


def _read(pipe: int, lines: queue.Queue[str | None]) -> None:
    with open(pipe, encoding="utf-8") as said:  # a pipe has no path
        for line in said:
            lines.put(line)
    lines.put(None)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def command_line(process: psutil.Process) -> str:
    """How a process was started; nothing for one that has ended."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.ppid())
    return 0
