"""Runs on Ray: so many at a time, each in a process of its own, and none left over afterwards.

Ray runs things at least once; a run whose worker died is simply started again, because it leaves nothing that counts
before its last file is in place.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scanyard.errors import EnvironmentFault, ScanyardError
from scanyard.experiment.arm import Job, work

logger = logging.getLogger(__name__)

_TRIES = 3
_POLL_S = 0.5
_OBJECT_STORE_BYTES = 80 * 2**20  # Ray's least: nothing large travels through it


def work_on_ray(jobs: Sequence[Job], *, address: str | None, workers: int | None, on_poll: Callable[[], None]) -> None:
    """Do all jobs; the first one that fails for a reason of its own stops the rest and raises that reason.

    Without ``address`` a Ray of our own is started and stopped again.  ``workers`` jobs run at a time and share the
    machine's cores evenly; by default as many as keep all cores busy to the end.
    """
    ray = _import_ray()
    with _connected(ray, address) as cores_per_node:
        cores = sum(cores_per_node)
        at_a_time = workers or workers_for(len(jobs), cores)
        threads = max(1, min(cores // at_a_time, *cores_per_node))
        remote = ray.remote(num_cpus=threads, max_retries=0)(work)
        waiting = [(job, 1) for job in reversed(jobs)]
        running: dict[Any, tuple[Job, int]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < at_a_time:
                    job, attempt = waiting.pop()
                    running[remote.remote(job, threads=threads)] = (job, attempt)
                done, _ = ray.wait(list(running), timeout=_POLL_S)
                for reference in done:
                    job, attempt = running.pop(reference)
                    if not _succeeded(ray, reference, job, attempt):
                        waiting.append((job, attempt + 1))
                on_poll()
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def workers_for(num_jobs: int, cores: int) -> int:
    """How many jobs at a time keep ``cores`` busy to the end: the last round must not leave most of them idle.

    >>> workers_for(3, 2), workers_for(4, 2), workers_for(3, 16)
    (1, 2, 3)
    """
    candidates = range(1, max(1, min(num_jobs, cores)) + 1)
    return min(candidates, key=lambda count: (-(-num_jobs // count) * count, -count))


def _succeeded(ray: Any, reference: Any, job: Job, attempt: int) -> bool:
    """False if the worker died and another try is worth it."""
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ScanyardError):
            raise error.cause from None
        raise
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
        if attempt >= _TRIES:
            raise EnvironmentFault(
                f"arm {job.arm}, seed {job.seed}: its worker died {attempt} times ({type(error).__name__}); this is "
                "usually memory: use fewer workers, or a smaller batch_size"
            ) from error
        logger.warning("arm %s, seed %d: its worker died; trying again", job.arm, job.seed)
        return False
    return True


def _import_ray() -> Any:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns about GPUs nobody has
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing phones home
    import ray  # noqa: PLC0415  # costs a second, and only running needs it

    return ray


@contextlib.contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[list[int]]:
    """A connection to Ray, for the time of the block; gives the cores of each node."""
    if ray.is_initialized():  # by whoever called us, who will also shut it down
        yield _cores(ray)
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    logging.getLogger("ray").setLevel(logging.ERROR)  # init itself talks before it applies its logging_level
    folder = None
    if address is None:
        # sockets live there, and their path must stay under 108 bytes, so not under the output folder
        folder = tempfile.mkdtemp(prefix="scanyard-", dir="/tmp")
    try:
        if address is None:
            ray.init(
                num_cpus=os.cpu_count() or 1,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                _temp_dir=folder,
                **quiet,
            )
        else:
            ray.init(address=address, **quiet)
        yield _cores(ray)
    except ConnectionError as error:
        raise EnvironmentFault(f"ray at {address}: cannot be reached ({error}); check the address") from error
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _cores(ray: Any) -> list[int]:
    nodes = [node for node in ray.nodes() if node["Alive"]]
    return [max(1, int(node["Resources"].get("CPU", 0))) for node in nodes]
