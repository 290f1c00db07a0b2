"""A drawn scenario from above, before anything is simulated.

The ego drives upwards from the origin, so pictures of different roads can be laid side by side.  Without tracks the
staged actors stand where they begin; with tracks, handed in by whoever choreographed them, everybody's way through the
recording is drawn, ambient traffic in grey.  Bodies are symbols of typical size, not the blueprints a server will pick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from scanyard.geometry import FloatArray, Transform
from scanyard.roads import RoadMap, Route
from scanyard.scenario.concrete import Actor, ConcreteScenario, Kind

BEHIND_M, AHEAD_M, ASIDE_M = 18.0, 72.0, 28.0
"""What the picture shows around the ego's start; further ahead where a staged actor begins further ahead."""
MARGIN_M = 12.0
RANGE_RINGS_M = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0)

STRIP_COLOURS = {
    "driving": "#c9ccd1",
    "parking": "#b3bccb",
    "sidewalk": "#e6e0d5",
    "shoulder": "#d8d9d2",
    "other": "#e9ebe4",
}
GROUND, EGO, AMBIENT = "#f4f5ef", "#1f6fb2", "#7d828a"
STAGED = ("#c8382e", "#b0670b", "#7a3fa0", "#2a8a4a", "#a8326e")

FOOTPRINTS_M: Mapping[Kind, tuple[float, float]] = {
    "car": (4.3, 1.8),
    "van": (5.3, 2.0),
    "truck": (9.0, 2.5),
    "bus": (11.5, 2.5),
    "motorcyclist": (2.2, 0.8),
    "cyclist": (1.8, 0.6),
    "adult": (0.6, 0.6),
    "child": (0.5, 0.5),
    "cargo": (1.0, 0.9),
}
EGO_FOOTPRINT_M, EGO_MIDDLE_M = (4.8, 1.8), 1.35  # its origin is the rear axle
SYMBOL_M = 1.1  # people and boxes are drawn at least this large


class Moving(Protocol):
    """An actor on its way through the recording, as a choreography gives it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    @property
    def staged(self) -> bool:
        """Whether the scenario names it; otherwise it is ambient traffic."""

    @property
    def world_from_actor(self) -> FloatArray:
        """(T, 4, 4) poses, the origin under the actor's middle."""


@dataclass(frozen=True)
class _Standing:
    """A staged actor of which only the beginning is known."""

    name: str
    kind: Kind
    world_from_actor: FloatArray
    staged: bool = True


def write_preview(
    path: str | Path,
    scenario: ConcreteScenario,
    road_map: RoadMap,
    route: Route,
    *,
    tracks: Sequence[Moving] = (),
    world_from_ego: FloatArray | None = None,
) -> None:
    """Draw ``scenario`` on its ``route`` from above, as a PNG.

    ``tracks`` and ``world_from_ego`` (T, 4, 4) are the choreography's; without them actors are drawn where they begin.
    """
    figure = preview_figure(scenario, road_map, route, tracks=tracks, world_from_ego=world_from_ego)
    figure.savefig(path, format="png")


