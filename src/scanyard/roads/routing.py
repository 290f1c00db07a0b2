"""Finding routes: every place an ego could start from, and the way that opens up from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.roads.lanes import LANE_STEP_M, LaneKey, Lanes
from scanyard.roads.route import RoadKind, Route

FloatArray = NDArray[np.float64]

START_STEP_M = 5.0
SHORT_SECTION_M = 10.0  # lane sections shorter than this are transitions; what lies beside a start there misleads
BEHIND_WANTED_M = 20.0
BEHIND_MAX_M = 80.0  # road kept before a route's start, for what comes from behind
BEYOND_MAX_M = 150.0  # ... and after its end, for what stands or comes from there


def starting_lanes(lanes: Lanes) -> list[LaneKey]:
    """Driving lanes outside junctions that are long enough to begin on, in a fixed order."""
    sections = ((key, lanes.section(key)) for key in lanes.driving if not lanes.in_junction(key))
    return [key for key, section in sections if section.end_m - section.begin_m >= SHORT_SECTION_M]


def draw_route(lanes: Lanes, kind: RoadKind, length_m: float, rng: np.random.Generator) -> Route | None:
    """Draw one of the routes that fit, evenly among starts every 5 m; ``None`` if there is none.

    Starts are numbered in a fixed order, so ``rng`` alone decides.  Those with 20 m of road behind them come first.
    """
    starts = [
        (key, index)
        for key in starting_lanes(lanes)
        for index in range(0, len(lanes.samples(key).center), round(START_STEP_M / LANE_STEP_M))
    ]
    cramped = None
    for choice in rng.permutation(len(starts)):
        route = route_from(lanes, *starts[choice], length_m=length_m)
        if route is None or not route.has(kind):
            continue
        if route.behind_m >= BEHIND_WANTED_M:
            return route
        cramped = cramped or route
    return cramped


def route_from(lanes: Lanes, start: LaneKey, index: int, *, length_m: float) -> Route | None:
    """The straightest way from sample ``index`` of lane ``start``, or ``None`` where the road ends too soon."""
    reach = length_m + BEYOND_MAX_M
    before = lanes.walk(start, forwards=False, reach_m=BEHIND_MAX_M)[::-1]
    way = [*before, start, *lanes.walk(start, forwards=True, reach_m=reach)]
    counts = [len(lanes.samples(key).center) for key in way]
    points = np.concatenate([lanes.samples(key).center for key in way])
    in_junction = np.repeat([lanes.in_junction(key) for key in way], counts)
    first = sum(counts[: len(before)]) + index
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    s = np.concatenate([[0.0], np.cumsum(steps)])
    s -= s[first]
    keep = np.concatenate([[True], steps > LANE_STEP_M / 10])  # where lanes meet, one ends where the next begins
    keep &= (s >= -BEHIND_MAX_M) & (s <= reach)
    s, points, in_junction = s[keep], points[keep], in_junction[keep]
    if s[-1] < length_m or len(s) < 3:
        return None
    beside = _beside(lanes, start, index)
    return Route(
        length_m=length_m,
        s_m=s,
        points=points,
        lane_width_m=float(lanes.samples(start).width_m[index]),
        junctions=_stretches(s, in_junction),
        oncoming_lateral_m=min(beside.oncoming, key=abs, default=None),
        same_way_laterals_m=beside.same_way,
        parking_laterals_m=beside.parking,
        kerb_left_m=beside.kerb_left_m,
        kerb_right_m=beside.kerb_right_m,
    )


def _stretches(s_m: FloatArray, inside: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """The intervals of ``s_m`` (N,) where ``inside`` (N,) holds."""
    flips = np.flatnonzero(np.diff(inside.astype(int), prepend=0, append=0)).reshape(-1, 2)
    return tuple((float(s_m[begin]), float(s_m[end - 1])) for begin, end in flips)


@dataclass(frozen=True)
class _Beside:
    """What lies beside a place on a lane; lateral metres to the left of the lane's centre."""

    oncoming: tuple[float, ...]
    same_way: tuple[float, ...]
    parking: tuple[float, ...]
    kerb_left_m: float
    kerb_right_m: float


def _beside(lanes: Lanes, start: LaneKey, index: int) -> _Beside:
    own = lanes.samples(start)
    oncoming: list[float] = []
    same_way: list[float] = []
    parking: list[float] = []
    edges: list[float] = []
    walls: list[float] = []
    for key in lanes.beside(start):
        other, kind = lanes.samples(key), lanes.kind(key)
        here = index if lanes.runs_along(key) == lanes.runs_along(start) else len(other.center) - 1 - index
        lateral = float((other.center[here] - own.center[index]) @ own.left[index])
        ends = lateral - other.width_m[here] / 2, lateral + other.width_m[here] / 2
        if kind in {"driving", "parking"}:
            edges += ends
        if kind == "sidewalk":
            walls += ends
        if kind == "parking":
            parking.append(lateral)
        elif kind == "driving" and key != start:
            (same_way if key.lane_id * start.lane_id > 0 else oncoming).append(lateral)
    # The kerb is where the sidewalk begins, whatever lies between; without one it is where cars can no longer stand.
    return _Beside(
        oncoming=tuple(sorted(oncoming)),
        same_way=tuple(sorted(same_way)),
        parking=tuple(sorted(parking)),
        kerb_left_m=float(min((wall for wall in walls if wall > 0), default=max(edges))),
        kerb_right_m=float(max((wall for wall in walls if wall < 0), default=min(edges))),
    )
