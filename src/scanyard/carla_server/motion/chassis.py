"""A vehicle's physics parameters as the numbers a step computes with: a row of arrays per vehicle.

Two wheels of an axle are taken as one (a single-track model), so friction, brakes and stiffness are those of axles:
column 0 is the front, 1 the rear.  What a client sends is checked here: whatever it says, every number that leaves is
finite, and what one divides by is positive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.physics import Vector2D, VehiclePhysicsControl, WheelPhysicsControl
from scanyard.carla_server.protocol.poses import Floats

GEARS = 9
"""Forward gears at most."""
CURVE = 33
"""Samples of the torque curve, from standstill to the greatest engine speed."""
STEERING_STEP_KMH, STEERING_SAMPLES = 5.0, 49
SURFACE_GRIP = 0.7
"""Friction of a slippery tyre is ``tire_friction`` times this, as on the reference's roads."""
MOST_GRIP = 1.162
"""Where friction levels off: CARLA's 3.5 grips at 1.05 as a good tyre does on dry asphalt, and not at 2.45."""
AIR_KG_M3 = 1.2
GRAVITY = 9.81
MAX_MASS = 1e6
IN_LINE_M = 0.05
"""Wheels no farther than this beside the middle are in line: a two-wheeler, which leans instead of rolling."""
CHASSIS = np.dtype(
    [
        ("mass", "f8"),
        ("yaw_inertia", "f8"),
        ("ahead", "f8", (2,)),
        ("center_x", "f8"),
        ("height", "f8"),
        ("half_track", "f8"),
        ("radius", "f8"),
        ("friction", "f8", (2,)),
        ("stiffness", "f8", (2,)),
        ("pull", "f8", (2,)),
        ("brake", "f8", (2,)),
        ("hand_brake", "f8", (2,)),
        ("steer", "f8"),
        ("steering", "f8", (STEERING_SAMPLES,)),
        ("drag", "f8"),
        ("torque", "f8", (CURVE,)),
        ("max_speed", "f8"),
        ("damping", "f8", (2,)),
        ("ratio", "f8", (GEARS + 2,)),
        ("down", "f8", (GEARS + 2,)),
        ("up", "f8", (GEARS + 2,)),
        ("gears", "i8"),
        ("switch_s", "f8"),
        ("automatic", "?"),
        ("two_wheeled", "?"),
    ]
)
"""One vehicle, SI units and radians.

``ahead``: how far the axles lie before the centre of mass (the rear's is negative); ``center_x``: the centre of mass
before the origin; ``stiffness``: N per rad of slip and newton of load; ``pull``: greatest drive or brake force that
slip can pass on, N; ``brake`` and ``hand_brake``: N at the axle; ``drag``: N per (m/s)²; ``max_speed``: rad/s of the
engine; ``damping``: N m s of the engine at full and at no throttle; ``ratio``: engine turns per wheel turn by gear + 1,
reverse first and negative, then neutral.
"""


