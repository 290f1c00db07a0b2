"""Leases of port blocks: whoever holds one is alone on its ports, and leaves nothing behind however it ends.

A lease is a locked file: the lock falls with the process that holds it.  The file says who leads the server's process
group, so that the next holder can end a server whose starter was killed, and nobody else's.  The ports are probed by
binding them besides, as others take ports without asking.  A lease names processes that are to be ended, so one that is
not ours is not heeded, whoever may have put it there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import stat
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO

from scanyard.errors import EnvironmentFault
from scanyard.fleet.process_group import GroupName
from scanyard.fleet.scratch import own_folder, scratch_folder

logger = logging.getLogger(__name__)

FIRST_PORT, LAST_PORT = 21000, 29000
"""Above CARLA's own 2000 and Ray's workers, below the ports the kernel hands out."""
PORTS_PER_SERVER = 4
"""RPC, streams, secondary server, and one to spare."""
FIRST_TRAFFIC_PORT = 30000
"""Traffic Manager's ports, one per block: two simulations that share one silently become one."""
ORPHAN_PATIENCE_S = 2.0


def lease_folder() -> Path:
    """Where this user's leases of ports lie on this machine; EnvironmentFault where others may write there."""
    return scratch_folder() / "ports"


class Lease:
    """One of several named things that no other process of ours will take while this one lives."""

    def __init__(self, name: str, file: IO[str]) -> None:
        self.name = name
        self._file = file

    @classmethod
    def take_one(cls, folder: Path, names: Iterable[str]) -> Lease | None:
        """The first that nobody holds; None when all are held.  EnvironmentFault where ``folder`` is not ours alone."""
        own_folder(folder)
        for name in names:
            file = _opened(folder / f"{name}.lease")
            if file is None:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            return cls(name, file)
        return None

    def note(self, group: GroupName | None) -> None:
        """Write down whose processes use what is leased; None: nobody's."""
        self._file.seek(0)
        self._file.truncate()
        if group is not None:
            json.dump(asdict(group), self._file)
        self._file.flush()

    def noted(self) -> GroupName | None:
        """Whose processes the last holder wrote down."""
        self._file.seek(0)
        with contextlib.suppress(ValueError, TypeError):  # cut short as its writer died, or of an earlier version
            return GroupName(**json.loads(self._file.read()))
        return None

    def release(self) -> None:
        """Give it back."""
        with contextlib.suppress(OSError):  # what it was to note found no room; it is closed all the same
            self._file.close()


def _opened(path: Path) -> IO[str] | None:
    """The file of a lease; None where it is no plain file of ours."""
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+", encoding="utf-8")
    except (PermissionError, IsADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link
            return None
        raise
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
        return file
    file.close()
    return None


class PortLease:
    """A block of ``PORTS_PER_SERVER`` ports and one for Traffic Manager, ours while this process lives."""

    def __init__(self, lease: Lease) -> None:
        self.port = int(lease.name)
        self._lease = lease

    @property
    def traffic_port(self) -> int:
        """Where a Traffic Manager of this server's clients may listen."""
        return FIRST_TRAFFIC_PORT + (self.port - FIRST_PORT) // PORTS_PER_SERVER

    @property
    def ports(self) -> tuple[int, ...]:
        """All of them."""
        return (*range(self.port, self.port + PORTS_PER_SERVER), self.traffic_port)

    @classmethod
    def take(cls, folder: Path | None = None) -> PortLease:
        """The first free block; EnvironmentFault when all are taken.

        A server that a killed process of ours left in the block is ended first.
        """
        names = iter(range(FIRST_PORT, LAST_PORT, PORTS_PER_SERVER))
        while lease := Lease.take_one(folder or lease_folder(), map(str, names)):
            orphans = lease.noted()
            if orphans is not None and orphans.members():
                logger.warning("ports %s: ending group %d, whose starter is gone", lease.name, orphans.group)
                orphans.end(ORPHAN_PATIENCE_S)
            block = cls(lease)
            if all(port_is_free(port) for port in block.ports):
                block.note(None)
                return block
            lease.release()
        raise EnvironmentFault(
            f"no free block of {PORTS_PER_SERVER} ports between {FIRST_PORT} and {LAST_PORT}; "
            "end what holds them (ss -ltnp shows it)"
        )

    def note(self, group: GroupName | None) -> None:
        """Write down whose processes use the ports."""
        self._lease.note(group)

    def release(self) -> None:
        """Give the block back."""
        self._lease.release()


def port_is_free(port: int, host: str = "") -> bool:
    """Whether a server could listen on ``port`` now, on all addresses unless ``host`` names one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
