"""A recording played back into the world: recorded actors take the place of living ones, or are made anew.

Who is who: an actor that lives under the recorded id and is of the recorded type is that actor, unless it already plays
another; lights and signs, which belong to the map, are told by their OpenDRIVE id; the rest are spawned.  While they
play, nothing but the recording moves them.  Others go on as if nothing happened.

What a stranger would get wrong: the recording's first frame is at 0 s, and a frame that takes 0.05 s moves the playback
by 0.05 s times its time factor, so what is shown in a frame lies between two recorded ones.  Up to twice the speed
poses are interpolated, beyond it the last recorded frame is shown, as CARLA documents.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.poses import matrices, pose_of, poses, transform_of
from scanyard.carla_server.protocol.wire import Refused, Transform, WalkerControl
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.recording import Born, Frame, Recording
from scanyard.carla_server.world.traffic_lights import RECORD as SIGNAL_RECORD
from scanyard.carla_server.world.walkers import Walker

logger = logging.getLogger(__name__)

INTERPOLATES_TO = 2.0
"""Times the recorded speed: beyond it recorded frames are shown as they are."""
_OF_THE_MAP = "traffic."
_SLACK_S = 1e-6  # sums of steps do not fall on the end exactly
_SIGN_BYTES = 32  # an OpenDRIVE id opens what a snapshot says of lights and signs


@dataclass
class Wishes:
    """What clients may change about playbacks, now and for the next one."""

    time_factor: float = 1.0
    ignores_hero: bool = False
    """Leave out actors whose role_name is hero."""
    ignores_spectator: bool = True
    """Leave the spectator to whoever looks."""


@dataclass
class _Part:
    """A living actor, and what it is when it does not play."""

    actor: Actor
    is_ours: bool
    """Whether the playback made it."""
    simulated: bool


class Playback:
    """One replay, from its start to its end."""

    def __init__(
        self,
        recording: Recording,
        episode: Episode,
        wishes: Wishes,
        *,
        start_s: float,
        end_s: float,
        follow_id: int,
        follow_from: Transform,
        with_sensors: bool,
    ) -> None:
        """Go to ``start_s`` and put everyone there; ``follow_id`` is the recorded id of whom the spectator follows."""
        self._episode = episode
        self._wishes = wishes
        self._end_s = end_s
        self._follow_id = follow_id
        self._spectator_from_followed = matrices(pose_of(follow_from))
        self._with_sensors = with_sensors
        self._parts: dict[int, _Part] = {}
        self._frames = recording.frames()
        self._now_s = start_s
        self._alive: dict[int, tuple[Born, Frame]] = {}
        first = next(self._frames, None)
        if first is None:
            raise Refused(f"{recording.path} holds no frame")
        self._before = self._after = first
        self._hear(first, cast=False)
        self._move_on(cast=False)
        for born, frame in list(self._alive.values()):
            self._come(born, frame)
        self._show()

    def advance(self, delta_s: float) -> bool:
        """Play the next frame; false once the end is reached."""
        self._now_s = min(self._now_s + delta_s * self._wishes.time_factor, self._end_s)
        is_over = not self._move_on() or self._now_s >= self._end_s - _SLACK_S
        self._show()
        return not is_over

    def end(self, *, keep_actors: bool) -> None:
        """Let everyone move again; actors the playback made stay only if they are kept."""
        for part in self._parts.values():
            actor = self._episode.actors.get(part.actor.id)
            if actor is None:
                continue
            if part.is_ours and not keep_actors:
                self._episode.destroy(actor.id)
                continue
            actor.simulates_physics = part.simulated
            if isinstance(actor, Walker):
                actor.control_walker(WalkerControl())  # as CARLA documents, walkers stop
        self._parts.clear()

    # --- time --------------------------------------------------------------------------------------------------------

    def _move_on(self, *, cast: bool = True) -> bool:
        """Read on until the playback's time lies between two frames; false where there is none after it."""
        while self._after.elapsed_s < self._now_s:
            coming = next(self._frames, None)
            if coming is None:
                self._before = self._after
                return False
            self._before, self._after = self._after, coming
            self._hear(coming, cast=cast)
        return True

    def _hear(self, frame: Frame, *, cast: bool) -> None:
        """Take note of who came and went; with ``cast`` also in the world."""
        for one in frame.gone:
            self._alive.pop(one, None)
            if cast:
                self._go(one)
        for born in frame.born:
            self._alive[born.id] = (born, frame)
            if cast:
                self._come(born, frame)
        if frame.weather is not None:
            self._episode.weather = frame.weather
        for one, flags in frame.lights.items():
            if one in self._parts:
                self._parts[one].actor.lights = flags

    # --- who plays ---------------------------------------------------------------------------------------------------

    def _come(self, born: Born, frame: Frame) -> None:
        if not self._plays(born) or born.id in self._parts:
            return
        actor = self._standing_in(born, frame)
        is_ours = actor is None
        if actor is None and not born.description.id.startswith(_OF_THE_MAP):
            actor = self._spawned(born)
        if actor is None:
            return
        self._parts[born.id] = _Part(actor, is_ours, actor.simulates_physics)
        actor.simulates_physics = False

    def _plays(self, born: Born) -> bool:
        name = born.description.id
        if name == "spectator":
            return not self._wishes.ignores_spectator
        if name.startswith("sensor.") or name.startswith("controller."):
            return self._with_sensors and name.startswith("sensor.")
        return not (self._wishes.ignores_hero and born.role == "hero")

    def _standing_in(self, born: Born, frame: Frame) -> Actor | None:
        """The living actor that plays a recorded one, None where one must be made."""
        taken = {part.actor.id for part in self._parts.values()}
        name = born.description.id
        if name == "spectator":
            return self._episode.spectator
        if name.startswith(_OF_THE_MAP):
            sign = _sign(frame, born.id)
            for one in self._episode.actors.values():
                if one.type_id == name and one.id not in taken and one.state[:_SIGN_BYTES] == sign:
                    return one
            return None
        same = self._episode.actors.get(born.id)
        return same if same is not None and same.type_id == name and same.id not in taken else None

    def _spawned(self, born: Born) -> Actor | None:
        parent = self._parts.get(born.parent_id)
        if born.parent_id and parent is None:
            return None
        try:
            return self._episode.spawn(
                born.description, transform_of(born.pose), parent.actor.id if parent else None, overlapping=True
            )
        except Refused as refused:
            logger.warning("replay: actor %d (%s) is left out: %s", born.id, born.description.id, refused)
            return None

    def _go(self, recorded_id: int) -> None:
        part = self._parts.pop(recorded_id, None)
        if part is not None:
            self._episode.destroy(part.actor.id)

    # --- what is shown -----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Put every part where the recording has it at the playback's time; who is attached goes with its parent."""
        records = _between(self._before, self._after, self._now_s, smooth=self._wishes.time_factor <= INTERPOLATES_TO)
        self._parts = {one: part for one, part in self._parts.items() if part.actor.id in self._episode.actors}
        played = np.array([one for one, part in self._parts.items() if not part.actor.parent_id], np.uint32)
        found = np.minimum(np.searchsorted(records["id"], played), max(len(records) - 1, 0))
        told = records["id"][found] == played if len(records) else np.zeros(len(played), bool)
        rows = [self._parts[int(one)].actor.row for one in played[told]]
        table, shown = self._episode.table, records[found[told]]
        table.pose[rows] = shown["pose"]
        table.velocity[rows] = shown["velocity"]
        table.angular_velocity[rows] = shown["angular_velocity"]
        table.state[rows] = shown["by_type"]
        self._light_up([self._parts[int(one)].actor.id for one in played[told]], shown)
        self._follow()

    def _light_up(self, ids: list[int], shown: NDArray[Any]) -> None:
        """Let those of the actors that are traffic lights show, to all who ask, what they showed."""
        lights = self._episode.traffic_lights
        is_light = np.isin(np.array(ids, np.uint32), lights.ids)
        if not is_light.any():
            return
        rows = np.searchsorted(lights.ids, np.array(ids, np.uint32)[is_light])
        record = np.ascontiguousarray(shown["by_type"][is_light]).view(SIGNAL_RECORD)
        lights.state[rows], lights.elapsed_s[rows] = record["state"], record["elapsed_s"]

    def _follow(self) -> None:
        part = self._parts.get(self._follow_id)
        if part is not None:
            there = matrices(part.actor.pose) @ self._spectator_from_followed
            x, y, z, pitch, yaw, roll = poses(there).tolist()
            self._episode.spectator.place((x, y, z, pitch, yaw, roll))