def preview_figure(
    scenario: ConcreteScenario,
    road_map: RoadMap,
    route: Route,
    *,
    tracks: Sequence[Moving] = (),
    world_from_ego: FloatArray | None = None,
) -> Figure:
    """The picture of ``write_preview`` as a matplotlib figure that belongs to no window."""
    moving: Sequence[Moving] = tracks or [_standing(actor, route) for actor in scenario.actors]
    ego = route.pose(np.zeros(1)) if world_from_ego is None else world_from_ego
    picture_from_world = (
        Transform.from_xyz_rpy((0, 0, 0), yaw=np.pi / 2) @ Transform(route.pose(0.0)).inverse()
    )  # the ego's forward becomes the picture's up
    ahead_m = max([AHEAD_M, *(actor.ahead_m + MARGIN_M for actor in scenario.actors)])

    figure = Figure(figsize=(8.0, 1.2 + 6.8 * (BEHIND_M + ahead_m) / (2 * ASIDE_M) * 0.62), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.07, 0.06, 0.58, 0.88))
    axes.set(xlim=(-ASIDE_M, ASIDE_M), ylim=(-BEHIND_M, ahead_m), aspect="equal", facecolor=GROUND)
    axes.tick_params(labelsize=7, colors="#666")
    axes.set_xticks(np.arange(-20, 21, 10), [f"{-x:g}" for x in np.arange(-20, 21, 10)])  # left is positive
    axes.set_ylabel("ahead_m", fontsize=7, color="#666")
    axes.set_xlabel("lateral_m", fontsize=7, color="#666")

    _roads(axes, road_map, picture_from_world, ahead_m)
    _route(axes, route, picture_from_world, ahead_m)
    _sensor_range(axes, scenario)
    _body(axes, picture_from_world.matrix @ ego, EGO_FOOTPRINT_M, EGO, "ego", middle_m=EGO_MIDDLE_M)
    labels = _labels(scenario)
    staged = 0
    for actor in sorted(moving, key=lambda actor: actor.staged):
        colour, label = AMBIENT, ""
        if actor.staged:
            label = labels.get(actor.name, "")
            staged += bool(label)
            colour = STAGED[(staged - 1) % len(STAGED)]
        poses = picture_from_world.matrix @ actor.world_from_actor
        _body(axes, poses, FOOTPRINTS_M[actor.kind], colour, label)
    figure.text(0.07, 0.965, f"{scenario.name}, seed {scenario.seed}", fontsize=12, weight="bold", va="center")
    figure.text(0.685, 0.94, _legend(scenario), fontsize=7.5, va="top", family="monospace", linespacing=1.45)
    return figure


def _labels(scenario: ConcreteScenario) -> dict[str, str]:
    """What to write beside whom: choreographed groups have members ``name_0``, ``name_1`` ..., and one label."""
    labels = {actor.name: actor.name for actor in scenario.actors}
    labels.update({f"{actor.name}_0": f"{actor.name} x{actor.count}" for actor in scenario.actors if actor.count > 1})
    return labels


def _standing(actor: Actor, route: Route) -> _Standing:
    faces_back = actor.behaviour in ("oncoming", "wrong_way", "turn_across")
    heading_deg = 180.0 if faces_back else actor.heading_deg
    if actor.behaviour == "cross" and actor.lateral_to_m is not None:
        heading_deg = 90.0 if actor.lateral_to_m > actor.lateral_m else -90.0
    start = route.pose(actor.ahead_m, actor.lateral_m, np.radians(heading_deg))
    if actor.lateral_to_m is None:
        return _Standing(actor.name, actor.kind, start[None])
    ahead_m = actor.ahead_m + (0.0 if actor.behaviour == "cross" else actor.speed_mps * actor.manoeuvre_s)
    end = route.pose(ahead_m, actor.lateral_to_m, np.radians(heading_deg))
    return _Standing(actor.name, actor.kind, np.stack([start, end]))


def _roads(axes: Any, road_map: RoadMap, picture_from_world: Transform, ahead_m: float) -> None:
    outlines: dict[str, list[FloatArray]] = {kind: [] for kind in STRIP_COLOURS}
    for strip in road_map.strips(step_m=4.0):
        outline = picture_from_world.apply(np.concatenate([strip.left, strip.right[::-1]]))[:, :2]
        low, high = outline.min(axis=0), outline.max(axis=0)
        if high[0] > -ASIDE_M and low[0] < ASIDE_M and high[1] > -BEHIND_M and low[1] < ahead_m:
            outlines[strip.kind].append(outline)
    for order, kind in enumerate(("other", "shoulder", "sidewalk", "parking", "driving")):
        edge = "white" if kind in ("driving", "parking") else "none"
        axes.add_collection(
            PolyCollection(
                outlines[kind], facecolors=STRIP_COLOURS[kind], edgecolors=edge, linewidths=0.6, zorder=order * 0.1
            )
        )
    for crosswalk in road_map.crosswalks():
        axes.add_patch(
            Polygon(picture_from_world.apply(crosswalk)[:, :2], fc="none", ec="white", hatch="////", lw=0, zorder=0.6)
        )


def _route(axes: Any, route: Route, picture_from_world: Transform, ahead_m: float) -> None:
    s_m = np.arange(0.0, ahead_m, 1.0)
    x, y, _ = picture_from_world.apply(route.pose(s_m)[:, :3, 3]).T
    axes.plot(x, y, color=EGO, lw=1.0, ls=(0, (5, 4)), alpha=0.8, zorder=1)


