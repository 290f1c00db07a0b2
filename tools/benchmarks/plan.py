"""How long it takes to know what is left to do of a large campaign: at its start, half-way, and when all is done.

The dataset is one of empty folders with the right names, as planning looks at nothing but names.  What is measured
begins with reading the scenarios' files and ends when the first scenario could be handed to a worker.

What such a campaign ends with, sealing and opening its dataset, is measured with seals alone, as large as those of ten
seconds at 10 Hz with an HDL-64E and a camera: once when all sequences are new, once when none is.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.fleet.plan import Plan, draw_all, plan
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.scenario import load_scenarios
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import SequenceInfo
from scanyard.store import Seal, create_dataset, open_dataset, seal_dataset, write_sequence
from scanyard.store.dataset import committed_names

SCENARIOS = Path("scenarios")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench plan", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=100_000, help="scenarios, all seeds counted")
    parser.add_argument("--seals", type=int, default=10_000, help="sequences sealed and opened")
    options = parser.parse_args()
    seeds = range(-(-options.scenarios // len(load_scenarios(SCENARIOS))))
    rows = []
    with tempfile.TemporaryDirectory(prefix="scanyard-bench-") as folder:
        create_dataset(folder, name="bench", licence="CC0-1.0")
        rows.append(measure("nothing there yet", Path(folder), seeds))
        names = [one.sequence_name for one in draw_all(load_scenarios(SCENARIOS), seeds)]
        for what, some in (("every other one there", names[::2]), ("all there", names[1::2])):
            for name in some:
                (Path(folder) / "sequences" / name).mkdir()
            rows.append(measure(what, Path(folder), seeds))
    with tempfile.TemporaryDirectory(prefix="scanyard-bench-") as folder:
        ends = campaign_ends(Path(folder), options.seals)
    print(f"{'':24}{'left to do':>12}{'seconds':>9}{'CPU seconds':>13}")
    for row in rows:
        print(f"{row['what']:24}{row['todo']:12d}{row['seconds']:9.2f}{row['cpu_s']:13.2f}")
    print(f"\n{f'{options.seals} seals':24}{'':12}{'seconds':>9}{'CPU seconds':>13}")
    for what, (seconds, cpu_s) in ends.items():
        print(f"{what:36}{seconds:9.2f}{cpu_s:13.2f}")
    slowest = max(rows, key=lambda row: row["seconds"])
    print(
        json.dumps(
            {
                "bench": "plan",
                "scenarios": len(names),
                "slowest_s": round(slowest["seconds"], 2),
                "cpu_s": round(max(row["cpu_s"] for row in rows), 2),
                **{
                    f"{what.replace(' ', '_')}_cpu_s_per_100k": round(cpu_s / options.seals * 1e5, 2)
                    for what, (_, cpu_s) in ends.items()
                },
                "right": [row["todo"] for row in rows] == [len(names), len(names) // 2, 0],
            }
        )
    )


def measure(what: str, dataset: Path, seeds: range) -> dict[str, Any]:
    """Plan once, up to the first scenario."""
    began, cpu = time.perf_counter(), _cpu_s()
    planned: Plan = plan(load_scenarios(SCENARIOS), seeds, committed_names(dataset))
    next(iter(planned.todo), None)
    return {
        "what": what,
        "todo": len(planned.todo),
        "seconds": time.perf_counter() - began,
        "cpu_s": _cpu_s() - cpu,
    }


def campaign_ends(root: Path, count: int) -> dict[str, tuple[float, float]]:
    """Seconds, by the clock and of the processor, of what is done with so many seals."""
    create_dataset(root, name="bench", licence="CC0-1.0")
    seal = _seal_of_ten_seconds(root)
    for number in range(count):
        info = replace(seal.info, name=f"cut-in-{number % 7919:08x}-{number:06d}")
        folder = root / "sequences" / info.name
        folder.mkdir()
        (folder / "seal.json").write_bytes(replace(seal, info=info).to_bytes())
    found = {}
    for what, work in (("seal", seal_dataset), ("seal again", seal_dataset), ("open", open_dataset)):
        began, cpu = time.perf_counter(), _cpu_s()
        work(root)
        found[what] = time.perf_counter() - began, _cpu_s() - cpu
    return found


def _seal_of_ten_seconds(root: Path) -> Seal:
    """That of a small recording, with the beams and as many checksums of chunks as a large one has."""
    rng = np.random.default_rng(0)
    beams = np.sort(rng.uniform(-0.4, 0.05, 64))
    lidar = Lidar("top", Transform.identity(), beams, np.zeros(64), 2000, 10.0, 1.0, 120.0)
    info = SequenceInfo(
        "small", "synthetic", "bench", Rig("bench", (lidar,)), "CC0-1.0", {"scenario": "cut_in", "seed": 1}
    )
    columns = {"ring": np.uint8, "time_offset_ns": np.int32, "semantic": np.uint8, "instance": np.uint32}
    sweep = Sweep(
        rng.normal(0, 30, (50, 3)), intensity=rng.random(50), **{name: np.zeros(50, of) for name, of in columns.items()}
    )
    seal = write_sequence(root, info, [Frame(0, Transform.identity(), {"top": sweep})])
    shutil.rmtree(root / "sequences" / info.name)
    large = {path: replace(array, crc32c=(0xC0FFEE,) * 730) for path, array in seal.arrays.items() if "/top/" in path}
    return replace(seal, arrays={**seal.arrays, **large})


def _cpu_s() -> float:
    """Processor time of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
