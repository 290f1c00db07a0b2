"""How fast frames of real size are read and written, beside the files they would otherwise lie in.

A sweep of some 120,000 points and a 1242x375 image per frame, simulated here (or KITTI's, with --real).  Beside the
store lie raw files as KITTI has them, a .bin of x, y, z, intensity and a .png, and the same bytes unpacked in .npy.

    random_ratio      batches of frames at random: time from .bin and .png over time from the store; 1 is as fast
    sequential_ratio  all frames in order: time from the store over np.load of the same bytes, neither in the page
                      cache before, as when a dataset is larger than memory; 1 is as fast, more is slower.  It is by
                      the clock, and the store reads ahead with two threads: the machine should have nothing else to do
    size_ratio        bytes of the store, seal and all, over bytes of .bin and .png
    write_share       processor time to write a frame, hashing, reading back and sealing included, over that of
                      simulating and labelling it (server and client), with every column the simulator gives

Printed as well: sequential reads from the page cache, where np.load is a copy and anything packed loses, by the clock
and by the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
from PIL import Image as Picture

from scanyard.datasets import kitti
from scanyard.fleet.launch import Server, ServerCommand
from scanyard.fleet.record import _labelled
from scanyard.frame import Frame, Image, Sweep
from scanyard.scenario import draw, load_scenario
from scanyard.sequence import SequenceInfo
from scanyard.sim.carla import CarlaSimulator
from scanyard.sim.listening import Patience
from scanyard.store import StoredSequence, create_dataset, open_dataset, write_sequence

SCENARIOS = Path("scenarios")
WARM_UP = 2
"""Frames before the clock runs: the first ones compile and load a world."""
BATCH = 8
SEQUENCE = 16
"""Frames in each stored sequence."""
Clock = Callable[[], float]
PATIENCE = Patience(call_s=240.0, load_s=240.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tools/bench store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--real", type=Path, help="folder with training/ as KITTI has it, to read from instead")
    parser.add_argument("--frames", type=int, default=64, help="frames stored; the ones there are, over and over")
    parser.add_argument("--simulated", type=int, default=10, help="frames simulated")
    parser.add_argument("--repeats", type=int, default=5, help="passes of each kind; the best counts")
    options = parser.parse_args()

    share = None
    with tempfile.TemporaryDirectory(dir=Path("out") if Path("out").is_dir() else None) as folder:
        work = Path(folder)
        if options.real:
            source = [frame for sequence in kitti.read_sequences(options.real, "training") for frame in sequence]
            info = kitti.read_sequences(options.real, "training")[0].info
        else:
            info, source, share = simulated(work, options.simulated)
        frames = [plain(frame) for frame in source if frame.images]
        frames = [frame for frame in frames if pixels(frame).shape == pixels(frames[0]).shape]
        sequences = store_all(work / "store", info, frames, options.frames)
        raw = write_raw(work / "raw", frames, options.frames)
        print(f"{options.frames} frames, {len(points(frames[0]))} points and {pixels(frames[0]).shape} pixels each")

        order = np.random.default_rng(0).permutation(options.frames)
        ours, theirs = best(
            options.repeats,
            lambda: in_batches(sequences[at // SEQUENCE][at % SEQUENCE] for at in order.tolist()),
            lambda: in_batches(map(raw.decoded, order)),
            clock=time.process_time,
        )
        cold = [Path(parent, name) for parent, _, names in os.walk(work) for name in names]

        def in_order(clock: Clock, dropped: list[Path]) -> tuple[float, float]:
            return best(
                options.repeats,
                lambda: in_batches(frame for sequence in sequences for frame in sequence),
                lambda: in_batches(map(raw.unpacked, range(options.frames))),
                clock=clock,
                dropped=dropped,
            )

        ours_cold, numpy_cold = in_order(time.perf_counter, cold)
        ours_warm, numpy_warm = in_order(time.perf_counter, [])
        ours_cpu, numpy_cpu = in_order(time.process_time, [])
        size = sum(path.stat().st_size for path in (work / "store" / "sequences").rglob("*") if path.is_file())
    per_frame = 1e3 / options.frames
    print(f"{'':44}{'store':>9}{'files':>9}   (ms a frame)")
    print(f"{'random batches, from .bin and .png':44}{ours * per_frame:9.2f}{theirs * per_frame:9.2f}")
    print(f"{'in order, from the disk, np.load':44}{ours_cold * per_frame:9.2f}{numpy_cold * per_frame:9.2f}")
    print(f"{'in order, from the page cache, np.load':44}{ours_warm * per_frame:9.2f}{numpy_warm * per_frame:9.2f}")
    print(f"{'the same, of the processor':44}{ours_cpu * per_frame:9.2f}{numpy_cpu * per_frame:9.2f}")
    print(f"{'megabytes a frame':44}{size / options.frames / 1e6:9.2f}{raw.size / options.frames / 1e6:9.2f}")
    found: dict[str, object] = {
        "bench": "store",
        "random_ratio": round(theirs / ours, 2),
        "sequential_ratio": round(ours_cold / numpy_cold, 2),
        "sequential_cached_ratio": round(ours_warm / numpy_warm, 2),
        "sequential_cached_cpu_ratio": round(ours_cpu / numpy_cpu, 2),
        "size_ratio": round(size / raw.size, 3),
    }
    if share is not None:
        found["write_share"] = round(share, 3)
        print(f"writing takes {share:.0%} of the processor time that simulating and labelling take")
    print(json.dumps(found))


def simulated(work: Path, count: int) -> tuple[SequenceInfo, list[Frame], float]:
    """Labelled frames of a street from our own server, and the processor time of writing over that of making them."""
    scenario = draw(
        load_scenario(SCENARIOS / "cut_in_short_gap.yaml"),
        3,
        {"rig": str(SCENARIOS / "rigs" / "kitti.yaml"), "recording.duration_s": (count + WARM_UP) / 10},
    )
    maps = (SCENARIOS / "maps").resolve()
    with Server.start(ServerCommand.embedded(maps), work) as server:
        process = psutil.Process(server.pid)
        simulator = CarlaSimulator("127.0.0.1", server.port, patience=PATIENCE, map_folders=(maps,))
        try:
            frames = _labelled(scenario, simulator)
            for number, _ in enumerate(islice(frames, WARM_UP), start=1):
                print(f"warming up: {number}/{WARM_UP}", file=sys.stderr)
            began = time.process_time() + sum(process.cpu_times()[:2])
            kept = list(frames)
            made_s = time.process_time() + sum(process.cpu_times()[:2]) - began
        finally:
            simulator.close()
    print(f"simulated {len(kept)} frames, {made_s / len(kept) * 1e3:.0f} ms of processor each", file=sys.stderr)
    info = SequenceInfo("all", "synthetic", "bench", scenario.rig, "CC0-1.0")
    create_dataset(work / "whole", name="whole", licence="CC0-1.0")
    began = time.process_time()
    write_sequence(work / "whole", info, kept)
    return info, kept, (time.process_time() - began) / made_s


def plain(frame: Frame) -> Frame:
    """What .bin and .png hold, and no more."""
    (lidar, sweep), (camera, image) = next(iter(frame.sweeps.items())), next(iter(frame.images.items()))
    sweeps = {lidar: Sweep(sweep.points, intensity=sweep.intensity)}
    return Frame(frame.timestamp_ns, frame.world_from_ego, sweeps, {camera: Image(image.rgb)})


def points(frame: Frame) -> np.ndarray:
    return next(iter(frame.sweeps.values())).points


def pixels(frame: Frame) -> np.ndarray:
    return next(iter(frame.images.values())).rgb


def store_all(root: Path, info: SequenceInfo, frames: list[Frame], count: int) -> list[StoredSequence]:
    """Write the frames over and over, so many in all."""
    create_dataset(root, name="bench", licence="CC0-1.0")
    for first in range(0, count, SEQUENCE):
        name = f"part-{first:05d}"
        part = SequenceInfo(name, info.domain, name, info.rig, info.licence)
        rows = (frames[at % len(frames)] for at in range(first, min(first + SEQUENCE, count)))
        write_sequence(root, part, rows)
    return list(open_dataset(root).sequences.values())


class RawFiles:
    """The same frames as KITTI's files, and unpacked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.size = 0

    def add(self, number: int, frame: Frame) -> None:
        sweep = next(iter(frame.sweeps.values()))
        rows = np.c_[sweep.points, sweep.intensity].astype("<f4")
        rows.tofile(self._folder / f"{number}.bin")
        Picture.fromarray(pixels(frame)).save(self._folder / f"{number}.png")
        self.size += sum((self._folder / f"{number}.{kind}").stat().st_size for kind in ("bin", "png"))
        np.save(self._folder / f"{number}_sweep.npy", rows)
        np.save(self._folder / f"{number}_image.npy", pixels(frame))

    def decoded(self, number: int) -> object:
        with Picture.open(self._folder / f"{number}.png") as picture:
            return np.fromfile(self._folder / f"{number}.bin", "<f4").reshape(-1, 4), np.asarray(picture)

    def unpacked(self, number: int) -> object:
        return np.load(self._folder / f"{number}_sweep.npy"), np.load(self._folder / f"{number}_image.npy")


def write_raw(folder: Path, frames: list[Frame], count: int) -> RawFiles:
    folder.mkdir()
    raw = RawFiles(folder)
    for number in range(count):
        raw.add(number, frames[number % len(frames)])
    os.sync()  # what is dirty cannot be dropped from the page cache
    return raw


def in_batches(frames: Iterable[object]) -> None:
    """Read and hold a batch at a time, as a loader does."""
    batch: list[object] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == BATCH:
            batch = []


def best(
    repeats: int, ours: Callable[[], None], theirs: Callable[[], None], *, clock: Clock, dropped: Sequence[Path] = ()
) -> tuple[float, float]:
    """Seconds of the best pass of each, in turns, with some files ``dropped`` from the page cache before each."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for run, into in zip((ours, theirs), times, strict=True):
            for path in dropped:
                drop_from_cache(path)
            began = clock()
            run()
            into.append(clock() - began)
    return min(times[0]), min(times[1])


def drop_from_cache(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
