"""What a scenario file and a rig file may say.

These models are the edge: what passes them is typed and within limits.  Every number may be given as itself, as a
distribution, or as an expression over the file's parameters (``quantity``); drawing turns each model here into the
dataclass of the same name in ``concrete``, field by field, so the two must keep the same field names (a test says so).

The limits are generous where physics is and tight where cost is: they keep a slip of the pen, or a stranger's file,
from asking for a million actors.
"""

from __future__ import annotations

from typing import Annotated, Any, Self, get_args

from pydantic import ConfigDict, Field, FiniteFloat, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from scanyard.scenario.concrete import Behaviour, Ingredient, Kind, RoadKind
from scanyard.scenario.quantity import Bounds, ExpressionText, Parameter, Quantity
from scanyard.scenario.strict import FILE_PATH, Strict

KINDS: tuple[str, ...] = get_args(Kind)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
FilePath = Annotated[str, StringConstraints(pattern=FILE_PATH, max_length=200)]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
Reference = Annotated[str, StringConstraints(pattern=r"^\$[A-Za-z][A-Za-z0-9_]*$", max_length=65)]

Metres = Annotated[Quantity, Bounds(-500, 500)]
OptionalMetres = Annotated[Quantity | SkipJsonSchema[None], Bounds(-500, 500)]
Speed = Annotated[Quantity, Bounds(0, 70)]
Percent = Annotated[Quantity, Bounds(0, 100)]
Degrees = Annotated[Quantity, Bounds(-360, 360)]


def _require_nothing(schema: dict[str, Any]) -> None:
    schema.pop("required", None)


# A file with `extends` may leave to the other file what these models require, so their schema requires nothing.
_MERGED = ConfigDict(json_schema_extra=_require_nothing)


class World(Strict):
    """Where it happens."""

    model_config = _MERGED

    map: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="Name of a map in maps/ beside the scenarios, a CARLA town such as Town04, or the path of an .xodr."
    )
    style: Annotated[Quantity, Bounds(0, 2**31 - 1, whole=True)] = Field(
        default=0, description="Seed of the procedural scenery: buildings, trees, colours, parked cars."
    )
    parked_share: Annotated[Quantity, Bounds(0, 1)] = Field(
        default=0.5, description="Share of kerbside places taken by parked cars, 0 to 1."
    )
    road: RoadKind = Field(default="any", description="What the ego's route must contain.")
    without: list[Ingredient] = Field(
        default=[], description="Ingredients of realism to leave out, to measure what each is worth."
    )


class Weather(Strict):
    """CARLA's weather, in its units."""

    sun_altitude_deg: Annotated[Quantity, Bounds(-90, 90)] = Field(
        default=45.0, description="Height of the sun above the horizon in degrees; below zero it is night."
    )
    sun_azimuth_deg: Degrees = Field(default=60.0, description="Compass direction of the sun in degrees.")
    cloudiness: Percent = Field(default=20.0, description="Cloud cover in percent.")
    precipitation: Percent = Field(default=0.0, description="Rain in percent.")
    wetness: Percent = Field(default=0.0, description="How wet the road is, in percent.")
    fog_density: Percent = Field(default=0.0, description="Fog in percent.")
    fog_distance_m: Annotated[Quantity, Bounds(0, 10_000)] = Field(
        default=0.0, description="Distance at which the fog begins, metres."
    )


class Ego(Strict):
    """How the ego vehicle drives: along its lane, slowing for whatever is in its way."""

    model_config = _MERGED

    speed_mps: Speed = Field(description="Speed it wants to drive at, metres per second.")
    max_brake_mps2: Annotated[Quantity, Bounds(0.5, 12)] = Field(
        default=6.0, description="Hardest braking, metres per second squared."
    )


