"""Runs on Ray: so many at a time, each in a process of its own, and none left over afterwards.

Ray runs things at least once; a run whose worker died is simply started again, because it leaves nothing that counts
before its last file is in place.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from scanyard.cluster import import_ray, ray_session
from scanyard.errors import EnvironmentFault, ScanyardError
from scanyard.experiment.arm import Job, work

logger = logging.getLogger(__name__)

_TRIES = 3
_POLL_S = 0.5


def work_on_ray(jobs: Sequence[Job], *, address: str | None, workers: int | None, on_poll: Callable[[], None]) -> None:
    """Do all jobs; the first one that fails for a reason of its own stops the rest and raises that reason.

    Without ``address`` a Ray of our own is started and stopped again.  ``workers`` jobs run at a time and share the
    machine's cores evenly; by default as many as keep all cores busy to the end.
    """
    ray = import_ray()
    with ray_session(address, num_cpus=os.cpu_count() or 1) as cores_per_node:
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
