"""One campaign in a process of its own, so that it can be killed: what it is told comes as JSON, what it does goes out.

A line per change: ``{"done": 3, "workers": 2, ...}``; at the end the dataset is sealed, and the last line has its
digest.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tiny import MAPS, tiny_scenarios

from scanyard.fleet.campaign import Deadlines, Progress, Settings, run_campaign
from scanyard.fleet.plan import missing
from scanyard.store import create_dataset, seal_dataset, sweep_staging
from scanyard.store.dataset import committed_names


def main() -> int:
    """Bring the dataset up to date, as ``scanyard simulate`` does."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    pipe = os.fdopen(order["say_to"], "w", encoding="utf-8")
    os.set_inheritable(pipe.fileno(), False)  # it must end when the driver does, whoever else lives

    def say(**what: Any) -> None:
        print(json.dumps(what), file=pipe, flush=True)

    dataset = Path(order["dataset"])
    create_dataset(dataset, name="chaos", licence="CC0-1.0")
    sweep_staging(dataset)
    wanted = tiny_scenarios(order["seeds"], frames=order["frames"])
    todo = missing(committed_names(dataset), wanted)
    settings = Settings(
        dataset=str(dataset),
        maps=str(MAPS),
        workers=order["workers"],
        address=order.get("address"),
        logs=order["logs"],
        resources=order.get("resources", {}),
        deadlines=Deadlines(**order.get("deadlines", {})),
    )
    last: dict[str, Any] = {}

    def tell(progress: Progress) -> None:
        nonlocal last
        now = _state(progress)
        if now != last:
            last = now
            say(**now)

    outcome = run_campaign(todo, settings, tell)
    for failed in outcome.failures:
        say(failure=f"{failed.kind}: {failed.reason}"[:300])
    say(
        digest=seal_dataset(dataset),
        recorded=len(outcome.recorded),
        quarantined=[failed.sequence for failed in outcome.quarantined],
    )
    return 0


def _state(progress: Progress) -> dict[str, Any]:
    return {
        "done": progress.done,
        "total": progress.total,
        "workers": progress.workers,
        "replaced": progress.workers_replaced,
        "failures": len(progress.failures),
        "waits_for_disk": progress.waits_for_disk,
    }


if __name__ == "__main__":
    sys.exit(main())