def chassis_of(physics: VehiclePhysicsControl, extent: Sequence[float]) -> NDArray[Any]:
    """The row () of dtype ``CHASSIS`` for these parameters and a box of half sizes ``extent`` (3,)."""
    found = np.zeros((), CHASSIS)
    length, width, height = (2.0 * max(float(half), 0.05) for half in extent)
    mass = min(max(_finite(physics.mass, 1000.0), 1.0), MAX_MASS)
    wheels = physics.wheels or (WheelPhysicsControl(position=Vector2D()),) * 2  # type: ignore[arg-type]
    half = (len(wheels) + 1) // 2
    axles = wheels[:half], wheels[half:] or wheels[:1]
    found["mass"] = mass
    found["yaw_inertia"] = mass * (length**2 + width**2) / 12.0
    found["radius"] = radius = max(_mean(wheels, "radius", 30.0) / 100.0, 0.05)
    front_m, rear_m = _axle_places(axles, length)
    center_x = min(max((front_m + rear_m) / 2.0 + _finite(physics.center_of_mass[0], 0.0), rear_m + 0.1), front_m - 0.1)
    found["center_x"] = center_x
    found["ahead"] = front_m - center_x, rear_m - center_x
    found["height"] = min(max(0.35 * height + _finite(physics.center_of_mass[2], 0.0), 0.1), (front_m - rear_m) / 2.0)
    aside = max((abs(_finite(wheel.position[1], 0.0)) for wheel in physics.wheels), default=0.0) / 100.0
    found["half_track"] = min(aside, width)
    found["two_wheeled"] = aside < IN_LINE_M
    for i, axle in enumerate(axles):
        found["friction"][i] = friction_of(_mean(axle, "tire_friction", 3.5))
        full = max(_mean(axle, "lat_stiff_max_load", 2.0), 0.1)
        load = min(3.0 / full, 3.0)
        # PhysX: the lateral stiffness grows with the load and levels off at lat_stiff_max_load.
        found["stiffness"][i] = max(_mean(axle, "lat_stiff_value", 17.0), 0.01) * (load - load**2 / 3 + load**3 / 27)
        # An open differential passes on to both wheels what the weaker one holds.
        weakest = min(_finite(wheel.long_stiff_value, 1000.0) for wheel in axle)
        found["pull"][i] = min(max(weakest, 0.0), 1e6) * len(axle) * GRAVITY
        found["brake"][i] = max(_total(axle, "max_brake_torque"), 0.0) / radius
        found["hand_brake"][i] = max(_total(axle, "max_handbrake_torque"), 0.0) / radius
    found["steer"] = math.radians(min(max(_finite(max(wheel.max_steer_angle for wheel in wheels), 70.0), 0.0), 80.0))
    speeds = np.arange(STEERING_SAMPLES) * STEERING_STEP_KMH
    found["steering"] = np.clip(_sampled(physics.steering_curve, speeds, 1.0), 0.0, 1.0)
    area = 0.85 * width * height
    found["drag"] = 0.5 * AIR_KG_M3 * max(_finite(physics.drag_coefficient, 0.3), 0.0) * area
    max_rpm = max(_finite(physics.max_rpm, 5000.0), 1.0)
    found["max_speed"] = max_rpm * math.tau / 60.0
    found["torque"] = np.maximum(_sampled(physics.torque_curve, np.linspace(0.0, max_rpm, CURVE), 0.0), 0.0)
    found["damping"] = (
        max(_finite(physics.damping_rate_full_throttle, 0.15), 0.0),
        max(_finite(physics.damping_rate_zero_throttle_clutch_engaged, 2.0), 0.0),
    )
    gears = physics.forward_gears[:GEARS]
    final = max(_finite(physics.final_ratio, 4.0), 0.0)
    found["gears"] = len(gears)
    ratios = [max(_finite(gear.ratio, 1.0), 0.01) * final for gear in gears] or [final]
    found["ratio"][:2] = -ratios[0], 0.0
    found["ratio"][2 : 2 + len(ratios)] = ratios
    found["down"][2 : 2 + len(gears)] = [min(max(_finite(gear.down_ratio, 0.5), 0.0), 1.0) for gear in gears]
    found["up"] = 2.0
    found["up"][2 : 1 + len(gears)] = [min(max(_finite(gear.up_ratio, 0.65), 0.05), 2.0) for gear in gears[:-1]]
    found["down"][2:3] = -1.0  # nothing below the first gear
    found["switch_s"] = min(max(_finite(physics.gear_switch_time, 0.5), 0.0), 10.0)
    found["automatic"] = physics.use_gear_autobox
    return found


def friction_of(tire_friction: Any) -> Any:
    """Coefficient of friction for CARLA's ``tire_friction``, a number or (...)."""
    slippery = SURFACE_GRIP * np.clip(tire_friction, 0.0, 100.0)
    return slippery / np.sqrt(1.0 + (slippery / MOST_GRIP) ** 2)


def tire_friction_of(friction: Any) -> Any:
    """The ``tire_friction`` that grips with this coefficient of friction, a number or (...)."""
    return friction / (SURFACE_GRIP * np.sqrt(1.0 - (friction / MOST_GRIP) ** 2))


def _axle_places(axles: tuple[Sequence[WheelPhysicsControl], ...], length: float) -> tuple[float, float]:
    """x of the front and the rear axle; where a client says nonsense, those of a car of that length."""
    front, rear = (sum(wheel.position[0] for wheel in axle) / len(axle) / 100.0 for axle in axles)
    if math.isfinite(front + rear) and front - rear > 0.3 and abs(front) + abs(rear) < 3.0 * length + 2.0:
        return front, rear
    return 0.3 * length, -0.3 * length


def _finite(value: float, otherwise: float) -> float:
    return float(value) if math.isfinite(value) else otherwise


def _mean(wheels: Sequence[WheelPhysicsControl], name: str, otherwise: float) -> float:
    return sum(_finite(getattr(wheel, name), otherwise) for wheel in wheels) / len(wheels)


def _total(wheels: Sequence[WheelPhysicsControl], name: str) -> float:
    return min(sum(_finite(getattr(wheel, name), 0.0) for wheel in wheels), 1e9)


def _sampled(curve: Sequence[Vector2D], at: NDArray[Any], otherwise: float) -> Floats:
    points = sorted((x, y) for x, y in curve if math.isfinite(x) and math.isfinite(y))
    if not points:
        return np.full(len(at), otherwise)
    xs, ys = zip(*points, strict=True)
    return np.asarray(np.interp(at, xs, ys))
