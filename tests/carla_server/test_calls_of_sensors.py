"""What calls about sensors do: tokens, G-buffers, switches, and sensors that fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from called_world import CAMERA, CAR, GNSS, World

from scanyard.carla_server.protocol.wire import (
    Refused,
    StreamToken,
    Vector3D,
)
from scanyard.carla_server.world.simulation import SNAPSHOT_STREAM


def test_only_streams_of_living_sensors_have_a_token(world: World) -> None:
    camera = world.spawned(CAMERA)
    stream = world.episode.actors[camera].stream_id
    assert world.call("get_sensor_token", stream) == StreamToken(world.streams.token(stream))
    assert world.call("get_sensor_token", SNAPSHOT_STREAM)
    assert world.streams.expected == [stream, SNAPSHOT_STREAM]
    world.call("destroy_actor", camera)
    for unknown in (stream, 0, 4000):
        with pytest.raises(Refused, match="unable to find stream"):
            world.call("get_sensor_token", unknown)
    assert world.streams.expected == [stream, SNAPSHOT_STREAM]  # nobody is waited for who will not come


def test_gbuffer_is_another_picture_on_a_stream_of_its_own(world: World) -> None:
    camera = world.spawned(CAMERA, Vector3D(0.0, 0.0, 2.0))
    assert world.call("are_gbuffers_enabled", camera) is False
    token = world.call("get_gbuffer_token", camera, 1)
    assert world.call("get_gbuffer_token", camera, 1) == token
    assert world.call("are_gbuffers_enabled", camera) is True
    stream, own = int.from_bytes(token[:4], "little"), world.episode.actors[camera].stream_id
    world.frame()
    assert world.ear.heard[stream][:8] == (18).to_bytes(8, "little")
    assert world.ear.heard[own][:8] == (13).to_bytes(8, "little")
    assert len(world.ear.heard[stream]) == len(world.ear.heard[own])
    world.ear.heard.clear()
    world.call("enable_gbuffers", camera, False)
    world.frame()
    assert world.ear.heard.keys() == {own}
    with pytest.raises(Refused, match="makes the G-buffers 0, 1, 2, 3, not 9"):
        world.call("get_gbuffer_token", camera, 9)
    with pytest.raises(Refused, match="not a camera"):
        world.call("get_gbuffer_token", world.spawned(GNSS), 1)


def test_ros_switch_is_kept_by_stream(world: World) -> None:
    gnss = world.spawned(GNSS)
    stream = world.episode.actors[gnss].stream_id
    assert world.call("is_sensor_enabled_for_ros", stream) is False
    world.call("enable_sensor_for_ros", stream)
    assert world.call("is_sensor_enabled_for_ros", stream) is True
    world.call("disable_sensor_for_ros", stream)
    assert world.call("is_sensor_enabled_for_ros", stream) is False
    with pytest.raises(Refused, match="unable to find stream 0"):
        world.call("enable_sensor_for_ros", 0)


def test_sensor_does_not_see_whom_it_ignores(world: World) -> None:
    lidar = world.spawned("sensor.lidar.ray_cast_semantic", Vector3D(0.0, 0.0, 2.0))
    car, other = world.spawned(CAR, Vector3D(10.0, 0.0, 0.0)), world.spawned(CAR, Vector3D(0.0, 20.0, 0.0))
    stream = world.episode.actors[lidar].stream_id

    def seen() -> set[int]:
        world.frame()
        message = world.ear.heard[stream]
        return set(np.frombuffer(message[64:], "<u4").reshape(-1, 6)[:, 4].tolist())

    assert seen() == {car, other}
    world.call("set_ignored_vehicles", lidar, (car, 4000))
    assert seen() == {other}
    world.call("set_ignored_vehicles", lidar, ())
    assert seen() == {car, other}


def test_sensor_that_fails_is_destroyed_and_the_world_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_what: Any) -> Any:
        raise ZeroDivisionError("the lens fell off")

    camera, gnss = world.spawned(CAMERA), world.spawned(GNSS)
    world.episode._sensing._sensors = {**world.episode._sensing._sensors, "rgb": broken}
    world.frame()
    world.frame()
    assert camera not in world.episode.actors
    assert gnss in world.episode.actors
    assert len(world.ear.snapshots) == 2
    assert "the lens fell off" in caplog.text
