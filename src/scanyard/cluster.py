"""Ray, for the time of a block: a cluster to join, or a small one of our own that leaves nothing behind.

The one place that starts Ray.  What a stranger gets wrong: Ray installs signal handlers of its own, after which SIGTERM
no longer unwinds the program, so servers and workers would be left to their fate; ours are put back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from scanyard.errors import EnvironmentFault

OBJECT_STORE_BYTES = 80 * 2**20
"""Ray's least: nothing large travels through it."""


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
    folder = None
    if address is None:
        # Ray's sockets live there, and their paths must stay under 108 bytes, so it is not under an output folder.
        folder = tempfile.mkdtemp(prefix="scanyard-ray-", dir="/tmp")
        options |= {
            "num_cpus": num_cpus,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_temp_dir": folder,
        }
    else:
        options["address"] = address
    try:
        with _own_signal_handlers():
            ray.init(**options)
        yield _cores(ray)
    except ConnectionError as error:
        raise EnvironmentFault(f"ray at {address}: cannot be reached ({error}); check the address") from error
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


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
