"""The values that travel in RPC calls: CARLA 0.9.16's structs as named tuples, and the msgpack rules around them.

A struct travels as the array of its fields in the order given here, so a named tuple packs as it is.  What a stranger
gets wrong is the client's strictness: nil is no empty optional, 0 is no bool, 1.0 is no integer, and a list of
integers is no byte string; each raises ``std::bad_cast`` in the user's script.  Trailing fields may be missing (they
keep their defaults) and extra ones are ignored.  All values are in CARLA's left-handed frame: metres, degrees,
x forward, y right, z up.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

SERVER_VERSION = "0.9.16"
"""The version whose client is spoken to; ``layouts`` has a row for it."""


class WireError(ValueError):
    """A value from the client does not have the form its place in the protocol asks for."""


class Refused(Exception):
    """A call that cannot be done; the message reaches the user as a RuntimeError."""


class Within(NamedTuple):
    """The range of an integer, both ends included."""

    low: int
    high: int


FLOAT32_MAX = 3.4028234e38
"""What a number on the wire may be at most: clients keep it in single precision."""

# What one client may set another may read, and its decoder aborts the process on an integer that does not fit.
UInt8 = Annotated[int, Within(0, 2**8 - 1)]
UInt16 = Annotated[int, Within(0, 2**16 - 1)]
UInt32 = Annotated[int, Within(0, 2**32 - 1)]
Int32 = Annotated[int, Within(-(2**31), 2**31 - 1)]
UInt64 = Annotated[int, Within(0, 2**64 - 1)]
ActorId = UInt32
StreamId = UInt32


# --- structs ---------------------------------------------------------------------------------------------------------


class Vector3D(NamedTuple):
    """A location, extent, velocity or direction."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


class Rotation(NamedTuple):
    """Degrees; yaw turns x towards y, that is clockwise seen from above; positive pitch lifts the nose."""

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0


class Transform(NamedTuple):
    """Where something is, in the world or relative to its parent."""

    location: Vector3D = Vector3D()
    rotation: Rotation = Rotation()


class BoundingBox(NamedTuple):
    """A box; ``location`` is relative to the actor, or in the world for scenery; ``extent`` is half sizes."""

    location: Vector3D = Vector3D()
    extent: Vector3D = Vector3D()
    rotation: Rotation = Rotation()
    actor_id: int = 0


class StreamToken(NamedTuple):
    """The 24 bytes of ``packets.token``, wrapped as a struct."""

    data: bytes


class EpisodeInfo(NamedTuple):
    """Which world is loaded, and the stream of its snapshots."""

    episode_id: int
    token: StreamToken


class MapInfo(NamedTuple):
    """The loaded map's name and the recommended spawn points."""

    name: str
    spawn_points: tuple[Transform, ...] = ()


class OptionalFloat(NamedTuple):
    """``(False,)`` or ``(True, value)``: how an optional travels."""

    present: bool = False
    value: float = 0.0

    def get(self) -> float | None:
        """The value, or None."""
        return self.value if self.present else None


class EpisodeSettings(NamedTuple):
    """How the world advances."""

    synchronous_mode: bool = False
    no_rendering_mode: bool = False
    fixed_delta: OptionalFloat = OptionalFloat()
    """Seconds per frame; 0 counts as missing, as in the reference server."""
    substepping: bool = True
    max_substep_delta_time: float = 0.01
    max_substeps: Int32 = 10
    max_culling_distance: float = 0.0
    deterministic_ragdolls: bool = True
    tile_stream_distance: float = 3000.0
    actor_active_distance: float = 2000.0
    spectator_as_ego: bool = True

    @property
    def fixed_delta_s(self) -> float | None:
        """Seconds per frame, or None where frames take as long as they take."""
        return self.fixed_delta.get() or None

    def told(self) -> tuple[Any, ...]:
        """The fields for a client, which would read ``(False, 0.0)`` as a step of 0 s, and wait for it."""
        at = self._fields.index("fixed_delta")
        return (*self[:at], (False,) if self.fixed_delta_s is None else self.fixed_delta, *self[at + 1 :])


class WeatherParameters(NamedTuple):
    """Weather and sun; percentages are 0 to 100; the defaults are CARLA's ClearNoon."""

    cloudiness: float = 5.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 10.0
    sun_azimuth_angle: float = -1.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 2.0
    fog_distance: float = 0.75
    fog_falloff: float = 0.1
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0


