"""Traffic lights: who has green when, what clients may change of it, and which vehicles wait at which light.

All lights of a map are arrays.  Those of a junction are a group that takes turns: one phase is green, then yellow, then
all are red for a moment, then the next phase is green.  What a stranger would get wrong: a state that a client sets
holds only until its group's next change, as in the reference server; to keep it, the client freezes the lights.  And
``red_s`` is not how long a light is red, but the pause in which everybody is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.protocol.wire import BoundingBox, Refused, Rotation, Vector3D
from scanyard.carla_server.street import traffic_signs
from scanyard.roads import LightGroup, Signal

RED, YELLOW, GREEN, OFF = 0, 1, 2, 3
GREEN_S, YELLOW_S, RED_S = 10.0, 3.0, 2.0  # the reference server's timing
SHORTEST_CYCLE_S = 0.1
"""Of a phase with its pauses, whatever times a client sets: shorter ones would change without end."""
HEAD_HALF_M = (0.13, 0.18, 0.5)

RECORD = np.dtype(
    {
        "names": ["signal_id", "green_s", "yellow_s", "red_s", "elapsed_s", "pole_index", "frozen", "state"],
        "formats": ["S32", "<f4", "<f4", "<f4", "<f4", "<u4", "?", "u1"],
        "offsets": [0, 32, 36, 40, 44, 48, 52, 53],
        "itemsize": 54,
    }
)
"""A light's part of a snapshot record."""


