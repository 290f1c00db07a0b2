"""Where every actor is at every tick, computed before the first one.

A scenario speaks in metres along the ego's route and metres to its left; the route comes from the map.  One function
per behaviour turns an actor into a path in those coordinates, ambient traffic is added wherever it collides with
nothing, and the route lifts all of it into the world.  The same input gives the same trajectories on every server.

What a stranger would get wrong: the ego brakes for the staged actors only.  Ambient traffic yields to both by not
being placed where it would touch them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from scanyard.geometry import FloatArray
from scanyard.randomness import stream
from scanyard.roads import RoadMap, Route
from scanyard.scenario.concrete import Actor, ConcreteScenario, Ego, Kind

SIGHT_M = 110.0
"""How much road is wanted ahead of where the ego ends: what an HDL-64E can see of a car, and some."""
EGO_LENGTH_M, EGO_WIDTH_M, EGO_HEIGHT_M = 4.77, 1.84, 1.49  # KITTI's recording car was an estate of this size
REAR_AXLE_M = 1.35
"""How far the rear axle, our ego origin, lies behind the middle of the car."""
EGO_FRONT_M = EGO_LENGTH_M / 2 + REAR_AXLE_M
SUBSTEP_S = 0.02
"""Step of the ego's car-following; fine enough that braking does not depend on the recording rate."""

TYPICAL_SIZE_M: dict[Kind, tuple[float, float, float]] = {
    # length, width, height: what placement assumes before the server has told real sizes
    "car": (4.1, 1.7, 1.55),
    "van": (5.2, 1.95, 2.2),
    "truck": (9.0, 2.6, 3.2),
    "bus": (11.0, 2.6, 3.2),
    "motorcyclist": (2.2, 0.8, 1.7),
    "cyclist": (1.8, 0.6, 1.75),
    "adult": (0.8, 0.65, 1.78),
    "child": (0.6, 0.5, 1.2),
    "cargo": (1.0, 0.9, 0.7),
}


@dataclass(frozen=True)
class Track:
    """One actor through T frames."""

    name: str
    kind: Kind
    world_from_actor: FloatArray
    """(T, 4, 4); the origin is on the ground under the middle of the actor."""
    velocity_mps: FloatArray
    """(T, 3) over ground, world axes."""
    staged: bool
    """Whether the scenario asked for it by name; otherwise it is ambient traffic."""


@dataclass(frozen=True)
class Choreography:
    """The whole scenario in motion, right-handed world metres."""

    route: Route
    timestamps_ns: tuple[int, ...]
    world_from_ego: FloatArray
    """(T, 4, 4) of the ego origin, the rear axle's centre on the ground."""
    ego_velocity_mps: FloatArray
    """(T, 3) world axes."""
    tracks: tuple[Track, ...]


@dataclass(frozen=True)
class _Path:
    """An actor in route coordinates, one value per substep."""

    actor: Actor
    s_m: FloatArray
    lateral_m: FloatArray
    heading_rad: FloatArray

    @cached_property
    def extent_m(self) -> tuple[float, float, float, float]:
        """Least and greatest place along the route, least and greatest lateral place."""
        s, lateral = self.s_m, self.lateral_m
        return float(s.min()), float(s.max()), float(lateral.min()), float(lateral.max())


def choreograph(scenario: ConcreteScenario, road_map: RoadMap) -> Choreography:
    """Place and move everything; MapError when the map has no such road as the scenario wants."""
    recording = scenario.recording
    length_m = scenario.ego.speed_mps * recording.duration_s + SIGHT_M
    route = road_map.route(scenario.world.road, length_m, _stream(scenario, "route"))

    steps = int(np.ceil((recording.num_frames - 1) / recording.rate_hz / SUBSTEP_S)) + 1
    time_s = SUBSTEP_S * np.arange(steps, dtype=np.float64)
    members = [_in_its_lane(member, route) for actor in scenario.actors for member in _group(scenario, actor)]
    ego_s, paths = _rehearse(scenario, members, time_s)
    ego = _Path(_EGO, ego_s + REAR_AXLE_M, np.zeros(steps), np.zeros(steps))
    ambient = _ambient(scenario, route, time_s, [ego, *paths])

    frame_s = np.arange(recording.num_frames, dtype=np.float64) / recording.rate_hz
    tracks = [_track(path, route, time_s, frame_s, staged=True) for path in paths]
    tracks += [_track(path, route, time_s, frame_s, staged=False) for path in ambient]
    s = np.interp(frame_s, time_s, ego_s)
    return Choreography(
        route=route,
        timestamps_ns=tuple(round(t * 1e9) for t in frame_s),
        world_from_ego=route.pose(s, np.zeros_like(s)),
        ego_velocity_mps=_velocity(
            lambda t: route.pose(np.interp(t, time_s, ego_s), np.zeros_like(t)), frame_s, time_s[-1]
        ),
        tracks=tuple(tracks),
    )