def _between(before: Frame, after: Frame, now_s: float, *, smooth: bool) -> NDArray[Any]:
    """The records at ``now_s``, between two frames; who is in one of them only is where it says."""
    way_s = after.elapsed_s - before.elapsed_s
    share = min(max((now_s - before.elapsed_s) / way_s, 0.0), 1.0) if way_s > 0 else 1.0
    shown = after.records.copy() if share >= 1.0 else before.records.copy()
    if not smooth or share in (0.0, 1.0):
        return shown
    rows = np.minimum(np.searchsorted(after.records["id"], shown["id"]), max(len(after.records) - 1, 0))
    both = np.flatnonzero(after.records["id"][rows] == shown["id"]) if len(after.records) else np.zeros(0, np.int64)
    was, will = before.records[both], after.records[rows[both]]
    step = will["pose"] - was["pose"]
    step[:, 3:] = (step[:, 3:] + 180.0) % 360.0 - 180.0  # the shorter way round
    shown["pose"][both] = was["pose"] + np.float32(share) * step
    for name in ("velocity", "angular_velocity"):
        shown[name][both] = was[name] + np.float32(share) * (will[name] - was[name])
    return shown


def _sign(frame: Frame, actor_id: int) -> bytes:
    row = np.flatnonzero(frame.records["id"] == actor_id)
    return frame.records["by_type"][row[0]].tobytes()[:_SIGN_BYTES] if len(row) else b""
