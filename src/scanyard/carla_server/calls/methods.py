"""The RPC methods, by name.

Handlers take decoded arguments and return structs; their annotations are what ``rpc`` decodes by.  Whatever is not in
``by_name`` is answered as an unknown method.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping

from scanyard.carla_server.calls import commands
from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.rpc import Bare, Handler
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.protocol.wire import (
    Actor,
    ActorDescription,
    BoundingBox,
    Command,
    EpisodeInfo,
    EpisodeSettings,
    LabelledPoint,
    MapInfo,
    OpendriveGenerationParameters,
    Refused,
    StreamToken,
    Transform,
    Vector3D,
    VehicleControl,
    VehicleLightState,
    WalkerControl,
    WeatherParameters,
)
from scanyard.carla_server.world.blueprints import library
from scanyard.carla_server.world.simulation import SNAPSHOT_STREAM, Simulation
from scanyard.errors import MapError

logger = logging.getLogger(__name__)

Ids = tuple[int, ...]
TrafficManagerAddress = tuple[str, int]


class Methods:
    """What clients can call."""

    def __init__(self, simulation: Simulation, streams: StreamServer) -> None:
        self._simulation = simulation
        self._streams = streams
        self._traffic_managers: dict[int, str] = {}
        self._lock = threading.Lock()

    def by_name(self) -> Mapping[str, Handler]:
        """Every method by its name in the protocol."""
        return {
            "version": self._version,
            "get_available_maps": self._maps,
            "load_new_episode": self._load,
            "copy_opendrive_to_file": self._keep_opendrive,
            "get_episode_info": self._episode_info,
            "get_map_info": self._map_info,
            "get_map_data": self._map_data,
            "get_required_files": self._required_files,
            "get_actor_definitions": self._definitions,
            "get_episode_settings": self._settings,
            "set_episode_settings": self._set_settings,
            "tick_cue": self._simulation.cue,
            "get_sensor_token": self._sensor_token,
            "get_weather_parameters": self._weather,
            "set_weather_parameters": self._set_weather,
            # actors
            "get_spectator": self._spectator,
            "get_actors_by_id": self._actors_by_id,
            "spawn_actor": self._spawn,
            "spawn_actor_with_parent": self._spawn_with_parent,
            "destroy_actor": self._destroy,
            "set_actor_transform": self._put,
            "set_actor_location": self._put_at,
            "set_actor_target_velocity": self._set_velocity,
            "set_actor_target_angular_velocity": self._set_angular_velocity,
            "set_actor_simulate_physics": self._simulate_physics,
            "set_actor_collisions": self._set_collisions,
            "set_actor_enable_gravity": self._enable_gravity,
            "get_actor_bounding_box": self._bounding_box,
            "apply_control_to_vehicle": self._control_vehicle,
            "apply_control_to_walker": self._control_walker,
            "get_vehicle_light_state": self._vehicle_lights,
            "set_vehicle_light_state": self._set_vehicle_lights,
            "get_vehicle_light_states": self._all_vehicle_lights,
            "apply_batch": self._apply_batch,
            # scenery
            "get_environment_objects": self._environment_objects,
            "enable_environment_objects": self._enable_environment_objects,
            "get_all_level_BBs": self._level_boxes,
            "get_names_of_all_objects": self._names_of_all_objects,
            "cast_ray": self._cast_ray,
            "project_point": self._project_point,
            "query_lights_state": self._street_lights,
            "freeze_all_traffic_lights": self._freeze_traffic_lights,
            "reset_all_traffic_lights": self._reset_traffic_lights,
            # Traffic Managers run in client processes; the server only keeps their addresses
            "is_traffic_manager_running": self._is_traffic_manager_running,
            "get_traffic_manager_running": self._traffic_manager,
            "add_traffic_manager_running": self._add_traffic_manager,
            "destroy_traffic_manager": self._forget_traffic_manager,
        }

    # --- the world ---------------------------------------------------------------------------------------------------

    def _version(self) -> str:
        return wire.SERVER_VERSION

    def _maps(self) -> tuple[str, ...]:
        return tuple(self._simulation.maps.paths())

    def _load(self, name: str, reset_settings: bool, _map_layers: int) -> None:
        with self._simulation.world():
            try:
                self._simulation.load(name, reset_settings=reset_settings)
            except MapError as error:
                raise Refused(str(error)) from error

    def _keep_opendrive(self, text: str, _parameters: OpendriveGenerationParameters) -> None:
        self._simulation.maps.keep_text(text)

    def _episode_info(self) -> EpisodeInfo:
        with self._simulation.world() as episode:
            return EpisodeInfo(episode.id, StreamToken(self._streams.token(SNAPSHOT_STREAM)))

    def _map_info(self) -> MapInfo:
        with self._simulation.world() as episode:
            return episode.map_info

    def _map_data(self) -> str:
        with self._simulation.world() as episode:
            return episode.town.road_map.xodr

    def _required_files(self, _folder: str) -> tuple[str, ...]:
        return ()  # no pedestrian navigation, no prepared Traffic Manager map

    def _definitions(self) -> tuple[wire.ActorDefinition, ...]:
        return tuple(blueprint.definition for blueprint in library().values())

    def _settings(self) -> EpisodeSettings:
        with self._simulation.world():
            return self._simulation.settings

    def _set_settings(self, settings: EpisodeSettings) -> int:
        return self._simulation.apply_settings(settings)

    def _sensor_token(self, stream_id: int) -> StreamToken:
        self._streams.expect(stream_id)
        return StreamToken(self._streams.token(stream_id))

    def _weather(self) -> WeatherParameters:
        with self._simulation.world() as episode:
            return episode.weather

    def _set_weather(self, weather: WeatherParameters) -> None:
        with self._simulation.world() as episode:
            episode.weather = weather

    # --- actors ------------------------------------------------------------------------------------------------------

    def _spectator(self) -> Actor:
        with self._simulation.world() as episode:
            return episode.spectator.record()

    def _actors_by_id(self, ids: Ids) -> tuple[Actor, ...]:
        with self._simulation.world() as episode:
            return tuple(episode.actors[one].record() for one in ids if one in episode.actors)

    def _spawn(self, description: ActorDescription, transform: Transform) -> Actor:
        with self._simulation.world() as episode:
            return episode.spawn(description, transform).record()

    def _spawn_with_parent(
        self, description: ActorDescription, transform: Transform, parent_id: int, _attachment: int, _socket_name: str
    ) -> Actor:
        # Every attachment is rigid: the spring arms of the reference only smooth what a spectator sees.
        with self._simulation.world() as episode:
            return episode.spawn(description, transform, parent_id).record()

    def _destroy(self, actor_id: int) -> bool:
        with self._simulation.world() as episode:
            return episode.destroy(actor_id)

    def _put(self, actor_id: int, transform: Transform) -> None:
        with self._simulation.world() as episode:
            commands.put(episode, actor_id, transform)

    def _put_at(self, actor_id: int, location: Vector3D) -> None:
        with self._simulation.world() as episode:
            commands.put_at(episode, actor_id, location)

    def _set_velocity(self, actor_id: int, velocity: Vector3D) -> None:
        with self._simulation.world() as episode:
            commands.set_velocity(episode, actor_id, velocity)

    def _set_angular_velocity(self, actor_id: int, velocity: Vector3D) -> None:
        with self._simulation.world() as episode:
            commands.set_angular_velocity(episode, actor_id, velocity)

    def _simulate_physics(self, actor_id: int, enabled: bool) -> None:
        with self._simulation.world() as episode:
            commands.simulate_physics(episode, actor_id, enabled)

    def _set_collisions(self, actor_id: int, _enabled: bool) -> None:
        with self._simulation.world() as episode:
            episode.actor(actor_id, "set actor collisions")  # nothing collides after spawning

    def _enable_gravity(self, actor_id: int, enabled: bool) -> None:
        with self._simulation.world() as episode:
            commands.enable_gravity(episode, actor_id, enabled)

    def _bounding_box(self, actor_id: int) -> BoundingBox:
        with self._simulation.world() as episode:
            return episode.living_or_dead(actor_id, "get actor bounding box").bounding_box()

    def _control_vehicle(self, actor_id: int, control: VehicleControl) -> None:
        with self._simulation.world() as episode:
            commands.control_vehicle(episode, actor_id, control)

    def _control_walker(self, actor_id: int, control: WalkerControl) -> None:
        with self._simulation.world() as episode:
            commands.control_walker(episode, actor_id, control)

    def _vehicle_lights(self, actor_id: int) -> VehicleLightState:
        with self._simulation.world() as episode:
            return VehicleLightState(episode.living_or_dead(actor_id, "get vehicle light state").lights)

    def _set_vehicle_lights(self, actor_id: int, lights: VehicleLightState) -> None:
        with self._simulation.world() as episode:
            commands.set_lights(episode, actor_id, lights.flags)

    def _all_vehicle_lights(self) -> tuple[tuple[int, int], ...]:
        with self._simulation.world() as episode:
            return tuple((one.id, one.lights) for one in episode.actors.values() if one.is_vehicle)

    def _apply_batch(self, batch: tuple[Command, ...], do_tick: bool) -> Bare:
        with self._simulation.world() as episode:
            answers = commands.apply(episode, batch)
            if do_tick:
                self._simulation.cue()
            return Bare(answers)

    # --- scenery -----------------------------------------------------------------------------------------------------

    def _environment_objects(self, label: int) -> tuple[wire.EnvironmentObject, ...]:
        with self._simulation.world() as episode:
            return tuple(episode.environment_objects(label))

    def _enable_environment_objects(self, ids: Ids, enabled: bool) -> None:
        with self._simulation.world() as episode:
            episode.enable_environment_objects(ids, enabled)

    def _level_boxes(self, label: int) -> tuple[BoundingBox, ...]:
        with self._simulation.world() as episode:
            return tuple(episode.level_boxes(label))

    def _names_of_all_objects(self) -> tuple[str, ...]:
        with self._simulation.world() as episode:
            return tuple(one.name for one in episode.environment_objects(255))

    def _cast_ray(self, start: Vector3D, end: Vector3D) -> tuple[LabelledPoint, ...]:
        direction = Vector3D(end.x - start.x, end.y - start.y, end.z - start.z)
        with self._simulation.world() as episode:
            hit = episode.first_hit(start, direction, math.hypot(*direction))
        return () if hit is None else (hit,)

    def _project_point(self, start: Vector3D, direction: Vector3D, distance: float) -> tuple[bool, LabelledPoint]:
        with self._simulation.world() as episode:
            hit = episode.first_hit(start, direction, distance)
        return hit is not None, hit or LabelledPoint(Vector3D(), 0)

    def _street_lights(self, _client: str) -> tuple[wire.LightState, ...]:
        return ()  # the procedural street has none that switch

    def _freeze_traffic_lights(self, frozen: bool) -> None:
        """There are none to freeze."""

    def _reset_traffic_lights(self) -> None:
        """There are none to reset."""

    # --- Traffic Managers --------------------------------------------------------------------------------------------

    def _is_traffic_manager_running(self, port: int) -> bool:
        with self._lock:
            return port in self._traffic_managers

    def _traffic_manager(self, port: int) -> TrafficManagerAddress:
        with self._lock:
            return self._traffic_managers.get(port, ""), port

    def _add_traffic_manager(self, address: TrafficManagerAddress) -> bool:
        host, port = address
        with self._lock:
            return self._traffic_managers.setdefault(port, host) == host

    def _forget_traffic_manager(self, port: int) -> None:
        with self._lock:
            self._traffic_managers.pop(port, None)
