"""What a server's log says about what renders.

Unreal lists every Vulkan device it finds (``Device 1: llvmpipe ...``), which says nothing, and then names the one it
took (``- DeviceName: ...``).  Shipped builds say little; where no device is named, the warning that the software
renderer Lavapipe prints about itself is all there is.
"""

from __future__ import annotations

import re

TAKEN = re.compile(r"- DeviceName: *(.+?) *$", re.MULTILINE)
SOFTWARE = re.compile(r"llvmpipe|lavapipe|softpipe|swiftshader", re.IGNORECASE)
ADDRESS_IN_USE = re.compile(r"address already in use|bind: .*in use|errno 98", re.IGNORECASE)


def device_name(log: str) -> str | None:
    """The graphics device that renders; None where the log does not name it."""
    named = TAKEN.findall(log)
    return str(named[-1]) if named else None


def renders_in_software(log: str) -> bool:
    """Whether the processor renders: by the device's name, or where none is named by any mention of such a renderer."""
    device = device_name(log)
    return bool(SOFTWARE.search(log if device is None else device))


def finds_port_taken(log: str) -> bool:
    """Whether the server complains that somebody else has its port."""
    return bool(ADDRESS_IN_USE.search(log))
