"""How long it takes to know what is left to do of a large campaign: at its start, half-way, and when all is done.

The dataset is one of empty folders with the right names, as planning looks at nothing but names.  What is measured
begins with reading the scenarios' files and ends when the first scenario could be handed to a worker.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from scanyard.fleet.plan import Plan, draw_all, plan
from scanyard.scenario import load_scenarios
from scanyard.store import create_dataset
from scanyard.store.dataset import committed_names

SCENARIOS = Path("scenarios")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench plan", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=100_000, help="scenarios, all seeds counted")
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
    print(f"{'':24}{'left to do':>12}{'seconds':>9}{'CPU seconds':>13}")
    for row in rows:
        print(f"{row['what']:24}{row['todo']:12d}{row['seconds']:9.2f}{row['cpu_s']:13.2f}")
    slowest = max(rows, key=lambda row: row["seconds"])
    print(
        json.dumps(
            {
                "bench": "plan",
                "scenarios": len(names),
                "slowest_s": round(slowest["seconds"], 2),
                "cpu_s": round(max(row["cpu_s"] for row in rows), 2),
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


def _cpu_s() -> float:
    """Processor time of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
