"""Lamps: what shines by itself, what head lamps and street lamps light, and the glow around them.

Vehicles burn what their light state says and nothing else, as in CARLA: at night a car without lights is dark.  Where a
shape has no indicators of its own, its head and tail lamps blink amber.  Lamps throw no shadows.  Intensities are in
the unit of ``lighting``, times square metres where they fall off with distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.scene import Scene, Shape
from scanyard.carla_server.sensors import finishes
from scanyard.carla_server.sensors.context import Context
from scanyard.carla_server.sensors.finishes import Glow
from scanyard.carla_server.sensors.lens import Lens
from scanyard.carla_server.sensors.lighting import Light
from scanyard.carla_server.sensors.shading import Surfaces
from scanyard.carla_server.sensors.view import NEAR_M, View

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]
Color = tuple[float, float, float]

POSITION, LOW_BEAM, HIGH_BEAM, BRAKE, RIGHT_BLINKER, LEFT_BLINKER, REVERSE, FOG = (1 << bit for bit in range(8))
INTERIOR, SPECIAL_1, SPECIAL_2 = (1 << bit for bit in range(8, 11))
"""CARLA's ``VehicleLightState``."""

BLINK_HZ = 1.5
WHITE, AMBER, RED, BLUE = (1.0, 0.94, 0.82), (1.0, 0.30, 0.006), (1.0, 0.006, 0.004), (0.03, 0.12, 1.0)
LOW_BEAM_POWER, HIGH_BEAM_POWER, STREET_POWER = 26.0, 60.0, 11.0
BEAM_REACH_M, STREET_REACH_M = 60.0, 26.0
LIT_WINDOWS = 0.28
"""Share of windows behind which the light is on at night."""
_ROOM_M = np.float32(1 / 2.5)
_SHADES = np.array([(1.0, 0.72, 0.38), (1.0, 0.80, 0.52), (0.85, 0.92, 1.0), (1.0, 0.62, 0.28)], np.float32)


class Beam(NamedTuple):
    """A head lamp."""

    position: Floats
    """(3,) world."""
    forward: Floats
    """(3,) unit."""
    is_high: bool


class Source(NamedTuple):
    """Something bright enough to glow in the lens."""

    position: Floats
    """(3,) world."""
    facing: Floats | None
    """(3,) unit, where it shines; None for all round."""
    color: Color
    power: float
    radius_m: float


def add_emission(view: View, light: Light, found: Surfaces, color: Array32, *, scene: Scene, told: Context) -> None:
    """Add what surfaces of ``view`` shine by themselves to ``color`` (3, M)."""
    if light.is_dark:
        _light_windows(view, light, found, color)
    actors = view.look.actors
    if actors is None or not told.lights:
        return
    glow = finishes.GLOW[found.material[actors.rows]]
    flags_of = np.array([told.lights.get(int(one), 0) for one in scene.placed.actor_id], np.int64)
    flags = flags_of[actors.place]
    shining = np.flatnonzero((glow != Glow.NONE) & (flags != 0))
    rows, place, glow, flags = actors.rows[shining], actors.place[shining], glow[shining], flags[shining]
    pose = scene.placed.world_from_actor[place]
    at = view.point.take(rows, axis=1).T + (view.anchor - pose[:, :3, 3])
    aside = at[:, 0] * pose[:, 0, 1] + at[:, 1] * pose[:, 1, 1] + at[:, 2] * pose[:, 2, 1]
    on = _blinks_now(told)
    blinks = np.where(aside > 0, flags & RIGHT_BLINKER, flags & LEFT_BLINKER) != 0
    plain = np.array([not (finishes.GLOW[shape.mesh.material] == Glow.TURN).any() for shape in scene.placed.shapes])
    turns = (glow == Glow.TURN) | (plain[place] & ((glow == Glow.FRONT) | (glow == Glow.REAR)))
    for which, tone, power in (
        ((glow == Glow.FRONT) & (flags & HIGH_BEAM > 0), WHITE, 9.0),
        ((glow == Glow.FRONT) & (flags & (HIGH_BEAM | LOW_BEAM) == LOW_BEAM), WHITE, 6.0),
        ((glow == Glow.FRONT) & (flags & (HIGH_BEAM | LOW_BEAM) == 0) & (flags & POSITION > 0), WHITE, 1.0),
        ((glow == Glow.REAR) & (flags & BRAKE > 0), RED, 5.0),
        ((glow == Glow.REAR) & (flags & BRAKE == 0) & (flags & (POSITION | LOW_BEAM | FOG) > 0), RED, 0.45),
        ((glow == Glow.REAR) & (flags & REVERSE > 0), WHITE, 1.5),
        (turns & blinks & on, AMBER, 5.0),
        ((glow == Glow.BEACON) & (flags & (SPECIAL_1 | SPECIAL_2) > 0) & on, BLUE, 6.0),
        ((glow == Glow.SIGN) & (flags & (POSITION | LOW_BEAM) > 0), WHITE, 0.8),
    ):
        chosen = rows[which]
        for c in range(3):
            color[c, chosen] += np.float32(tone[c] * power)


