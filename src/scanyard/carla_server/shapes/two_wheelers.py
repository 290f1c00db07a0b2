"""Bicycles and motorcycles with whoever rides them: one actor, one box, two tags.

A machine is drawn at its usual size and stretched, with its rider, to the box asked for.  Its spokes are thin, as real
ones are: most rays go through the wheel.  Frame: x forward, y right, z up, wheels on z = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scanyard.carla_server.shapes.riders import Posture, rider
from scanyard.carla_server.shapes.wheels import Wheel
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, ellipsoid, quads, tube
from scanyard.randomness import stream

Made = tuple[Mesh, tuple[Wheel, ...]]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Machine:
    """What is ridden, and how."""

    parts: list[Mesh]
    posture: Posture
    helmet: str
    wheels: tuple[tuple[float, float, float], tuple[float, float, float]]
    """Front and rear: x, radius, width, metres."""


def ridden(kind: str, body: str, variant: int, size: Sequence[float]) -> Made:
    """A bicycle or motorcycle (``kind``) with its rider, filling ``size`` (length, width, height), and its wheels.

    ``body`` is one of ``BODIES[kind]``; anything else picks by ``variant``.
    """
    bodies = BODIES[kind]
    make = bodies.get(body) or list(bodies.values())[variant % len(bodies)]
    rng = stream(kind, variant)
    machine = make(rng)
    bag = kind == "bicycle" and bool(rng.random() < 0.3)
    whole = Mesh.joined(
        [*machine.parts, rider(machine.posture, float(rng.uniform(1.62, 1.86)), helmet=machine.helmet, bag=bag)]
    )
    length, width, height = size
    low, high = np.array([-length / 2, -width / 2, 0.0]), np.array([length / 2, width / 2, height])
    scale = (high - low) / (whole.high.astype(float) - whole.low.astype(float))
    wheels = []
    for number, (x, radius, tyre) in enumerate(machine.wheels):
        center = low + (np.array([x, 0.0, radius]) - whole.low.astype(float)) * scale
        wheels.append(Wheel((float(center[0]), 0.0, float(center[2])), float(radius * scale[2]), tyre, number == 0))
    return whole.fitted(low, high), tuple(wheels)


def _spoked(x: float, radius: float, tyre_m: float, spokes: int, materials: tuple[Material, Material]) -> Mesh:
    """A tyre of hexagonal section about the y axis, a rim, a hub, and spokes thinner than a finger."""
    tyre, metal = materials
    sides = 20
    angle = np.arange(sides) * 2 * np.pi / sides - np.pi / 2
    half = tyre_m / 2
    rows = []
    section = [
        (0.0, 0.0),
        (0.3 * tyre_m, half),
        (tyre_m, 0.8 * half),
        (tyre_m, -0.8 * half),
        (0.3 * tyre_m, -half),
        (0.0, 0.0),
    ]
    for inwards, y in section:
        r = radius - inwards
        rows.append(np.c_[x + r * np.cos(angle), np.full(sides, y), radius + r * np.sin(angle)])
    ring = Mesh.of(np.concatenate(rows), quads(len(section), sides, closed=True), tyre)
    hub = tube((x, -0.05, radius), (x, 0.05, radius), 0.03, metal, 6)
    inner = radius - tyre_m
    turn = np.arange(spokes) * 2 * np.pi / spokes
    corners, count = [], np.arange(spokes)
    for number, a in enumerate(turn):  # each a sliver of a triangle, from alternate sides of the hub to the rim
        y = 0.04 if number % 2 else -0.04
        along, aside = np.array([np.cos(a), 0, np.sin(a)]), np.array([-np.sin(a), 0, np.cos(a)])
        foot = np.array([x, y, radius]) + 0.03 * along
        corners.append([foot + 0.004 * aside, foot - 0.004 * aside, np.array([x, 0, radius]) + inner * along])
    wires = Mesh.of(np.concatenate(corners), 3 * count[:, None] + np.arange(3), metal)
    return Mesh.joined([ring, hub, wires])


def _cast(x: float, radius: float, tyre_m: float) -> Mesh:
    """A motorcycle's wheel: a fat tyre, five cast spokes, a brake disc."""
    wheel = _spoked(x, radius, tyre_m, 5, (Material.MOTORCYCLE_TYRE, Material.MOTORCYCLE_METAL))
    inner = radius - tyre_m
    spokes = [
        tube(
            (x, 0, radius), (x + inner * np.cos(a), 0, radius + inner * np.sin(a)), 0.022, Material.MOTORCYCLE_METAL, 4
        )
        for a in np.arange(5) * 2 * np.pi / 5
    ]
    disc = tube((x, 0.055, radius), (x, 0.06, radius), 0.14, Material.MOTORCYCLE_METAL, 12)
    return Mesh.joined([wheel, *spokes, disc])


