"""The lamps of a street as cameras are told of them: where they are, and which are on.

Apart from ``lamps``, which draws them, because whoever tells must not need the scene to do so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _none(columns: int) -> Floats:
    return np.zeros((0, columns))


@dataclass(frozen=True)
class StreetLamps:
    """N lamps above the street."""

    position: Floats = field(default_factory=lambda: _none(3))
    """(N, 3) world metres."""
    color: Floats = field(default_factory=lambda: _none(3))
    """(N, 3) linear, 0 to 1."""
    power: Floats = field(default_factory=lambda: np.zeros(0))
    """(N,) 1 for a usual lamp, 0 where it is off."""


@dataclass(frozen=True)
class Signals:
    """L lamps that are on in traffic lights."""

    position: Floats = field(default_factory=lambda: _none(3))
    """(L, 3) middle of the lens, world metres."""
    facing: Floats = field(default_factory=lambda: _none(3))
    """(L, 3) unit vector out of the lens."""
    color: Floats = field(default_factory=lambda: _none(3))
    """(L, 3) linear, 0 to 1."""
    radius_m: float = 0.1
