"""A Ray of our own serves this machine alone, and sweeps what killed programs left."""

import fcntl
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest

from scanyard.cluster import ray_session


@pytest.mark.slow
def test_a_ray_of_our_own_listens_on_loopback_alone_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path(tempfile.mkdtemp(prefix="ry", dir="/tmp"))  # short: sockets lie in it
    monkeypatch.setenv("SCANYARD_RAY_FOLDER", str(place))
    left, living = place / "scanyard-ray-left", place / "scanyard-ray-living"
    for folder in (left, living):
        folder.mkdir()
        folder.with_suffix(".lock").touch()
    with living.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        heard = _listens_to()
    assert heard == {"127.0.0.1"}
    assert sorted(path.name for path in place.iterdir()) == ["scanyard-ray-living", "scanyard-ray-living.lock"]
    shutil.rmtree(place)


def _listens_to() -> set[str]:
    """Addresses at which this process and all below it can be reached, while Ray runs."""
    with ray_session(None, num_cpus=1):
        everybody = [psutil.Process(), *psutil.Process().children(recursive=True)]
        return {
            one.laddr.ip.removeprefix("::ffff:")
            for process in everybody
            for one in process.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN
        }
