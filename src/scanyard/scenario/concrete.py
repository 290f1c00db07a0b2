"""A scenario after drawing: every value fixed, nothing random left.

Positions of actors are given along the ego's route: ``ahead_m`` metres from where the ego starts, ``lateral_m`` metres
to the left of the ego lane's centre.  ``sim.choreography`` turns them into poses, the same way for every server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from scanyard.sensors import Rig

Kind = Literal[
    "car", "van", "truck", "bus", "motorcyclist", "cyclist", "adult", "child", "cargo",
]  # fmt: skip
"""What an actor is; the driver picks a blueprint of that kind from whatever the server offers."""

Behaviour = Literal["stand", "drive", "cut_in", "oncoming", "wrong_way", "cross", "turn_across"]
"""How an actor moves; ``sim.choreography`` has one function per behaviour."""

KEPT_RIGS = 16
"""Rigs whose JSON is kept: scenarios that are drawn together have a few rigs among them."""

RoadKind = Literal["any", "straight", "curve", "crest", "junction"]


Ingredient = Literal["clutter", "glass", "variety", "sizes", "beam_table", "noise"]
INGREDIENTS: dict[Ingredient, str] = {
    "clutter": "all that stands beside the road but parked vehicles",
    "glass": "windows a LiDAR sees through",
    "variety": "body types and variants of cars: all are one hatchback, or one van",
    "sizes": "the measured sizes of cars: they are 10 % too long, 8 % too wide and 2 % too low",
    "beam_table": "the measured elevation and height of each beam: each laser block is evenly spaced, from one centre",
    "noise": "everything a sensor profile does to ideal returns: drop-out, noise, intensity",
}


@dataclass(frozen=True)
class World:
    """Where it happens."""

    map: str
    """A map of ours (a file in ``scenarios/maps``) or a CARLA town."""
    style: int
    """Seed of the procedural scenery; servers with fixed scenery ignore it."""
    parked_share: float
    """Share of kerbside places taken by parked cars, 0 to 1; servers with fixed scenery ignore it."""
    road: RoadKind
    """What the ego's route must contain."""
    without: tuple[Ingredient, ...] = ()
    """Ingredients of realism left out, to measure what each is worth; ``INGREDIENTS`` says what they are."""


@dataclass(frozen=True)
class Weather:
    """CARLA's weather, in its units; percentages are 0 to 100."""

    sun_altitude_deg: float = 45.0
    """Below zero it is night."""
    sun_azimuth_deg: float = 60.0
    cloudiness: float = 20.0
    precipitation: float = 0.0
    wetness: float = 0.0
    fog_density: float = 0.0
    fog_distance_m: float = 0.0

    @property
    def kind(self) -> str:
        """In a word or two, to sort scores by: clear, fog, rain, with night where the sun is down.

        From 10 on fog and rain can be told in CARLA's pictures.
        """
        kinds = [
            ("fog", self.fog_density >= 10),
            ("rain", self.precipitation >= 10),
            ("night", self.sun_altitude_deg < 0),
        ]
        return ", ".join(name for name, so in kinds if so) or "clear"


@dataclass(frozen=True)
class Ego:
    """How the ego vehicle drives: along its lane at ``speed_mps``, slowing for whatever is in its way."""

    speed_mps: float
    max_brake_mps2: float = 6.0


@dataclass(frozen=True)
class Actor:
    """One thing that happens."""

    name: str
    kind: Kind
    behaviour: Behaviour
    ahead_m: float
    """Along the ego's route, from where the ego starts."""
    lateral_m: float
    """Left of the ego lane's centre; ``oncoming``, ``turn_across`` take the nearest opposite lane if there is one."""
    heading_deg: float = 0.0
    """Relative to the route, positive to the left; for ``stand`` only, the others face where they go."""
    speed_mps: float = 0.0
    lateral_to_m: float | None = None
    """Where ``cross`` and ``cut_in`` end, left of the ego lane's centre."""
    trigger_gap_m: float | None = None
    """The manoeuvre begins when the ego's front is this close along the route; ``None`` begins at once."""
    manoeuvre_s: float = 2.0
    """How long a lane change or a turn takes."""
    count: int = 1
    """How many of them, side by side and slightly scattered: a group."""


@dataclass(frozen=True)
class Traffic:
    """Ambient road users, placed by the choreography."""

    vehicles: int = 0
    pedestrians: int = 0
    cyclists: int = 0


@dataclass(frozen=True)
class Recording:
    """How much is recorded."""

    rate_hz: float
    duration_s: float
    cameras: bool = True
    """Whether cameras are rendered; labels use their geometry either way."""

    @property
    def num_frames(self) -> int:
        """Frames recorded."""
        return max(1, round(self.rate_hz * self.duration_s))


@dataclass(frozen=True)
class Exposure:
    """How often the situation happens in traffic."""

    per_hour: float
    """Times an hour of driving."""
    source: str
    """Where the figure comes from; ``estimate`` where somebody put it down."""


@dataclass(frozen=True)
class SourceFile:
    """A YAML file that a scenario is written in."""

    path: str
    """As the user named it, or the file that names it."""
    line: int
    """Where its content begins, from 1."""
    sha256: str
    """Of its bytes, as they were read."""


@dataclass(frozen=True)
class ConcreteScenario:
    """Everything a simulator needs to play one scenario once."""

    name: str
    seed: int
    world: World
    weather: Weather
    ego: Ego
    actors: tuple[Actor, ...]
    traffic: Traffic
    recording: Recording
    rig: Rig
    parameters: Mapping[str, float | int | str] = field(default_factory=dict)
    """The drawn values, by name."""
    tags: tuple[str, ...] = ()
    source: str = ""
    """The YAML file, as given; not part of the digest."""
    files: tuple[SourceFile, ...] = ()
    """The same, what it extends, the rig and what that extends; not part of the digest."""
    exposure: Exposure | None = None
    """Not part of the digest either: another estimate changes no frame."""

    def to_dict(self) -> dict[str, Any]:
        """All that decides the outcome, as JSON values."""
        return {
            "name": self.name,
            "seed": self.seed,
            "world": asdict(self.world),
            "weather": asdict(self.weather),
            "ego": asdict(self.ego),
            "actors": [asdict(actor) for actor in self.actors],
            "traffic": asdict(self.traffic),
            "recording": asdict(self.recording),
            "rig": self.rig.to_dict(),
            "parameters": dict(self.parameters),
            "tags": list(self.tags),
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of ``to_dict``, put together with the rig's, which many scenarios share."""
        before = {
            "actors": [vars(actor) for actor in self.actors],
            "ego": vars(self.ego),
            "name": self.name,
            "parameters": dict(self.parameters),
            "recording": vars(self.recording),
        }
        after = {
            "seed": self.seed,
            "tags": self.tags,
            "traffic": vars(self.traffic),
            "weather": vars(self.weather),
            "world": vars(self.world),
        }
        canonical = f'{_canonical(before)[:-1]},"rig":{_rig_text(self.rig)},{_canonical(after)[1:]}'
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def sequence_name(self) -> str:
        """The name of the sequence it is recorded as: scenario, digest prefix, seed."""
        return f"{self.name}-{self.digest[:8]}-{self.seed:04d}"


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode

_rig_texts: list[tuple[Rig, str]] = []


def _rig_text(rig: Rig) -> str:
    """Canonical JSON of a rig; those of the last few are kept, by identity: they hold arrays, and so have no hash."""
    for known, text in _rig_texts:
        if known is rig:
            return text
    text = _canonical(rig.to_dict())
    _rig_texts.insert(0, (rig, text))
    del _rig_texts[KEPT_RIGS:]
    return text
