"""Work on a picture in bands of rows, side by side on all cores.

Numbers of a band stay in the processor's cache, and numpy lets other threads run while it counts.  The bands are always
the same ones, and what is done to one must not depend on another, so the number of threads changes no result.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

BAND_PIXELS = 24_000
"""A band of this many is 100 kB for each array of floats."""


def each_band(work: Callable[[slice], None], shape: tuple[int, int]) -> None:
    """Call ``work`` with the pixels of each band of a picture of H, W; it raises what the first that failed raised."""
    height, width = shape
    rows = max(BAND_PIXELS // max(width, 1), 1)
    bands = [slice(top * width, min(top + rows, height) * width) for top in range(0, height, rows)]
    if _threads() < 2 or len(bands) < 2:
        for band in bands:
            work(band)
        return
    for _ in _pool().map(work, bands):
        pass


@cache
def _threads() -> int:
    """As many as cast rays: see ``surfaces.raycast``."""
    return int(os.environ.get("SCANYARD_CAST_THREADS", "0")) or len(os.sched_getaffinity(0))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="shade")
