"""Graphics cards: which of them the next server gets, and how full it is."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from scanyard.errors import EnvironmentFault
from scanyard.fleet.ports import Lease
from scanyard.fleet.scratch import scratch_folder

QUERY = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
QUERY_S = 20.0


class AdapterLease:
    """A place on one of this machine's graphics cards, ours while this process lives."""

    def __init__(self, adapter: int, lease: Lease) -> None:
        self.adapter = adapter
        self._lease = lease

    @classmethod
    def take(cls, adapters: Sequence[int], per_adapter: int, folder: Path | None = None) -> AdapterLease:
        """The first free place, card by card before any card gets a second server; EnvironmentFault when none is."""
        names = [f"adapter-{adapter}-{place}" for place in range(per_adapter) for adapter in adapters]
        lease = Lease.take_one(folder or scratch_folder() / "adapters", names)
        if lease is None:
            raise EnvironmentFault(
                f"no place on the graphics cards {list(adapters)}, {per_adapter} servers each: use fewer workers, name "
                "more cards, or raise servers_per_gpu in the limits"
            )
        return cls(int(lease.name.split("-")[1]), lease)

    def release(self) -> None:
        """Give it back."""
        self._lease.release()


def gpu_memory_mb(adapter: int | None) -> float | None:
    """Memory in use on a card (nvidia-smi's number; None: the fullest), in MB; None where it cannot be told."""
    chosen = () if adapter is None else (f"--id={adapter}",)
    try:
        told = subprocess.run([*QUERY, *chosen], capture_output=True, text=True, check=True, timeout=QUERY_S).stdout
        return max(float(line) * 2**20 / 1e6 for line in told.split("\n") if line.strip())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
