"""What belongs to a Ray of ours ends with the program that started it, and nothing else does."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scanyard import ray_guard
from scanyard.ray_guard import MARK, end_belonging, end_guard, lock_of, start_guard

OWNER = """
import os, subprocess, sys, time
from scanyard.cluster import _folder_of_its_own
with _folder_of_its_own() as folder:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    agent = subprocess.Popen(sleeper, start_new_session=True, stdout=subprocess.DEVNULL)
    print(agent.pid, folder, flush=True)
    {then}
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[list[psutil.Process]]:
    """Called as Ray's agents are: one of nobody's, one of another Ray."""
    started = [
        subprocess.Popen(
            ["ray::DashboardAgent", "-c", "import time; time.sleep(600)"],
            executable=sys.executable,
            env=os.environ | marks,
        )
        for marks in ({}, {MARK: str(tmp_path / "another")})
    ]
    yield [psutil.Process(one.pid) for one in started]
    for one in started:
        one.kill()
        one.wait()


def test_a_killed_program_leaves_neither_process_nor_folder(tmp_path: Path, strangers: list[psutil.Process]) -> None:
    owner, agent, folder = owner_in(tmp_path, then="time.sleep(600)")
    assert folder.is_dir()
    os.killpg(owner.pid, signal.SIGKILL)  # a guard of its group would be gone as well
    owner.communicate()
    wait_until(lambda: not agent.is_running() and not folder.exists() and not lock_of(folder).exists())
    assert all(one.status() == psutil.STATUS_SLEEPING for one in strangers)


@pytest.mark.parametrize("child_s", [2, 600], ids=["for a while", "for good"])
def test_a_child_that_has_the_lock_of_a_program_that_is_gone_keeps_nothing_else(child_s: int, tmp_path: Path) -> None:
    """One that is being started has all its parent had until it runs a program; one that was forked stays."""
    fork = f"pid = os.fork() or (time.sleep({child_s}), os._exit(0)); print(pid, flush=True); time.sleep(600)"
    owner, agent, folder = owner_in(tmp_path, then=fork)
    assert owner.stdout is not None
    child = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.wait()
    assert child.is_running()
    wait_until(lambda: not agent.is_running() and not folder.exists() and not lock_of(folder).exists())
    if child_s > 2:
        child.kill()
    owner.communicate()


def test_a_guard_that_is_stuck_keeps_no_program_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCK_S", "PATIENCE_S", "KILL_S", "GRACE_S"):
        monkeypatch.setattr(ray_guard, name, 0.1)
    guard, lifeline = start_guard(tmp_path)
    os.kill(guard.pid, signal.SIGSTOP)
    end_guard(guard, lifeline)
    assert guard.returncode == -signal.SIGKILL


def test_a_start_that_is_tried_again_keeps_its_guard(tmp_path: Path) -> None:
    half_started = "from scanyard.cluster import _end_half_started; _end_half_started(str(folder)); time.sleep(600)"
    owner, agent, folder = owner_in(tmp_path, then=half_started)
    time.sleep(1.0)
    owner.kill()
    owner.communicate()
    wait_until(lambda: not agent.is_running() and not folder.exists() and not lock_of(folder).exists())


def test_what_a_program_forgets_ends_with_it_and_so_does_its_guard(tmp_path: Path) -> None:
    owner, agent, folder = owner_in(tmp_path, then="pass")
    assert owner.wait(30) == 0
    owner.communicate()
    assert not agent.is_running() or agent.status() == psutil.STATUS_ZOMBIE
    assert not list(folder.parent.iterdir())
    guards = [one for one in psutil.process_iter(["cmdline"]) if str(folder) in (one.info["cmdline"] or ())]
    assert not guards


def test_one_that_lost_its_mark_is_known_by_what_it_writes_and_a_reader_is_let_be(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    with log.open("w") as output:
        agent = subprocess.Popen(sleeper, stderr=output)
    with log.open() as text:
        reader = subprocess.Popen(sleeper, stdin=text)
    end_belonging(tmp_path)
    assert agent.wait(10) == -signal.SIGTERM
    assert reader.poll() is None
    reader.kill()
    reader.wait()


def test_who_does_not_heed_a_request_is_killed(tmp_path: Path, strangers: list[psutil.Process]) -> None:
    deaf = subprocess.Popen(
        [sys.executable, "-c", DEAF], env=os.environ | {MARK: str(tmp_path)}, stdout=subprocess.PIPE
    )
    assert deaf.stdout is not None
    deaf.stdout.readline()
    end_belonging(tmp_path, patience_s=0.2)
    deaf.communicate()
    assert deaf.returncode == -signal.SIGKILL
    assert all(one.is_running() for one in strangers)


def owner_in(place: Path, *, then: str) -> tuple[subprocess.Popen[str], psutil.Process, Path]:
    """A program with a Ray folder of its own, one process that belongs to it, and the folder."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(then=then)],
        env=os.environ | {"SCANYARD_RAY_FOLDER": str(place)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert owner.stdout is not None
    pid, folder = owner.stdout.readline().split()
    return owner, psutil.Process(int(pid)), Path(folder)


def wait_until(holds: object, seconds: float = 30.0) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.05)


SWEEPS_AS = """
import os, sys
from pathlib import Path
from scanyard.ray_guard import sweep
os.setuid(int(sys.argv[1]))
sweep(Path(sys.argv[2]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="acts as another user, which root alone may")
@pytest.mark.parametrize(("owner", "sweeper"), [(0, 65534), (65534, 0)])
def test_what_another_user_s_ray_left_is_that_user_s_to_sweep(owner: int, sweeper: int) -> None:
    with tempfile.TemporaryDirectory(prefix="ry", dir="/tmp") as name:
        Path(name).chmod(0o777)
        folder = Path(name) / "scanyard-ray-left"
        folder.mkdir()
        lock_of(folder).touch()
        os.chown(lock_of(folder), owner, owner)
        theirs = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], env=os.environ | {MARK: str(folder)}
        )
        subprocess.run([sys.executable, "-c", SWEEPS_AS, str(sweeper), str(folder)], check=True)
        assert folder.exists()
        assert lock_of(folder).exists()
        assert theirs.poll() is None
        theirs.kill()
        theirs.wait()
