"""Cars, vans and pickups: a lofted body, wheels in its arches, a cabin behind its glass, and what is screwed on.

A car is drawn once per body type and variant at a typical size, then stretched to the box asked for: the size of cars
is what a detector learns first.  Wheels are not stretched but put where the arches have gone, so they stay round.  The
box is that of the car without its mirrors (``fittings`` says why); everything else fills it exactly.

Frame: x forward, y right, z up, the origin on the ground below the box's centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from scanyard.carla_server.shapes import fittings
from scanyard.carla_server.shapes.bodywork import Skin, lofted
from scanyard.carla_server.shapes.cabin import cabin, seats_alone
from scanyard.carla_server.shapes.car_panels import Style
from scanyard.carla_server.shapes.car_sections import SIDE
from scanyard.carla_server.shapes.outlines import OUTLINES, TYPICAL_M, Outline, varied
from scanyard.carla_server.shapes.wheels import Wheel, wheel_mesh, wheel_template
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.randomness import stream

PROFILES = tuple(OUTLINES)
"""The body types there are."""
VARIANTS = 24  # of each body: enough that no street repeats itself, few enough to keep


@dataclass(frozen=True)
class Equipment:
    """What a car of a given blueprint carries, whatever its variant."""

    crew: bool = False
    """Whether somebody sits at the wheel, and in some variants beside and behind."""
    beacons: bool = False
    taxi: bool = False


PARKED = Equipment()


@dataclass(frozen=True)
class Template:
    """A car in the unit box [-1/2, 1/2]² × [0, 1]."""

    body: Mesh
    """All but wheels and mirrors: touches the box's sides, ends and top."""
    mirrors: Mesh
    outline: Outline
    spokes: int


@cache
def template(body: str, variant: int, equipment: Equipment = PARKED, *, coarse: bool = False) -> Template:
    """A car of ``body`` (one of ``PROFILES``), one of ``VARIANTS``; ``coarse`` is the same car for the distance."""
    rng = stream("vehicle", body, variant)
    outline = varied(OUTLINES[body], rng)
    size = TYPICAL_M[body]
    style = Style(
        dark_bumpers=bool(rng.random() < 0.2),
        dark_glass=bool(rng.random() < 0.35),
        grille=float(rng.uniform(0.3, 0.6)),
        lamp_width=float(rng.uniform(0.25, 0.4)),
        tall_tail_lamps=bool(rng.random() < 0.4),
        small_lamps=bool(rng.random() < 0.6),
    )
    skin = lofted(outline, size, style, coarse=coarse)
    has_fin, has_rails = bool(rng.random() < 0.4), bool(rng.random() < 0.5)
    reach_m = float(rng.uniform(0.13, 0.18))
    spokes = int(rng.choice([0, 5, 6, 7, 9, 10]))
    seats = (0, *(seat for seat in (1, 2, 3) if rng.random() < (0.35, 0.12, 0.12)[seat - 1]))
    inside = seats_alone(skin) if coarse else cabin(skin, occupants=seats if equipment.crew else ())
    parts = [skin.mesh, inside, *_fitted(skin, equipment, has_fin)]
    if has_rails and not coarse and body in ("estate", "suv", "mpv"):
        parts.append(fittings.roof_rails(skin))
    unit = 1 / np.asarray(size)
    scaled = [Mesh((mesh.vertices * unit).astype(np.float32), mesh.faces, mesh.material)
              for mesh in (Mesh.joined(parts), fittings.mirrors(skin, reach_m))]  # fmt: skip
    whole = _exactly(scaled[0])
    return Template(whole, scaled[1], outline, spokes)


def _fitted(skin: Skin, equipment: Equipment, has_fin: bool) -> list[Mesh]:
    parts = [fittings.handles(skin), fittings.plates(skin)]
    if equipment.beacons:
        parts.append(fittings.beacons(skin))
    elif equipment.taxi:
        parts.append(fittings.taxi_sign(skin))
    else:
        parts.append(fittings.aerial(skin, fin=has_fin))
    return parts


def _exactly(mesh: Mesh) -> Mesh:
    """The mesh with what reaches its sides, ends and top put there to the last bit; its underside stays."""
    low, high = np.array([-0.5, -0.5, 0.0], np.float32), np.array([0.5, 0.5, 1.0], np.float32)
    assert np.abs(mesh.high - high).max() < 1e-4 and np.abs(mesh.low - low)[:2].max() < 1e-4
    vertices = mesh.vertices.copy()
    for axis in range(3):
        vertices[mesh.vertices[:, axis] == mesh.high[axis], axis] = high[axis]
        if axis < 2:
            vertices[mesh.vertices[:, axis] == mesh.low[axis], axis] = low[axis]
    return Mesh(vertices, mesh.faces, mesh.material)


def wheels_of(body: str, variant: int, size: Sequence[float]) -> tuple[Wheel, ...]:
    """The wheels of the car ``car`` returns for the same arguments: front left, front right, rear left, rear right."""
    return _wheels(template(body, variant % VARIANTS).outline, size)


def _wheels(outline: Outline, size: Sequence[float]) -> tuple[Wheel, ...]:
    length, width, height = size
    radius = outline.wheel * height
    tyre = min(0.215, 0.13 * width)
    y = 0.5 * SIDE * width - 0.025 - tyre / 2
    return tuple(
        Wheel(((0.5 - axle) * length, side * y, radius), radius, tyre, axle == outline.front_axle)
        for axle in (outline.front_axle, outline.rear_axle)
        for side in (-1, 1)
    )


def car(body: str, variant: int, size: Sequence[float], equipment: Equipment = PARKED, *, coarse: bool = False) -> Mesh:
    """A car whose box is ``size`` (length, width, height), standing on z = 0; only its mirrors reach beyond.

    About 3,000 faces; ``coarse`` is the same car with the same outline in a third of them, for the distance.
    """
    drawn = template(body, variant % VARIANTS, equipment, coarse=coarse)
    rim = wheel_template(
        drawn.spokes, Material.CAR_TYRE, Material.CAR_RIM_METAL, Material.CAR_DARK, sides=8 if coarse else 14
    )
    stretch = np.asarray(size, dtype=float)
    body_mesh = Mesh((drawn.body.vertices * stretch).astype(np.float32), drawn.body.faces, drawn.body.material)
    # Mirrors keep their reach in metres on a car that is wider than the template.
    aside = drawn.mirrors.vertices * stretch
    beyond = (np.abs(drawn.mirrors.vertices[:, 1]) - 0.5) * TYPICAL_M[body][1]
    aside[:, 1] = np.sign(aside[:, 1]) * (0.5 * stretch[1] + beyond)
    mirrors = Mesh(aside.astype(np.float32), drawn.mirrors.faces, drawn.mirrors.material)
    wheels = [wheel_mesh(wheel, rim) for wheel in _wheels(drawn.outline, size)]
    whole = Mesh.joined([body_mesh, *wheels, mirrors])
    # Tyres touch the ground: rounding must not lift or sink the box.
    vertices = np.where(np.abs(whole.vertices[:, 2:]) < 1e-5, np.float32(0), whole.vertices[:, 2:])
    return Mesh(np.concatenate([whole.vertices[:, :2], vertices], axis=1), whole.faces, whole.material)