BOOL, INT, FLOAT, STRING, RGB_COLOR = 1, 2, 3, 4, 5
ATTRIBUTE_TYPES = {"bool": BOOL, "int": INT, "float": FLOAT, "string": STRING, "color": RGB_COLOR}


class ActorAttribute(NamedTuple):
    """One attribute a blueprint offers; every value is a string, whatever its type."""

    id: str
    type: int
    value: str
    recommended_values: tuple[str, ...] = ()
    is_modifiable: bool = True
    restrict_to_recommended: bool = False


class ActorDefinition(NamedTuple):
    """A blueprint."""

    uid: int
    id: str
    tags: str
    attributes: tuple[ActorAttribute, ...] = ()


class ActorAttributeValue(NamedTuple):
    """One attribute of an actor."""

    id: str
    type: UInt8
    value: str


class ActorDescription(NamedTuple):
    """What to spawn; all the blueprint's attributes come back, changed or not."""

    uid: UInt32
    id: str
    attributes: tuple[ActorAttributeValue, ...] = ()


class Actor(NamedTuple):
    """An actor as a client learns it, once per episode; pose and motion come with the snapshots."""

    id: int
    parent_id: int
    description: ActorDescription
    bounding_box: BoundingBox
    semantic_tags: bytes
    stream_token: bytes
    """24 bytes for a sensor that streams, else none: this is how the client tells them apart."""


class VehicleControl(NamedTuple):
    """Pedals, wheel and gear."""

    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    manual_gear_shift: bool = False
    gear: Int32 = 0


class VehicleAckermannControl(NamedTuple):
    """Wanted steering angle and speed."""

    steer: float = 0.0
    steer_speed: float = 0.0
    speed: float = 0.0
    acceleration: float = 0.0
    jerk: float = 0.0


class WalkerControl(NamedTuple):
    """Where a walker goes: direction in the world, speed in m/s."""

    direction: Vector3D = Vector3D(1.0, 0.0, 0.0)
    speed: float = 0.0
    jump: bool = False


class VehicleLightState(NamedTuple):
    """Bits: 1 position, 2 low beam, 4 high beam, 8 brake, 16 right, 32 left, 64 reverse, 128 fog, 256 interior."""

    flags: UInt32 = 0


class LightState(NamedTuple):
    """A street light; ``group`` is 0 none, 1 vehicle, 2 street, 3 building, 4 other."""

    id: UInt32
    location: Vector3D
    intensity: float
    group: UInt8
    color: tuple[UInt8, UInt8, UInt8]
    active: bool


class EnvironmentObject(NamedTuple):
    """A piece of scenery."""

    transform: Transform
    bounding_box: BoundingBox
    id: int
    name: str
    label: int


class LabelledPoint(NamedTuple):
    """Where a ray hit, and the semantic label of what it hit."""

    location: Vector3D
    label: int


class OpendriveGenerationParameters(NamedTuple):
    """How a mesh is made from an OpenDRIVE text; accepted, and without effect on the procedural scenery."""

    vertex_distance: float = 2.0
    max_road_length: float = 50.0
    wall_height: float = 1.0
    additional_width: float = 0.6
    smooth_junctions: bool = True
    enable_mesh_visibility: bool = True
    enable_pedestrian_navigation: bool = True


class OptionalId(NamedTuple):
    """``(False,)`` or ``(True, actor id)``."""

    present: bool = False
    value: ActorId = 0


class SpawnActor(NamedTuple):
    """The first command of ``apply_batch``; its ``do_after`` commands name actor 0 for the one it spawns."""

    description: ActorDescription
    transform: Transform
    parent: OptionalId = OptionalId()
    attachment: int = 0
    """Uninitialised bytes where there is no parent."""
    socket_name: str = ""
    do_after: tuple[Command, ...] = ()


class Command(NamedTuple):
    """One command of ``apply_batch``: a variant, wrapped as a struct."""

    variant: tuple[int, list[Any]]
    """Index of the command, and its fields as they came."""


# --- answers ---------------------------------------------------------------------------------------------------------

DONE: tuple[Any, ...] = ((False,),)
"""``Response<void>``, without error."""


def value(result: Any) -> tuple[Any, ...]:
    """``Response<T>`` holding ``result``."""
    return ((1, result),)


def refusal(message: str, *, void: bool = False) -> tuple[Any, ...]:
    """``Response<T>`` (or ``Response<void>``) holding an error, whose text the user sees as a RuntimeError."""
    return ((True, (message,)),) if void else ((0, (message,)),)
