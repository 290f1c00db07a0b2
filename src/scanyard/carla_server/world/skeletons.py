"""The skeleton of a walker: 66 bones with the names of CARLA's, posed as it walks, as a script set it, or in between.

Every bone's frame stands upright when the walker does: x forward, y right, z up; limbs turn theirs forward and back
with the angle of the limb.  (CARLA's own bones are turned as their artist left them, so angles copied from its assets
mean something else here; where joints are is comparable.)  A script's pose starts as someone standing at ease, and is
blended with the walk bone by bone, each relative to the one above.

Frames: ``component`` is on the ground between the feet; (B, 4, 4), left-handed, metres.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

from scanyard.carla_server.protocol.poses import Floats, matrices, poses
from scanyard.carla_server.protocol.wire import Transform
from scanyard.carla_server.shapes import gait
from scanyard.carla_server.shapes.gait import Joints, Manner

_FINGERS = {
    "Thumb": (0.35, -0.55),
    "Index": (0.85, -0.35),
    "Middle": (0.9, 0.0),
    "Ring": (0.85, 0.3),
    "Pinky": (0.75, 0.6),
}
"""Of each finger how far along the hand it begins, and how far to the thumb's side or away from it."""


def _hierarchy() -> list[tuple[str, str]]:
    """Every bone and the one above, which comes first."""
    bones = [("crl_root", ""), ("crl_hips__C", "crl_root"), ("crl_spine__C", "crl_hips__C"),
             ("crl_spine01__C", "crl_spine__C")]  # fmt: skip
    for side in ("L", "R"):
        arm = ["crl_spine01__C", f"crl_shoulder__{side}", f"crl_arm__{side}", f"crl_foreArm__{side}",
               f"crl_hand__{side}"]  # fmt: skip
        bones += list(zip(arm[1:], arm[:-1], strict=True))
        for finger in _FINGERS:
            chain = [arm[-1], *(f"crl_hand{finger}{part}__{side}" for part in ("", "01", "02", "End"))]
            bones += list(zip(chain[1:], chain[:-1], strict=True))
    bones += [("crl_neck__C", "crl_spine01__C"), ("crl_Head__C", "crl_neck__C")]
    bones += [("crl_eye__L", "crl_Head__C"), ("crl_eye__R", "crl_Head__C")]
    for side in ("L", "R"):
        leg = ["crl_hips__C", *(f"crl_{part}__{side}" for part in ("thigh", "leg", "foot", "toe", "toeEnd"))]
        bones += list(zip(leg[1:], leg[:-1], strict=True))
    return bones


NAMES = tuple(name for name, _ in _hierarchy())
PARENTS = tuple(NAMES.index(above) if above else -1 for _, above in _hierarchy())
ROW = {name: row for row, name in enumerate(NAMES)}


def walking(height_m: float, walked_m: float, speed_mps: float) -> Floats:
    """(B, 4, 4) ``parent_from_bone`` of someone who has come ``walked_m`` and now goes at ``speed_mps``."""
    if speed_mps < 0.05:
        return standing(height_m)
    phase = walked_m / gait.stride_m(height_m) % 1.0
    return _relative(_bones(gait.striding(Manner(stride=min(25.0, 12.0 + 9.0 * speed_mps)), phase), height_m))


@cache
def standing(height_m: float) -> Floats:
    """(B, 4, 4) ``parent_from_bone`` of someone who stands at ease."""
    return _relative(_bones(gait.standing(Manner()), height_m))


def posed(rest: Floats, wanted: Iterable[tuple[str, Transform]]) -> Floats:
    """``rest`` (B, 4, 4) with some bones, by name, put as ``wanted`` relative to the one above; KeyError names none."""
    found = rest.copy()
    for name, (location, rotation) in wanted:
        found[ROW[name]] = matrices((*location, *rotation))
    return found


def blended(walk: Floats, pose: Floats, share: float) -> Floats:
    """(B, 4, 4) ``share`` of the way from a walk to a pose, each bone relative to the one above."""
    if share <= 0.0:
        return walk
    if share >= 1.0:
        return pose
    first, second = poses(walk), poses(pose)
    way = second - first
    way[:, 3:] = (way[:, 3:] + 180.0) % 360.0 - 180.0
    return matrices(first + share * way)


def in_component(parent_from_bone: Floats) -> Floats:
    """(B, 4, 4) ``component_from_bone``."""
    found = parent_from_bone.copy()
    for row, above in enumerate(PARENTS):
        if above >= 0:
            found[row] = found[above] @ parent_from_bone[row]
    return found


def _relative(component_from_bone: Floats) -> Floats:
    above = component_from_bone[np.maximum(PARENTS, 0)]
    above[0] = np.eye(4)
    relative: Floats = np.linalg.inv(above) @ component_from_bone
    return relative


def _bones(joints: Joints, height_m: float) -> Floats:
    """(B, 4, 4) ``component_from_bone``: joints are for a height of one."""
    found = np.tile(np.eye(4), (len(NAMES), 1, 1))

    def put(name: str, place: Floats, turn: Floats | None = None) -> None:
        found[ROW[name], :3, 3] = place * height_m
        if turn is not None:
            found[ROW[name], :3, :3] = turn

    trunk = joints.neck - joints.hip
    lean = _turn(trunk)
    put("crl_hips__C", joints.hip)
    put("crl_spine__C", joints.hip + 0.35 * trunk, lean)
    put("crl_spine01__C", joints.hip + 0.7 * trunk, lean)
    put("crl_neck__C", joints.neck, lean)
    put("crl_Head__C", joints.head, lean)
    for number, side in enumerate(("L", "R")):
        outward = (-1.0, 1.0)[number]
        put(f"crl_eye__{side}", joints.head + np.array([0.055, 0.018 * outward, 0.012]))
        shoulder, elbow, wrist = joints.arms[number]
        put(f"crl_shoulder__{side}", joints.neck + 0.3 * (shoulder - joints.neck), lean)
        put(f"crl_arm__{side}", shoulder, _turn(shoulder - elbow))
        fore = _turn(elbow - wrist)
        put(f"crl_foreArm__{side}", elbow, fore)
        put(f"crl_hand__{side}", wrist, fore)
        along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        for finger, (reach, aside) in _FINGERS.items():
            knuckle = wrist + gait.HAND * (0.5 * reach * along + 0.25 * aside * np.array([-1.0, 0.0, 0.0]))
            for step, part in enumerate(("", "01", "02", "End")):
                put(f"crl_hand{finger}{part}__{side}", knuckle + 0.15 * gait.HAND * reach * step * along, fore)
        hip, knee, ankle, toe = joints.legs[number]
        put(f"crl_thigh__{side}", hip, _turn(hip - knee))
        put(f"crl_leg__{side}", knee, _turn(knee - ankle))
        sole = _turn(np.array([ankle[2] - toe[2], 0.0, toe[0] - ankle[0]]))
        put(f"crl_foot__{side}", ankle, sole)
        put(f"crl_toe__{side}", ankle + 0.75 * (toe - ankle), sole)
        put(f"crl_toeEnd__{side}", toe, sole)
    return found


def _turn(up: Floats) -> Floats:
    """(3, 3) that turns upright to the direction ``up`` by pitching, about y alone."""
    pitch = np.rad2deg(np.arctan2(-up[0], up[2]))
    return matrices((0.0, 0.0, 0.0, pitch, 0.0, 0.0))[:3, :3]