class TrafficLights:
    """L lights in G groups, and their H heads; arrays with the same letter are indexed alike."""

    def __init__(self, signals: Sequence[Signal], groups: Sequence[LightGroup], feet: Callable[[], Floats]) -> None:
        """Lights among ``signals`` whose posts stand at ``feet`` (L, 3), left-handed world, metres; asked late."""
        count = len(signals)
        place = {signal.id: i for i, signal in enumerate(signals)}
        self.ids = np.zeros(count, np.uint32)
        """(L,) actor ids."""
        self.state = np.full(count, RED, np.uint8)
        """(L,) 0 red, 1 yellow, 2 green, 3 off, 4 unknown."""
        self.elapsed_s = np.zeros(count)
        """(L,) in this state."""
        self.green_s, self.yellow_s, self.red_s = (np.full(count, each) for each in (GREEN_S, YELLOW_S, RED_S))
        """(L,) each."""
        self.frozen = np.zeros(count, bool)
        """(L,)"""
        self.group = np.zeros(count, np.int64)
        """(L,) which group."""
        self.phase = np.zeros(count, np.int64)
        """(L,) in which of its group's phases it is green."""
        self.pole = np.zeros(count, np.uint32)
        """(L,) number within the group."""
        for number, group in enumerate(groups):
            order = 0
            for turn, phase in enumerate(group.phases):
                for light in phase:
                    row = place[light]
                    self.group[row], self.phase[row], self.pole[row] = number, turn, order
                    order += 1
        self.turn = np.zeros(len(groups), np.int64)
        """(G,) the phase whose turn it is."""
        self._turns = np.array([len(group.phases) for group in groups], np.int64)
        self._stage = np.zeros(len(groups), np.int64)  # of the turn: green, yellow, all red
        self._spent_s = np.zeros(len(groups))  # of the stage
        self._lead = _first_of_each(self.group, self.phase, len(groups), int(self._turns.max(initial=1)))
        self._record = np.zeros(count, RECORD)
        self._record["signal_id"] = [signal.id.encode()[:31] for signal in signals]
        self._record["pole_index"] = self.pole
        self._above_feet, self.facing, self.head_light = _heads(signals)
        """(H, 3, 3) lamps above the posts' feet; (H, 3) where they look; (H,) which light each head shows."""
        self._feet = feet
        self._show(np.arange(len(groups)))

    def __len__(self) -> int:
        return len(self.ids)

    # --- time --------------------------------------------------------------------------------------------------------

    def advance(self, delta_s: float) -> None:
        """Let time pass."""
        if not len(self) or delta_s <= 0.0:
            return
        runs = np.ones(len(self.turn), bool)
        runs[self.group[self.frozen]] = False  # nobody may go on while a light of the junction stands still
        self.elapsed_s[~self.frozen] += delta_s
        self._spent_s[runs] += delta_s
        while True:
            over = np.flatnonzero(runs & (self._spent_s >= self._lasts_s() - 1e-9))
            if not len(over):
                return
            self._spent_s[over] -= self._lasts_s()[over]
            self._stage[over] += 1
            ended = over[self._stage[over] == 3]
            self._stage[ended] = 0
            self.turn[ended] = (self.turn[ended] + 1) % self._turns[ended]
            self._show(over)

    def _lasts_s(self) -> Floats:
        """(G,) how long the stage each group is in lasts; the first light of the phase says."""
        lead = self._lead[np.arange(len(self.turn)), self.turn]
        times = np.stack([self.green_s[lead], self.yellow_s[lead], self.red_s[lead]])
        times[2] = np.maximum(times[2], SHORTEST_CYCLE_S - times[0] - times[1])
        found: Floats = times[self._stage, np.arange(len(lead))]
        return found

    def _show(self, groups: NDArray[np.int64]) -> None:
        """Let the lights of some groups show the stage their group is in."""
        if not len(self):
            return
        stage = np.where(self.phase == self.turn[self.group], self._stage[self.group], 2)
        shown = np.array([GREEN, YELLOW, RED], np.uint8)[stage]
        changed = np.isin(self.group, groups) & (self.state != shown) & ~self.frozen
        self.state[changed] = shown[changed]
        self.elapsed_s[changed] = self._spent_s[self.group[changed]]

    def records(self) -> NDArray[np.void]:
        """(L,) of 54 bytes: what snapshots say of each light."""
        record = self._record
        record["green_s"], record["yellow_s"], record["red_s"] = self.green_s, self.yellow_s, self.red_s
        record["elapsed_s"], record["frozen"], record["state"] = self.elapsed_s, self.frozen, self.state
        return record.view("V54")

    @cached_property
    def lamps(self) -> Floats:
        """(H, 3, 3) red, yellow and green lamps of each head, metres."""
        return self._above_feet + self._feet()[self.head_light][:, None]

    @property
    def head_state(self) -> NDArray[np.uint8]:
        """(H,) what each head shows."""
        return self.state[self.head_light]

    # --- what clients change -----------------------------------------------------------------------------------------

    def set_state(self, actor_id: int, state: int) -> None:
        """Show a state until the group's next change."""
        row = self._row(actor_id)
        if self.state[row] != state:
            self.state[row], self.elapsed_s[row] = state, 0.0

    def set_green_time(self, actor_id: int, seconds: float) -> None:
        """How long the light's phase is green, from now on."""
        self._set_time(self.green_s, actor_id, seconds)

    def set_yellow_time(self, actor_id: int, seconds: float) -> None:
        """How long the light's phase is yellow."""
        self._set_time(self.yellow_s, actor_id, seconds)

    def set_red_time(self, actor_id: int, seconds: float) -> None:
        """How long all lights are red after the light's phase."""
        self._set_time(self.red_s, actor_id, seconds)

    def freeze(self, actor_id: int, frozen: bool) -> None:
        """Let a light stay as it is, and its group wait; or no longer."""
        self.frozen[self._row(actor_id)] = frozen

    def freeze_all(self, frozen: bool) -> None:
        """Stop all lights, or let them go on."""
        self.frozen[:] = frozen

    def reset_group(self, actor_id: int) -> None:
        """Begin the cycle of the light's group anew."""
        self._reset(np.array([self.group[self._row(actor_id)]]))

    def reset_all(self) -> None:
        """Begin every cycle anew, and let no light stand still."""
        self.frozen[:] = False
        self._reset(np.arange(len(self.turn)))

    def _reset(self, groups: NDArray[np.int64]) -> None:
        self.turn[groups], self._stage[groups], self._spent_s[groups] = 0, 0, 0.0
        self.frozen[np.isin(self.group, groups)] = False
        self._show(groups)
        self.elapsed_s[np.isin(self.group, groups)] = 0.0

    def _set_time(self, times: Floats, actor_id: int, seconds: float) -> None:
        if not (math.isfinite(seconds) and seconds >= 0.0):
            raise Refused(f"a traffic light's time is 0 s or more, not {seconds}")
        row = self._row(actor_id)
        times[(self.group == self.group[row]) & (self.phase == self.phase[row])] = seconds

    # --- what clients ask --------------------------------------------------------------------------------------------

    def group_of(self, actor_id: int) -> tuple[int, ...]:
        """The actor ids of all lights that take turns with this one, itself included."""
        return tuple(self.ids[self.group == self.group[self._row(actor_id)]].tolist())

    def boxes(self, actor_id: int) -> tuple[BoundingBox, ...]:
        """The boxes around a light's heads, in the world."""
        row = self._row(actor_id)
        found = []
        for head in np.flatnonzero(self.head_light == row):
            x, y, z = (self.lamps[head].mean(axis=0) - self.facing[head] * HEAD_HALF_M[0]).tolist()
            yaw = math.degrees(math.atan2(self.facing[head, 1], self.facing[head, 0]))
            found.append(BoundingBox(Vector3D(x, y, z), Vector3D(*HEAD_HALF_M), Rotation(0.0, yaw, 0.0), actor_id))
        return tuple(found)

    def _row(self, actor_id: int) -> int:
        rows = np.flatnonzero(self.ids == actor_id)
        if not len(rows):
            raise Refused(f"unable to find traffic light: actor {actor_id} is none")
        return int(rows[0])


def _first_of_each(group: NDArray[np.int64], phase: NDArray[np.int64], groups: int, turns: int) -> NDArray[np.int64]:
    """(G, T) the first light of each phase of each group."""
    found = np.zeros((groups, turns), np.int64)
    for row in range(len(group) - 1, -1, -1):
        found[group[row], phase[row]] = row
    return found


def _heads(signals: Sequence[Signal]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    lamps, facing, light = [np.zeros((0, 3, 3))], [np.zeros((0, 3))], [np.zeros(0, np.int64)]
    for row, signal in enumerate(signals):
        local = traffic_signs.lamps(traffic_signs.variant_of(signal))
        yaw = traffic_signs.facing_rad(signal)
        cos, sin = math.cos(yaw), math.sin(yaw)
        turned = np.stack(
            [cos * local[..., 0] - sin * local[..., 1], sin * local[..., 0] + cos * local[..., 1], local[..., 2]],
            axis=-1,
        )
        lamps.append(turned)
        facing.append(np.tile([cos, sin, 0.0], (len(local), 1)))
        light.append(np.full(len(local), row))
    return np.concatenate(lamps), np.concatenate(facing), np.concatenate(light)
