"""Loads Open3D where bare machines lack libusb.

libOpen3D links ``libusb-1.0.so.0``.  The wheel of ``libusb-package`` ships that library; loading it first is enough,
because the loader then matches by SONAME.  GL, EGL and X11 have no such wheel: where they are missing the import
fails, and ``raycast`` turns to Embree's own binding.
"""

from __future__ import annotations

import ctypes
from typing import Any


def load_open3d() -> Any:
    """Return the module ``open3d``; ImportError or OSError says which library is missing."""
    import libusb_package  # noqa: PLC0415  # late: costs nothing until something is cast

    library = libusb_package.get_library_path()
    if library is not None:
        ctypes.CDLL(str(library))
    import open3d  # noqa: PLC0415  # 1.5 s

    return open3d
