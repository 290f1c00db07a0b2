"""How people hold themselves: joints of a body at rest, in each phase of a stride, and sitting.

Angles follow what gait laboratories measure in healthy adults at a comfortable pace (hip 25 degrees either way, knee
bent by 60 degrees in mid-swing; Winter, "Biomechanics and Motor Control of Human Movement").  Lengths are shares of the
body's height (Drillis and Contini 1966).  Frame: x forward, y right, z up, the lowest foot on z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PHASES = 8
"""Shapes that one full stride, left and right, is made of."""
THIGH, SHIN, FOOT_HEIGHT, FOOT = 0.245, 0.246, 0.039, 0.152
UPPER_ARM, FOREARM, HAND = 0.186, 0.146, 0.08
HIP_HALF, SHOULDER_HALF, TRUNK = 0.052, 0.114, 0.288


@dataclass(frozen=True)
class Joints:
    """Where a body's joints are, for a height of one; pairs are left, right."""

    hip: Floats
    """(3,) middle of both hips."""
    neck: Floats
    """(3,) foot of the neck."""
    head: Floats
    """(3,) middle of the head."""
    legs: tuple[Floats, Floats]
    """(4, 3) each: hip, knee, ankle, toe."""
    arms: tuple[Floats, Floats]
    """(3, 3) each: shoulder, elbow, wrist."""


@dataclass(frozen=True)
class Manner:
    """How someone walks; angles in degrees."""

    stride: float = 25.0
    """How far a thigh swings to either side."""
    swing: float = 20.0
    """How far an arm does."""
    stoop: float = 3.0
    """How far the trunk leans forward."""
    elbow: float = 18.0
    held: tuple[float, float] | None = None
    """Upper arm and elbow of both arms where they hold something in front: a pram."""
    right_held: tuple[float, float] | None = None
    """The same of the right arm alone: a stick, an umbrella."""


def stride_m(height_m: float) -> float:
    """How far someone of this height walks in one full stride, left and right, metres."""
    return 0.82 * height_m


def standing(manner: Manner) -> Joints:
    """At rest, one knee a little bent."""
    return _upright(manner, ((2.0, 3.0), (6.0, 10.0)), (4.0, -3.0))


def striding(manner: Manner, phase: float) -> Joints:
    """``phase`` (0 to 1) of a stride; at 0 the left heel meets the ground, at 1/2 the right."""
    legs = []
    for offset in (0.0, 0.5):
        p = (phase + offset) % 1.0
        hip = manner.stride * np.cos(2 * np.pi * p)
        legs.append(
            (float(hip) + 3.0, float(5.0 + 12.0 * _bump(p, 0.14, 0.08) + 2.2 * manner.stride * _bump(p, 0.74, 0.1)))
        )
    swing = manner.swing * np.cos(2 * np.pi * phase)
    return _upright(manner, (legs[0], legs[1]), (float(-swing), float(swing)))


def seated(height_of_seat: float, stoop: float = -8.0) -> Joints:
    """On a seat (a share of the body's height), feet forward, hands on the thighs."""
    hip = np.array([0.0, 0.0, height_of_seat])
    neck = hip + TRUNK * _direction(stoop)
    legs, arms = [], []
    for side in (-1.0, 1.0):
        at = hip + np.array([0.0, side * HIP_HALF, 0.0])
        knee = at + THIGH * _direction(92.0)
        ankle = knee - SHIN * _direction(-18.0)
        legs.append(np.stack([at, knee, ankle, ankle + np.array([0.75 * FOOT, 0.0, -0.02])]))
        shoulder = neck + np.array([-0.005, side * SHOULDER_HALF, -0.02])
        elbow = shoulder - UPPER_ARM * _direction(-12.0) + np.array([0.0, side * 0.015, 0.0])
        arms.append(np.stack([shoulder, elbow, elbow + FOREARM * _direction(82.0)]))
    return Joints(hip, neck, neck + np.array([0.01, 0.0, 0.115]), (legs[0], legs[1]), (arms[0], arms[1]))


def _upright(
    manner: Manner, legs: tuple[tuple[float, float], tuple[float, float]], arms: tuple[float, float]
) -> Joints:
    """``legs``: hip and knee angles of either leg; ``arms``: angles of the upper arms; all forward positive."""
    hip = np.zeros(3)
    found = []
    for side, (thigh_deg, knee_deg) in zip((-1.0, 1.0), legs, strict=True):
        at = hip + np.array([0.0, side * HIP_HALF, 0.0])
        knee = at - THIGH * _direction(-thigh_deg)
        lower = thigh_deg - knee_deg
        ankle = knee - SHIN * _direction(-lower)
        pitch = np.deg2rad(np.clip(0.75 * lower, -48.0, 14.0))  # the heel leaves the ground behind, the toe in front
        toe = ankle + np.array([0.78 * FOOT * np.cos(pitch), side * 0.012, 0.78 * FOOT * np.sin(pitch) - 0.016])
        found.append(np.stack([at, knee, ankle, toe]))
    lowest = min(min(leg[2, 2] - FOOT_HEIGHT, leg[3, 2] - 0.5 * FOOT_HEIGHT) for leg in found)
    lift = np.array([0.0, 0.0, -lowest])
    trunk = _direction(manner.stoop)
    neck = hip + TRUNK * trunk
    hands = []
    for number, (side, angle) in enumerate(zip((-1.0, 1.0), arms, strict=True)):
        elbow_deg = manner.elbow + max(angle, 0.0) * 0.6
        held = manner.right_held if number and manner.right_held else manner.held
        if held is not None:
            angle, elbow_deg = held  # noqa: PLW2901 - what is held decides
        shoulder = neck + np.array([-0.005, side * SHOULDER_HALF, -0.02])
        elbow = shoulder - UPPER_ARM * _direction(-angle) + np.array([0.0, side * 0.02, 0.0])
        wrist = elbow - FOREARM * _direction(-(angle + elbow_deg)) + np.array([0.0, -side * 0.01, 0.0])
        hands.append(np.stack([shoulder, elbow, wrist]) + lift)
    head = neck + 0.115 * _direction(0.6 * manner.stoop) + np.array([0.012, 0.0, 0.0])
    legs_lifted = (found[0] + lift, found[1] + lift)
    return Joints(hip + lift, neck + lift, head + lift, legs_lifted, (hands[0], hands[1]))


def _direction(lean_deg: float) -> Floats:
    """Unit vector (3,) that leans from straight up forward."""
    lean = np.deg2rad(lean_deg)
    return np.array([np.sin(lean), 0.0, np.cos(lean)])


def _bump(x: float, at: float, wide: float) -> float:
    away = (x - at + 0.5) % 1.0 - 0.5
    return float(np.exp(-((away / wide) ** 2)))
