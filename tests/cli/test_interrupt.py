"""Ctrl-C and SIGTERM: the program ends, its servers and workers with it, and nothing half-written stays."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


def wait_until(happens: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_simulation_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "scanyard", "simulate", "scenarios/cut_in_short_gap.yaml", "--out", str(out)]
    simulation = subprocess.Popen(
        [*command, "--seeds", "0:50", "--no-cameras", "--workers", "1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        staging = out / "staging"
        wait_until(lambda: staging.is_dir() and any(staging.iterdir()))
        below = psutil.Process(simulation.pid).children(recursive=True)
        assert any("scanyard.carla_server" in " ".join(process.cmdline()) for process in below)
        if number == signal.SIGINT:
            os.killpg(simulation.pid, number)  # as a terminal does
        else:
            simulation.send_signal(number)
        said, _ = simulation.communicate(timeout=60)
        assert simulation.returncode == 130
        assert "run the same command to go on" in said
        assert "Traceback" not in said
        wait_until(lambda: not any(alive(process) for process in below), timeout_s=15.0)
        assert not any(staging.iterdir())
    finally:
        if simulation.poll() is None:
            os.killpg(simulation.pid, signal.SIGKILL)
