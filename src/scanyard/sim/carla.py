"""The driver: plays a scenario on a CARLA server, real or embedded, through the official client.

Order matters and is the same on both: load the world, settle the settings, spawn, then per frame one batch of
transforms, one tick, one packet per sensor matched on the frame id.  The next tick is sent before the packets of the
last one are turned into a frame, so that server and client work at the same time.

What a stranger would get wrong: on a stock server an HDL-64E is two LiDARs of 32 evenly spaced beams, its two laser
blocks; on ours it is one sensor with the measured beam table.  The same ``Sweep`` comes out of both.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanyard.boxes import Boxes
from scanyard.errors import MapError, ScenarioFault, ServerError
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.roads import RoadMap, find_map
from scanyard.roads.client import carla
from scanyard.scenario.concrete import ConcreteScenario, Weather, World
from scanyard.sim.actors import ActorSet, blueprint_ids, spawn_actors, spawn_ego
from scanyard.sim.choreography import REAR_AXLE_M, Choreography, choreograph
from scanyard.sim.handedness import carla_transform
from scanyard.sim.listening import Patience, Regularity, SensorPort
from scanyard.sim.packets import (
    CAMERA_KINDS,
    CameraCanvas,
    LidarBlock,
    Numbered,
    image_from_packets,
    lidar_blocks,
    spawn_sensor,
    sweep_from_packets,
)
from scanyard.sim.parked import ParkedVehicles
from scanyard.sim.versions import shake_hands
from scanyard.sim.visibility import DISTANCE_M, unseen
from scanyard.sim.warm_up import Settling, WarmUp, luminance

logger = logging.getLogger(__name__)

SERVERS_INGREDIENTS = ("clutter", "glass", "sizes", "variety")
"""Those of ``World.without`` that the server leaves out; the rest is left out here."""
REACH_M = 120.0
"""Parked vehicles further from the ego are no truth of a frame: no sensor of ours returns a point from there."""
LAMPS_BELOW_DEG = 3.0
"""With the sun lower than this, vehicles drive with their low beams on."""
CLEAN_UP_S = 1.0
"""What a server gets that failed, to let go of a scene: whoever runs it wants to know soon."""
TIME_OUT = "time-out"
"""What the client says, in a bare RuntimeError, of a call or tick that was not answered in time."""
EGO_FROM_REAR_AXLE = Transform.from_xyz_rpy((-REAR_AXLE_M, 0.0, 0.0))
"""The rear axle, our ego origin, in the frame of the car the server knows."""


class CarlaSimulator:
    """One server, one client, many scenarios.

    >>> simulator = CarlaSimulator("127.0.0.1", 2000)  # doctest: +SKIP
    >>> frames = list(simulator.simulate(scenario))  # doctest: +SKIP
    """

    def __init__(
        self, host: str, port: int, *, patience: Patience | None = None, map_folders: tuple[Path, ...] = ()
    ) -> None:
        self._patience = patience or Patience()
        self._map_folders = map_folders
        self._client = carla.Client(host, port)
        self._be_patient(self._patience.load_s)  # until a scene's first frame, which pays for what is made ready
        self._road_maps: dict[str, RoadMap] = {}
        self._visible: set[str] = set()
        self.regularity = Regularity()
        """Packets of the scene played last that came late, twice, or not at all."""
        self.warm_up = WarmUp(0, settled=True)
        """How the scene played last was warmed up."""
        self.sensors_spawned = 0
        """Since the client connected."""
        with _server_errors("greeting"):
            self.server_version: str = self._client.get_server_version()
            address = f"{host}:{port}"
            self._quirks = shake_hands(address, self.server_version, self._client.get_client_version())
            blueprint = self._client.get_world().get_blueprint_library().find("sensor.lidar.ray_cast_semantic")
            self.embedded = bool(blueprint.has_attribute("beam_table"))
            """Whether it is our server, which takes beam tables, sizes and styles."""

    def simulate(self, scenario: ConcreteScenario) -> Iterator[Frame]:
        """Play ``scenario`` and yield its frames; closing the iterator early cleans up."""
        _require_whole_turns(scenario)
        self.regularity, self.warm_up = Regularity(self._patience.irregular_packets), WarmUp(0, settled=True)
        with _server_errors(f"{scenario.name} seed {scenario.seed}"), contextlib.ExitStack() as exits:
            self._be_patient(self._patience.load_s)
            world = self._load(scenario.world)
            self._settle(world, scenario)
            choreography = choreograph(scenario, self._road_map(world))
            self._require_visible(world, blueprint_ids(world, scenario, choreography.tracks))

            ego = spawn_ego(world, choreography)
            exits.push(self._unless_hung(_destroy, self._client, [ego]))
            actors = spawn_actors(self._client, world, scenario, choreography.tracks)
            exits.push(self._unless_hung(_destroy, self._client, list(actors.handles)))
            if self._quirks.walkers_need_collisions:
                for handle in actors.handles:
                    if handle.type_id.startswith("walker."):
                        handle.set_collisions(True)
            if scenario.weather.sun_altitude_deg < LAMPS_BELOW_DEG:
                self._client.apply_batch_sync(actors.lamps_on(), False)

            parked = ParkedVehicles.of(world)
            moving = [actors.boxes_world(k) for k in range(len(choreography.timestamps_ns))]
            blocked = parked.in_the_way(moving)
            if len(blocked):
                removed = {parked.ids[i] for i in blocked}
                world.enable_environment_objects(removed, False)
                exits.push(self._unless_hung(world.enable_environment_objects, removed, True))
                parked = parked.without(blocked)

            has_beam_tables = self.embedded and "beam_table" not in scenario.world.without
            sensors = _Sensors(world, ego, scenario, has_beam_tables, self.regularity)
            self.sensors_spawned += len(sensors.handles)
            exits.push(self._unless_hung(_destroy, self._client, sensors.handles))
            exits.push(self._unless_hung(sensors.stop))
            yield from self._play(_Stage(world, ego, choreography, actors, parked, sensors))

    def close(self) -> None:
        """Leave the server ticking by itself: a synchronous server without its client is blocked for everybody.

        Not done between scenarios: a server that runs free streams snapshots, and the client's library can abort the
        process when it changes worlds while a message is on its way.
        """
        with _server_errors("farewell"):
            world = self._client.get_world()
            settings = world.get_settings()
            settings.synchronous_mode = False
            settings.fixed_delta_seconds = None
            world.apply_settings(settings)

    def _be_patient(self, wait_s: float, late_s: float | None = None) -> None:
        """Wait so long for every call, tick and packet from now on; packets are late after ``late_s``, or never."""
        self._wait_s, self._late_s = wait_s, wait_s if late_s is None else late_s
        self._client.set_timeout(wait_s)

    def _unless_hung(self, clean_up: Callable[..., Any], *arguments: Any) -> Callable[..., None]:
        """An exit that cleans up, but asks nothing of a server that hangs, and waits little for one that failed."""

        def leave(_kind: object, error: BaseException | None, _traceback: object) -> None:
            if not isinstance(error, RuntimeError | ServerError):
                clean_up(*arguments)
            elif self._wait_s and TIME_OUT not in str(error):
                self._be_patient(CLEAN_UP_S)
                try:
                    clean_up(*arguments)
                except RuntimeError as other:
                    logger.info("cannot clean up after a failure: %s", other)
                    self._wait_s = 0.0  # and shall not try the rest

        return leave

    # --- setting the stage ----------------------------------------------------------------------------------------

    def _load(self, wanted: World) -> Any:
        """Load the world where it is not loaded already; our maps reach a stock server as OpenDRIVE text."""
        available = {name.rsplit("/", 1)[-1] for name in self._client.get_available_maps()}
        if wanted.map not in available:
            path = find_map(wanted.map, self._map_folders)
            return self._client.generate_opendrive_world(path.read_text(encoding="utf-8"))
        look = f"?style={wanted.style}&parked={wanted.parked_share:g}" if self.embedded else ""
        left_out = [name for name in wanted.without if name in SERVERS_INGREDIENTS]
        if left_out and not self.embedded:
            raise ScenarioFault(f"only our server can leave out {', '.join(left_out)}; this one is CARLA's own")
        if left_out:
            look += f"&without={','.join(sorted(left_out))}"
        world = self._client.get_world()
        if _map_name(world.get_map()) != wanted.map + look:
            # Settings are kept: between two worlds the server must not run free, see ``close``.
            world = self._client.load_world(wanted.map + look, reset_settings=False)
        return world

    def _settle(self, world: Any, scenario: ConcreteScenario) -> None:
        settings = world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = 1.0 / scenario.recording.rate_hz
        settings.substepping = False  # nothing moves by physics
        world.apply_settings(settings)
        world.set_weather(_weather(scenario.weather))

    def _road_map(self, world: Any) -> RoadMap:
        carla_map = world.get_map()
        name = _map_name(carla_map).split("?")[0]
        if name not in self._road_maps:
            self._road_maps[name] = RoadMap.from_text(name, carla_map.to_opendrive())
        return self._road_maps[name]

    def _require_visible(self, world: Any, blueprint_ids: set[str]) -> None:
        """Refuse the scene where the LiDAR goes through one of its actors; each blueprint is tried once."""
        new = sorted(blueprint_ids - self._visible)
        if not new:
            return
        missed = unseen(self._client, world, new, self._wait_s)
        if missed:
            raise ScenarioFault(
                f"{', '.join(missed)}: returned no point to a LiDAR {DISTANCE_M:g} m away, and a detector would learn "
                f"that such things are made of air; use another version of CARLA than {self.server_version}, or leave "
                "such actors out",
                name="class_unseen",
            )
        self._visible.update(new)

    # --- frames ---------------------------------------------------------------------------------------------------

    def _play(self, stage: _Stage) -> Iterator[Frame]:
        choreography = stage.choreography
        count = len(choreography.timestamps_ns)
        if not self.embedded:  # ours needs none: nothing moves by physics, and nothing adapts
            self.warm_up = self._warm_up(stage)
        frame = self._tick(stage, 0)
        for index in range(count):
            packets = stage.sensors.packets(frame, self._wait_s, self._late_s)
            if index == 0:
                self._be_patient(self._patience.call_s, self._patience.late_s)
            if index + 1 < count:
                frame = self._tick(stage, index + 1)  # the server works while we do
            world_from_ego = Transform(choreography.world_from_ego[index])
            truth = [stage.actors.boxes_world(index), stage.parked.near(world_from_ego.translation, REACH_M)]
            yield Frame(
                timestamp_ns=choreography.timestamps_ns[index],
                world_from_ego=world_from_ego,
                sweeps=stage.sensors.sweeps(packets, stage.actors.numbered),
                images=stage.sensors.images(packets, stage.actors.numbered),
                actors=Boxes.concatenate(truth).transformed(world_from_ego.inverse()),
            )

    def _tick(self, stage: _Stage, index: int) -> int:
        """Move everything to where frame ``index`` has it, tick, and return the server's frame id."""
        pose = stage.choreography.world_from_ego[index] @ EGO_FROM_REAR_AXLE.inverse().matrix
        place_ego = carla.command.ApplyTransform(stage.ego, carla_transform(pose))
        self._client.apply_batch_sync([place_ego, *stage.actors.placement(index)], False)
        return int(stage.world.tick(self._wait_s))

    def _warm_up(self, stage: _Stage) -> WarmUp:
        settling, cap = Settling(), self._patience.warm_up_ticks
        for tick in range(1, cap + 1):
            packets = stage.sensors.packets(self._tick(stage, 0), self._wait_s, self._late_s)
            settling.add(stage.actors.vertical_speed_mps(), stage.sensors.luminance(packets))
            if settling.settled:
                return WarmUp(tick, settled=True)
        logger.warning("the world has not come to rest within %d ticks; recorded as it is", cap)
        return WarmUp(cap, settled=False)


