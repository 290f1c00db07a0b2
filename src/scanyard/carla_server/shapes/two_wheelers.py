"""Bicycles and motorcycles with whoever rides them: one actor, one box, two tags.

Frame: x forward, y right, z up, wheels on z = 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanyard.carla_server.shapes.people import RIDING, Limb, limb, torso
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, ellipsoid, quads, tube
from scanyard.randomness import stream

BODY_M = 1.72  # height of the rider


def ridden(kind: str, variant: int, size: Sequence[float]) -> Mesh:
    """A bicycle or motorcycle with its rider, filling ``size`` (length, width, height) exactly."""
    rng = stream(kind, variant)
    lean = float(rng.uniform(0.15, 0.55))
    machine = _bicycle() if kind == "bicycle" else _motorcycle()
    seat = np.array([-0.18, 0.0, 0.95]) if kind == "bicycle" else np.array([-0.15, 0.0, 0.80])
    length, width, height = size
    whole = Mesh.joined([*machine, _rider(seat, lean, kind == "bicycle")])
    return whole.fitted((-length / 2, -width / 2, 0), (length / 2, width / 2, height))


def _rider(seat: np.ndarray[tuple[int], np.dtype[np.float64]], lean: float, pedalling: bool) -> Mesh:
    hip = seat / BODY_M
    neck = hip + 0.33 * np.array([np.sin(lean), 0, np.cos(lean)])
    parts = [torso(hip.tolist(), neck.tolist(), RIDING)]
    for side in (-1, 1):
        up = side > 0
        foot = (
            np.array([0.10 if up else -0.02, side * 0.07, 0.23 if up else 0.06])
            if pedalling
            else np.array([0.08, side * 0.13, 0.20])
        )
        knee = np.array([hip[0] + (0.24 if up else 0.16), side * 0.085, hip[2] - (0.02 if up else 0.14)])
        thigh = hip + np.array([0, side * 0.05, 0])
        parts.append(
            limb(Limb((tuple(thigh), tuple(knee), tuple(foot)), (0.06, 0.042, 0.028)), RIDING.trousers, RIDING.trousers)
        )
        shoulder = neck + np.array([-0.01, side * 0.115, -0.03])
        hand = np.array([0.33, side * 0.16, 0.62]) if pedalling else np.array([0.30, side * 0.19, 0.56])
        elbow = (shoulder + hand) / 2 + np.array([-0.02, side * 0.03, -0.05])
        parts.append(
            limb(Limb((tuple(shoulder), tuple(elbow), tuple(hand)), (0.034, 0.027, 0.019)), RIDING.top, RIDING.skin)
        )
    body = Mesh.joined(parts)
    return Mesh(body.vertices * np.float32(BODY_M), body.faces, body.material)


def _wheel(x: float, radius: float, thickness: float, material: Material) -> Mesh:
    """A tyre: a ring of square section about the y axis, with a few spokes."""
    angle = np.arange(18) * 2 * np.pi / 18
    rows = []
    for r, y in (
        (radius, -thickness),
        (radius, thickness),
        (radius * 0.86, thickness),
        (radius * 0.86, -thickness),
        (radius, -thickness),
    ):
        rows.append(np.c_[x + r * np.cos(angle), np.full(18, y), radius + r * np.sin(angle)])
    tyre = Mesh.of(np.concatenate(rows), quads(5, 18, closed=True), material)
    spokes = [
        tube((x, 0, radius), (x + 0.86 * radius * np.cos(a), 0, radius + 0.86 * radius * np.sin(a)), 0.006, material, 3)
        for a in angle[::2]
    ]
    return Mesh.joined([tyre, *spokes])


def _bicycle() -> list[Mesh]:
    metal = Material.BICYCLE
    bars = [
        ((-0.52, 0, 0.34), (-0.08, 0, 0.30)),
        ((-0.52, 0, 0.34), (-0.17, 0, 0.82)),
        ((-0.08, 0, 0.30), (-0.18, 0, 0.92)),
        ((-0.08, 0, 0.30), (0.36, 0, 0.72)),
        ((-0.17, 0, 0.82), (0.36, 0, 0.82)),
        ((0.36, 0, 0.98), (0.53, 0, 0.34)),
    ]
    tubes = [tube(a, b, 0.018, metal, 6) for a, b in bars]
    handlebar = [
        tube((0.42, -0.27, 1.02), (0.42, 0.27, 1.02), 0.016, metal, 6),
        tube((0.36, 0, 0.98), (0.42, 0, 1.02), 0.016, metal, 6),
    ]
    saddle = [ellipsoid((-0.19, 0, 0.95), (0.13, 0.07, 0.035), metal, 8, 4)]
    cranks = [tube((-0.08, -0.09, 0.18), (-0.08, 0.09, 0.42), 0.012, metal, 5)]
    return [_wheel(-0.52, 0.34, 0.018, metal), _wheel(0.53, 0.34, 0.018, metal), *tubes, *handlebar, *saddle, *cranks]


def _motorcycle() -> list[Mesh]:
    metal = Material.MOTORCYCLE
    return [
        _wheel(-0.65, 0.31, 0.07, metal),
        _wheel(0.72, 0.31, 0.055, metal),
        ellipsoid((0.08, 0, 0.86), (0.30, 0.15, 0.14), metal, 10, 6),
        ellipsoid((0.0, 0, 0.48), (0.32, 0.17, 0.22), metal, 10, 6),
        ellipsoid((0.55, 0, 0.92), (0.16, 0.16, 0.18), metal, 9, 5),
        box((-0.38, 0, 0.76), (0.62, 0.24, 0.12), metal),
        tube((0.42, 0, 0.95), (0.72, 0, 0.31), 0.06, metal, 7),
        tube((0.40, -0.34, 1.02), (0.40, 0.34, 1.02), 0.02, metal, 6),
        tube((-0.1, 0.16, 0.30), (-0.75, 0.18, 0.40), 0.05, metal, 7),
    ]
