"""Whoever rides a bicycle or motorcycle: hands on the grips, feet on the pedals, looking ahead.

Knees and elbows follow from where hips, feet, shoulders and hands are (two bones of known length, bent forwards or
outwards), so one rider fits every machine.  Frame: the machine's; x forward, y right, z up, metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, ellipsoid, tube

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Posture:
    """Where a machine wants its rider; all points (x, z) metres, left and right alike but for the feet."""

    seat: tuple[float, float]
    grip: tuple[float, float]
    grip_y: float
    """Half the distance between the hands."""
    feet: tuple[tuple[float, float], tuple[float, float]]
    """Left and right."""
    foot_y: float
    lean: float
    """Of the back, radians from upright, forwards."""
    knees_y: float = 0.13


def rider(posture: Posture, height_m: float = 1.74, *, helmet: str = "none", bag: bool = False) -> Mesh:
    """A rider ``height_m`` tall; ``helmet`` is none, open or full."""
    h = height_m
    hip = np.array([posture.seat[0], 0.0, posture.seat[1] + 0.05 * h])
    back = np.array([np.sin(posture.lean), 0.0, np.cos(posture.lean)])
    neck = hip + 0.30 * h * back
    chest = hip + 0.20 * h * back
    top, trousers, skin = Material.RIDER_TOP, Material.RIDER_TROUSERS, Material.RIDER_SKIN
    parts = [
        tube(hip - 0.03 * h * back, hip + 0.08 * h * back, (0.085 * h, 0.078 * h), trousers, 9),
        tube(hip + 0.06 * h * back, chest, (0.076 * h, 0.096 * h), top, 9),
        tube(chest, neck, (0.096 * h, 0.048 * h), top, 9),
    ]
    head = neck + np.array([0.035 * h + 0.02 * h * np.sin(posture.lean), 0.0, 0.078 * h])
    parts.append(tube(neck - 0.01 * h * back, head, (0.033 * h, 0.030 * h), skin, 6))
    parts.append(ellipsoid(head, (0.056 * h, 0.044 * h, 0.068 * h), skin, 9, 6))
    if helmet == "full":
        parts.append(
            ellipsoid(head + np.array([-0.005, 0, 0.012]), (0.085 * h, 0.072 * h, 0.080 * h), Material.HELMET, 10, 6)
        )
    elif helmet == "open":
        parts.append(
            ellipsoid(head + np.array([-0.01, 0, 0.035 * h]), (0.078 * h, 0.060 * h, 0.052 * h), Material.HELMET, 9, 5)
        )
    else:
        parts.append(
            ellipsoid(head + np.array([-0.012, 0, 0.022 * h]), (0.057 * h, 0.047 * h, 0.050 * h), trousers, 8, 5)
        )
    for side, foot_xz in zip((-1.0, 1.0), posture.feet, strict=True):
        foot = np.array([foot_xz[0], side * posture.foot_y, foot_xz[1]])
        joint = hip + np.array([0.0, side * 0.05 * h, -0.01 * h])
        ankle = foot + np.array([-0.05, 0.0, 0.07])
        knee = _bend(joint, ankle, (0.245 * h, 0.245 * h), np.array([1.0, side * 0.25 * posture.knees_y / 0.13, 0.35]))
        parts += [
            tube(joint, knee, (0.058 * h, 0.040 * h), trousers, 7),
            tube(knee, ankle, (0.040 * h, 0.027 * h), trousers, 7),
            tube(
                ankle + np.array([-0.05, 0, -0.05]),
                foot + np.array([0.13, 0, 0.015]),
                (0.042, 0.032),
                Material.RIDER_TROUSERS,
                6,
            ),
        ]
        shoulder = neck + np.array([-0.01 * h, side * 0.105 * h, -0.035 * h])
        hand = np.array([posture.grip[0], side * posture.grip_y, posture.grip[1]])
        elbow = _bend(shoulder, hand, (0.172 * h, 0.150 * h), np.array([-0.4, side * 0.5, -0.8]))
        parts += [
            ellipsoid(shoulder, (0.045 * h, 0.040 * h, 0.045 * h), top, 7, 4),
            tube(shoulder, elbow, (0.034 * h, 0.027 * h), top, 7),
            tube(elbow, hand, (0.027 * h, 0.020 * h), top if helmet == "full" else skin, 7),
            ellipsoid(hand, (0.045, 0.035, 0.035), skin, 6, 4),
        ]
    if bag:
        middle = hip + 0.17 * h * back - 0.135 * h * np.array([np.cos(posture.lean), 0, -np.sin(posture.lean)])
        parts.append(ellipsoid(middle, (0.09, 0.15, 0.21), Material.RIDER_TROUSERS, 8, 6))
    return Mesh.joined(parts)


def _bend(start: Floats, end: Floats, bones: tuple[float, float], towards: ArrayLike) -> Floats:
    """The joint (3,) between two bones from ``start`` to ``end``; it bends ``towards``, straight when out of reach."""
    first, second = bones
    reach = end - start
    far = float(np.linalg.norm(reach))
    axis = reach / far
    along = (far**2 + first**2 - second**2) / (2 * far)
    if far >= first + second:
        return np.asarray(start + axis * far * first / (first + second))
    aside = np.asarray(towards, dtype=float)
    aside = aside - (aside @ axis) * axis
    aside = aside / np.linalg.norm(aside)
    return np.asarray(start + along * axis + np.sqrt(max(first**2 - along**2, 0.0)) * aside)
