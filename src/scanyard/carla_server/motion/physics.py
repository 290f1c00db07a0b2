"""How each kind of vehicle is built: masses, engines, gears, brakes, wheels, as plausible for its kind and its size.

Scaled from the box the vehicle fills, so a blueprint asked for with another ``length_m`` is also heavier.  Figures are
those of ordinary road vehicles (kerb masses with a driver, torques of naturally aspirated engines of that mass,
deceleration of a full stop on dry asphalt); steering angles and tyre numbers are CARLA's defaults, because scripts
compute with them.  Wheel positions are in the vehicle's own frame here; on the wire they are in the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scanyard.carla_server.protocol.physics import (
    GearPhysicsControl,
    Vector2D,
    VehiclePhysicsControl,
    WheelPhysicsControl,
)
from scanyard.carla_server.protocol.wire import Vector3D

STOP_MPS2 = 9.5
"""Deceleration that the brakes of four wheels could hold, were there grip enough."""
FOUR = 4
ENGINE_DRAG = 0.00008
"""N m s per kg: 45 N m at 4000 revolutions a minute hold 1300 kg back.

A motor that turns faster loses as much at the same share of its greatest speed: held back by more, a short car with
small wheels shifts so much load to its front axle that it turns round.
"""
STEERING_CURVE = (Vector2D(0.0, 1.0), Vector2D(20.0, 0.9), Vector2D(60.0, 0.8), Vector2D(120.0, 0.7))
"""CARLA's: the faster (km/h), the less the wheels turn."""


@dataclass(frozen=True)
class _Build:
    """What a kind of vehicle has in common."""

    density: float
    """kg per cubic metre of its box."""
    torque_per_kg: float
    """N m of the engine per kg of vehicle."""
    max_rpm: float
    gears: tuple[float, ...]
    final_ratio: float
    drag: float
    wheel_m: float
    """Radius."""
    wheelbase: float
    """Share of the length."""
    track: float
    """Share of the width."""
    steer_deg: float = 70.0


_BUILDS: dict[str, _Build] = {
    "car": _Build(118.0, 0.20, 6000.0, (3.6, 2.1, 1.4, 1.0, 0.8), 3.7, 0.30, 0.33, 0.60, 0.84),
    "van": _Build(110.0, 0.18, 4800.0, (3.9, 2.2, 1.5, 1.0, 0.8), 3.9, 0.36, 0.35, 0.60, 0.84),
    "truck": _Build(150.0, 0.13, 2600.0, (6.5, 4.0, 2.6, 1.7, 1.2, 1.0), 4.0, 0.65, 0.50, 0.58, 0.80),
    "bus": _Build(100.0, 0.13, 2600.0, (6.0, 3.6, 2.3, 1.5, 1.0), 4.2, 0.60, 0.48, 0.55, 0.80),
    "motorcycle": _Build(95.0, 0.26, 9000.0, (2.9, 2.0, 1.55, 1.3, 1.1), 4.6, 0.60, 0.31, 0.66, 0.0, 40.0),
    "bicycle": _Build(50.0, 0.35, 300.0, (2.2, 1.5, 1.1), 1.0, 0.90, 0.35, 0.60, 0.0, 40.0),
}
_ELECTRIC_GEARS, _ELECTRIC_FINAL, _ELECTRIC_RPM = (1.0,), 9.0, 16000.0
_COMBUSTION = ((0.0, 0.75), (0.15, 0.85), (0.35, 1.0), (0.7, 0.95), (1.0, 0.7))
_MOTOR = ((0.0, 1.25), (0.3, 1.25), (0.6, 0.65), (1.0, 0.38))
"""Torque over engine speed, both as shares of their greatest."""


def physics_of(
    kind: str, size_m: Sequence[float], *, special_type: str = "", wheels_m: Sequence[tuple[float, ...]] = ()
) -> VehiclePhysicsControl:
    """How a vehicle of ``kind`` (car, van, truck, bus, motorcycle, bicycle) with a box of ``size_m`` (3,) is built.

    ``wheels_m`` has x, y and radius of each wheel where the shape knows them.  KeyError for another kind.  Two-wheelers
    have each wheel twice, and several rear axles count as one, as in CARLA: scripts change wheels 0 to 3 of whatever
    drives.
    """
    build = _BUILDS[kind]
    length, width, height = (float(value) for value in size_m)
    mass = round(build.density * length * width * height)
    electric = special_type == "electric"
    max_rpm = _ELECTRIC_RPM if electric else build.max_rpm
    ratios = _ELECTRIC_GEARS if electric else build.gears
    curve = _MOTOR if electric else _COMBUSTION
    engine_drag = ENGINE_DRAG * mass * build.max_rpm / max_rpm
    wheels = tuple(wheels_m) or _wheels(build, length, width)
    if len(wheels) == 2:
        wheels = (wheels[0], wheels[0], wheels[1], wheels[1])
    elif len(wheels) > FOUR:
        wheels = (*wheels[:2], _middle(wheels[2::2]), _middle(wheels[3::2]))
    return VehiclePhysicsControl(
        torque_curve=tuple(
            Vector2D(round(at * max_rpm), round(share * build.torque_per_kg * mass, 1)) for at, share in curve
        ),
        max_rpm=max_rpm,
        moi=1.0,
        damping_rate_full_throttle=0.02,
        damping_rate_zero_throttle_clutch_engaged=round(engine_drag, 4),
        damping_rate_zero_throttle_clutch_disengaged=0.05,
        use_gear_autobox=True,
        gear_switch_time=0.0 if electric or kind == "bicycle" else 0.2,
        clutch_strength=10.0,
        final_ratio=_ELECTRIC_FINAL if electric else build.final_ratio,
        forward_gears=tuple(GearPhysicsControl(ratio, 0.35, 0.75) for ratio in ratios),
        mass=float(mass),
        drag_coefficient=build.drag,
        center_of_mass=Vector3D(0.0, 0.0, 0.0),
        steering_curve=STEERING_CURVE,
        wheels=tuple(
            _wheel(build, wheel, mass, rear=i >= len(wheels) // 2, of=len(wheels)) for i, wheel in enumerate(wheels)
        ),
    )


def _middle(wheels: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(values) / len(wheels) for values in zip(*wheels, strict=True))


def _wheels(build: _Build, length: float, width: float) -> tuple[tuple[float, float, float], ...]:
    ahead, aside = build.wheelbase * length / 2, build.track * width / 2
    if not aside:
        return (ahead, 0.0, build.wheel_m), (-ahead, 0.0, build.wheel_m)
    return tuple((x, y, build.wheel_m) for x in (ahead, -ahead) for y in (-aside, aside))


def _wheel(build: _Build, wheel: tuple[float, ...], mass: float, *, rear: bool, of: int) -> WheelPhysicsControl:
    x, y, radius = wheel
    brake = round(mass * STOP_MPS2 * radius / of)
    return WheelPhysicsControl(
        tire_friction=3.5,
        damping_rate=0.25,
        max_steer_angle=0.0 if rear else build.steer_deg,
        radius=round(100.0 * radius, 1),
        max_brake_torque=brake,
        max_handbrake_torque=2.0 * brake if rear else 0.0,
        lat_stiff_max_load=3.0,
        lat_stiff_value=20.0,
        long_stiff_value=3000.0,
        position=Vector3D(100.0 * x, 100.0 * y, 100.0 * radius),
    )