class Actor(Strict):
    """One thing that happens."""

    name: Name = Field(description="Its name; different from every other actor's.")
    kind: Kind | Reference = Field(
        description="What it is; or $parameter, a parameter that is a choice of such words.", union_mode="left_to_right"
    )
    behaviour: Behaviour = Field(
        description="How it moves: stand; drive along the road; cut_in to lateral_to_m; oncoming in its own lane; "
        "wrong_way towards the ego; cross the road to lateral_to_m; turn_across the ego's path from the other way."
    )
    ahead_m: Metres = Field(description="Metres along the ego's route, from where the ego starts.")
    lateral_m: Metres = Field(description="Metres left of the ego lane's centre; to the right is negative.")
    heading_deg: Degrees = Field(
        default=0.0,
        description="Degrees to the left, relative to the route; for stand only, the others face where they go.",
    )
    speed_mps: Speed = Field(default=0.0, description="Metres per second.")
    lateral_to_m: OptionalMetres = Field(
        default=None, description="Where cross and cut_in end: metres left of the ego lane's centre."
    )
    trigger_gap_m: Annotated[Quantity | SkipJsonSchema[None], Bounds(0, 500)] = Field(
        default=None,
        description="The manoeuvre begins when the ego's front is this many metres away along the route; "
        "at once when left out.",
    )
    manoeuvre_s: Annotated[Quantity, Bounds(0.2, 30)] = Field(
        default=2.0, description="How many seconds a lane change or a turn takes."
    )
    count: Annotated[Quantity, Bounds(1, 20, whole=True)] = Field(
        default=1, description="How many of them, side by side and slightly scattered: a group."
    )

    @model_validator(mode="after")
    def _fits_behaviour(self) -> Self:
        has_end = self.behaviour in ("cross", "cut_in")
        if has_end and self.lateral_to_m is None:
            raise ValueError(f"{self.behaviour} has no lateral_to_m; expected where it ends")
        if not has_end and self.lateral_to_m is not None:
            raise ValueError(f"found lateral_to_m with {self.behaviour}; expected it with cross and cut_in only")
        if self.behaviour == "stand" and self.speed_mps != 0.0:
            raise ValueError("found speed_mps with stand; expected a behaviour that moves, or no speed")
        if self.behaviour != "stand" and self.speed_mps == 0.0:
            raise ValueError(f"{self.behaviour} has no speed_mps; expected one above zero")
        if self.behaviour != "stand" and self.heading_deg != 0.0:
            raise ValueError(f"found heading_deg with {self.behaviour}; expected it with stand only")
        if self.behaviour not in ("cross", "cut_in", "turn_across") and self.trigger_gap_m is not None:
            raise ValueError(
                f"found trigger_gap_m with {self.behaviour}; expected it with cross, cut_in and turn_across only"
            )
        return self


class Traffic(Strict):
    """Ambient road users."""

    vehicles: Annotated[Quantity, Bounds(0, 100, whole=True)] = Field(default=0, description="Moving vehicles.")
    pedestrians: Annotated[Quantity, Bounds(0, 100, whole=True)] = Field(default=0, description="People on foot.")
    cyclists: Annotated[Quantity, Bounds(0, 100, whole=True)] = Field(default=0, description="People on bicycles.")


class Recording(Strict):
    """How much is recorded."""

    rate_hz: Annotated[Quantity, Bounds(1, 40)] = Field(
        default=10.0, description="Frames per second; a spinning LiDAR turns once per frame."
    )
    duration_s: Annotated[Quantity, Bounds(0.025, 120)] = Field(default=4.0, description="Seconds recorded.")
    cameras: bool = Field(
        default=True,
        description="Whether cameras are rendered; labels use their geometry either way.",
    )


class Exposure(Strict):
    """How often the situation happens, so that scores of rare situations can be weighed by it."""

    model_config = _MERGED

    per_hour: FiniteFloat = Field(
        gt=0,
        le=3600,
        description="Times an hour of driving, in the traffic that weighted scores are to stand for.",
    )
    source: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        description="Where the figure comes from: a publication, a count of your own, or the word estimate."
    )


