"""The actors of one tick, and which rays may meet them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes.catalogue import Shape

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Placed:
    """The N actors of this tick; every array is indexed alike."""

    actor_id: NDArray[np.uint32]
    """(N,)."""
    shapes: tuple[Shape, ...]
    world_from_actor: Floats
    """(N, 4, 4)."""
    corners: Floats
    """(N, 8, 3) of each box, world, metres."""


class Candidate(NamedTuple):
    """An actor that some rays may meet."""

    place: int
    """Its place in ``Placed``."""
    rows: Rows
    """(K,) rows of the rays that may meet it."""
    nearest_m: float
    """No ray meets it nearer than this."""


def still_open(candidates: Iterable[Candidate], range_m: Array32) -> tuple[Rows, Rows]:
    """The rows (K,) of ``candidates`` whose rays, which have come ``range_m`` (M,) far, may meet the actor before.

    With them the actors' places (K,).
    """
    listed = list(candidates)
    if not listed:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    counts = [len(candidate.rows) for candidate in listed]
    rows = np.concatenate([candidate.rows for candidate in listed])
    place = np.repeat([candidate.place for candidate in listed], counts)
    nearest_m = np.repeat(np.array([candidate.nearest_m for candidate in listed], np.float32), counts)
    is_open = range_m[rows] > nearest_m
    return rows[is_open], place[is_open]
