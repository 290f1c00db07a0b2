"""Recording and replaying the world, as clients ask for it.

Files have names, not paths: a bare name lies in the folder the server was given, an absolute path is taken as it is,
as CARLA takes it; anything else, such as ``../x.log``, is refused, so that nobody writes elsewhere by mistake.  What a
stranger would get wrong: everything is recorded whether ``additional_data`` is asked for or not, contacts of all
vehicles and not of those with a collision detector only, and loading another map ends recording and replay alike.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from scanyard.carla_server.protocol.wire import Refused, Transform, WeatherParameters
from scanyard.carla_server.world import recording_reports
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.playback import Playback, Wishes
from scanyard.carla_server.world.recording import Born, Frame, Header, Recording, RecordingError, Touch, Writer

logger = logging.getLogger(__name__)


def default_folder() -> Path:
    """Where recordings lie unless the server is told otherwise: the platform's folder for the state of programs."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state else Path.home() / ".local" / "state") / "scanyard" / "recordings"


class Recorder:
    """Records at most one file and replays at most one; ``load_map(name)`` loads the map a replay needs."""

    def __init__(self, folder: Path, load_map: Callable[[str], None]) -> None:
        self.folder = folder
        self.wishes = Wishes()
        self._load_map = load_map
        self._episode: Episode | None = None
        self._playback: Playback | None = None
        self._writer: Writer | None = None
        self._elapsed_s = 0.0
        self._known: set[int] = set()
        self._lights: dict[int, int] = {}
        self._weather: WeatherParameters | None = None

    # --- what the world calls ----------------------------------------------------------------------------------------

    def enter(self, episode: Episode) -> None:
        """A new episode begins, and ends what was recorded and replayed in the last one."""
        self.stop()
        self._playback = None
        self._episode = episode
        episode.onlooker = self

    def direct(self, delta_s: float) -> None:
        """Move what is replayed, before a frame is told."""
        if self._playback is not None and not self._playback.advance(delta_s):
            self._playback.end(keep_actors=True)
            self._playback = None
            logger.info("replay: at the end")

    def note(self, records: NDArray[Any], delta_s: float) -> None:
        """Record a frame as it is told: ``records`` (N,) of dtype ``packets.ACTOR_STATE``."""
        if self._writer is None or self._episode is None:
            return
        self._elapsed_s += delta_s if self._writer.frames else 0.0
        try:
            self._writer.add(self._frame(self._episode, records, delta_s))
        except OSError as error:
            logger.warning("recording ended: %s", error)
            self.stop()

    def _frame(self, episode: Episode, records: NDArray[Any], delta_s: float) -> Frame:
        assert self._writer is not None
        actors = episode.actors
        born = [
            Born(one.id, one.parent_id, one.description, one.pose)
            for one in actors.values() if one.id not in self._known
        ]  # fmt: skip
        gone = sorted(self._known.difference(actors))
        self._known = set(actors)
        lights = {one.id: one.lights for one in actors.values() if one.is_vehicle}
        changed = {one: flags for one, flags in lights.items() if self._lights.get(one, 0) != flags}
        weather = None if episode.weather == self._weather else episode.weather
        self._lights, self._weather = lights, episode.weather
        touches = [Touch(one.actor_id, one.other_id, one.other_tag) for one in episode.collisions]
        return Frame(self._writer.frames + 1, self._elapsed_s, delta_s, records, born, gone, touches, changed, weather)

    # --- what clients call -------------------------------------------------------------------------------------------

    def start(self, name: str, additional_data: bool) -> str:
        """Record into a file from the next frame on, instead of the one before; returns its path."""
        del additional_data  # everything is recorded anyway
        episode = self._world()
        self.stop()
        path = self._path(name)
        header = Header(episode.town.name, time.strftime("%m/%d/%y %H:%M:%S"))
        try:
            self._writer = Writer(path, header)
        except OSError as error:
            raise Refused(f"unable to record: {error}") from error
        self._elapsed_s, self._known, self._lights, self._weather = 0.0, set(), {}, None
        logger.info("recording to %s", path)
        return str(path)

    def stop(self) -> None:
        """End the recording, if there is one."""
        if self._writer is not None:
            self._writer.close()
            logger.info("recorded %d frames to %s", self._writer.frames, self._writer.path)
            self._writer = None

    def info(self, name: str, show_all: bool) -> str:
        """What happened in a recording, as a text."""
        return self._report(name, lambda recording: recording_reports.info(recording, show_all=show_all))

    def collisions(self, name: str, first: str, second: str) -> str:
        """Which actors of two categories touched in a recording, as a text."""
        return self._report(name, lambda recording: recording_reports.collisions(recording, first, second))

    def blocked(self, name: str, min_time_s: float, min_distance_cm: float) -> str:
        """Which vehicles stood still for long in a recording, as a text."""
        return self._report(name, lambda recording: recording_reports.blocked(recording, min_time_s, min_distance_cm))

    def replay(
        self,
        name: str,
        start_s: float,
        duration_s: float,
        follow_id: int,
        replay_sensors: bool,
        *,
        offset: Transform,
    ) -> str:
        """Play a recording back from the next frame on; returns what is going to be shown.

        ``start_s`` below 0 counts from the end, a ``duration_s`` of 0 is all that is left; ``follow_id`` is the
        recorded id of the actor whom the spectator follows at ``offset``, 0 for none.  Loads the recorded map if
        another is on.
        """
        self.stop()
        self.stop_replay(keep_actors=True)
        return self._report(
            name,
            lambda recording: self._play(
                recording, start_s, duration_s, follow_id=follow_id, with_sensors=replay_sensors, offset=offset
            ),
        )

    def _play(
        self,
        recording: Recording,
        start_s: float,
        duration_s: float,
        *,
        follow_id: int,
        with_sensors: bool,
        offset: Transform,
    ) -> str:
        _, length_s = recording.length()
        begin_s = min(max(start_s if start_s >= 0 else length_s + start_s, 0.0), length_s)
        end_s = min(begin_s + duration_s, length_s) if duration_s > 0 else length_s
        if recording.header.map_name != self._world().town.name:
            self._load_map(recording.header.map_name)
        self._playback = Playback(
            recording, self._world(), self.wishes, start_s=begin_s, end_s=end_s, follow_id=follow_id,
            follow_from=offset, with_sensors=with_sensors,
        )  # fmt: skip
        return (
            f"Replaying File: {recording.path}\n{recording_reports.opening(recording)}"
            f"Total time recorded: {length_s:g}\n\n"
            f"Replaying from {begin_s:g} s - {end_s:g} s ({end_s - begin_s:g} s) at {self.wishes.time_factor:.1f}x\n"
        )

    def stop_replay(self, keep_actors: bool) -> None:
        """End the replay, if there is one; the actors it made stay only if they are kept."""
        if self._playback is not None:
            self._playback.end(keep_actors=keep_actors)
            self._playback = None

    def set_time_factor(self, time_factor: float) -> None:
        """Play so many times as fast as recorded; 0 stands still."""
        if not (math.isfinite(time_factor) and time_factor >= 0):
            raise Refused(f"unable to set the time factor to {time_factor}: it is 0 or more")
        self.wishes.time_factor = time_factor

    def ignore_hero(self, ignored: bool) -> None:
        """Leave actors whose role_name is hero out of the next replay, or not."""
        self.wishes.ignores_hero = ignored

    def ignore_spectator(self, ignored: bool) -> None:
        """Leave the spectator to whoever looks in the next replay, or move it as recorded."""
        self.wishes.ignores_spectator = ignored

    # --- files -------------------------------------------------------------------------------------------------------

    def _report(self, name: str, tell: Callable[[Recording], str]) -> str:
        # As in CARLA, a file that is not there is an answer and no error.
        path = self._path(name)
        try:
            return tell(Recording(path))
        except FileNotFoundError:
            return f"File {path} not found on server\n"
        except (OSError, RecordingError) as error:
            return f"{error}\n"

    def _path(self, name: str) -> Path:
        path = Path(name)
        if path.is_absolute():
            return path
        if not name or name != path.name or any(mark in name for mark in "/\\:") or name in (".", ".."):
            raise Refused(
                f"recording {name!r}: expected a bare file name, which lies in {self.folder}, or an absolute path"
            )
        return self.folder / name

    def _world(self) -> Episode:
        if self._episode is None:
            raise Refused("no map is loaded")
        return self._episode
