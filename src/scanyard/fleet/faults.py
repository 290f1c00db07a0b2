"""What can go wrong with a server, its client or a scenario: one word for each, and whose fault it is.

The words are what reports count by.  Whose fault it is decides what happens next: a machine that cannot run a server is
no reason to set a scenario aside, a server that dies under a scenario may be (after three times or more), and a
scenario that cannot be played is one at once.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

Blame = Literal["machine", "server", "scenario"]


class Fault(StrEnum):
    """The known faults, in the order in which a server's life meets them."""

    MACHINE_UNFIT = "machine_unfit"
    """It lacks what every server or client needs."""
    PORT_TAKEN = "port_taken"
    """Somebody else holds one of the server's ports."""
    SERVER_EXITED_AT_START = "server_exited_at_start"
    SERVER_CRASHED_AT_START = "server_crashed_at_start"
    """A signal ended it before it answered."""
    SERVER_HUNG_AT_START = "server_hung_at_start"
    SERVER_UNREACHABLE = "server_unreachable"
    """A server that runs already, and is not ours, does not answer."""
    VERSION_MISMATCH = "version_mismatch"
    SOFTWARE_RENDERING = "software_rendering"
    """Its log says that no graphics card renders."""

    SERVER_EXITED = "server_exited"
    SERVER_CRASHED = "server_crashed"
    SERVER_HUNG = "server_hung"
    SERVER_FAILED = "server_failed"
    """It is there, and answered that it failed."""
    SENSOR_FRAME_MISSING = "sensor_frame_missing"
    SENSOR_FRAMES_LATE = "sensor_frames_late"
    SENSOR_FRAMES_TWICE = "sensor_frames_twice"
    SENSOR_FRAMES_STALE = "sensor_frames_stale"
    CLIENT_ABORTED = "client_aborted"
    """The client's library called abort: a time-out or a malformed message in one of its own threads."""
    CLIENT_CRASHED = "client_crashed"
    CLIENT_KILLED = "client_killed"
    """Mostly by the system, for want of memory."""
    CLIENT_HUNG = "client_hung"
    CLIENT_EXITED = "client_exited"
    WORKER_DIED = "worker_died"
    WORKER_HUNG = "worker_hung"
    """It waited for something that never came."""
    WORKER_SILENT = "worker_silent"
    """Its process was stopped, or its node cut off: no scenario does that, which is played by server and client."""
    WORKER_FAILED = "worker_failed"
    """It raised what nobody foresaw."""
    SERVER_HUNG_AT_SHUTDOWN = "server_hung_at_shutdown"
    """It did not leave when told to and was killed; no scene was lost by it."""
    PORT_NOT_FREED = "port_not_freed"
    """It is gone, and its port is still held; the block of ports is let be from now on."""

    SCENARIO_UNPLAYABLE = "scenario_unplayable"
    CLASS_UNSEEN = "class_unseen"
    """The server's LiDAR goes through things the scenario is about."""
    OTHER = "other"

    @classmethod
    def named(cls, name: str) -> Fault:
        """The fault of that name, ``OTHER`` where nobody listed it."""
        return cls(name) if name in cls._value2member_map_ else cls.OTHER

    @property
    def blame(self) -> Blame:
        """Whose fault it is."""
        if self in _OF_THE_MACHINE:
            return "machine"
        return "scenario" if self in (Fault.SCENARIO_UNPLAYABLE, Fault.CLASS_UNSEEN) else "server"


_OF_THE_MACHINE = {
    Fault.MACHINE_UNFIT,
    Fault.PORT_TAKEN,
    Fault.SERVER_EXITED_AT_START,
    Fault.SERVER_CRASHED_AT_START,
    Fault.SERVER_HUNG_AT_START,
    Fault.SERVER_UNREACHABLE,
    Fault.VERSION_MISMATCH,
    Fault.SOFTWARE_RENDERING,
    Fault.WORKER_SILENT,
    Fault.SERVER_HUNG_AT_SHUTDOWN,
    Fault.PORT_NOT_FREED,
}