def _tubes(bars: Sequence[tuple[Point, Point]], radius: float, material: Material, sides: int = 6) -> list[Mesh]:
    return [tube(a, b, radius, material, sides) for a, b in bars]


def _bicycle(rng: np.random.Generator, *, style: str) -> Machine:
    """A diamond or step-through frame between two spoked wheels; ``style`` is cross, road or dutch."""
    metal, tyre = Material.BICYCLE, Material.BICYCLE_TYRE
    bright = Material.BICYCLE_METAL
    radius, rear, front = 0.345, -0.50, 0.53
    width = {"cross": 0.05, "road": 0.026, "dutch": 0.04}[style]
    seat_z = {"cross": 0.94, "road": 0.99, "dutch": 0.96}[style] + float(rng.uniform(-0.03, 0.05))
    crank = (-0.06, 0.0, 0.29)
    bars: list[tuple[Point, Point]] = [
        ((rear, 0.05, radius), crank), ((rear, -0.05, radius), crank),
        ((rear, 0.05, radius), (-0.17, 0, 0.80)), ((rear, -0.05, radius), (-0.17, 0, 0.80)),
        (crank, (-0.20, 0, seat_z - 0.03)), (crank, (0.38, 0, 0.70)),
        ((-0.12, 0, 0.52), (0.36, 0, 0.72)) if style == "dutch" else ((-0.17, 0, 0.80), (0.36, 0, 0.83)),
        ((0.345, 0, 0.94), (0.40, 0, 0.66)),
        ((0.40, 0.05, 0.66), (front, 0.05, radius)), ((0.40, -0.05, 0.66), (front, -0.05, radius)),
    ]  # fmt: skip
    parts = [_spoked(rear, radius, width, 24, (tyre, bright)), _spoked(front, radius, width, 24, (tyre, bright))]
    parts += _tubes(bars, 0.017, metal, 5)
    parts.append(ellipsoid((-0.21, 0, seat_z), (0.13, 0.08 if style == "dutch" else 0.065, 0.035), tyre, 8, 4))
    turn = float(rng.uniform(0, 2 * np.pi))
    feet = []
    for side, phase in ((-1, 0.0), (1, np.pi)):
        pedal = (crank[0] + 0.17 * np.cos(turn + phase), side * 0.13, crank[2] + 0.17 * np.sin(turn + phase))
        parts.append(tube((crank[0], side * 0.07, crank[2]), (pedal[0], side * 0.08, pedal[2]), 0.012, bright, 4))
        parts.append(box(pedal, (0.09, 0.09, 0.02), tyre))
        feet.append((pedal[0] + 0.0, pedal[2] + 0.02))
    parts.append(tube((crank[0], 0.055, crank[2]), (crank[0], 0.06, crank[2]), 0.095, bright, 12))
    if style == "dutch":
        grip, grip_y, lean = (0.13, 1.10), 0.25, float(rng.uniform(0.05, 0.2))
        curve: list[Point] = [(0.33, 0, 1.02), (0.36, 0.16, 1.08), (0.27, 0.25, 1.10), (0.10, 0.26, 1.09)]
        parts += _fenders_and_rack(radius, rear, front, metal)
    elif style == "road":
        grip, grip_y, lean = (0.47, 0.95), 0.20, float(rng.uniform(0.65, 0.85))
        curve = [(0.36, 0, 0.97), (0.40, 0.20, 0.97), (0.49, 0.21, 0.95), (0.50, 0.21, 0.86), (0.41, 0.21, 0.82)]
    else:
        grip, grip_y, lean = (0.33, 1.02), 0.28, float(rng.uniform(0.35, 0.6))
        curve = [(0.38, 0, 0.98), (0.40, 0.14, 1.01), (0.33, 0.32, 1.02)]
    parts.append(tube((0.345, 0, 0.92), curve[0], 0.016, bright, 5))
    for side in (-1, 1):
        turned = [(x, side * y, z) for x, y, z in curve]
        parts += _tubes(list(pairwise(turned)), 0.014, bright, 5)
    parts.append(box((-0.27, 0, 0.74), (0.03, 0.06, 0.06), Material.BICYCLE_LAMP))
    posture = Posture((-0.20, seat_z), grip, grip_y, (feet[0], feet[1]), 0.12, lean)
    helmet = "open" if rng.random() < (0.8 if style == "road" else 0.25) else "none"
    return Machine(parts, posture, helmet, ((front, radius, width), (rear, radius, width)))


