"""Disks that fill up under a campaign: the one its dataset is on, and the one Ray keeps its files on.

Small file systems in memory (tmpfs) stand for them, which takes root; elsewhere the trials are left out and say so.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kills import FRAMES, calm_digest, conclude, outcome_of
from outcome import OnProgress, Outcome
from stage import Stage, Traces

from scanyard.store.layout import DATASET_FILE

SCENARIOS = 10
STORE_BYTES = 4 * 2**20
RAY_BYTES = 96 * 2**20
PAUSED_WITHIN_S = 300.0


def full_store(n: int, seed: int, on_progress: OnProgress) -> Outcome:
    """Fill the dataset's disk at a random point of a campaign, see it wait, make room, see it finish by itself.

    Every third time it is the inodes that run out, not the bytes.
    """
    if reason := _cannot_mount():
        return Outcome("dataset's disk full", 0, 0, [reason])
    luck = random.Random(f"{seed} full store")
    traces, waited = Traces(digests={calm_digest(SCENARIOS)}), 0
    for tried in range(1, n + 1):
        inodes = tried % 3 == 0
        with (
            _small_disk(STORE_BYTES) as disk,
            Stage(range(SCENARIOS), frames=FRAMES, dataset=str(disk / "dataset")) as stage,
        ):
            stage.start()
            while stage.is_running and not (stage.dataset / DATASET_FILE).is_file():
                stage.wait(0.1)  # a disk that is full before there is a dataset is no campaign's
            stage.wait_until(luck.randrange(SCENARIOS // 2))
            filler = _fill(disk, inodes=inodes, leave=luck.randrange(8))
            done_before = stage.state["done"]
            waits = _wait_for_pause(stage)
            waited += waits
            if not waits and stage.state["done"] < SCENARIOS:
                traces.problems.append(f"a full disk was not noticed: {stage.failures} {stage.log_tail()}")
            filler.free()
            stage.finish()
            conclude(stage, traces)
        what = "inodes" if inodes else "bytes"
        on_progress(tried, f"no {what} left after {done_before} of {SCENARIOS}, {'waited' if waits else 'had room'}")
    return outcome_of("dataset's disk full, then room again", n, traces, waited=waited)


def full_ray_folder(n: int, seed: int, on_progress: OnProgress) -> Outcome:
    """Fill the disk with Ray's own files, logs and spilled objects, to the last byte: a campaign does not need it."""
    if reason := _cannot_mount():
        return Outcome("Ray's disk full", 0, 0, [reason])
    luck = random.Random(f"{seed} full ray")
    traces = Traces(digests={calm_digest(SCENARIOS)})
    for tried in range(1, n + 1):
        with _small_disk(RAY_BYTES) as disk, Stage(range(SCENARIOS), frames=FRAMES) as stage:
            stage.start(environment={"SCANYARD_RAY_FOLDER": str(disk)})
            stage.wait_until(1 + luck.randrange(SCENARIOS // 2))
            filler = _fill(disk, inodes=False, leave=0)
            stage.wait(luck.uniform(0.0, 2.0))
            if luck.random() < 0.5:  # a worker hired while nothing can be written
                for worker in stage.parts()["worker"][:1]:
                    worker.kill()
            stage.finish()
            filler.free()
            conclude(stage, traces)
        on_progress(tried, f"{stage.state['done']} of {SCENARIOS} sealed")
    return outcome_of("Ray's disk full", n, traces)


class _Filler:
    """Files that take all the room there is, until ``free``."""

    def __init__(self) -> None:
        self.files: list[Path] = []

    def free(self) -> None:
        """Make room."""
        for file in self.files:
            file.unlink()
        self.files.clear()


def _fill(disk: Path, *, inodes: bool, leave: int) -> _Filler:
    """Take everything but ``leave`` times 4 KiB, or ``leave`` inodes."""
    filler = _Filler()
    with contextlib.suppress(OSError):  # it is full: that was the aim
        if inodes:
            for number in range(10**6):
                filler.files.append(disk / f"filler-{number}")
                filler.files[-1].touch()
        else:
            filler.files.append(disk / "filler")
            with filler.files[0].open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
    filler.files = [file for file in filler.files if file.exists()]
    if inodes:
        for file in filler.files[:leave]:
            file.unlink()
        filler.files = filler.files[leave:]
    elif filler.files:
        os.truncate(filler.files[0], max(0, filler.files[0].stat().st_size - 4096 * leave))
    return filler


def _wait_for_pause(stage: Stage) -> bool:
    waited_s = 0.0
    while stage.is_running and not stage.state.get("waits_for_disk") and waited_s < PAUSED_WITHIN_S:
        stage.wait(0.2)
        waited_s += 0.2
    return bool(stage.state.get("waits_for_disk"))


@contextlib.contextmanager
def _small_disk(size: int) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="scy-", dir="/tmp"))  # short: Ray's sockets may lie in it
    options = f"size={size},nr_inodes=4000"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "scanyard-chaos", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def _cannot_mount() -> str:
    if os.geteuid() != 0:
        return "not tried: mounting a small disk takes root"
    with contextlib.suppress(subprocess.CalledProcessError, OSError), _small_disk(2**20):
        return ""
    return "not tried: mounting a tmpfs is refused here"