def _sensor_range(axes: Any, scenario: ConcreteScenario) -> None:
    """Rings at round distances within the LiDAR's reach, and the edges of what the cameras see."""
    reach_m = max((lidar.max_range_m for lidar in scenario.rig.lidars), default=max(RANGE_RINGS_M))
    for lidar in scenario.rig.lidars:
        x, y = -lidar.ego_from_sensor.translation[1], lidar.ego_from_sensor.translation[0]
        for radius in [ring for ring in RANGE_RINGS_M if ring < reach_m] + [reach_m]:
            axes.add_patch(Circle((x, y), radius, fc="none", ec="#9aa0a6", lw=0.5, ls=":", zorder=1))
            axes.annotate(f"{radius:g} m", (x, y + radius), fontsize=6, color="#80868b", clip_on=True, zorder=1)
    for camera in scenario.rig.cameras:
        x, y = -camera.ego_from_sensor.translation[1], camera.ego_from_sensor.translation[0]
        for u_px in (0.0, float(camera.width_px)):
            angle = camera.ego_from_sensor.yaw_rad + np.arctan2(camera.center_px[0] - u_px, camera.focal_px)
            axes.plot(
                [x, x - np.sin(angle) * reach_m], [y, y + np.cos(angle) * reach_m], color="#d2a106", lw=0.7, zorder=1
            )


def _body(
    axes: Any,
    poses: FloatArray,
    footprint_m: tuple[float, float],
    colour: str,
    label: str,
    *,
    middle_m: float = 0.0,
) -> None:
    """One actor: its body where it begins, an arrow along its way, its outline where it ends."""
    length, width = (max(size, SYMBOL_M) for size in footprint_m)
    corners = np.array([[1, 0, 0], [0.6, 1, 0], [-1, 1, 0], [-1, -1, 0], [0.6, -1, 0]]) * (length / 2, width / 2, 0)
    corners[:, 0] += middle_m
    first, last = Transform(poses[0]), Transform(poses[-1])
    axes.add_patch(Polygon(first.apply(corners)[:, :2], fc=colour, ec="white", lw=0.6, zorder=4))
    way = poses[:, :2, 3]
    if np.linalg.norm(np.diff(way, axis=0), axis=1).sum() > 0.5:
        axes.plot(way[:, 0], way[:, 1], color=colour, lw=1.2, alpha=0.8, zorder=3)
        axes.add_patch(Polygon(last.apply(corners)[:, :2], fc="none", ec=colour, lw=0.9, zorder=3))
        tip = np.flatnonzero(np.linalg.norm(way - way[-1], axis=1) > 0.5)[-1]
        axes.annotate("", way[-1], way[tip], arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.2}, zorder=5)
    if label:
        axes.annotate(
            label, way[0], xytext=(9, 3), textcoords="offset points", fontsize=8, color=colour, weight="bold",
            clip_on=True, zorder=6, bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.8},
        )  # fmt: skip


def _legend(scenario: ConcreteScenario) -> str:
    """What is not to be seen: parameters, weather, traffic, recording."""
    weather, recording, traffic = scenario.weather, scenario.recording, scenario.traffic
    rows = [("map", scenario.world.map), ("road", scenario.world.road), ("style", scenario.world.style)]
    rows += [("parked", f"{scenario.world.parked_share:.0%}"), ("", "")]
    rows += [("frames", recording.num_frames), ("rate", f"{recording.rate_hz:g} Hz"), ("rig", scenario.rig.name)]
    rows += [("", ""), ("sun", f"{weather.sun_altitude_deg:.0f} deg"), ("clouds", f"{weather.cloudiness:.0f} %")]
    rows += [("rain", f"{weather.precipitation:.0f} %"), ("fog", f"{weather.fog_density:.0f} %"), ("", "")]
    rows += [("vehicles", traffic.vehicles), ("pedestrians", traffic.pedestrians), ("cyclists", traffic.cyclists)]
    rows += [("", "")]
    rows += [(name, f"{v:.2f}" if isinstance(v, float) else v) for name, v in scenario.parameters.items()]
    return "\n".join(f"{name:<18.18} {value}" if name else "" for name, value in rows)
