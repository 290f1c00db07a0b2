"""The lamps of a street as cameras are told of them: where they are, and which are on.

Apart from ``lamps``, which draws them, because whoever tells must not need the scene to do so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


SIGNAL_COLORS = np.array([(1.0, 0.01, 0.006), (1.0, 0.38, 0.01), (0.03, 1.0, 0.32)])
"""(3, 3) linear: red, yellow and green, as CARLA counts a traffic light's states."""


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

    @classmethod
    def shown(cls, lamps: Floats, facing: Floats, state: NDArray[np.uint8]) -> Signals:
        """What H heads show: lamps (H, 3, 3), red, yellow and green, facing (H, 3), CARLA's state (H,) of each."""
        lit = np.flatnonzero(state < len(SIGNAL_COLORS))
        return cls(lamps[lit, state[lit]], facing[lit], SIGNAL_COLORS[state[lit]])