@dataclass(frozen=True)
class _Stage:
    """All that one scenario has on the server."""

    world: Any
    ego: Any
    choreography: Choreography
    actors: ActorSet
    parked: ParkedVehicles
    sensors: _Sensors


class _Sensors:
    """The rig of one scenario on the server: every LiDAR block and every camera kind, listening."""

    def __init__(
        self, world: Any, ego: Any, scenario: ConcreteScenario, has_beam_tables: bool, regularity: Regularity
    ) -> None:
        self.handles: list[Any] = []
        self._ports: dict[str, SensorPort] = {}
        self._blocks: dict[str, list[LidarBlock]] = {}
        self._canvases: dict[str, CameraCanvas] = {}
        self._rig = scenario.rig

        def add(name: str, blueprint_id: str, attributes: dict[str, str], ego_from_sensor: Transform) -> None:
            handle = spawn_sensor(world, blueprint_id, attributes, EGO_FROM_REAR_AXLE @ ego_from_sensor, ego)
            self.handles.append(handle)
            self._ports[name] = SensorPort(handle, name, regularity)

        for lidar in scenario.rig.lidars:
            self._blocks[lidar.name] = lidar_blocks(lidar, has_beam_tables=has_beam_tables)
            for block in self._blocks[lidar.name]:
                name = f"{lidar.name}/{block.first}"
                add(name, "sensor.lidar.ray_cast_semantic", block.attributes, block.ego_from_block)
        for camera in scenario.rig.cameras if scenario.recording.cameras else ():
            canvas = self._canvases[camera.name] = CameraCanvas.for_camera(camera)
            for kind, blueprint_id in CAMERA_KINDS.items():
                add(f"{camera.name}/{kind}", blueprint_id, canvas.attributes, camera.ego_from_sensor)

    def packets(self, frame: int, wait_s: float, late_s: float) -> dict[str, Any]:
        """The packet of every sensor for tick ``frame``, waited for ``wait_s``, and late after ``late_s``."""
        now = time.monotonic()
        deadline, late_at = now + wait_s, now + late_s
        return {name: port.packet(frame, deadline=deadline, late_at=late_at) for name, port in self._ports.items()}

    def luminance(self, packets: dict[str, Any]) -> dict[str, float]:
        """The mean of every camera's colours, 0 to 255."""
        return {name: luminance(packets[f"{name}/rgb"].raw_data) for name in self._canvases}

    def sweeps(self, packets: dict[str, Any], numbered: Numbered) -> dict[str, Sweep]:
        """Sweeps by LiDAR name."""
        return {
            lidar.name: sweep_from_packets(
                lidar,
                self._blocks[lidar.name],
                [packets[f"{lidar.name}/{block.first}"] for block in self._blocks[lidar.name]],
                numbered,
            )
            for lidar in self._rig.lidars
        }

    def images(self, packets: dict[str, Any], numbered: Numbered) -> dict[str, Image]:
        """Images by camera name."""
        return {
            name: image_from_packets(canvas, {kind: packets[f"{name}/{kind}"] for kind in CAMERA_KINDS}, numbered)
            for name, canvas in self._canvases.items()
        }

    def stop(self) -> None:
        """Stop listening; before the sensors are destroyed, or the client warns and leaks."""
        for port in self._ports.values():
            port.stop()


