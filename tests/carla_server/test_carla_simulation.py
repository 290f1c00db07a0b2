"""Frames are counted exactly, and nobody who was promised a frame misses it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flat_carla_world import FLAT, write_maps

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.protocol.wire import ActorDescription, EpisodeSettings, OptionalFloat, Refused, Transform
from scanyard.carla_server.world.simulation import AFTER_LOAD_S, ASYNC_FRAME_S, SNAPSHOT_STREAM, Simulation
from scanyard.errors import MapError

SYNCHRONOUS = EpisodeSettings(synchronous_mode=True, fixed_delta=OptionalFloat(True, 0.25))


@dataclass(frozen=True)
class Heard:
    """The opening of one snapshot."""

    frame: int
    time_s: float
    episode_id: int
    delta_s: float
    is_new_map: bool


class Listener:
    def __init__(self, port: int, stream_id: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5.0)
        self.sock.sendall(stream_id.to_bytes(4, "little"))

    def message(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(4), "little"))

    def snapshot(self) -> Heard:
        message = self.message()
        _, frame, time_s, *_ = packets.HEADER.unpack(message[:48])
        episode_id, _, delta_s, _, _, _, state = packets.SNAPSHOT_HEADER.unpack(message[48:84])
        return Heard(frame, time_s, episode_id, delta_s, bool(state & packets.MAP_CHANGED))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            received = self.sock.recv(count - len(data))
            assert received, "disconnected"
            data += received
        return data


@dataclass
class Rig:
    simulation: Simulation
    streams: StreamServer
    listeners: list[Listener]

    def listen(self, stream_id: int = SNAPSHOT_STREAM) -> Listener:
        self.streams.expect(stream_id)
        listener = Listener(self.streams.port, stream_id)
        self.listeners.append(listener)
        self.streams.await_subscribers(5.0)
        return listener

    def until_frame(self, frame: int) -> None:
        deadline = time.monotonic() + 5.0
        while self.simulation.frame < frame:
            assert time.monotonic() < deadline, f"frame {frame} never came"
            time.sleep(0.002)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    streams = StreamServer("127.0.0.1", 0)
    streams.start()
    simulation = Simulation(write_maps(tmp_path), streams, FLAT)
    simulation.load("straight")
    simulation.apply_settings(SYNCHRONOUS)
    thread = threading.Thread(target=simulation.run)
    thread.start()
    one = Rig(simulation, streams, [])
    yield one
    simulation.close()
    thread.join(5.0)
    assert not thread.is_alive()
    for listener in one.listeners:
        listener.sock.close()
    streams.close()


def test_cue_is_answered_with_the_frame_it_makes(rig: Rig) -> None:
    listener = rig.listen()
    for expected in (1, 2, 3):
        assert rig.simulation.cue() == expected
        heard = listener.snapshot()
        assert (heard.frame, heard.time_s, heard.delta_s) == (expected, 0.25 * expected, 0.25)


def test_cues_given_at_once_make_one_frame_each(rig: Rig) -> None:
    listener = rig.listen()
    with rig.simulation.world():
        answers = [rig.simulation.cue() for _ in range(20)]
    assert answers == list(range(1, 21))
    assert [listener.snapshot().frame for _ in range(20)] == answers
    time.sleep(0.05)
    assert rig.simulation.frame == 20


def test_synchronous_world_stands_still_without_a_cue(rig: Rig) -> None:
    time.sleep(0.1)
    assert rig.simulation.frame == 0


def test_cues_given_while_asynchronous_make_no_frame_later(rig: Rig) -> None:
    rig.simulation.apply_settings(EpisodeSettings())
    with rig.simulation.world():
        assert [rig.simulation.cue() - rig.simulation.frame for _ in range(5)] == [1] * 5
    started = rig.simulation.apply_settings(SYNCHRONOUS)
    time.sleep(0.1)
    assert rig.simulation.frame == started
    assert rig.simulation.cue() == started + 1
    rig.until_frame(started + 1)


def test_asynchronous_world_moves_by_itself_with_the_step_it_was_given(rig: Rig) -> None:
    listener = rig.listen()
    rig.simulation.apply_settings(EpisodeSettings(fixed_delta=OptionalFloat(True, 0.5)))
    heard = [listener.snapshot() for _ in range(3)]
    assert [one.delta_s for one in heard] == [0.5] * 3
    assert [one.frame for one in heard] == [1, 2, 3]


def test_calls_get_their_turn_while_asynchronous(rig: Rig) -> None:
    rig.simulation.apply_settings(EpisodeSettings())
    began = time.monotonic()
    for _ in range(100):
        with rig.simulation.world():
            pass
    assert time.monotonic() - began < 1.0


def test_new_episode_has_a_new_id_and_begins_at_zero_while_frames_go_on(rig: Rig) -> None:
    listener = rig.listen()
    rig.simulation.cue()
    old = listener.snapshot()
    rig.simulation.load("other", reset_settings=False)
    rig.simulation.cue()
    new = listener.snapshot()
    assert new.episode_id == old.episode_id + 1
    assert (new.frame, new.time_s) == (old.frame + 1, 0.25)
    rig.simulation.cue()
    assert [one.is_new_map for one in (old, new, listener.snapshot())] == [True, True, False]


def test_newcomer_after_a_load_is_not_told_of_the_old_world(rig: Rig) -> None:
    rig.simulation.cue()
    rig.until_frame(1)
    rig.simulation.load("other", reset_settings=False)
    listener = rig.listen()
    rig.simulation.cue()
    assert listener.snapshot().episode_id == 2


def test_loading_resets_settings_only_when_asked(rig: Rig) -> None:
    rig.simulation.load("other", reset_settings=False)
    assert rig.simulation.settings == SYNCHRONOUS
    rig.simulation.load("other")
    assert rig.simulation.settings == EpisodeSettings()


def test_empty_name_loads_the_same_map_again(rig: Rig) -> None:
    rig.simulation.load("other?style=3")
    rig.simulation.load("")
    with rig.simulation.world() as episode:
        assert (episode.id, episode.town.name) == (3, "other?style=3")


def test_map_that_cannot_be_loaded_leaves_the_old_world(rig: Rig) -> None:
    with pytest.raises(MapError):
        rig.simulation.load("moon")
    with rig.simulation.world() as episode:
        assert (episode.id, episode.town.name) == (1, "straight")
    assert rig.simulation.settings == SYNCHRONOUS


@pytest.mark.parametrize("delta_s", [-0.1, float("nan"), float("inf"), 100.0])
def test_step_that_is_none_is_refused_and_the_old_one_stays(rig: Rig, delta_s: float) -> None:
    with pytest.raises(Refused, match="fixed_delta_seconds"):
        rig.simulation.apply_settings(SYNCHRONOUS._replace(fixed_delta=OptionalFloat(True, delta_s)))
    assert rig.simulation.settings == SYNCHRONOUS


def spawned_camera(rig: Rig) -> int:
    with rig.simulation.world() as episode:
        return episode.spawn(ActorDescription(1, "sensor.camera.depth"), Transform()).stream_id


def test_listener_about_to_connect_gets_the_very_next_frame(rig: Rig) -> None:
    stream_id = spawned_camera(rig)
    rig.streams.expect(stream_id)
    frame = rig.simulation.cue()
    time.sleep(0.15)
    listener = Listener(rig.streams.port, stream_id)
    rig.listeners.append(listener)
    assert frame_of(listener.message()) == frame


def test_slow_reader_gets_every_frame_while_synchronous(rig: Rig) -> None:
    listener = rig.listen(spawned_camera(rig))
    frames = [rig.simulation.cue() for _ in range(30)]
    time.sleep(0.2)
    assert [frame_of(listener.message()) for _ in frames] == frames


def frame_of(message: bytes) -> int:
    return int(packets.HEADER.unpack(message[:48])[1])


def test_a_sensor_that_fails_is_destroyed_and_the_world_goes_on(tmp_path: Path) -> None:
    def blind(*what: Any, **how: Any) -> Any:
        raise ZeroDivisionError("no light")

    streams = StreamServer("127.0.0.1", 0)
    streams.start()
    senses = type(FLAT)(FLAT.scene, FLAT.shape_for, dict.fromkeys(FLAT.sensors, blind))
    simulation = Simulation(write_maps(tmp_path), streams, senses)
    simulation.load("straight")
    simulation.apply_settings(SYNCHRONOUS)
    rig = Rig(simulation, streams, [])
    camera = spawned_camera(rig)
    listener = rig.listen(camera)
    thread = threading.Thread(target=simulation.run)
    thread.start()
    for _ in range(2):
        simulation.cue()
    rig.until_frame(2)
    with simulation.world() as episode:
        assert all(one.stream_id != camera for one in episode.actors.values())
    simulation.close()
    thread.join(5.0)
    assert not thread.is_alive()
    listener.sock.close()
    streams.close()


def test_after_a_load_that_took_long_the_first_frame_still_waits_for_clients_to_connect_anew(rig: Rig) -> None:
    """Official clients crash when a snapshot comes in the moment in which they replace their connection."""
    rig.simulation.apply_settings(EpisodeSettings())
    listener = rig.listen()
    for _ in range(3):
        with rig.simulation.world():
            time.sleep(2 * ASYNC_FRAME_S)  # a frame was due meanwhile
            rig.simulation.load("straight")
        loaded_s = time.monotonic()
        while not listener.snapshot().is_new_map:
            pass
        assert time.monotonic() - loaded_s > 0.9 * AFTER_LOAD_S
