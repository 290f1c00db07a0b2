"""How a vehicle is built and how it is doing, as structs on the wire: physics parameters, Ackermann gains, telemetry.

What a stranger gets wrong are the units.  Wheel radii and positions are in centimetres, and the positions are in the
*world*, not in the vehicle; everything else is in SI units, angles in degrees, engine speeds in revolutions per minute.
Wheels come in the order front left, front right, rear left, rear right (two-wheelers: front, rear).
"""

from __future__ import annotations

from typing import NamedTuple

from scanyard.carla_server.protocol.wire import Int32, Vector3D


class Vector2D(NamedTuple):
    """A point of a curve, or half sizes in a picture."""

    x: float = 0.0
    y: float = 0.0


class GearPhysicsControl(NamedTuple):
    """One forward gear."""

    ratio: float = 1.0
    down_ratio: float = 0.5
    """Share of the greatest engine speed below which the gearbox shifts down."""
    up_ratio: float = 0.65
    """Share of the greatest engine speed above which the gearbox shifts up."""


class WheelPhysicsControl(NamedTuple):
    """One wheel."""

    tire_friction: float = 2.0
    damping_rate: float = 0.25
    max_steer_angle: float = 70.0
    """Degrees; 0 for a wheel that does not steer."""
    radius: float = 30.0
    """Centimetres."""
    max_brake_torque: float = 1500.0
    """N m."""
    max_handbrake_torque: float = 3000.0
    """N m; 0 for a wheel without hand brake."""
    lat_stiff_max_load: float = 2.0
    lat_stiff_value: float = 17.0
    long_stiff_value: float = 1000.0
    position: Vector3D = Vector3D()
    """Centimetres, world."""


class VehiclePhysicsControl(NamedTuple):
    """How a vehicle is built."""

    torque_curve: tuple[Vector2D, ...] = ()
    """Engine speed in 1/min, torque in N m."""
    max_rpm: float = 5000.0
    moi: float = 1.0
    """Moment of inertia of the engine, kg m²."""
    damping_rate_full_throttle: float = 0.15
    damping_rate_zero_throttle_clutch_engaged: float = 2.0
    damping_rate_zero_throttle_clutch_disengaged: float = 0.35
    use_gear_autobox: bool = True
    gear_switch_time: float = 0.5
    """Seconds."""
    clutch_strength: float = 10.0
    final_ratio: float = 4.0
    forward_gears: tuple[GearPhysicsControl, ...] = ()
    mass: float = 1000.0
    """kg."""
    drag_coefficient: float = 0.3
    center_of_mass: Vector3D = Vector3D()
    """Metres, from where the vehicle's own centre of mass is."""
    steering_curve: tuple[Vector2D, ...] = ()
    """Speed in km/h, share of the steering angle that is left at it."""
    wheels: tuple[WheelPhysicsControl, ...] = ()
    use_sweep_wheel_collision: bool = False


class AckermannControllerSettings(NamedTuple):
    """Gains of the controllers behind Ackermann control: of speed, and below it of acceleration."""

    speed_kp: float = 0.15
    speed_ki: float = 0.0
    speed_kd: float = 0.25
    accel_kp: float = 0.01
    accel_ki: float = 0.0
    accel_kd: float = 0.01


class WheelTelemetryData(NamedTuple):
    """How one wheel is doing."""

    tire_friction: float = 0.0
    lat_slip: float = 0.0
    """Degrees."""
    long_slip: float = 0.0
    omega: float = 0.0
    """rad/s."""
    tire_load: float = 0.0
    """N."""
    normalized_tire_load: float = 0.0
    torque: float = 0.0
    """N m."""
    long_force: float = 0.0
    """N."""
    lat_force: float = 0.0
    """N."""
    normalized_long_force: float = 0.0
    normalized_lat_force: float = 0.0


class VehicleTelemetryData(NamedTuple):
    """How a vehicle is doing."""

    speed: float = 0.0
    """m/s."""
    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0
    engine_rpm: float = 0.0
    gear: Int32 = 0
    drag: float = 0.0
    """N."""
    wheels: tuple[WheelTelemetryData, ...] = ()
