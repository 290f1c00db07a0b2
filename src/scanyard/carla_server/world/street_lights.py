"""The lamps of the street as the light manager switches them.

While the day-night cycle is on, all go on when the sun sets and off when it rises, as in CARLA; what a client switches
stays until then.  Ids are 1 to L in the order of the plan, so they mean the same lamp on every server that loads the
map.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.wire import LightState, Vector3D
from scanyard.carla_server.sensors.street_lighting import StreetLamps

STREET = 2
"""The group of lamps along streets, among CARLA's light groups."""
USUAL_LUMEN = 9000.0
"""Of an LED luminaire over a residential street."""
USUAL_COLOR = (255, 214, 170)
"""sRGB of 3000 K, warm white."""
SUNSET_DEG = 0.0


class StreetLights:
    """L lamps; all arrays are indexed alike."""

    def __init__(self, position: NDArray[np.float64]) -> None:
        """Make L lamps at places (L, 3) in the world."""
        count = len(position)
        self.has_day_night_cycle = True
        self.changed = False
        """Whether clients should ask again; whoever tells them resets it."""
        self._position = position
        self._lumen = np.full(count, USUAL_LUMEN)
        self._color = np.tile(np.array(USUAL_COLOR, np.int64), (count, 1))
        self._group = np.full(count, STREET, np.int64)
        self._is_on = np.zeros(count, bool)
        self._is_night: bool | None = None
        self._told: tuple[LightState, ...] | None = None
        self._shown: StreetLamps | None = None

    def follow_sun(self, altitude_deg: float) -> None:
        """Switch the lamps where the sun sets or rises."""
        is_night = altitude_deg < SUNSET_DEG
        if is_night != self._is_night:
            self._is_night = is_night
            if self.has_day_night_cycle and len(self._is_on):
                self._is_on[:] = is_night
                self._change()

    def day_night_cycle(self, enabled: bool) -> None:
        """Let the sun switch the lamps, or only clients."""
        self.has_day_night_cycle = enabled
        if enabled:
            self._is_night = None  # so that the sun is asked again

    def states(self) -> tuple[LightState, ...]:
        """All lamps, as clients are told of them."""
        if self._told is None:
            columns = zip(
                self._position.tolist(), self._lumen.tolist(), self._group.tolist(), self._color.tolist(),
                self._is_on.tolist(), strict=True,
            )  # fmt: skip
            self._told = tuple(
                LightState(number, Vector3D(*place), lumen, group, (red, green, blue), is_on)
                for number, (place, lumen, group, (red, green, blue), is_on) in enumerate(columns, start=1)
            )
        return self._told

    def update(self, states: Iterable[LightState]) -> None:
        """Take what a client says of some lamps; places cannot be changed, and unknown ids are passed over."""
        for state in states:
            row = state.id - 1
            if 0 <= row < len(self._is_on):
                self._lumen[row], self._group[row] = max(state.intensity, 0.0), state.group
                self._color[row], self._is_on[row] = state.color, state.active
        self._change()

    def lamps(self) -> StreetLamps:
        """Those that are on, as cameras see them."""
        if self._shown is None:
            on = np.flatnonzero(self._is_on)
            linear = (self._color[on] / 255.0) ** 2.2
            self._shown = StreetLamps(self._position[on], linear, self._lumen[on] / USUAL_LUMEN)
        return self._shown

    def _change(self) -> None:
        self._told = self._shown = None
        self.changed = True
