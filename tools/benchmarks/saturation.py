"""Where a campaign saturates as workers are added: a thousand of them in a simulation fed with measured costs.

A worker plays a scene by itself, seals it through the store that all share, and tells the driver, which hands out the
next one; workers beat in between, and the driver heeds every pulse.  Driver and store do one thing after another.  What
the driver costs is measured here, with Ray and as many answers outstanding as there are workers; what a commit costs
beside its bytes, too.  How long a scene takes, how large it is, and how fast the store takes bytes are the campaign's
own, so they are options; the defaults are those of this repository's scenarios on one core and of a 10 Gbit/s store.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "chaos_trials"))

from tiny import MAPS, tiny_scenarios

from scanyard.cluster import import_ray, ray_session
from scanyard.fleet.backlog import Backlog
from scanyard.fleet.outcome import Recorded
from scanyard.fleet.record import record
from scanyard.fleet.settings import Deadlines
from scanyard.roads import RoadMap
from scanyard.scenario import ConcreteScenario
from scanyard.sim.simulator import FlatWorld
from scanyard.store import create_dataset, open_dataset, seal_dataset

WORKERS = (1, 10, 30, 100, 300, 1000, 3000)
ENOUGH = 0.9
"""A design is said to hold up to the most workers that still get this share of what they could do alone."""
SPREAD = 0.3
"""Standard deviation of a scene's length, as a share of its mean."""


@dataclass(frozen=True)
class Costs:
    """Seconds and bytes of one scene."""

    scene_s: float
    scene_bytes: float
    bytes_per_s: float
    """What the store takes, all workers together."""
    commit_s: float
    """Of a commit beside its bytes: files made, synced, renamed; the store does these beside each other."""
    driver_s: float
    """The driver's own time for handing out one scene and taking its result."""
    pulse_s: float
    """The driver's own time for one pulse."""
    pulse_every_s: float
    listing_s: float
    """Of one sequence in a plan or a seal, for resuming."""

    @property
    def alone_s(self) -> float:
        """From one scene to the next where nobody else works."""
        return self.scene_s + self.commit_s + self.scene_bytes / self.bytes_per_s + self.driver_s


@dataclass(frozen=True)
class Result:
    """What so many workers got done."""

    workers: int
    scenes_per_s: float
    efficiency: float
    """Share of what they would get done if none waited for another."""
    driver: float
    """Share of the time the driver was busy."""
    store: float
    """Share of the time the store took bytes at its full rate."""


