"""Whatever clients send, what comes out is finite, bounded, and still there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_world import Plain

from scanyard.carla_server.motion.chassis import CHASSIS, chassis_of
from scanyard.carla_server.motion.crew import TOP_MPS
from scanyard.carla_server.motion.physics import physics_of
from scanyard.carla_server.protocol.physics import (
    GearPhysicsControl,
    Vector2D,
    VehiclePhysicsControl,
    WheelPhysicsControl,
)
from scanyard.carla_server.protocol.wire import Vector3D, VehicleAckermannControl, VehicleControl, WalkerControl

anything = st.floats(width=32)
vectors = st.tuples(anything, anything, anything)
controls = st.builds(
    VehicleControl, anything, anything, anything, st.booleans(), st.booleans(), st.booleans(), st.integers(-50, 50)
)
ackermann = st.builds(VehicleAckermannControl, anything, anything, anything, anything, anything)
walks = st.builds(WalkerControl, st.builds(Vector3D, anything, anything, anything), anything, st.booleans())


def all_is_well(plain: Plain) -> None:
    table = plain.table
    for column in (table.pose, table.velocity, table.angular_velocity):
        assert np.isfinite(column).all()
    assert np.hypot(table.velocity[:, 0], table.velocity[:, 1]).max() <= TOP_MPS * 1.001
    for name in ("throttle", "steer", "brake"):
        assert np.isfinite(plain.vehicles.told[name]).all()


@given(controls, ackermann, walks, st.tuples(vectors, vectors, vectors))
@settings(max_examples=30, deadline=None)
def test_no_control_and_no_push_breaks_anything(
    control: VehicleControl, wish: VehicleAckermannControl, walk: WalkerControl, pushes: tuple[tuple[float, ...], ...]
) -> None:
    impulse, spin, force = pushes
    plain = Plain(walls=((12.0, 0.0, 0.1, 10.0),))
    plain.vehicles.control(plain.vehicle(speed=5.0), control)
    plain.vehicles.control_ackermann(plain.vehicle("bicycle", x=6.0), wish)
    plain.walkers.control(plain.walker(x=9.0), walk)
    plain.prop(x=10.0)
    with np.errstate(all="ignore"):  # what a client sends may be beyond what a float can add
        plain.table.impulse[:] = impulse
        plain.table.angular_impulse[:] = spin
        plain.table.force[:] = force
        plain.table.torque[:] = spin
        for _ in range(6):
            plain.advance(0.05)
            all_is_well(plain)


@given(st.floats(1e-4, 2.0), st.floats(0.0, 1.0), st.integers(-3, 30))
@settings(max_examples=40, deadline=None)
def test_any_length_of_frame_and_step_will_do(delta_s: float, max_step_s: float, max_steps: int) -> None:
    plain = Plain(walls=((12.0, 0.0, 0.1, 10.0),))
    plain.press(plain.vehicle(speed=20.0), throttle=1.0, steer=0.3)
    for _ in range(5):
        plain.advance(delta_s, max_step_s=max_step_s, max_steps=max_steps)
        all_is_well(plain)


def test_a_frame_without_time_changes_nothing() -> None:
    plain = Plain()
    plain.vehicle(speed=20.0)
    before = plain.table.pose.tobytes()
    plain.advance(0.0)
    assert plain.table.pose.tobytes() == before


wheels = st.builds(WheelPhysicsControl, *[anything] * 9, st.builds(Vector3D, anything, anything, anything))
builds = st.builds(
    VehiclePhysicsControl,
    st.lists(st.builds(Vector2D, anything, anything), max_size=4).map(tuple),
    *[anything] * 5, st.booleans(), anything, anything, anything,
    st.lists(st.builds(GearPhysicsControl, anything, anything, anything), max_size=12).map(tuple),
    anything, anything, st.builds(Vector3D, anything, anything, anything),
    st.lists(st.builds(Vector2D, anything, anything), max_size=4).map(tuple),
    st.lists(wheels, max_size=6).map(tuple), st.booleans(),
)  # fmt: skip


@given(builds)
@settings(max_examples=150, deadline=None)
def test_no_physics_parameters_make_a_chassis_that_is_not_finite(physics: VehiclePhysicsControl) -> None:
    chassis = chassis_of(physics, (2.2, 0.9, 0.7))
    for name in CHASSIS.names or ():
        assert np.isfinite(chassis[name].astype(np.float64)).all(), name
    for name in ("mass", "yaw_inertia", "radius", "max_speed"):
        assert chassis[name] > 0.0, name
    assert chassis["ahead"][0] > 0.0 > chassis["ahead"][1]


@given(builds, controls)
@settings(max_examples=60, deadline=None)
def test_a_vehicle_with_any_parameters_drives_within_bounds(
    physics: VehiclePhysicsControl, control: VehicleControl
) -> None:
    plain = Plain()
    index = plain.vehicle(physics=physics, speed=10.0)
    plain.vehicles.control(index, control)
    for _ in range(6):
        plain.advance(0.05)
        all_is_well(plain)


def test_energy_of_a_coasting_vehicle_only_falls() -> None:
    plain = Plain()
    plain.vehicle(speed=25.0)
    plain.table.angular_velocity[0, 2] = 100.0
    plain.press(0, steer=0.7)
    last = plain.energy()
    for _ in range(100):
        plain.advance(0.05)
        assert plain.energy() <= last * (1.0 + 1e-9)
        last = plain.energy()


def test_energy_of_a_pile_up_only_falls() -> None:
    plain = Plain(walls=((25.0, 0.0, 0.1, 30.0),))
    rng = np.random.default_rng(1)
    for i in range(12):
        plain.vehicle(x=6.0 * (i % 4), y=4.0 * (i // 4), yaw=float(rng.uniform(-30, 30)), speed=20.0)
    first = last = plain.energy()
    for _ in range(80):
        plain.advance(0.05)
        assert plain.energy() <= last * (1.0 + 1e-9)
        last = plain.energy()
    assert last < 0.02 * first


@pytest.mark.parametrize("kind", ["car", "truck", "motorcycle"])
def test_wildest_driving_never_beats_the_engine(kind: str) -> None:
    """What a vehicle gains in a second is at most what its engine could have given."""
    plain = Plain()
    index = plain.vehicle(kind)
    physics = physics_of(kind, 2.0 * plain.table.extent[0])
    power = max(point.x * np.pi / 30.0 * point.y for point in physics.torque_curve) * 1.3
    rng = np.random.default_rng(2)
    for _ in range(20):
        plain.press(index, throttle=1.0, steer=float(rng.uniform(-1, 1)), hand_brake=bool(rng.random() < 0.2))
        before = plain.energy()
        plain.run(1.0)
        assert plain.energy() - before <= power
