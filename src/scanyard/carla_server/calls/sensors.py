"""Calls about sensors: where their data comes from, and their switches."""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.calls.addressing import refusal
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.protocol.wire import ActorId, Refused, StreamId, StreamToken, UInt32
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.simulation import SNAPSHOT_STREAM, Simulation
from scanyard.carla_server.world.switches import GBUFFER_KINDS


class SensorCalls:
    """The calls that open streams."""

    def __init__(self, simulation: Simulation, streams: StreamServer) -> None:
        self._simulation = simulation
        self._streams = streams

    def by_name(self) -> Mapping[str, Handler]:
        """Every call by its name in the protocol."""
        return {"get_sensor_token": self._token, "get_gbuffer_token": self._gbuffer_token}

    def _token(self, stream_id: StreamId) -> StreamToken:
        """Where to read a stream; the next frame is held until its reader has come."""
        if stream_id != SNAPSHOT_STREAM:
            with self._simulation.world() as episode:
                _streaming(episode, stream_id)
        self._streams.expect(stream_id)
        return StreamToken(self._streams.token(stream_id))

    def _gbuffer_token(self, actor_id: ActorId, gbuffer_id: UInt32) -> bytes:
        """Where to read a camera's G-buffer; this one token travels without a struct around it."""
        with self._simulation.world() as episode:
            camera = _camera(episode, actor_id, "get_gbuffer_token")
            if gbuffer_id not in GBUFFER_KINDS:
                offered = ", ".join(map(str, GBUFFER_KINDS))
                raise refusal("get_gbuffer_token", f"this server makes the G-buffers {offered}, not {gbuffer_id}")
            switches = episode.switches.touch(camera.id)
            switches.has_gbuffers = True
            stream_id = switches.gbuffers.get(gbuffer_id) or episode.open_stream()
            switches.gbuffers[gbuffer_id] = stream_id
        self._streams.expect(stream_id)
        return self._streams.token(stream_id)


def enable_gbuffers(episode: Episode, actor_id: ActorId, enabled: bool) -> None:
    """Switch a camera's G-buffers on or off."""
    episode.switches.touch(_camera(episode, actor_id, "enable_gbuffers").id).has_gbuffers = enabled


def are_gbuffers_enabled(episode: Episode, actor_id: ActorId) -> bool:
    """Whether a camera's G-buffers are on."""
    return episode.switches.of(episode.living_or_dead(actor_id, "are_gbuffers_enabled").id).has_gbuffers


def ignore_vehicles(episode: Episode, actor_id: ActorId, ignored: tuple[ActorId, ...]) -> None:
    """Let a sensor see all but these."""
    sensor = episode.actor(actor_id, "set_ignored_vehicles")
    episode.switches.touch(sensor.id).ignored_ids = frozenset(ignored)


def enable_ros(episode: Episode, stream_id: StreamId) -> None:
    """Switch a sensor's ROS topic on; nothing is published, as no ROS is on board."""
    episode.switches.touch(_streaming(episode, stream_id).id).is_on_ros = True


def disable_ros(episode: Episode, stream_id: StreamId) -> None:
    """Switch a sensor's ROS topic off."""
    episode.switches.touch(_streaming(episode, stream_id).id).is_on_ros = False


def is_ros_enabled(episode: Episode, stream_id: StreamId) -> bool:
    """Whether a sensor's ROS topic is on."""
    return episode.switches.of(_streaming(episode, stream_id).id).is_on_ros


def annotate_through_glass(episode: Episode, enabled: bool) -> None:
    """Let semantic pictures show what is behind glass, or the glass."""
    episode.switches.annotates_through_glass = enabled


def send(episode: Episode, actor_id: ActorId, _message: str) -> None:
    """Refuse to send a message from vehicle to vehicle."""
    episode.actor(actor_id, "send")
    raise refusal("send", "this server carries no V2X messages")


def _streaming(episode: Episode, stream_id: int) -> Actor:
    """The sensor that writes to a stream.

    One that is gone is refused a reader: nobody would come, and every frame would wait for nobody.
    """
    found = next((one for one in episode.actors.values() if one.stream_id == stream_id), None) if stream_id else None
    if found is None:
        raise Refused(f"unable to find stream {stream_id}: its sensor was destroyed, or never was")
    return found


def _camera(episode: Episode, actor_id: int, call: str) -> Actor:
    actor = episode.actor(actor_id, call)
    if not actor.type_id.startswith("sensor.camera."):
        raise refusal(call, f"actor {actor_id} is {actor.type_id}, not a camera")
    return actor


CALLS: Mapping[str, Handler] = {
    "enable_gbuffers": enable_gbuffers,
    "are_gbuffers_enabled": are_gbuffers_enabled,
    "set_ignored_vehicles": ignore_vehicles,
    "enable_sensor_for_ros": enable_ros,
    "disable_sensor_for_ros": disable_ros,
    "is_sensor_enabled_for_ros": is_ros_enabled,
    "set_annotations_traverse_translucency": annotate_through_glass,
    "send": send,
}
