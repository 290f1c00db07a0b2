"""Time: when a frame is made, how long it lasts, and how frames are counted across episodes.

The count must be exact.  In synchronous mode every cue makes one frame, and a cue is answered with the number of the
frame it will make; cues that arrive while asynchronous make none.  ``frame`` is the last frame *started*.  One thread
makes frames; calls from clients run between them, under ``world()``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.protocol.wire import EpisodeSettings, Refused
from scanyard.carla_server.sensors.senses import Senses
from scanyard.carla_server.world.blueprints import library
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.maps import Maps
from scanyard.carla_server.world.recorder import Recorder, default_folder
from scanyard.errors import MapError

logger = logging.getLogger(__name__)

ASYNC_FRAME_S = 1 / 30
"""Pace while asynchronous; leaves the processor to clients, where the reference runs as fast as it can."""
AFTER_LOAD_S = 0.1
"""From a load to the first frame while asynchronous: the client that asked for it connects to the snapshots anew, and
crashes if one comes in that very moment."""
SNAPSHOT_STREAM = 1


class Simulation:
    """The loaded episode and its clock."""

    def __init__(
        self,
        maps: Maps,
        streams: StreamServer,
        senses: Senses | None = None,
        recordings: Path | None = None,
        *,
        assets: Path | None = None,
    ) -> None:
        """Begin without a map; ``recordings`` is the folder for recordings with a bare name, ``assets`` of meshes."""
        self.maps = maps
        self.recorder = Recorder(recordings or default_folder(), lambda name: self.load(name, reset_settings=False))
        self.settings = EpisodeSettings()
        self.frame = 0
        self._streams = streams
        self._senses = senses
        self._assets = assets
        self._turn = threading.Condition(threading.RLock())
        self._episode: Episode | None = None
        self._episodes = 0
        self._last_stream = SNAPSHOT_STREAM
        self._cues = 0
        self._closing = False
        self._started_s = time.monotonic()
        self._last_frame_s = self._started_s
        self._not_before_s = self._started_s

    @contextmanager
    def world(self) -> Iterator[Episode]:
        """Hold the world between two frames; waits for the first map to be loaded."""
        with self._turn:
            self._turn.wait_for(lambda: self._episode is not None or self._closing)
            if self._episode is None:
                raise Refused("the server is shutting down")
            yield self._episode

    def await_map(self) -> None:
        """Wait for the first map to be loaded."""
        if self._episode is None:
            with self.world():
                pass

    def load(self, name: str, *, reset_settings: bool = True, whole: bool = True) -> None:
        """Begin a new episode on a map; MapError where it cannot be loaded, and then the old one stays.

        ``whole`` waits for its street, of which only the building shows whether it can stand; else it is built while
        clients connect, and a map with an impossible one ends the simulation.
        """
        with self._turn:
            asked = name or (self._episode.town.name if self._episode else "")
            if self._senses is None:
                kinds = {name: str(one.shape["kind"]) for name, one in library().items() if one.shape}
                self._senses = Senses.real(self._assets, kinds)
            try:
                town = self.maps.load(asked)
                episode = Episode(self._episodes + 1, town, self._senses, open_stream=self._open_stream)
                if whole:
                    episode.motion.ground_below(np.zeros((1, 3)))  # asks the street, so waits for it
            except MapError:
                raise
            except (ArithmeticError, LookupError, MemoryError, ValueError) as error:
                raise MapError(f"map '{asked}': no street can be built along its roads: {error}") from error
            self._episodes += 1
            if reset_settings:
                self._settle(EpisodeSettings())
            self._episode = episode
            self.recorder.enter(episode)
            self._streams.forget(SNAPSHOT_STREAM)
            self._last_frame_s = time.monotonic()
            self._not_before_s = self._last_frame_s + (AFTER_LOAD_S if self._episodes > 1 else 0.0)
            self._turn.notify_all()
        logger.info("episode %d: map %s", episode.id, town.name)

    def cue(self) -> int:
        """Ask for one frame, and return its number; while asynchronous, the number of the next."""
        with self.world():
            if not self.settings.synchronous_mode:
                return self.frame + 1
            self._cues += 1
            self._turn.notify_all()
            return self.frame + self._cues

    def apply_settings(self, settings: EpisodeSettings) -> int:
        """Let settings hold for all later frames, and return the last frame started."""
        with self.world():
            self._settle(settings)
            return self.frame

    def _settle(self, settings: EpisodeSettings) -> None:
        delta_s = settings.fixed_delta_s
        if delta_s is not None and not 0.0 < delta_s < 10.0:
            raise Refused(f"fixed_delta_seconds is {delta_s}, not a step between 0 and 10 s")
        self.settings = settings
        self._cues = 0
        self._turn.notify_all()

    def run(self) -> None:
        """Make frames until ``close``."""
        while self._await_turn():
            if self.settings.synchronous_mode:
                self._streams.await_subscribers()
                self._streams.drain()
            with self._turn:
                if self._closing or (self.settings.synchronous_mode and not self._cues):
                    continue  # settings changed while waiting for readers
                self._make_frame()

    def close(self) -> None:
        """Make no more frames, and let no call wait."""
        self._closing = True
        if self._turn.acquire(timeout=0.5):  # a map that is being loaded is not worth waiting for
            self.recorder.stop()
            self._turn.notify_all()
            self._turn.release()

    def _await_turn(self) -> bool:
        with self._turn:
            while not self._closing:
                if self._episode is None:
                    self._turn.wait()
                elif self.settings.synchronous_mode:
                    if self._cues:
                        return True
                    self._turn.wait()
                else:
                    # Always waits a little, so that calls get their turn even where a frame takes long.
                    self._turn.wait(max(self._due_s - time.monotonic(), 0.001))
                    # A call that held the world meanwhile may have loaded another, whose time has not come.
                    if time.monotonic() >= self._due_s and not self.settings.synchronous_mode:
                        return True
            return False

    @property
    def _due_s(self) -> float:
        """When the next frame is, while asynchronous."""
        return max(self._last_frame_s + ASYNC_FRAME_S, self._not_before_s)

    def _make_frame(self) -> None:
        assert self._episode is not None
        now_s = time.monotonic()
        delta_s = self.settings.fixed_delta_s or now_s - self._last_frame_s
        self._last_frame_s = now_s
        self._cues = max(0, self._cues - 1)
        self.frame += 1
        self._episode.advance(
            self.frame,
            delta_s,
            _Publisher(self._streams, drop_if_busy=not self.settings.synchronous_mode),
            platform_time_s=now_s - self._started_s,
            renders=not self.settings.no_rendering_mode,
            max_step_s=self.settings.max_substep_delta_time if self.settings.substepping else delta_s,
            max_steps=self.settings.max_substeps,
        )

    def _open_stream(self) -> tuple[int, bytes]:
        self._last_stream += 1  # never used twice: clients of an old episode may still read the old one
        return self._last_stream, self._streams.token(self._last_stream)


@dataclass(frozen=True)
class _Publisher:
    """Hands what a frame brought to the streams."""

    streams: StreamServer
    drop_if_busy: bool

    def snapshot(self, message: Chunks, /) -> None:
        self.streams.publish(SNAPSHOT_STREAM, message, drop_if_busy=self.drop_if_busy, keep=True)

    def reads(self, stream_id: int, /) -> bool:
        return self.streams.has_subscribers(stream_id)

    def sensed(self, stream_id: int, message: Chunks, /) -> None:
        is_event = packets.sensor_type(message) in packets.EVENTS
        self.streams.publish(stream_id, message, drop_if_busy=self.drop_if_busy, is_event=is_event)