def add_lamplight(scene: Scene, view: View, found: Surfaces, color: Array32, told: Context) -> None:
    """Add what head lamps and street lamps light to ``color`` (3, M)."""
    eye, street = view.pose[:3, 3], told.street_lamps
    for beam in _beams(scene, told.lights, eye):
        _add_beam(view, found, color, beam)
    near = np.flatnonzero((np.linalg.norm(street.position - eye, axis=1) < 90.0) & (street.power > 0))
    for n in near:
        _add_pool(view, found, color, street.position[n], street.color[n] * street.power[n])


def add_glow(view: View, light: Light, found: Surfaces, color: Array32, shining: Iterable[Source]) -> None:
    """Add the glow of lamps that are in sight to ``color`` (3, M): the lamp itself, in the dark a halo, and on wet
    ground the streak it is mirrored as.
    """
    picture = color.reshape(3, view.lens.height, view.lens.width)
    for source in shining:
        _add_source(view, light, picture, source)
        if light.wetness > 0.25 and light.is_dark:
            _add_streak(view, light, found, picture, source)


def _beams(scene: Scene, lights: Mapping[int, int], eye: Floats) -> Iterator[Beam]:
    """The head lamps of each vehicle near enough to matter that burns them."""
    placed = scene.placed
    for place, actor_id in enumerate(placed.actor_id.tolist()):
        flags = lights.get(actor_id, 0)
        pose, shape = placed.world_from_actor[place], placed.shapes[place]
        if not flags & (LOW_BEAM | HIGH_BEAM) or np.linalg.norm(pose[:3, 3] - eye) > 110.0:
            continue
        for glow, at in _lamps_of(shape):
            if glow == Glow.FRONT and at[0] > shape.center[0]:
                yield Beam(pose[:3, :3] @ at + pose[:3, 3], pose[:3, 0], bool(flags & HIGH_BEAM))


def _lit(view: View, position: Floats, reach_m: float) -> tuple[Rows, Array32, Array32]:
    """Pixels (K,) within reach of a lamp, unit vectors (3, K) from the lamp to them, and their distance (K,)."""
    at = (position - view.anchor).astype(np.float32)
    away = [view.point[i] - at[i] for i in range(3)]
    square = away[0] * away[0] + away[1] * away[1] + away[2] * away[2]
    rows = np.flatnonzero(square < np.float32(reach_m**2))
    distance = np.sqrt(np.maximum(square[rows], np.float32(1e-4)))
    return rows, np.stack([part[rows] for part in away]) / distance, distance


def _facing(found: Surfaces, rows: Rows, toward: Array32) -> Array32:
    """Cosine (K,) at which light that goes along ``toward`` (3, K) falls on the surfaces of ``rows``."""
    normal = found.normal.take(rows, axis=1)
    cosine = -(normal[0] * toward[0] + normal[1] * toward[1] + normal[2] * toward[2])
    return np.asarray(np.maximum(cosine, np.float32(0)))


def _add_beam(view: View, found: Surfaces, color: Array32, beam: Beam) -> None:
    """A head lamp: wide, flat, and cut off at the horizon unless it is the high beam."""
    rows, toward, distance = _lit(view, beam.position, BEAM_REACH_M * (1.6 if beam.is_high else 1.0))
    if not len(rows):
        return
    fx, fy, fz = (float(value) for value in beam.forward)
    flat = float(np.hypot(fx, fy)) or 1.0
    ahead = toward[0] * np.float32(fx) + toward[1] * np.float32(fy) + toward[2] * np.float32(fz)
    across = (toward[1] * np.float32(fx) - toward[0] * np.float32(fy)) / np.float32(flat)
    rise = toward[2] - np.float32(fz)
    safe = np.maximum(ahead, np.float32(0.05))
    wide = np.exp(-((across / safe / np.float32(0.42)) ** 2))
    tall = np.where(
        rise > (0.02 if beam.is_high else -0.008), np.float32(0.30 if beam.is_high else 0.05), np.float32(1)
    )
    tall *= np.exp(-((rise / np.float32(0.22)) ** 2))
    power = np.float32(HIGH_BEAM_POWER if beam.is_high else LOW_BEAM_POWER)
    strength = power * wide * tall * (ahead > 0.05) / (distance * distance + np.float32(4.0))
    _lay(color, found, rows, strength * (_facing(found, rows, toward) + np.float32(0.06)), WHITE)