_EGO = Actor(name="ego", kind="car", behaviour="drive", ahead_m=0.0, lateral_m=0.0)


def _stream(scenario: ConcreteScenario, *purpose: str | int) -> np.random.Generator:
    return stream("choreography", scenario.name, scenario.seed, *purpose)


def _group(scenario: ConcreteScenario, actor: Actor) -> list[Actor]:
    """The members of a group as single actors: abreast where they walk, slightly scattered."""
    if actor.count <= 1:
        return [actor]
    rng = _stream(scenario, "group", actor.name)
    members = []
    for i in range(actor.count):
        side = (i - (actor.count - 1) / 2) * 0.9
        members.append(
            replace(
                actor,
                name=f"{actor.name}_{i}",
                count=1,
                ahead_m=actor.ahead_m + side + rng.uniform(-0.2, 0.2),
                lateral_m=actor.lateral_m + rng.uniform(-0.8, 0.8),
                lateral_to_m=None if actor.lateral_to_m is None else actor.lateral_to_m + rng.uniform(-0.8, 0.8),
                speed_mps=actor.speed_mps * rng.uniform(0.85, 1.15),
            )
        )
    return members


def _in_its_lane(actor: Actor, route: Route) -> Actor:
    """Who comes towards us keeps to the nearest opposite lane, wherever this road has it; the wrong way is as asked."""
    if actor.behaviour not in ("oncoming", "turn_across") or route.oncoming_lateral_m is None:
        return actor
    return replace(actor, lateral_m=route.oncoming_lateral_m)


# --- behaviours: actor, substep times (K,), ego progress (K,) -> path ---------------------------------------------


def _stand(actor: Actor, time_s: FloatArray, _ego_s: FloatArray) -> _Path:
    still = np.ones_like(time_s)
    return _Path(actor, actor.ahead_m * still, actor.lateral_m * still, np.radians(actor.heading_deg) * still)


def _drive(actor: Actor, time_s: FloatArray, _ego_s: FloatArray) -> _Path:
    still = np.ones_like(time_s)
    return _Path(actor, actor.ahead_m + actor.speed_mps * time_s, actor.lateral_m * still, 0.0 * still)


def _cut_in(actor: Actor, time_s: FloatArray, ego_s: FloatArray) -> _Path:
    """Drive beside the ego's lane, then move into it within ``manoeuvre_s``."""
    s = actor.ahead_m + actor.speed_mps * time_s
    begin_s = _trigger_time(actor, s, time_s, ego_s)
    target_m = 0.0 if actor.lateral_to_m is None else actor.lateral_to_m
    u = np.clip((time_s - begin_s) / actor.manoeuvre_s, 0.0, 1.0)
    lateral = actor.lateral_m + (target_m - actor.lateral_m) * u * u * (3 - 2 * u)
    heading = np.arctan2(np.gradient(lateral, SUBSTEP_S), max(actor.speed_mps, 0.1)) if len(time_s) > 1 else 0.0 * u
    return _Path(actor, s, lateral, heading)


def _oncoming(actor: Actor, time_s: FloatArray, _ego_s: FloatArray) -> _Path:
    still = np.ones_like(time_s)
    return _Path(actor, actor.ahead_m - actor.speed_mps * time_s, actor.lateral_m * still, np.pi * still)


def _cross(actor: Actor, time_s: FloatArray, ego_s: FloatArray) -> _Path:
    """Wait, then walk straight across to ``lateral_to_m``."""
    still = np.ones_like(time_s)
    s = actor.ahead_m * still
    begin_s = _trigger_time(actor, s, time_s, ego_s)
    target_m = -actor.lateral_m if actor.lateral_to_m is None else actor.lateral_to_m
    walked = np.clip((time_s - begin_s) * actor.speed_mps, 0.0, abs(target_m - actor.lateral_m))
    side = np.sign(target_m - actor.lateral_m)
    return _Path(actor, s, actor.lateral_m + side * walked, side * np.pi / 2 * still)


def _turn_across(actor: Actor, time_s: FloatArray, ego_s: FloatArray) -> _Path:
    """Come towards the ego, then turn left across its lane: a quarter circle within ``manoeuvre_s``."""
    straight = actor.ahead_m - actor.speed_mps * time_s
    begin_s = _trigger_time(actor, straight, time_s, ego_s)
    heading = np.pi + np.pi / 2 * np.clip((time_s - begin_s) / actor.manoeuvre_s, 0.0, 1.0)
    step = actor.speed_mps * np.diff(time_s, prepend=time_s[0])
    return _Path(
        actor,
        actor.ahead_m + np.cumsum(step * np.cos(heading)),
        actor.lateral_m + np.cumsum(step * np.sin(heading)),
        heading,
    )


