"""Ports that campaigns may lease, and who listens on them though nobody leases them any more.

Who held a port before the trial is no matter of it, and who holds one under a lease is a campaign beside it: a worker
of the trial's own that still has one is an orphan, and counted as that.  Whoever else listens is counted, known or not:
a server that has lost its parents and its mark is the very thing that is looked for.
"""

from __future__ import annotations

import fcntl
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from scanyard.fleet.ports import FIRST_PORT, FIRST_TRAFFIC_PORT, LAST_PORT, PORTS_PER_SERVER, lease_folder

BLOCKS = range(FIRST_PORT, LAST_PORT, PORTS_PER_SERVER)
POLL_S = 0.25
LOOKS = 4
"""Who is about to take a lease has every block for a moment, until it finds the ports held."""


@dataclass(frozen=True)
class Holder:
    """Somebody who listens on a port."""

    port: int
    pid: int | None
    """None where the system does not tell us."""

    @property
    def block(self) -> int | None:
        """The first port of the block it is of; None for a port that no campaign leases."""
        if self.port in range(BLOCKS.start, BLOCKS[-1] + PORTS_PER_SERVER):
            return self.port - (self.port - FIRST_PORT) % PORTS_PER_SERVER
        number = self.port - FIRST_TRAFFIC_PORT
        return BLOCKS[number] if 0 <= number < len(BLOCKS) else None


def holders() -> set[Holder]:
    """Everybody who listens on a port that campaigns may lease: RPC, streams, secondary, spare, Traffic Manager's."""
    listening = (one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    return {one for one in (Holder(found.laddr.port, found.pid) for found in listening) if one.block is not None}


def left_holders(before: set[Holder], patience_s: float) -> set[Holder]:
    """Those who listen without a lease, did not ``before``, and go on with it for ``patience_s``."""
    deadline = time.monotonic() + patience_s
    left = _without_lease(holders() - before)
    while left and time.monotonic() < deadline:
        time.sleep(POLL_S)
        left = _without_lease(left & holders())
    return left


def _without_lease(those: set[Holder]) -> set[Holder]:
    leased = {block for block in {one.block for one in those} if _is_leased(block)}
    return {one for one in those if one.block not in leased}


def _is_leased(block: int | None) -> bool:
    """Whether a living process has the lease of a block, for longer than it takes to find the ports held."""
    for look in range(LOOKS):
        if look:
            time.sleep(POLL_S)
        if not _is_locked(lease_folder() / f"{block}.lease"):
            return False
    return True


def _is_locked(path: Path) -> bool:
    try:
        file = path.open()
    except FileNotFoundError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
