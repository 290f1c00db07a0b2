"""Calls of the recorder: recording, replaying, and asking what a recording holds."""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.calls.addressing import refusal
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import ActorId, Transform, UInt8
from scanyard.carla_server.world.simulation import Simulation


class RecorderCalls:
    """A recorder outlives episodes: a replay loads the map it was recorded on."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def by_name(self) -> Mapping[str, Handler]:
        """Every call by its name in the protocol."""
        return {
            "start_recorder": self._start,
            "stop_recorder": self._stop,
            "show_recorder_file_info": self._info,
            "show_recorder_collisions": self._collisions,
            "show_recorder_actors_blocked": self._blocked,
            "replay_file": self._replay,
            "stop_replayer": self._stop_replay,
            "set_replayer_time_factor": self._set_time_factor,
            "set_replayer_ignore_hero": self._ignore_hero,
            "set_replayer_ignore_spectator": self._ignore_spectator,
        }

    def _start(self, name: str, additional: bool) -> str:
        """Begin to record; returns the path of the file."""
        with self._simulation.world():
            return self._simulation.recorder.start(name, additional)

    def _stop(self) -> None:
        with self._simulation.world():
            self._simulation.recorder.stop()

    def _info(self, name: str, show_all: bool) -> str:
        """What a recording holds, as text; reading it may take a while, and the world goes on meanwhile."""
        return self._simulation.recorder.info(name, show_all)

    def _collisions(self, name: str, first: UInt8, second: UInt8) -> str:
        """Who of one category met who of another, as text; categories are characters, such as v, w or a for any."""
        return self._simulation.recorder.collisions(name, chr(first), chr(second))

    def _blocked(self, name: str, min_time_s: float, min_distance_cm: float) -> str:
        """Who hardly moved for a time, as text."""
        return self._simulation.recorder.blocked(name, min_time_s, min_distance_cm)

    def _replay(  # noqa: PLR0917 - the protocol's own arguments
        self,
        name: str,
        start_s: float,
        duration_s: float,
        follow_id: ActorId,
        replay_sensors: bool,
        offset: Transform,
    ) -> str:
        """Begin to replay; returns what is replayed, as text."""
        with self._simulation.world():
            return self._simulation.recorder.replay(name, start_s, duration_s, follow_id, replay_sensors, offset=offset)

    def _stop_replay(self, keep_actors: bool) -> None:
        with self._simulation.world():
            self._simulation.recorder.stop_replay(keep_actors)

    def _set_time_factor(self, factor: float) -> None:
        if factor < 0.0:
            raise refusal("set_replayer_time_factor", f"{factor:g} is less than 0")
        with self._simulation.world():
            self._simulation.recorder.set_time_factor(factor)

    def _ignore_hero(self, ignored: bool) -> None:
        with self._simulation.world():
            self._simulation.recorder.ignore_hero(ignored)

    def _ignore_spectator(self, ignored: bool) -> None:
        with self._simulation.world():
            self._simulation.recorder.ignore_spectator(ignored)
