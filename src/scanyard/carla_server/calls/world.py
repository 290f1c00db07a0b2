"""Calls about the world as a whole: its version, maps, files, settings, time and weather.

Some of these are about the server rather than one episode (a map is loaded into the next one), so they are methods and
are handed the simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanyard.carla_server.calls import commands
from scanyard.carla_server.calls.addressing import refusal
from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.rpc import Bare, Handler
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.protocol.wire import (
    ActorDefinition,
    Command,
    EpisodeInfo,
    EpisodeSettings,
    MapInfo,
    OpendriveGenerationParameters,
    Refused,
    StreamToken,
    UInt16,
    WeatherParameters,
)
from scanyard.carla_server.world.blueprints import library
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.simulation import SNAPSHOT_STREAM, Simulation
from scanyard.errors import MapError

ALL_LAYERS = 0xFFFF
MAX_SUBSTEPS = 256
"""Of physics in one frame: more than that would not end within anyone's patience."""


class WorldCalls:
    """The calls that reach beyond one episode."""

    def __init__(self, simulation: Simulation, streams: StreamServer) -> None:
        self._simulation = simulation
        self._streams = streams

    def by_name(self) -> Mapping[str, Handler]:
        """Every call by its name in the protocol."""
        return {
            "version": self._version,
            "get_available_maps": self._maps,
            "load_new_episode": self._load,
            "copy_opendrive_to_file": self._keep_opendrive,
            "get_episode_info": self._episode_info,
            "get_actor_definitions": self._definitions,
            "get_episode_settings": self._settings,
            "set_episode_settings": self._set_settings,
            "tick_cue": self._simulation.cue,
            "apply_batch": self._apply_batch,
        }

    def _version(self) -> str:
        return wire.SERVER_VERSION

    def _maps(self) -> tuple[str, ...]:
        return tuple(self._simulation.maps.paths())

    def _load(self, name: str, reset_settings: bool, layers: UInt16) -> None:
        with self._simulation.world():
            try:
                self._simulation.load(name, reset_settings=reset_settings)
            except MapError as error:
                raise Refused(str(error)) from error
            with self._simulation.world() as episode:
                if layers != ALL_LAYERS:
                    episode.show_layers(ALL_LAYERS & ~layers, False)

    def _keep_opendrive(self, text: str, parameters: OpendriveGenerationParameters) -> None:
        self._simulation.maps.keep_text(text, parameters)

    def _episode_info(self) -> EpisodeInfo:
        with self._simulation.world() as episode:
            return EpisodeInfo(episode.id, StreamToken(self._streams.token(SNAPSHOT_STREAM)))

    def _definitions(self) -> tuple[ActorDefinition, ...]:
        return tuple(blueprint.definition for blueprint in library().values())

    def _settings(self) -> tuple[Any, ...]:
        self._simulation.await_map()
        return self._simulation.settings.told()  # they change as a whole, so nobody need wait for the end of a frame

    def _set_settings(self, settings: EpisodeSettings) -> int:
        possible = 1 <= settings.max_substeps <= MAX_SUBSTEPS and settings.max_substep_delta_time > 0.0
        if settings.substepping and not possible:
            steps = f"{settings.max_substeps} steps of {settings.max_substep_delta_time:g} s"
            raise refusal("set_episode_settings", f"{steps}: expected 1 to {MAX_SUBSTEPS} of more than 0 s")
        return self._simulation.apply_settings(settings)

    def _apply_batch(self, batch: tuple[Command, ...], do_tick: bool) -> Bare:
        with self._simulation.world() as episode:
            answers = commands.apply(episode, batch)
            if do_tick:
                self._simulation.cue()
            return Bare(answers)


def map_info(episode: Episode) -> MapInfo:
    """The map's name and where vehicles may be spawned."""
    return episode.map_info


def map_data(episode: Episode) -> str:
    """The map as OpenDRIVE text."""
    return episode.town.opendrive


def required_files(episode: Episode, folder: str) -> tuple[str, ...]:
    """The files a client should fetch for this map."""
    return episode.town.required_files(folder)


def request_file(episode: Episode, name: str) -> bytes:
    """One of those files."""
    try:
        return episode.town.file(name)
    except MapError as error:
        raise Refused(str(error)) from error


def navigation_mesh(episode: Episode) -> bytes:
    """Where pedestrians walk."""
    return episode.town.navigation_mesh()


def weather(episode: Episode) -> WeatherParameters:
    """The weather and the sun."""
    return episode.weather


def set_weather(episode: Episode, wanted: WeatherParameters) -> None:
    """Set the weather and the sun."""
    episode.weather = wanted


def sensed_gravity(episode: Episode) -> float:
    """What accelerometers feel at rest, m/s²."""
    return episode.gravity_mps2


def set_sensed_gravity(episode: Episode, gravity_mps2: float) -> None:
    """Set what accelerometers feel at rest."""
    episode.gravity_mps2 = gravity_mps2


CALLS: Mapping[str, Handler] = {
    "get_map_info": map_info,
    "get_map_data": map_data,
    "get_required_files": required_files,
    "request_file": request_file,
    "get_navigation_mesh": navigation_mesh,
    "get_weather_parameters": weather,
    "set_weather_parameters": set_weather,
    "get_imui_gravity": sensed_gravity,
    "set_imui_gravity": set_sensed_gravity,
}