def simulate(costs: Costs, workers: int, *, seed: int = 1) -> Result:
    """Play a campaign event by event; the first third, in which everybody starts at once, is not counted."""
    scenes_each = max(12, 2000 // workers)
    luck = random.Random(f"{seed} {workers}")
    drag = min(0.95, workers * costs.pulse_s / costs.pulse_every_s)  # heeding pulses leaves the driver less time
    driver_s, transfer_s = costs.driver_s / (1 - drag), costs.scene_bytes / costs.bytes_per_s
    driver_free = store_free = 0.0
    total, done, counted = workers * scenes_each, 0, 0
    busy = {"driver": 0.0, "store": 0.0}
    began = 0.0
    events = [(luck.random() * costs.scene_s, number, "played") for number in range(workers)]
    heapq.heapify(events)
    now = 0.0
    while done < total:
        now, number, what = heapq.heappop(events)
        if what == "played":
            store_free = max(store_free, now) + transfer_s
            busy["store"] += transfer_s
            heapq.heappush(events, (store_free + costs.commit_s, number, "sealed"))
            continue
        driver_free = max(driver_free, now) + driver_s
        busy["driver"] += driver_s
        done += 1
        if done == total // 3:
            began, counted, busy = now, done, {"driver": 0.0, "store": 0.0}
        scene_s = max(0.1 * costs.scene_s, luck.gauss(costs.scene_s, SPREAD * costs.scene_s))
        heapq.heappush(events, (driver_free + scene_s, number, "played"))
    elapsed = now - began
    rate = (done - counted) / elapsed
    return Result(
        workers,
        rate,
        rate * costs.alone_s / workers,
        min(1.0, busy["driver"] / elapsed + drag * (1 - busy["driver"] / elapsed)),
        busy["store"] / elapsed,
    )


def holds_up_to(costs: Costs) -> int:
    """The most workers that are still worth it, to within a tenth."""
    low, high = 1, 2
    while simulate(costs, high).efficiency >= ENOUGH and high < 10**5:
        low, high = high, 2 * high
    while high > 1.1 * low + 1:
        middle = (low + high) // 2
        low, high = (middle, high) if simulate(costs, middle).efficiency >= ENOUGH else (low, middle)
    return low


def measure_driver(outstanding: int) -> tuple[float, float]:
    """Processor seconds of the driver per scene and per pulse, with so many answers outstanding."""
    scenarios = tiny_scenarios(range(100))
    result = Recorded("tiny-00000000-0000", "0" * 64, 40, 4_000_000, 300, 13.0)
    with ray_session(None, num_cpus=1):
        ray = import_ray()
        actor = ray.remote(num_cpus=1)(_Echo).remote()
        ray.get(actor.record.remote(scenarios[0], result))
        gate = [actor.wait.remote() for _ in range(outstanding)]  # answers that never come, as of busy workers
        other = ray.remote(num_cpus=0)(_Echo).remote()
        ray.get(other.record.remote(scenarios[0], result))
        backlog = Backlog(scenarios, time.monotonic)
        began, handed = time.process_time(), 0
        while (scenario := backlog.take()) is not None:
            _answered(ray, [*gate, other.record.remote(scenario, result)])
            backlog.succeeded(scenario)
            handed += 1
        per_scene = (time.process_time() - began) / handed
        began = time.process_time()
        for _ in range(100):
            _answered(ray, [*gate, other.pulse.remote()])
        return per_scene, (time.process_time() - began) / 100


def measure_commit() -> tuple[float, float]:
    """Seconds of one commit of next to nothing, and of one sequence in a plan and a seal."""
    scenarios = tiny_scenarios(range(20))
    simulator = FlatWorld(RoadMap.load(MAPS / "lane.xodr"))
    with tempfile.TemporaryDirectory() as folder:
        create_dataset(folder, name="bench", licence="CC0-1.0")
        record(scenarios[0], simulator, folder, server="flat world")
        began = time.perf_counter()
        for scenario in scenarios[1:]:
            record(scenario, simulator, folder, server="flat world")
        commit_s = (time.perf_counter() - began) / (len(scenarios) - 1)
        began = time.process_time()  # it is reading and hashing that take long
        seal_dataset(folder)
        assert len(open_dataset(folder).sequences) == len(scenarios)
        return commit_s, (time.process_time() - began) / len(scenarios)


class _Echo:
    def record(self, _scenario: ConcreteScenario, result: Recorded) -> Recorded:
        return result

    def pulse(self) -> float:
        return 0.0

    def wait(self) -> None:
        time.sleep(1e6)


def _answered(ray: object, references: list[object]) -> None:
    """What the crew does for every answer: wait for one, ask for all that are there, fetch it."""
    ray.wait(references, num_returns=1)  # type: ignore[attr-defined]
    ready, _ = ray.wait(references, num_returns=len(references), timeout=0)  # type: ignore[attr-defined]
    ray.get(ready)  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench saturation", description=__doc__)
    parser.add_argument("--scene-s", type=float, default=13.0, help="40 frames with one core")
    parser.add_argument("--scene-mb", type=float, default=50.0, help="40 frames of an HDL-64E")
    parser.add_argument("--store-mb-per-s", type=float, default=1200.0)
    parser.add_argument("--outstanding", type=int, default=1000, help="answers the driver waits for as it is measured")
    options = parser.parse_args()
    driver_s, pulse_s = measure_driver(options.outstanding)
    commit_s, listing_s = measure_commit()
    costs = Costs(
        scene_s=options.scene_s,
        scene_bytes=options.scene_mb * 1e6,
        bytes_per_s=options.store_mb_per_s * 1e6,
        commit_s=commit_s,
        driver_s=driver_s,
        pulse_s=pulse_s,
        pulse_every_s=Deadlines().pulse_s / 3,
        listing_s=listing_s,
    )
    results = [simulate(costs, workers) for workers in WORKERS]
    print(f"driver {1e3 * driver_s:.2f} ms a scene, {1e3 * pulse_s:.2f} ms a pulse; commit {1e3 * commit_s:.0f} ms")
    print(f"{'workers':>8}{'scenes/s':>10}{'of ideal':>10}{'driver':>9}{'store':>8}")
    for one in results:
        busy = f"{one.driver:9.0%}{one.store:8.0%}"
        print(f"{one.workers:8}{one.scenes_per_s:10.2f}{one.efficiency:10.0%}{busy}")
    limits = {
        "store": costs.alone_s * costs.bytes_per_s / costs.scene_bytes,
        "driver": costs.alone_s / (driver_s + costs.alone_s * pulse_s / costs.pulse_every_s),
    }
    first = min(limits, key=lambda name: limits[name])
    holds = holds_up_to(costs)
    full = ", ".join(f"{name} {workers:.0f}" for name, workers in limits.items())
    print(f"holds up to {holds} workers at {ENOUGH:.0%} of ideal; then the {first} is full")
    print(f"by itself each would be full at so many workers: {full}")
    print(f"sealing 100,000 sequences reads for {1e5 * listing_s:.0f} s")
    print(
        json.dumps(
            {
                "bench": "saturation",
                "holds_up_to_workers": holds,
                "full_first": first,
                "full_at_workers": {name: round(workers) for name, workers in limits.items()},
                "at_1000": {key: round(value, 3) for key, value in asdict(results[WORKERS.index(1000)]).items()},
                "costs": {key: round(value, 6) for key, value in asdict(costs).items()},
            }
        )
    )


if __name__ == "__main__":
    main()