def _fenders_and_rack(radius: float, rear: float, front: float, metal: Material) -> list[Mesh]:
    parts = []
    for x, start, stop in ((rear, 0.2, 3.0), (front, 0.4, 2.7)):
        angle = np.linspace(start, stop, 8)
        ring = np.stack([x + (radius + 0.03) * np.cos(angle), np.zeros(8), radius + (radius + 0.03) * np.sin(angle)], 1)
        rows = np.concatenate([ring + np.array([0, y, 0]) for y in (-0.03, 0.03)])
        parts.append(Mesh.of(rows, quads(2, 8), metal))
    parts.append(box((rear - 0.02, 0, 2 * radius + 0.07), (0.38, 0.13, 0.02), metal))
    parts.append(box((-0.08, 0.075, 0.33), (0.55, 0.015, 0.12), metal))
    return parts


def _cruiser(rng: np.random.Generator) -> Machine:
    """Long and low, feet forward, a wide handlebar."""
    paint, metal, dark = Material.MOTORCYCLE, Material.MOTORCYCLE_METAL, Material.MOTORCYCLE_DARK
    front, rear = (0.86, 0.33, 0.10), (-0.72, 0.32, 0.13)
    parts = [_cast(*front), _cast(*rear)]
    parts += [
        ellipsoid((0.16, 0, 0.80), (0.33, 0.16, 0.14), paint, 10, 6),
        ellipsoid((-0.72, 0, 0.60), (0.36, 0.11, 0.12), paint, 9, 5),
        box((-0.28, 0, 0.66), (0.50, 0.28, 0.10), dark),
        box((-0.70, 0, 0.72), (0.30, 0.20, 0.07), dark),
        tube((0.02, 0, 0.38), (0.14, 0, 0.70), (0.13, 0.11), metal, 8),
        tube((0.10, 0, 0.38), (-0.14, 0, 0.70), (0.13, 0.11), metal, 8),
        ellipsoid((0.0, 0, 0.36), (0.30, 0.16, 0.14), metal, 9, 5),
        ellipsoid((0.72, 0, 0.86), (0.11, 0.12, 0.12), Material.MOTORCYCLE_LAMP, 8, 5),
        box((-1.08, 0, 0.60), (0.03, 0.12, 0.09), Material.MOTORCYCLE_TAIL_LAMP),
        box((-1.09, 0, 0.48), (0.02, 0.18, 0.14), Material.MOTORCYCLE_PLATE),
    ]
    for side in (-1, 1):
        parts.append(tube((0.55, side * 0.09, 0.90), (0.86, side * 0.09, 0.33), 0.03, metal, 6))
        parts.append(tube((0.10, side * 0.19, 0.30), (-0.95, side * 0.20, 0.33), (0.04, 0.055), metal, 7))
        parts.append(tube((0.52, side * 0.05, 0.95), (0.36, side * 0.36, 1.08), 0.016, metal, 5))
        parts.append(tube((0.36, side * 0.36, 1.08), (0.20, side * 0.40, 1.04), 0.02, dark, 5))
        parts.append(box((0.36, side * 0.38, 1.18), (0.03, 0.14, 0.08), dark))
    posture = Posture((-0.28, 0.72), (0.26, 1.06), 0.37, ((0.48, 0.30), (0.48, 0.30)), 0.24, 0.02, knees_y=0.3)
    return Machine(parts, posture, "open" if rng.random() < 0.5 else "full", (front, rear))