_BEHAVIOURS: dict[str, Callable[[Actor, FloatArray, FloatArray], _Path]] = {
    "stand": _stand,
    "drive": _drive,
    "cut_in": _cut_in,
    "oncoming": _oncoming,
    "wrong_way": _oncoming,
    "cross": _cross,
    "turn_across": _turn_across,
}


def _trigger_time(actor: Actor, s_m: FloatArray, time_s: FloatArray, ego_s: FloatArray) -> float:
    """When the ego's front first comes within the actor's trigger gap; never is after the end."""
    if actor.trigger_gap_m is None:
        return 0.0
    close = s_m - (ego_s + EGO_FRONT_M) <= actor.trigger_gap_m
    return float(time_s[np.argmax(close)]) if close.any() else float(time_s[-1]) + SUBSTEP_S


def _rehearse(scenario: ConcreteScenario, actors: list[Actor], time_s: FloatArray) -> tuple[FloatArray, list[_Path]]:
    """The ego's progress (K,) and the paths of the staged actors, which depend on each other.

    Actors wait for the ego, and the ego brakes for actors: start from an ego that brakes for nothing and play it
    three times over, after which nothing changes, because an ego brakes only for what it has already triggered.
    """
    ego_s = scenario.ego.speed_mps * time_s
    paths: list[_Path] = []
    for _ in range(3):
        paths = [_BEHAVIOURS[actor.behaviour](actor, time_s, ego_s) for actor in actors]
        ego_s = _follow(scenario.ego, paths, time_s)
    return ego_s, paths


def _follow(ego: Ego, paths: list[_Path], time_s: FloatArray) -> FloatArray:
    """Where the ego's origin is along the route (K,): its wanted speed, less what it must brake for.

    The braking is that of the intelligent driver model (Treiber, Hennecke and Helbing 2000) towards the nearest
    actor in the ego's lane.
    """
    standing_gap_m, headway_s, accelerate_mps2, comfortable_mps2 = 2.0, 1.0, 1.5, 3.0
    wanted_mps = max(ego.speed_mps, 0.01)
    rear_m = np.array([path.s_m - TYPICAL_SIZE_M[path.actor.kind][0] / 2 for path in paths])
    in_lane = np.array(
        [np.abs(path.lateral_m) < (EGO_WIDTH_M + TYPICAL_SIZE_M[path.actor.kind][1]) / 2 + 0.2 for path in paths]
    )
    speed_mps = np.gradient(rear_m, SUBSTEP_S, axis=1) if paths and len(time_s) > 1 else np.zeros_like(rear_m)
    s, v = 0.0, ego.speed_mps
    progress = np.zeros_like(time_s)
    for k in range(1, len(time_s)):
        slowing = 0.0
        if paths:
            gap_m = np.where(in_lane[:, k], rear_m[:, k] - (s + EGO_FRONT_M), np.inf)
            # An actor whose rear is behind the ego's front by more than a car's length has been passed.
            gap_m = np.where(gap_m < -EGO_LENGTH_M, np.inf, np.maximum(gap_m, 0.1))
            nearest = int(np.argmin(gap_m))
            closing_mps = v - speed_mps[nearest, k]
            desired_m = (
                standing_gap_m + v * headway_s + v * closing_mps / (2 * np.sqrt(accelerate_mps2 * comfortable_mps2))
            )
            slowing = (max(desired_m, 0.0) / gap_m[nearest]) ** 2
        acceleration = accelerate_mps2 * (1 - (v / wanted_mps) ** 4 - slowing)
        v = max(v + max(acceleration, -ego.max_brake_mps2) * SUBSTEP_S, 0.0)
        s += v * SUBSTEP_S
        progress[k] = s
    return progress


# --- ambient traffic ----------------------------------------------------------------------------------------------


def _ambient(scenario: ConcreteScenario, route: Route, time_s: FloatArray, taken: list[_Path]) -> list[_Path]:
    """Traffic, walkers and cyclists, each kept only where it touches nobody at any time."""
    accepted: list[_Path] = []
    wanted = (
        ("vehicle", scenario.traffic.vehicles, _ambient_vehicle),
        ("cyclist", scenario.traffic.cyclists, _ambient_cyclist),
        ("pedestrian", scenario.traffic.pedestrians, _ambient_pedestrian),
    )
    for purpose, number, propose in wanted:
        for i in range(number):
            rng = _stream(scenario, purpose, i)
            for _ in range(8):
                actor = propose(f"{purpose}_{i}", scenario, route, rng)
                path = _BEHAVIOURS[actor.behaviour](actor, time_s, time_s)
                if not any(_touch(path, other) for other in (*taken, *accepted)):
                    accepted.append(path)
                    break
    return accepted