def _add_pool(view: View, found: Surfaces, color: Array32, position: Floats, tone: Floats) -> None:
    """A street lamp, which lights what is below it."""
    rows, toward, distance = _lit(view, position, STREET_REACH_M)
    if not len(rows):
        return
    down = np.clip(np.float32(0.10) - toward[2], 0, 1)
    end = np.clip(np.float32(1) - distance / np.float32(STREET_REACH_M), 0, 1)
    strength = (
        np.float32(STREET_POWER) * down * np.minimum(end * np.float32(3), 1) / (distance * distance + np.float32(2.0))
    )
    red, green, blue = (float(value) for value in tone)
    _lay(color, found, rows, strength * _facing(found, rows, toward), (red, green, blue))


def _lay(color: Array32, found: Surfaces, rows: Rows, strength: Array32, tone: Color) -> None:
    for c in range(3):
        color[c, rows] += found.albedo[c, rows] * strength * np.float32(tone[c])


def _light_windows(view: View, light: Light, found: Surfaces, color: Array32) -> None:
    """Rooms with the light on: which, is decided by where they are."""
    rows = np.flatnonzero((finishes.GLOW.take(found.material) == Glow.WINDOW) & np.isfinite(view.range_m))
    if not len(rows):
        return
    cells = [
        np.floor((view.point[i].take(rows) + np.float32(view.anchor[i])) * _ROOM_M).astype(np.int64) for i in range(3)
    ]
    mixed = (cells[0] * 73856093) ^ (cells[1] * 19349663) ^ (cells[2] * 83492791)
    mixed = (mixed ^ (mixed >> 13)) * 1274126177 & 0x7FFFFFFF
    on = (mixed % 1000) < 1000 * LIT_WINDOWS
    strength = np.float32(0.075 * (1 - light.day)) * (np.float32(0.4) + (mixed // 1000 % 7).astype(np.float32) / 6)
    shade = _SHADES[mixed // 7000 % len(_SHADES)]
    for c in range(3):
        color[c, rows[on]] += (strength * shade[:, c])[on]


def sources(scene: Scene, view: View, told: Context) -> Iterator[Source]:
    """All lamps near enough to be seen."""
    eye, street, signals = view.pose[:3, 3], told.street_lamps, told.signals
    for n in np.flatnonzero((np.linalg.norm(street.position - eye, axis=1) < 250.0) & (street.power > 0)):
        red, green, blue = (float(value) for value in street.color[n])
        yield Source(street.position[n], None, (red, green, blue), 5.0 * float(street.power[n]), 0.16)
    for n in np.flatnonzero(np.linalg.norm(signals.position - eye, axis=1) < 200.0):
        red, green, blue = (float(value) for value in signals.color[n])
        yield Source(signals.position[n], signals.facing[n], (red, green, blue), 5.0, signals.radius_m)
    placed, on = scene.placed, _blinks_now(told)
    for place, actor_id in enumerate(placed.actor_id.tolist()):
        flags = told.lights.get(actor_id, 0)
        pose = placed.world_from_actor[place]
        if not flags or np.linalg.norm(pose[:3, 3] - eye) > 200.0:
            continue
        lamps = list(_lamps_of(placed.shapes[place]))
        plain = all(glow != Glow.TURN for glow, _ in lamps)
        for glow, at in lamps:
            facing = pose[:3, 0] if at[0] > 0 else -pose[:3, 0]
            position = pose[:3, :3] @ at + pose[:3, 3]
            if (plain or glow == Glow.TURN) and on and flags & (RIGHT_BLINKER if at[1] > 0 else LEFT_BLINKER):
                yield Source(position, facing, AMBER, 3.0, 0.06)
            if glow == Glow.FRONT and flags & (LOW_BEAM | HIGH_BEAM):
                yield Source(position, facing, WHITE, 14.0 if flags & HIGH_BEAM else 7.0, 0.09)
            elif glow == Glow.REAR and flags & (BRAKE | POSITION | LOW_BEAM):
                yield Source(position, facing, RED, 3.0 if flags & BRAKE else 0.5, 0.07)


def _blinks_now(told: Context) -> bool:
    return (told.time_s * BLINK_HZ) % 1.0 < 0.5


def _lamps_of(shape: Shape) -> Iterator[tuple[Glow, Floats]]:
    """The middle (3,), in the actor's frame, of the lamps of each kind at each of its corners."""
    kinds = finishes.GLOW[shape.mesh.material]
    for glow in (Glow.FRONT, Glow.REAR, Glow.TURN):
        faces = shape.mesh.faces[kinds == glow]
        if not len(faces):
            continue
        middle = shape.mesh.vertices[faces].mean(axis=1, dtype=np.float64)
        corner = 2 * (middle[:, 0] > shape.center[0]) + (middle[:, 1] > 0)
        for one in np.unique(corner):
            yield glow, middle[corner == one].mean(axis=0)


def _add_source(view: View, light: Light, picture: Array32, source: Source) -> None:
    """Add one lamp to ``picture`` (3, H, W) if nothing stands before it."""
    lens = view.lens
    spot = _projected(view, source.position)
    if spot is None:
        return
    u, v, ahead, distance = spot
    facing = _towards_camera(view, source, distance)
    if facing <= 0.02:
        return
    depth = view.range_m.reshape(lens.height, lens.width)
    row, column = int(v), int(u)
    around = depth[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    seen = float((around > distance - 0.6).mean())
    if seen == 0.0:
        return
    core = max(lens.focal_px * source.radius_m / ahead, 0.6)
    halo = (0.006 + 0.0022 * min(source.power, 8.0)) * lens.width * min(1.0, 14.0 / (distance + 4.0)) ** 0.5
    haze = 0.03 * (1 - light.day) + 0.02 * min(light.fog.per_m * 40, 1.0)
    reach = max(3 * core, 2.2 * halo if haze > 0.002 else 0.0)
    box, right, down = _around(lens, u, v, wide=reach, tall=reach)
    square = right * right + down * down
    away = np.sqrt(square)
    spread = np.exp(-square / np.float32(core * core))
    spread += np.float32(haze) * np.exp(away / np.float32(-halo / 2.5)) * _fading(away, reach)
    shine = source.power * seen * facing**2 * np.exp(-light.fog.per_m * max(distance - light.fog.start_m, 0.0))
    for c in range(3):
        picture[c][box] += spread * np.float32(shine * source.color[c])


def _add_streak(view: View, light: Light, found: Surfaces, picture: Array32, source: Source) -> None:
    """Add the streak that wet ground mirrors of a lamp: long, because ripples tilt it towards and from the camera."""
    lens = view.lens
    below = source.position.copy()
    ground = view.pose[2, 3] - 1.6  # the camera's own ground, near enough: a streak has no sharp place
    below[2] = 2 * min(ground, source.position[2]) - below[2]
    spot = _projected(view, below)
    if spot is None:
        return
    u, v, ahead, distance = spot
    facing = _towards_camera(view, source, distance)
    if facing <= 0.02:
        return
    wide = max(1.6 * lens.focal_px * source.radius_m / ahead, 1.5)
    tall = max(0.09 * lens.height, 3 * wide)
    box, right, down = _around(lens, u, v, wide=3 * wide, tall=2.2 * tall)
    spread = np.exp(-((right / np.float32(wide)) ** 2) - (down / np.float32(tall)) ** 2)
    shape = lens.height, lens.width
    spread *= found.water.reshape(shape)[box] * (view.range_m.reshape(shape)[box] < distance)
    shine = 0.05 * source.power * facing**2 * float(np.exp(-light.fog.per_m * distance))
    for c in range(3):
        picture[c][box] += spread * np.float32(shine * source.color[c])


def _towards_camera(view: View, source: Source, distance: float) -> float:
    """How squarely a lamp shines at the camera, as a cosine; 1 for one that shines all around."""
    if source.facing is None:
        return 1.0
    return float(-(source.facing @ (source.position - view.pose[:3, 3])) / distance)


def _projected(view: View, position: Floats) -> tuple[float, float, float, float] | None:
    """Pixel u, v of a place in the world, and how far ahead and how far away it is; None outside the picture."""
    lens = view.lens
    offset = position - view.pose[:3, 3]
    ahead, right, up = (float(offset @ view.pose[:3, i]) for i in range(3))
    if ahead < NEAR_M:
        return None
    u, v = lens.width / 2 + lens.focal_px * right / ahead, lens.height / 2 - lens.focal_px * up / ahead
    if not (0 <= u < lens.width and 0 <= v < lens.height):
        return None
    return u, v, ahead, float(np.linalg.norm(offset))


def _around(
    lens: Lens, u: float, v: float, *, wide: float, tall: float
) -> tuple[tuple[slice, slice], Array32, Array32]:
    """The pixels within ``wide`` and ``tall`` of a place, and how far right (1, C) and down (R, 1) of it they are."""
    left, right = max(int(u - wide), 0), min(int(u + wide) + 1, lens.width)
    top, bottom = max(int(v - tall), 0), min(int(v + tall) + 1, lens.height)
    across = np.arange(left, right, dtype=np.float32)[None] + np.float32(0.5 - u)
    down = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - v)
    return (slice(top, bottom), slice(left, right)), across, down


def _fading(away: Array32, reach: float) -> Array32:
    """1 in the middle, smoothly 0 at ``reach``."""
    left = np.clip(1 - away / np.float32(reach), 0, 1)
    return np.asarray(left * left * (3 - 2 * left), dtype=np.float32)
