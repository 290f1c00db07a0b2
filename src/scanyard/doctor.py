"""Does this machine have what scanyard needs?  Each finding comes with the line that mends it.

Checks try the real thing (cast a ray, write and verify a store, bind a port) rather than look for its name.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np

from scanyard.errors import ScanyardError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import SequenceInfo

Binding = Literal["packets", "open3d"]
NATIVE_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libgomp.so.1": "libgomp1",
    "libudev.so.1": "libudev1",
}
"""What Open3D links and no Python package ships, with the Debian package that has it."""
PROBE_LIDAR = Lidar("top", Transform.identity(), np.zeros(1), np.zeros(1), 8, 10.0, 0.5, 100.0)
MIN_FREE_GIB = 5.0
MIN_SHM_MIB = 128.0


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    found: str
    fix: str = ""
    """What to do; empty when all is well."""
    required: bool = True
    """Whether scanyard cannot work without it."""


def examine(folder: Path) -> list[Check]:
    """All checks; ``folder`` is where datasets are going to be written."""
    checks: list[Callable[[], Check]] = [
        _python,
        _glibc,
        *[
            lambda library=library, package=package: _native(library, package)
            for library, package in NATIVE_LIBRARIES.items()
        ],
        _client,
        lambda: _backend("open3d"),
        lambda: _backend("packets"),
        _torch,
        _ray,
        lambda: _disk(folder),
        _shared_memory,
        _ports,
        lambda: _store(folder),
    ]
    return [check() for check in checks]


def _python() -> Check:
    ok = (3, 11) <= sys.version_info[:2] < (3, 13)
    return Check("Python", ok, platform.python_version(), "" if ok else "install Python 3.11 or 3.12, run tools/setup")


def _glibc() -> Check:
    name, version = platform.libc_ver()
    if name != "glibc":
        return Check("glibc", platform.system() != "Linux", name or "none", "use a glibc Linux", required=False)
    ok = tuple(int(part) for part in version.split(".")[:2]) >= (2, 35)
    return Check(
        "glibc", ok, version, "" if ok else "Open3D needs 2.35: Debian 12, Ubuntu 22.04 or later", required=False
    )


def _native(library: str, package: str) -> Check:
    try:
        ctypes.CDLL(library)
    except OSError:
        return Check(library, False, "missing", f"apt-get install -y {package}", required=False)
    return Check(library, True, "found")


def _client() -> Check:
    try:
        import carla  # noqa: F401, PLC0415  # loading its native part is the check
    except ImportError as error:
        return Check("carla client", False, str(error), "run tools/setup")
    return Check("carla client", True, metadata.version("carla"))


def _backend(binding: Binding) -> Check:
    """Cast one ray straight down at a triangle 2 m below."""
    from scanyard.carla_server.surfaces.mesh import Mesh  # noqa: PLC0415  # only this check casts rays
    from scanyard.carla_server.surfaces.raycast import Surface  # noqa: PLC0415

    fix = "run tools/setup, which names the system libraries it lacks" if binding == "open3d" else "run tools/setup"
    corners = np.array([[-1.0, -1.0, -2.0], [1.0, -1.0, -2.0], [0.0, 1.0, -2.0]], dtype=np.float32)
    try:
        surface = Surface(Mesh.of(corners, [[0, 1, 2]], 0), binding)
    except (ImportError, OSError) as error:
        return Check(binding, False, str(error), fix, required=False)
    range_m = float(surface.cast(np.array([[0, 0, 0, 0, 0, -1]], dtype=np.float32)).range_m[0])
    return Check(binding, abs(range_m - 2.0) < 1e-4, f"a ray at 2 m came back from {range_m:.4f} m", "", required=False)


def _torch() -> Check:
    try:
        import torch  # noqa: PLC0415  # slow to load
    except ImportError as error:
        return Check("torch", False, str(error), "run tools/setup")
    return Check("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")


def _ray() -> Check:
    try:
        return Check("ray", True, metadata.version("ray"))
    except metadata.PackageNotFoundError:
        return Check("ray", False, "missing", "run tools/setup")


def _disk(folder: Path) -> Check:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    ok = free >= MIN_FREE_GIB
    return Check(
        "disk", ok, f"{free:.1f} GiB free at {existing}", "" if ok else f"free {MIN_FREE_GIB:.0f} GiB", required=False
    )


def _shared_memory() -> Check:
    shm = Path("/dev/shm")
    if not shm.exists():
        return Check("shared memory", platform.system() != "Linux", "no /dev/shm", "mount /dev/shm", required=False)
    free = shutil.disk_usage(shm).free / 2**20
    ok = free >= MIN_SHM_MIB
    return Check(
        "shared memory",
        ok,
        f"{free:.0f} MiB free",
        "" if ok else "start the container with --shm-size=1g",
        required=False,
    )


def _ports() -> Check:
    from scanyard.fleet.ports import PortLease  # noqa: PLC0415  # not needed by the other checks

    try:
        lease = PortLease.take()
    except ScanyardError as error:
        return Check("ports", False, str(error), "end what holds them")
    lease.release()
    return Check("ports", True, f"{lease.port} and the next three are free")


def _store(folder: Path) -> Check:
    from scanyard.store import create_dataset, verify, write_sequence  # noqa: PLC0415  # loads Zarr

    info = SequenceInfo("probe", "synthetic", "probe", Rig("one", (PROBE_LIDAR,)), "CC0-1.0")
    frame = Frame(0, Transform.identity(), {"top": Sweep(np.ones((8, 3), dtype=np.float32))})
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing if os.access(existing, os.W_OK) else None) as scratch:
            create_dataset(scratch, name="probe", licence="CC0-1.0")
            write_sequence(scratch, info, [frame])
            findings = verify(scratch)
    except (ScanyardError, OSError) as error:
        return Check("store", False, str(error), f"make {existing} writable")
    return Check("store", not findings, "wrote, sealed and verified a sequence" if not findings else str(findings[0]))