def _ambient_vehicle(name: str, scenario: ConcreteScenario, route: Route, rng: np.random.Generator) -> Actor:
    kinds: tuple[Kind, ...] = ("car", "van", "truck", "bus", "motorcyclist")
    kind = kinds[int(rng.choice(len(kinds), p=(0.80, 0.09, 0.05, 0.02, 0.04)))]
    same_way = (0.0, *route.same_way_laterals_m)
    oncoming = route.oncoming_lateral_m
    if oncoming is not None and rng.random() < 0.55:
        return Actor(
            name,
            kind,
            "oncoming",
            ahead_m=rng.uniform(8.0, route.length_m),
            lateral_m=oncoming + rng.normal(0.0, 0.15),
            speed_mps=scenario.ego.speed_mps * rng.uniform(0.7, 1.2),
        )
    return Actor(
        name,
        kind,
        "drive",
        ahead_m=rng.uniform(10.0, route.length_m),
        lateral_m=float(rng.choice(same_way)) + rng.normal(0.0, 0.15),
        speed_mps=scenario.ego.speed_mps * rng.uniform(0.85, 1.2),
    )


def _ambient_cyclist(name: str, scenario: ConcreteScenario, route: Route, rng: np.random.Generator) -> Actor:
    return Actor(
        name,
        "cyclist",
        "drive",
        ahead_m=rng.uniform(6.0, min(60.0, route.length_m)),
        lateral_m=-route.lane_width_m / 2 + rng.uniform(0.3, 0.9),
        speed_mps=min(rng.uniform(3.0, 6.0), scenario.ego.speed_mps),
    )


def _ambient_pedestrian(name: str, _scenario: ConcreteScenario, route: Route, rng: np.random.Generator) -> Actor:
    left = rng.random() < 0.5
    edge = route.kerb_left_m + rng.uniform(0.6, 1.8) if left else route.kerb_right_m - rng.uniform(0.6, 1.8)
    return Actor(
        name,
        "adult" if rng.random() < 0.85 else "child",
        "drive" if rng.random() < 0.5 else "oncoming",
        ahead_m=rng.uniform(5.0, min(60.0, route.length_m)),
        lateral_m=edge,
        speed_mps=rng.uniform(0.8, 1.7),
    )


def _touch(a: _Path, b: _Path) -> bool:
    """Whether two actors come closer than their typical bodies allow, at any time."""
    (length_a, width_a, _), (length_b, width_b, _) = (
        TYPICAL_SIZE_M[a.actor.kind],
        TYPICAL_SIZE_M[b.actor.kind],
    )
    reach = (length_a + length_b) / 2
    if _gap(a.extent_m, b.extent_m) >= reach + 2.0:  # true of most pairs, and quick to say
        return False
    # Turned bodies reach further sideways, so take the larger of the two sizes across where either is turned.
    turned = (np.abs(np.sin(a.heading_rad)) > 0.3) | (np.abs(np.sin(b.heading_rad)) > 0.3)
    across = np.where(turned, reach, (width_a + width_b) / 2)
    near_along = np.abs(a.s_m - b.s_m) < reach + 2.0
    return bool((near_along & (np.abs(a.lateral_m - b.lateral_m) < across + 0.3)).any())


def _gap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Metres between two extents, along the route or sideways, whichever is more."""
    return max(a[0] - b[1], b[0] - a[1], a[2] - b[3], b[2] - a[3])


# --- into the world -----------------------------------------------------------------------------------------------


def _track(path: _Path, route: Route, time_s: FloatArray, frame_s: FloatArray, *, staged: bool) -> Track:
    heading = np.unwrap(path.heading_rad)

    def pose(t: FloatArray) -> FloatArray:
        return route.pose(
            np.interp(t, time_s, path.s_m),
            np.interp(t, time_s, path.lateral_m),
            np.interp(t, time_s, heading),
        )

    return Track(
        name=path.actor.name,
        kind=path.actor.kind,
        world_from_actor=pose(frame_s),
        velocity_mps=_velocity(pose, frame_s, time_s[-1]),
        staged=staged,
    )


def _velocity(pose: Callable[[FloatArray], FloatArray], frame_s: FloatArray, end_s: float) -> FloatArray:
    """Velocity (T, 3) at each frame by a central difference over one substep on either side, metres per second."""
    before = np.clip(frame_s - SUBSTEP_S, 0.0, end_s)
    after = np.clip(frame_s + SUBSTEP_S, 0.0, end_s)
    elapsed = after - before
    moved = pose(after)[:, :3, 3] - pose(before)[:, :3, 3]
    return np.divide(moved, elapsed[:, None], out=np.zeros_like(moved), where=elapsed[:, None] > 0)