def _map_name(carla_map: Any) -> str:
    return str(carla_map.name).rsplit("/", 1)[-1]


def _weather(weather: Weather) -> Any:
    return carla.WeatherParameters(
        cloudiness=weather.cloudiness,
        precipitation=weather.precipitation,
        precipitation_deposits=weather.wetness,
        wind_intensity=10.0,
        sun_azimuth_angle=weather.sun_azimuth_deg,
        sun_altitude_angle=weather.sun_altitude_deg,
        fog_density=weather.fog_density,
        fog_distance=weather.fog_distance_m,
        wetness=weather.wetness,
    )


def _destroy(client: Any, handles: list[Any]) -> None:
    client.apply_batch_sync([carla.command.DestroyActor(handle) for handle in handles], False)


@contextlib.contextmanager
def _server_errors(doing: str) -> Iterator[None]:
    """Turn what the client raises, a bare RuntimeError, into a ServerError that says what was being done."""
    try:
        yield
    except MapError as error:
        raise ScenarioFault(f"{doing}: {error}") from error
    except RuntimeError as error:
        name = "server_hung" if TIME_OUT in str(error) else None
        raise ServerError(f"{doing}: the CARLA server failed: {error}", name=name) from error


def _require_whole_turns(scenario: ConcreteScenario) -> None:
    """A LiDAR must turn once per frame: a server casts as much of a turn in a tick as fits into it."""
    rate_hz = scenario.recording.rate_hz
    for lidar in scenario.rig.lidars:
        if abs(lidar.rotation_hz / rate_hz - 1.0) > 1e-6:
            raise ScenarioFault(
                f"{scenario.name}: lidar {lidar.name} turns at {lidar.rotation_hz:g} Hz, recorded at {rate_hz:g} Hz; "
                "a sweep is one whole turn, so the two must be equal"
            )