def _sport(rng: np.random.Generator) -> Machine:
    """A fairing, a high tail, the rider bent over the tank."""
    paint, metal, dark = Material.MOTORCYCLE, Material.MOTORCYCLE_METAL, Material.MOTORCYCLE_DARK
    front, rear = (0.72, 0.30, 0.10), (-0.66, 0.31, 0.15)
    parts = [_cast(*front), _cast(*rear)]
    parts += [
        ellipsoid((0.12, 0, 0.86), (0.30, 0.16, 0.14), paint, 10, 6),
        ellipsoid((0.50, 0, 0.86), (0.26, 0.19, 0.22), paint, 10, 6),
        ellipsoid((0.22, 0, 0.52), (0.42, 0.18, 0.25), paint, 10, 6),
        tube((-0.10, 0, 0.78), (-0.78, 0, 0.98), (0.14, 0.05), paint, 6),
        box((-0.25, 0, 0.83), (0.36, 0.24, 0.06), dark),
        ellipsoid((0.73, 0, 0.84), (0.06, 0.13, 0.07), Material.MOTORCYCLE_LAMP, 8, 4),
        box((-0.80, 0, 0.95), (0.03, 0.10, 0.05), Material.MOTORCYCLE_TAIL_LAMP),
        box((-0.88, 0, 0.68), (0.02, 0.18, 0.14), Material.MOTORCYCLE_PLATE),
        tube((-0.78, 0, 0.92), (-0.88, 0, 0.72), 0.03, dark, 4),
        tube((-0.1, 0.0, 0.40), (-0.66, 0.10, 0.31), 0.045, metal, 5),
        tube((-0.1, 0.17, 0.32), (-0.75, 0.20, 0.52), (0.05, 0.07), metal, 7),
        box((0.52, 0, 1.08), (0.16, 0.26, 0.10), dark),
    ]
    for side in (-1, 1):
        parts.append(tube((0.50, side * 0.10, 0.85), (0.72, side * 0.10, 0.30), 0.03, metal, 6))
        parts.append(tube((0.46, side * 0.10, 0.94), (0.38, side * 0.34, 0.90), 0.018, dark, 5))
        parts.append(box((0.50, side * 0.30, 1.10), (0.04, 0.13, 0.07), dark))
    posture = Posture(
        (-0.26, 0.84), (0.41, 0.93), 0.27, ((-0.22, 0.38), (-0.22, 0.38)), 0.19, float(rng.uniform(0.6, 0.85))
    )
    return Machine(parts, posture, "full", (front, rear))


def _scooter(rng: np.random.Generator) -> Machine:
    """Small wheels, a leg shield, a flat floor; the rider sits as on a chair."""
    paint, dark = Material.MOTORCYCLE, Material.MOTORCYCLE_DARK
    front, rear = (0.62, 0.22, 0.09), (-0.58, 0.22, 0.10)
    shield = np.array([[[0.52, y, 0.30], [0.48, y, 0.62], [0.40, y * 0.85, 0.95]] for y in (-0.24, -0.10, 0.10, 0.24)])
    shield[[1, 2], :, 0] += 0.07
    parts = [_cast(*front), _cast(*rear)]
    parts += [
        Mesh.of(shield.reshape(-1, 3), quads(4, 3), paint),
        box((0.16, 0, 0.28), (0.50, 0.34, 0.08), dark),
        ellipsoid((-0.48, 0, 0.50), (0.42, 0.20, 0.24), paint, 12, 7),
        ellipsoid((0.62, 0, 0.36), (0.24, 0.10, 0.13), paint, 9, 5),
        box((-0.34, 0, 0.76), (0.62, 0.27, 0.09), dark),
        tube((0.40, 0, 0.90), (0.60, 0, 0.30), 0.04, paint, 6),
        ellipsoid((0.38, 0, 1.02), (0.12, 0.15, 0.09), paint, 8, 5),
        ellipsoid((0.48, 0, 1.02), (0.04, 0.08, 0.07), Material.MOTORCYCLE_LAMP, 8, 4),
        box((-0.89, 0, 0.60), (0.04, 0.12, 0.08), Material.MOTORCYCLE_TAIL_LAMP),
        box((-0.90, 0, 0.44), (0.02, 0.18, 0.14), Material.MOTORCYCLE_PLATE),
        tube((-0.45, 0.18, 0.26), (-0.80, 0.20, 0.30), 0.05, Material.MOTORCYCLE_METAL, 6),
    ]
    for side in (-1, 1):
        parts.append(tube((0.36, side * 0.08, 1.03), (0.28, side * 0.33, 1.04), 0.018, dark, 5))
        parts.append(tube((0.34, side * 0.22, 1.04), (0.36, side * 0.30, 1.22), 0.008, Material.MOTORCYCLE_METAL, 4))
        parts.append(ellipsoid((0.36, side * 0.31, 1.24), (0.02, 0.06, 0.05), dark, 6, 4))
    posture = Posture(
        (-0.26, 0.80),
        (0.30, 1.06),
        0.29,
        ((0.28, 0.33), (0.28, 0.33)),
        0.13,
        float(rng.uniform(0.0, 0.12)),
        knees_y=0.2,
    )
    return Machine(parts, posture, "open" if rng.random() < 0.6 else "full", (front, rear))


BODIES: dict[str, dict[str, Callable[[np.random.Generator], Machine]]] = {
    "bicycle": {
        "cross": lambda rng: _bicycle(rng, style="cross"),
        "road": lambda rng: _bicycle(rng, style="road"),
        "dutch": lambda rng: _bicycle(rng, style="dutch"),
    },
    "motorcycle": {"cruiser": _cruiser, "sport": _sport, "scooter": _scooter},
}
"""By kind and body."""
