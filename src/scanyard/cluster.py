"""Ray, for the time of a block: a cluster to join, or a small one of our own that leaves nothing behind.

The one place that starts Ray.  What a stranger gets wrong: Ray installs signal handlers of its own, after which SIGTERM
no longer unwinds the program, so servers and workers would be left to their fate; ours are put back.  And Ray lets in
whoever reaches its ports, so one that serves this machine alone listens on the loopback interface alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import logging
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from scanyard.errors import EnvironmentFault
from scanyard.ray_guard import GUARD, MARK, clear, end_guard, lock_of, start_guard, sweep

logger = logging.getLogger(__name__)

START_TRIES = 5
_TOO_SLOW = "timed out during startup"
OBJECT_STORE_BYTES = 80 * 2**20
"""Ray's least: nothing large travels through it."""
FOLDER = "scanyard-ray-"
"""How Ray's own folders begin.  They hold sockets, whose paths must stay under 108 bytes, so they lie in /tmp, or in
the folder that SCANYARD_RAY_FOLDER names."""


def import_ray() -> Any:
    """The module ``ray``, told beforehand not to warn about GPUs nobody has and not to phone home."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray  # noqa: PLC0415  # costs a second, and only running needs it

    return ray


@contextlib.contextmanager
def ray_session(address: str | None, *, num_cpus: int) -> Iterator[list[int]]:
    """Connect to Ray and yield the cores of each node; EnvironmentFault where it cannot be reached.

    Without ``address`` one is started here that offers ``num_cpus`` cores, and stopped at the end.  A session that is
    open already is used as it is.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield _cores(ray)
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    logging.getLogger("ray").setLevel(logging.ERROR)  # init itself talks before it applies its logging_level
    with contextlib.ExitStack() as exits:
        if address is None:
            options |= {
                "num_cpus": num_cpus,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES,
                "_temp_dir": str(exits.enter_context(_folder_of_its_own())),
            }
        else:
            options["address"] = address
        exits.callback(ray.shutdown)
        try:
            with _own_signal_handlers(), _loopback_alone(ray) if address is None else contextlib.nullcontext():
                _start(ray, options)
            cores = _cores(ray)
        except ConnectionError as error:
            raise EnvironmentFault(f"ray at {address}: cannot be reached ({error}); check the address") from error
        except ray.exceptions.AuthenticationError as error:
            raise EnvironmentFault(
                f"ray at {address}: lets nobody in without its token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to "
                "what `ray get-auth-token` says on its head"
            ) from error
        yield cores


def _start(ray: Any, options: dict[str, Any]) -> None:
    """``ray.init``, again if need be: it allows its own processes 30 s to come up, too little on a machine at work."""
    for attempt in range(START_TRIES):
        try:
            ray.init(**options)
        except Exception as error:  # nothing narrower is raised
            if _TOO_SLOW not in str(error):
                raise
            ray.shutdown()
            _end_half_started(options.get("_temp_dir"))
            logger.warning("ray did not come up in time (try %d of %d)", attempt + 1, START_TRIES)
        else:
            return
    raise EnvironmentFault(
        f"ray did not come up in {START_TRIES} tries of 30 s: this machine is too busy, or its /tmp is full; "
        "end what keeps it busy and run the same command again"
    )


def _end_half_started(folder: str | None) -> None:
    """End what a start that failed leaves running: Ray forgets it.  It is below us, and its files are in our folder."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = child.cmdline()
            if folder is not None and GUARD not in words and any(folder in word for word in words):
                child.kill()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it forgot to wait for them, too
        gc.collect()


@contextlib.contextmanager
def _folder_of_its_own() -> Iterator[Path]:
    """A folder for Ray, gone afterwards with all that belongs to it: a guard sees to that if we are killed.

    What guards of ours that were killed as well have left is swept first.
    """
    place = Path(os.environ.get("SCANYARD_RAY_FOLDER") or "/tmp")
    for left in place.glob(f"{FOLDER}*.lock"):
        sweep(left.with_suffix(""))
    folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=place))
    taken = folder.with_suffix(".taken")
    with taken.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        taken.rename(lock_of(folder))  # only now: a lock that nobody holds yet looks as if its owner were gone
        guard, lifeline = start_guard(folder)
        os.environ[MARK] = str(folder)
        try:
            yield folder
        finally:
            del os.environ[MARK]
            clear(folder)
            fcntl.flock(lock, fcntl.LOCK_UN)  # what could not be cleared away is the guard's to try again
            end_guard(guard, lifeline)


@contextlib.contextmanager
def _loopback_alone(ray: Any) -> Iterator[None]:
    """Let Ray take this machine for one that cannot be in a cluster, the only case in which it listens on loopback.

    It asks for that where macOS and Windows would ask the user about a firewall; asking for 127.0.0.1 does not do.
    """
    constants = ray._private.ray_constants
    name, before = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", constants.ENABLE_RAY_CLUSTER
    said = os.environ.get(name)
    constants.ENABLE_RAY_CLUSTER, os.environ[name] = False, "0"  # for us, and for the processes it starts
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before
        os.environ.pop(name) if said is None else os.environ.update({name: said})


@contextlib.contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Put back whatever handlers the block replaces; only the main thread has any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _cores(ray: Any) -> list[int]:
    nodes = [node for node in ray.nodes() if node["Alive"]]
    return [max(1, int(node["Resources"].get("CPU", 0))) for node in nodes]
