"""A Ray of our own serves this machine alone, and sweeps what killed programs left."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from scanyard import cluster
from scanyard.cluster import ray_session
from scanyard.errors import EnvironmentFault
from scanyard.ray_guard import MARK


@pytest.mark.slow
def test_a_ray_of_our_own_listens_on_loopback_alone_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path(tempfile.mkdtemp(prefix="ry", dir="/tmp"))  # short: sockets lie in it
    monkeypatch.setenv("SCANYARD_RAY_FOLDER", str(place))
    left, living = place / "scanyard-ray-left", place / "scanyard-ray-living"
    for folder in (left, living):
        folder.mkdir()
        folder.with_suffix(".lock").touch()
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    orphan, other = (subprocess.Popen(command, env=os.environ | {MARK: str(one)}) for one in (left, living))
    with living.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        heard = _listens_to()
    assert heard == {"127.0.0.1"}
    assert orphan.wait(10) == -signal.SIGTERM
    assert other.poll() is None
    other.kill()
    other.wait()
    assert sorted(path.name for path in place.iterdir()) == ["scanyard-ray-living", "scanyard-ray-living.lock"]
    shutil.rmtree(place)


def _listens_to() -> set[str]:
    """Addresses at which this process and all below it can be reached, while Ray runs."""
    heard: set[str] = set()
    with pytest.raises(BrokenPipeError), ray_session(None, num_cpus=1):
        for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
            listening = [one for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
            heard |= {one.laddr.ip.removeprefix("::ffff:") for one in listening}
        raise BrokenPipeError  # whatever fails while Ray runs is not to be taken for a failure to reach it
    return heard


class SlowRay:
    """Comes up at the third try, and leaves a process behind at each that fails."""

    def __init__(self, slow: int) -> None:
        self.slow = slow
        self.left: list[subprocess.Popen[bytes]] = []

    def init(self, _temp_dir: str) -> None:
        self.slow -= 1
        if self.slow >= 0:
            command = [sys.executable, "-c", "import time; time.sleep(60)", f"--temp-dir={_temp_dir}"]
            self.left.append(subprocess.Popen(command))
            raise RuntimeError("The current node timed out during startup.")

    def shutdown(self) -> None:
        """It knows of nothing to end."""


def test_a_ray_that_is_slow_to_start_is_started_again_and_leaves_nothing(tmp_path: Path) -> None:
    slow: Any = SlowRay(2)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    cluster._start(slow, {"_temp_dir": str(tmp_path)})
    assert [process.wait(10) for process in slow.left] == [-9, -9]
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_ray_that_never_starts_is_said(tmp_path: Path) -> None:
    slow: Any = SlowRay(100)
    with pytest.raises(EnvironmentFault, match="did not come up in 5 tries"):
        cluster._start(slow, {"_temp_dir": str(tmp_path)})
    for process in slow.left:
        process.wait(10)
