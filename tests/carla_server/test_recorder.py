"""Record, replay: the world comes back as it was, as far and as fast as asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_carla_world import FLAT, write_maps

from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.protocol.wire import (
    ActorAttributeValue,
    ActorDescription,
    Refused,
    Rotation,
    Transform,
    Vector3D,
    WeatherParameters,
)
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.maps import Maps
from scanyard.carla_server.world.recorder import Recorder, default_folder

CAR, TAXI, PERSON, CAMERA = "vehicle.audi.a2", "vehicle.audi.tt", "walker.pedestrian.0001", "sensor.camera.rgb"
DT = 0.05


class Nobody:
    """Reads nothing."""

    def snapshot(self, message: Chunks, /) -> None: ...

    def reads(self, stream_id: int, /) -> bool:
        return False

    def sensed(self, stream_id: int, message: Chunks, /) -> None: ...


class World:
    """Episodes on flat ground and a recorder."""

    def __init__(self, folder: Path, maps: Maps | None = None, first: str = "straight") -> None:
        self._maps = maps or write_maps(folder)
        self._streams = ((k, bytes(24)) for k in itertools.count(2))
        self._episodes, self._frames = itertools.count(1), itertools.count(1)
        self.recorder = Recorder(folder / "recordings", self.load)
        self.load(first)

    def load(self, name: str) -> None:
        self.episode = Episode(
            next(self._episodes), self._maps.load(name), FLAT, open_stream=lambda: next(self._streams)
        )
        self.recorder.enter(self.episode)

    def tick(self, times: int = 1, delta_s: float = DT) -> None:
        for _ in range(times):
            self.episode.advance(next(self._frames), delta_s, Nobody(), platform_time_s=0.0)

    def spawn(self, name: str, x: float, y: float = 0.0, *, role: str = "", parent: int | None = None) -> int:
        attributes = (ActorAttributeValue("role_name", 4, role),) if role else ()
        transform = Transform(Vector3D(x, y, 0.9 if name == PERSON else 0.0), Rotation())
        return self.episode.spawn(ActorDescription(0, name, attributes), transform, parent).id

    def drive(self, actor_id: int, x: float, *, yaw: float = 0.0) -> None:
        """Put it somewhere by hand: what happens does not depend on any dynamics."""
        actor = self.episode.actors[actor_id]
        actor.simulates_physics = False
        actor.place((x, *actor.pose[1:3], 0.0, yaw, 0.0))
        actor.velocity = (2.0, 0.0, 0.0)

    def where(self, type_id: str) -> list[tuple[float, ...]]:
        return [one.pose for one in self.episode.actors.values() if one.type_id == type_id]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    one = World(tmp_path)
    yield one
    one.recorder.stop()


Told = list[tuple[float, ...]]


@pytest.fixture
def recorded(world: World) -> Told:
    """41 frames, 2 s: a car goes 0.1 m and turns 18 degrees a frame, a taxi comes after 1 s and goes after 1.5 s."""
    car = world.spawn(CAR, 0.0)
    world.recorder.start("a.log", False)
    poses = []
    for k in range(41):
        world.drive(car, 0.1 * k, yaw=(18.0 * k + 180.0) % 360.0 - 180.0)
        if k == 20:
            taxi = world.spawn(TAXI, 50.0)
        if k == 30:
            world.episode.destroy(taxi)
        world.tick()
        poses.append(world.episode.actors[car].pose)
    world.recorder.stop()
    return poses


def replay(
    world: World, start_s: float = 0.0, duration_s: float = 0.0, *, follow: int = 0, sensors: bool = False
) -> str:
    return world.recorder.replay("a.log", start_s, duration_s, follow, sensors, offset=Transform(Vector3D(-10, 0, 10)))


def close(found: Any, expected: Any) -> None:
    turned = np.abs((np.asarray(found) - np.asarray(expected) + 180.0) % 360.0 - 180.0)
    assert turned.max() < 1e-3, (found, expected)


def test_replayed_poses_are_the_recorded_ones_in_a_new_world(world: World, recorded: Told) -> None:
    world.load("straight")
    assert world.where(CAR) == []
    replay(world)
    close(world.where(CAR)[0], recorded[0])
    for expected in recorded[1:]:
        world.tick()
        close(world.where(CAR)[0], expected)
        [car] = [one for one in world.episode.actors.values() if one.type_id == CAR]
        assert car.velocity == pytest.approx((2.0, 0.0, 0.0))


def test_actors_come_and_go_as_recorded(world: World, recorded: Told) -> None:
    world.load("straight")
    replay(world)
    there = []
    for _ in range(38):
        world.tick()
        there.append(bool(world.where(TAXI)))
    assert there == [k >= 20 for k in range(1, 30)] + [False] * 9


def test_an_actor_that_still_lives_is_moved_and_not_made_again(world: World, recorded: Told) -> None:
    [car] = [one.id for one in world.episode.actors.values() if one.type_id == CAR]
    other = world.spawn(CAR, 0.0, 30.0)
    world.drive(car, 90.0)
    replay(world)
    world.tick(3)
    assert len(world.where(CAR)) == 2
    close(world.episode.actors[car].pose, recorded[3])
    assert world.episode.actors[other].pose[1] == pytest.approx(30.0, abs=0.01)


def test_an_id_that_belongs_to_another_type_is_not_taken(world: World, recorded: Told) -> None:
    world.load("straight")
    stranger = world.spawn(TAXI, 0.0, 30.0)  # has the recorded car's id
    replay(world)
    world.tick(2)
    assert world.episode.actors[stranger].pose[1] == pytest.approx(30.0, abs=0.01)
    close(world.where(CAR)[0], recorded[2])


@pytest.mark.parametrize(("start_s", "first"), [(0.5, 10), (-0.5, 30), (99.0, 40), (-99.0, 0)])
def test_start_counts_from_the_beginning_or_from_the_end(
    world: World, recorded: Told, start_s: float, first: int
) -> None:
    world.load("straight")
    told = replay(world, start_s)
    assert f"Replaying from {first * DT:g} s - 2 s" in told
    close(world.where(CAR)[0], recorded[first])
    world.tick()
    close(world.where(CAR)[0], recorded[min(first + 1, 40)])


def test_starting_late_finds_who_is_there_then(world: World, recorded: Told) -> None:
    world.load("straight")
    replay(world, 1.2)
    assert len(world.where(TAXI)) == 1
    world.load("straight")
    replay(world, 1.7)
    assert world.where(TAXI) == []


def test_after_its_duration_the_world_goes_on_by_itself(world: World, recorded: Told) -> None:
    world.load("straight")
    assert "Replaying from 0 s - 0.5 s (0.5 s) at 1.0x" in replay(world, 0.0, 0.5)
    world.tick(10)
    [car] = [one for one in world.episode.actors.values() if one.type_id == CAR]
    close(car.pose, recorded[10])
    assert car.simulates_physics
    world.drive(car.id, 70.0)
    world.tick()
    assert car.pose[0] == pytest.approx(70.0)


def test_half_the_speed_lies_between_the_frames_and_turns_the_shorter_way(world: World, recorded: Told) -> None:
    world.load("straight")
    world.recorder.set_time_factor(0.5)
    replay(world)
    for k in range(1, 30):
        world.tick()
        expected = np.array(recorded[k // 2])
        if k % 2:
            step = (np.array(recorded[k // 2 + 1]) - expected + 180.0) % 360.0 - 180.0
            expected = expected + step / 2
        close(world.where(CAR)[0], expected)


def test_high_speed_shows_recorded_frames_only(world: World, recorded: Told) -> None:
    world.load("straight")
    world.recorder.set_time_factor(3.3)
    replay(world)
    for _ in range(10):
        world.tick()
        [pose] = world.where(CAR)
        assert min(np.abs(np.array(recorded)[:, 0] - pose[0])) < 1e-4
    assert world.where(CAR)[0][0] == pytest.approx(0.1 * 33, abs=0.11)


def test_a_time_factor_of_zero_stands_still_and_a_negative_one_is_refused(world: World, recorded: Told) -> None:
    world.load("straight")
    replay(world)
    world.tick(5)
    world.recorder.set_time_factor(0.0)
    world.tick(5)
    close(world.where(CAR)[0], recorded[5])
    with pytest.raises(Refused, match="time factor"):
        world.recorder.set_time_factor(-1.0)


@pytest.mark.parametrize("keep", [True, False])
def test_stopping_keeps_actors_or_takes_those_it_made(world: World, recorded: Told, keep: bool) -> None:
    world.load("straight")
    mine = world.spawn(PERSON, 0.0, 20.0)
    replay(world)
    world.tick(3)
    world.recorder.stop_replay(keep)
    assert bool(world.where(CAR)) is keep
    assert mine in world.episode.actors
    world.tick(2)


def test_the_hero_is_left_out_when_asked(world: World) -> None:
    world.spawn(CAR, 0.0, role="hero")
    world.spawn(TAXI, 20.0)
    world.recorder.start("a.log", False)
    world.tick(4)
    world.load("straight")
    world.recorder.ignore_hero(True)
    replay(world)
    assert (len(world.where(CAR)), len(world.where(TAXI))) == (0, 1)


def test_sensors_come_only_when_asked_for_and_hang_on_whom_they_hung(world: World) -> None:
    car = world.spawn(CAR, 0.0)
    world.spawn(CAMERA, 1.5, parent=car)
    world.recorder.start("a.log", False)
    world.tick(4)
    for sensors in (False, True):
        world.load("straight")
        replay(world, sensors=sensors)
        assert len(world.where(CAMERA)) == int(sensors)
    [camera] = [one for one in world.episode.actors.values() if one.type_id == CAMERA]
    assert world.episode.actors[camera.parent_id].type_id == CAR
    assert camera.pose[0] == 1.5


def test_the_spectator_follows_whom_it_shall_and_is_else_left_alone(world: World, recorded: Told) -> None:
    from scanyard.carla_server.world.recording import Recording

    [car] = [
        born.id
        for frame in Recording(world.recorder.folder / "a.log").frames()
        for born in frame.born
        if born.description.id == CAR
    ]
    world.load("straight")
    there = world.episode.spectator.pose
    replay(world)
    world.tick(2)
    assert world.episode.spectator.pose == there
    replay(world, follow=car)
    world.tick(20)
    x, y, z, yaw = (recorded[20][k] for k in (0, 1, 2, 4))
    behind = np.array([x - 10 * np.cos(np.deg2rad(yaw)), y - 10 * np.sin(np.deg2rad(yaw)), z + 10])
    np.testing.assert_allclose(world.episode.spectator.pose[:3], behind, atol=1e-3)


def test_the_spectator_moves_as_recorded_when_asked(world: World) -> None:
    world.recorder.start("a.log", False)
    for k in range(5):
        world.episode.spectator.place((float(k), 0.0, 9.0, 0.0, 0.0, 0.0))
        world.tick()
    world.recorder.ignore_spectator(False)
    replay(world)
    world.tick(2)
    assert world.episode.spectator.pose[0] == pytest.approx(2.0)


def test_weather_and_vehicle_lights_come_back(world: World) -> None:
    car = world.spawn(CAR, 0.0)
    world.recorder.start("a.log", False)
    world.tick(2)
    world.episode.actors[car].lights = 10
    world.episode.weather = WeatherParameters(fog_density=70.0)
    world.tick(3)
    world.load("straight")
    replay(world)
    world.tick()
    assert world.episode.weather.fog_density == 2.0
    world.tick(2)
    assert world.episode.weather.fog_density == 70.0
    assert [one.lights for one in world.episode.actors.values() if one.type_id == CAR] == [10]


def test_traffic_lights_show_what_they_showed(tmp_path: Path) -> None:
    from scanyard.carla_server.__main__ import OUR_MAPS

    world = World(tmp_path, Maps([OUR_MAPS]), "city")
    lights = world.episode.traffic_lights
    world.recorder.start("a.log", False)
    shown = []
    for k in range(6):
        for light in range(k):
            lights.set_state(int(lights.ids[light]), (k + light) % 3)
        world.tick(1, delta_s=0.5)
        shown.append(lights.state.copy())
    assert len({state.tobytes() for state in shown}) >= 5
    world.load("city")
    lights = world.episode.traffic_lights
    replay(world)
    for k in range(1, 5):
        world.tick(1, delta_s=0.5)
        np.testing.assert_array_equal(lights.state, shown[k])
        records = world.episode.table.state[np.searchsorted(world.episode.table.ids, lights.ids)]
        assert [record[-1] for record in map(bytes, records)] == shown[k].tolist()


def test_another_map_is_loaded_first(world: World, recorded: Told) -> None:
    world.load("other")
    replay(world)
    assert world.episode.town.name == "straight"
    world.tick(3)
    close(world.where(CAR)[0], recorded[3])


def test_a_cut_recording_replays_up_to_the_cut_and_then_lets_go(world: World, recorded: Told) -> None:
    path = world.recorder.folder / "a.log"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    world.load("straight")
    told = replay(world)
    end = round(float(told.split("Total time recorded: ")[1].split()[0]) / DT)
    assert 10 < end < 40
    world.tick(end)
    close(world.where(CAR)[0], recorded[end])
    world.tick(3)
    assert all(one.simulates_physics for one in world.episode.actors.values() if one.type_id == CAR)


def test_a_client_may_destroy_what_is_replayed(world: World, recorded: Told) -> None:
    world.load("straight")
    replay(world)
    world.tick()
    [car] = [one.id for one in world.episode.actors.values() if one.type_id == CAR]
    world.episode.destroy(car)
    world.tick(45)
    assert world.where(CAR) == []


def test_collisions_are_recorded_and_told(world: World) -> None:
    from scanyard.carla_server.sensors.context import Contact

    one, two = world.spawn(CAR, 0.0), world.spawn(TAXI, 30.0)
    world.recorder.start("a.log", False)
    world.tick()
    motion: Any = world.episode.motion
    before: Callable[..., None] = motion.advance

    def crash(*what: Any, **how: Any) -> None:
        before(*what, **how)
        motion.contacts = [Contact(one, two, (1.0, 0.0, 0.0))]

    motion.advance = crash
    world.tick(2)
    world.recorder.stop()
    told = world.recorder.collisions("a.log", "v", "v")
    assert told.count("vehicle.audi.tt") == 1
    assert f"Collision between {one} and {two}" in world.recorder.info("a.log", False)


def test_bare_names_lie_in_the_folder_and_absolute_ones_where_they_say(world: World, tmp_path: Path) -> None:
    assert world.recorder.start("b.log", True) == str(tmp_path / "recordings" / "b.log")
    there = tmp_path / "elsewhere" / "c.log"
    assert world.recorder.start(str(there), False) == str(there)
    world.tick()
    world.recorder.stop()
    assert there.is_file()
    assert "Frames: 1" in world.recorder.info(str(there), False)


@pytest.mark.parametrize("name", ["../x.log", "a/b.log", "c:\\x.log", "..", "", "x\\y"])
def test_names_that_lead_elsewhere_are_refused(world: World, name: str) -> None:
    for call in (lambda: world.recorder.start(name, False), lambda: world.recorder.info(name, False)):
        with pytest.raises(Refused, match="bare file name"):
            call()


def test_a_file_that_is_not_there_or_none_of_ours_is_an_answer(world: World, tmp_path: Path) -> None:
    assert "not found" in world.recorder.info("none.log", False)
    assert "not found" in replay(world)
    (tmp_path / "x.log").write_bytes(b"hello")
    assert "not a recording" in world.recorder.info(str(tmp_path / "x.log"), False)


def test_the_folder_is_the_platforms_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/scanyard/recordings")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_folder() == Path.home() / ".local" / "state" / "scanyard" / "recordings"


def test_loading_a_map_ends_the_recording(world: World) -> None:
    world.recorder.start("a.log", False)
    world.tick(3)
    world.load("other")
    world.tick(3)
    assert "Frames: 3" in world.recorder.info("a.log", False)