class ScenarioFile(Strict):
    """A rare situation on the road: where it happens, who does what, and what is left to chance."""

    name: Name = Field(description="Name of the scenario; sequences are named after it.")
    description: Prose = Field(description="What happens, in a sentence or two.")
    extends: FilePath | SkipJsonSchema[None] = Field(
        default=None,
        description="Another file, relative to this one, whose content this one adds to: mappings merge, lists and "
        "distributions are replaced.",
    )
    tags: list[Name] = Field(default_factory=list, max_length=50, description="Words to find it by.")
    parameters: dict[ParameterName, Parameter] = Field(
        default_factory=dict,
        max_length=100,
        description="Values drawn once per seed, each from its own random stream, so that adding one never "
        "reshuffles another. Usable in every number as $name or in an expression.",
    )
    require: list[ExpressionText] = Field(
        default_factory=list,
        max_length=50,
        description="Conditions on parameters, such as gap_m / ego_speed_mps > 1.2; all are drawn until all hold.",
    )
    max_draws: int = Field(
        default=200, ge=1, le=10_000, description="How often to draw before giving up on the conditions."
    )
    world: World = Field(description="Where it happens.")
    rig: FilePath = Field(description="The sensors: a rig file, relative to the file that says so.")
    recording: Recording = Field(default_factory=Recording, description="How much is recorded.")
    weather: Weather = Field(default_factory=Weather, description="Sun, clouds, rain and fog.")
    ego: Ego = Field(description="The vehicle that carries the sensors.")
    actors: list[Actor] = Field(default_factory=list, max_length=50, description="Who does what.")
    traffic: Traffic = Field(
        default_factory=Traffic, description="Ambient road users, placed where they are in nobody's way."
    )
    exposure: Exposure | SkipJsonSchema[None] = Field(
        default=None,
        description="How often the situation happens in traffic; scanyard evaluate --weights exposure weighs by it. "
        "It changes nothing of what is recorded, and what is recorded keeps the figure of its day.",
    )


class Mount(Strict):
    """Where a sensor sits: its position and turn relative to the rear axle's centre projected to the ground."""

    x_m: FiniteFloat = Field(ge=-20, le=20, description="Metres ahead of the rear axle.")
    y_m: FiniteFloat = Field(ge=-20, le=20, description="Metres left of the vehicle's middle.")
    z_m: FiniteFloat = Field(ge=0, le=20, description="Metres above the ground.")
    roll_deg: FiniteFloat = Field(default=0.0, ge=-180, le=180, description="Degrees; positive lifts the left side.")
    pitch_deg: FiniteFloat = Field(default=0.0, ge=-90, le=90, description="Degrees; positive turns the nose down.")
    yaw_deg: FiniteFloat = Field(default=0.0, ge=-180, le=180, description="Degrees; positive turns to the left.")


class LidarFile(Mount):
    """A spinning LiDAR."""

    name: Name = Field(description="Its name on the vehicle.")
    profile: Name = Field(description="Sensor profile that gives beams, range and noise, such as hdl64e.")
    rotation_hz: FiniteFloat | SkipJsonSchema[None] = Field(
        default=None,
        gt=0,
        le=40,
        description="Turns per second; a full turn per frame, so the recording's rate_hz, also when left out.",
    )


class CameraFile(Mount):
    """A pinhole camera with square pixels."""

    name: Name = Field(description="Its name on the vehicle.")
    width_px: int = Field(ge=16, le=8192, description="Pixels across.")
    height_px: int = Field(ge=16, le=8192, description="Pixels down.")
    focal_px: FiniteFloat = Field(gt=1, le=100_000, description="Focal length in pixels.")
    center_u_px: FiniteFloat | SkipJsonSchema[None] = Field(
        default=None, ge=0, le=8192, description="Principal point, pixels from the left; the middle when left out."
    )
    center_v_px: FiniteFloat | SkipJsonSchema[None] = Field(
        default=None, ge=0, le=8192, description="Principal point, pixels from the top; the middle when left out."
    )


class RigFile(Strict):
    """The sensors of one vehicle."""

    name: Name = Field(description="Name of the rig.")
    description: Prose | SkipJsonSchema[None] = Field(default=None, description="Where its figures come from.")
    extends: FilePath | SkipJsonSchema[None] = Field(
        default=None, description="Another rig file, relative to this one: mappings merge, lists are replaced."
    )
    lidars: list[LidarFile] = Field(default_factory=list, max_length=8, description="Spinning LiDARs.")
    cameras: list[CameraFile] = Field(default_factory=list, max_length=16, description="Cameras.")
