"""Vehicles by themselves on open ground: pedals, gears, wheels, slopes, rest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from motion_world import Plain
from numpy.testing import assert_allclose

from scanyard.carla_server.motion.chassis import chassis_of, friction_of, tire_friction_of
from scanyard.carla_server.motion.physics import physics_of
from scanyard.carla_server.protocol.wire import VehicleAckermannControl


def seconds_to(plain: Plain, speed: float, limit_s: float = 60.0) -> float:
    for tick in range(round(limit_s / 0.05)):
        if plain.forward() >= speed:
            return tick * 0.05
        plain.advance(0.05)
    return math.inf


@pytest.mark.parametrize(
    ("kind", "fastest_s", "slowest_s"),
    [("car", 6.0, 12.0), ("van", 8.0, 16.0), ("truck", 18.0, 40.0), ("bus", 18.0, 40.0), ("motorcycle", 3.0, 8.0)],
)
def test_full_throttle_reaches_100_kmh_as_its_kind_does(kind: str, fastest_s: float, slowest_s: float) -> None:
    plain = Plain()
    plain.press(plain.vehicle(kind), throttle=1.0)
    assert fastest_s < seconds_to(plain, 100 / 3.6) < slowest_s


def test_bicycle_never_reaches_40_kmh() -> None:
    plain = Plain()
    plain.press(plain.vehicle("bicycle"), throttle=1.0)
    plain.run(30.0)
    assert 7.0 < plain.forward() < 11.0


def test_full_brakes_stop_a_car_within_tyre_grip() -> None:
    plain = Plain()
    plain.press(plain.vehicle(speed=25.0), brake=1.0)
    plain.run(6.0)
    assert plain.velocity()[:2].tolist() == [0.0, 0.0]
    assert 25.0**2 / 2 / 10.5 < plain.pose()[0] < 25.0**2 / 2 / 7.5


def test_less_grip_makes_the_way_longer() -> None:
    ways = []
    for friction in (3.5, 1.0, 0.3):
        physics = physics_of("car", (4.5, 1.8, 1.5))
        wheels = tuple(wheel._replace(tire_friction=friction) for wheel in physics.wheels)
        plain = Plain()
        plain.press(plain.vehicle(speed=20.0, physics=physics._replace(wheels=wheels)), brake=1.0)
        while plain.forward() > 0.0:
            plain.advance(0.1)
        ways.append(float(plain.pose()[0]))
    assert ways[0] < 0.75 * ways[1] < 0.3 * ways[2]
    assert ways[2] == pytest.approx(20.0**2 / (2 * 0.2 * 9.81), rel=0.1)  # mu begins as 0.7 per unit of tire_friction


def test_a_worn_tyre_brakes_a_car_within_three_quarters_of_the_way_it_would_slide() -> None:
    """What CARLA's own test of friction asks of 0.5 at 100 km/h."""
    physics = physics_of("car", (5.0, 1.9, 1.5))._replace(drag_coefficient=0.0)
    ways = []
    for friction in (0.0, 0.5):
        wheels = tuple(wheel._replace(tire_friction=friction) for wheel in physics.wheels)
        plain = Plain()
        car = plain.vehicle(speed=100 / 3.6, physics=physics._replace(wheels=wheels))
        plain.run(2.5)
        plain.press(car, brake=1.0)
        before = float(plain.pose()[0])
        plain.run(7.5)
        ways.append(float(plain.pose()[0]) - before)
    assert ways[1] < 0.6 * ways[0]


def test_electric_car_that_rolls_faster_than_it_can_drive_keeps_its_heading() -> None:
    """The smallest there is, one degree off its way."""
    size, wheels = (2.519, 1.473, 1.501), tuple((x, y, 0.26) for x in (0.75, -0.75) for y in (-0.6, 0.6))
    plain = Plain()
    plain.vehicle(speed=100 / 3.6, physics=physics_of("car", size, special_type="electric", wheels_m=wheels))
    plain.table.velocity[0, 1] = -0.5
    plain.run(4.0)
    assert abs(plain.pose()[4]) < 3.0


@given(st.floats(0.0, 100.0))
def test_friction_says_which_tyre_it_is_of(tire_friction: float) -> None:
    assert tire_friction_of(friction_of(tire_friction)) == pytest.approx(tire_friction, rel=1e-6, abs=1e-9)


def test_without_grip_neither_brakes_nor_wheels_change_anything() -> None:
    physics = physics_of("car", (4.5, 1.8, 1.5))._replace(drag_coefficient=0.0)
    wheels = tuple(wheel._replace(tire_friction=0.0) for wheel in physics.wheels)
    plain = Plain()
    plain.press(plain.vehicle(speed=20.0, physics=physics._replace(wheels=wheels)), brake=1.0, steer=0.5)
    plain.run(2.0)
    assert_allclose(plain.velocity(), [20.0, 0.0, 0.0], atol=1e-9)
    assert_allclose(plain.pose(), [40.0, 0.0, 0.0, 0.0, 0.0, 0.0], atol=1e-9)


def test_soft_tyres_pass_on_less_of_the_engine() -> None:
    speeds = []
    for stiffness in (100.0, 2000.0):
        physics = physics_of("car", (4.5, 1.8, 1.5))
        wheels = tuple(wheel._replace(long_stiff_value=stiffness) for wheel in physics.wheels)
        plain = Plain()
        plain.press(plain.vehicle(physics=physics._replace(wheels=wheels)), throttle=1.0)
        plain.run(2.0)
        speeds.append(plain.forward())
    assert speeds[0] < 0.8 * speeds[1]


def test_a_car_at_rest_rests_to_the_last_bit() -> None:
    plain = Plain(lambda x, y: 0.08 * x + 0.05 * y + 0.02 * np.sin(x))
    plain.vehicle(x=3.0, y=2.0, yaw=30.0, z=0.6)
    plain.press(plain.vehicle("truck", x=30.0, yaw=-70.0, z=3.0), brake=1.0)
    plain.run(5.0)
    before = plain.table.pose.tobytes(), plain.table.velocity.tobytes()
    plain.run(5.0)
    assert (plain.table.pose.tobytes(), plain.table.velocity.tobytes()) == before
    assert not plain.table.velocity.any()


def test_in_neutral_a_car_rolls_downhill() -> None:
    plain = Plain(lambda x, y: -0.1 * x)
    plain.press(plain.vehicle(), manual_gear_shift=True, gear=0)
    plain.run(3.0)
    assert 1.5 < plain.forward() < 3.0


def test_hand_brake_holds_a_car_on_a_hill_in_neutral() -> None:
    plain = Plain(lambda x, y: -0.1 * x)
    plain.press(plain.vehicle(), manual_gear_shift=True, gear=0, hand_brake=True)
    plain.run(1.0)
    where = plain.pose().copy()
    plain.run(2.0)
    assert plain.pose().tolist() == where.tolist()


def test_hand_brake_lets_the_rear_slide_out() -> None:
    turned = []
    for pulled in (False, True):
        plain = Plain()
        plain.press(plain.vehicle(speed=15.0), steer=0.2, hand_brake=pulled)
        plain.run(0.8)
        rear = plain.vehicles.chassis["ahead"][0, 1] * np.deg2rad(plain.table.angular_velocity[0, 2])
        yaw = np.deg2rad(plain.pose()[4])
        vx, vy, _ = plain.velocity()
        turned.append(abs(math.atan2(vy * np.cos(yaw) - vx * np.sin(yaw) + rear, plain.forward())))
    assert turned[1] > 3.0 * turned[0]


def test_reverse_drives_backwards_and_steers_the_other_way() -> None:
    plain = Plain()
    plain.press(plain.vehicle(), throttle=0.4, steer=0.3, reverse=True)
    plain.run(2.0)
    assert plain.forward() < -2.0
    assert plain.pose()[4] < -5.0
    assert plain.vehicles.told["gear"][0] == -1


def test_positive_steer_turns_right() -> None:
    plain = Plain()
    plain.press(plain.vehicle(speed=5.0), throttle=0.2, steer=0.3)
    plain.run(1.0)
    assert plain.pose()[4] > 5.0
    assert plain.pose()[1] > 0.0


def test_slow_turns_are_those_of_rolling_wheels() -> None:
    """The rear axle circles at wheelbase / tan(angle), as wheels that do not slip ask for."""
    plain = Plain()
    index = plain.vehicle(speed=2.0)
    plain.press(index, throttle=0.1, steer=0.35)
    plain.run(3.0)
    chassis = plain.vehicles.chassis[index]
    base = chassis["ahead"][0] - chassis["ahead"][1]
    radius = base / math.tan(plain.vehicles.wheel_angle[index])
    assert plain.forward() / np.deg2rad(plain.table.angular_velocity[0, 2]) == pytest.approx(radius, rel=0.03)


def test_fast_turns_are_limited_by_grip() -> None:
    plain = Plain()
    plain.press(plain.vehicle(speed=30.0), throttle=0.5, steer=1.0)
    worst = 0.0
    for _ in range(40):
        before = plain.velocity()[:2].copy()
        plain.advance(0.05)
        worst = max(worst, float(np.linalg.norm(plain.velocity()[:2] - before)) / 0.05)
    assert worst < 1.3 * 3.5 * 0.3 * 9.81


def test_gears_go_up_and_down_by_themselves() -> None:
    plain = Plain()
    index = plain.vehicle()
    plain.press(index, throttle=1.0)
    seen = set()
    for _ in range(200):
        plain.advance(0.05)
        seen.add(int(plain.vehicles.told["gear"][index]))
    assert seen >= {1, 2, 3}
    plain.press(index, brake=0.5)
    plain.run(15.0)
    assert plain.vehicles.told["gear"][index] == 1


def test_manual_gear_is_kept_and_limits_speed() -> None:
    plain = Plain()
    index = plain.vehicle()
    plain.press(index, throttle=1.0, manual_gear_shift=True, gear=1)
    plain.run(20.0)
    assert plain.vehicles.gear[index] == 1
    ratio = 3.6 * 3.7
    assert plain.forward() < 1.1 * 6000 * math.tau / 60 / ratio * 0.33


def test_a_control_that_is_not_sticky_holds_for_one_frame() -> None:
    plain = Plain()
    fleeting, sticky = plain.vehicle(), plain.vehicle(y=10.0)
    plain.vehicles.sticky[fleeting] = False
    for index in (fleeting, sticky):
        plain.press(index, throttle=1.0)
    plain.advance(0.05)
    assert plain.vehicles.told["throttle"].tolist() == [0.0, 1.0]
    plain.run(2.0)
    assert plain.forward(0) < 0.3 < plain.forward(1)


def test_constant_velocity_is_held_in_the_vehicles_frame() -> None:
    plain = Plain(lambda x, y: 0.1 * y)
    index = plain.vehicle(yaw=90.0)
    plain.vehicles.constant[index] = True
    plain.vehicles.constant_velocity[index] = (7.0, 0.0, 0.0)
    plain.run(2.0)
    assert_allclose(plain.velocity()[:2], [0.0, 7.0], atol=1e-9)
    assert plain.pose()[1] == pytest.approx(14.0)
    plain.vehicles.constant[index] = False
    plain.press(index, brake=1.0)
    plain.run(3.0)
    assert not plain.velocity().any()


def test_it_lies_in_the_slope_and_follows_it() -> None:
    plain = Plain(lambda x, y: 0.2 * x + 0.1 * y)
    plain.vehicle(x=5.0, y=5.0)
    plain.run(3.0)
    _, _, z, pitch, _, roll = plain.pose()
    assert z == pytest.approx(0.2 * plain.pose()[0] + 0.1 * 5.0, abs=1e-6)
    assert pitch == pytest.approx(math.degrees(math.atan(0.2)), abs=0.01)
    assert roll == pytest.approx(-math.degrees(math.atan(0.1 * math.cos(math.atan(0.2)))), abs=0.01)


def test_it_falls_as_fast_as_gravity_and_lies_still() -> None:
    plain = Plain()
    plain.vehicle(z=20.0)
    plain.vehicles.grounded[:] = False
    plain.run(1.0)
    assert plain.pose()[2] == pytest.approx(20.0 - 9.81 / 2, rel=0.02)
    plain.run(2.0)
    assert plain.pose()[2] == 0.0
    assert not plain.velocity().any()


def test_without_gravity_it_stays_in_the_air() -> None:
    plain = Plain()
    plain.vehicle(z=20.0)
    plain.table.gravity[0] = False
    plain.press(0, throttle=1.0)
    plain.run(2.0)
    assert plain.pose().tolist() == [0.0, 0.0, 20.0, 0.0, 0.0, 0.0]


def test_it_flies_over_an_edge_and_not_over_a_kerb() -> None:
    for drop, flies in ((3.0, True), (0.1, False)):
        plain = Plain(lambda x, y, drop=drop: np.where(x < 10.0, 0.0, -drop))  # type: ignore[misc]
        plain.vehicle(speed=15.0)
        flown = []
        for _ in range(20):
            plain.advance(0.05)
            flown.append(not plain.vehicles.grounded[0])
        assert any(flown) is flies
        plain.run(2.0)
        assert plain.pose()[2] == pytest.approx(-drop, abs=1e-3)


def test_impulse_changes_velocity_by_its_share_of_the_mass() -> None:
    plain = Plain()
    plain.vehicle(y=3.0)
    mass = plain.table.mass[0]
    plain.table.impulse[0] = (5.0 * mass, 0.0, 0.0)
    plain.advance(0.01)
    assert plain.velocity()[0] == pytest.approx(5.0, abs=0.05)
    plain.advance(0.01)
    assert plain.velocity()[0] < 5.0  # given once


def test_force_acts_for_one_frame() -> None:
    plain = Plain()
    plain.vehicle()
    plain.press(0, manual_gear_shift=True, gear=0)
    plain.run(0.2)
    plain.table.force[0] = (20_000.0, 0.0, 0.0)
    plain.advance(0.1)
    gained = float(plain.velocity()[0])
    assert gained == pytest.approx(20_000.0 / plain.table.mass[0] * 0.1, rel=0.1)
    plain.advance(0.1)
    assert plain.velocity()[0] < gained


def test_angular_impulse_turns_it() -> None:
    plain = Plain()
    plain.vehicle(z=30.0)
    plain.vehicles.grounded[:] = False
    plain.table.angular_impulse[0, 2] = 40.0 * plain.vehicles.chassis["yaw_inertia"][0]
    plain.advance(0.05)
    assert plain.table.angular_velocity[0, 2] == pytest.approx(40.0)


def test_ackermann_reaches_its_speed_and_angle_and_stops() -> None:
    plain = Plain()
    index = plain.vehicle()
    plain.vehicles.control_ackermann(index, VehicleAckermannControl(steer=0.0, speed=8.0, acceleration=2.0))
    plain.run(3.0)
    assert 3.0 < plain.forward() < 6.7  # at most 2 m/s²
    plain.run(12.0)
    assert plain.forward() == pytest.approx(8.0, abs=0.6)
    plain.vehicles.control_ackermann(index, VehicleAckermannControl(steer=0.2, speed=3.0))
    plain.run(15.0)
    assert plain.forward() == pytest.approx(3.0, abs=0.5)
    assert plain.vehicles.wheel_angle[index] == pytest.approx(0.2, abs=0.05)
    plain.vehicles.control_ackermann(index, VehicleAckermannControl())
    plain.run(6.0)
    assert not plain.velocity().any()


def test_a_pedal_ends_ackermann_control() -> None:
    plain = Plain()
    index = plain.vehicle()
    plain.vehicles.control_ackermann(index, VehicleAckermannControl(speed=10.0))
    plain.run(2.0)
    plain.press(index, brake=1.0)
    plain.run(3.0)
    assert not plain.velocity().any()


def test_without_physics_nothing_moves_it() -> None:
    plain = Plain()
    plain.press(plain.vehicle(z=4.0, speed=5.0), throttle=1.0)
    plain.table.simulates[0] = False
    plain.run(1.0)
    assert plain.pose().tolist() == [0.0, 0.0, 4.0, 0.0, 0.0, 0.0]
    assert plain.velocity().tolist() == [5.0, 0.0, 0.0]


def test_motorcycles_lean_into_a_turn_and_cars_do_not() -> None:
    rolls = []
    for kind in ("motorcycle", "car"):
        plain = Plain()
        plain.press(plain.vehicle(kind, speed=10.0), throttle=0.3, steer=0.15)
        plain.run(2.0)
        rolls.append(float(plain.pose()[5]))
    assert rolls[0] > 10.0
    assert rolls[1] == 0.0


@pytest.mark.parametrize("kind", ["car", "van", "truck", "bus", "motorcycle", "bicycle"])
def test_chassis_of_every_kind_is_sound(kind: str) -> None:
    size = {"car": (4.4, 1.8, 1.5), "bicycle": (1.7, 0.6, 1.7), "motorcycle": (2.1, 0.8, 1.6)}.get(
        kind, (7.0, 2.3, 2.8)
    )
    physics = physics_of(kind, size)
    chassis = chassis_of(physics, [value / 2 for value in size])
    assert chassis["ahead"][0] > 0.0 > chassis["ahead"][1]
    assert chassis["mass"] == physics.mass
    weakest = chassis["brake"].sum() / chassis["mass"]
    assert 8.0 < weakest < 11.0
    assert {"car": 800, "bicycle": 70, "motorcycle": 150}.get(kind, 2000) < physics.mass


def test_the_same_commands_give_the_same_bytes() -> None:
    ends = []
    for _ in range(2):
        plain = Plain(lambda x, y: 0.1 * np.sin(0.3 * x) * np.cos(0.2 * y))
        for i in range(12):
            plain.press(plain.vehicle(x=6.0 * i, y=0.3 * i, yaw=10.0 * i), throttle=0.1 * i, steer=0.05 * i - 0.3)
        plain.run(4.0)
        ends.append(plain.table.pose.tobytes() + plain.table.velocity.tobytes() + plain.vehicles.told.tobytes())
    assert ends[0] == ends[1]


def test_a_velocity_given_in_first_gear_rolls_on() -> None:
    """What ``set_target_velocity`` gives must not be lost to an engine that would turn ten thousand times a minute."""
    ways = []
    for height in (0.2, 0.7):
        plain = Plain()
        plain.vehicle(z=height)
        plain.vehicles.grounded[:] = False
        plain.run(0.5)
        plain.table.velocity[0, 0] = 100 / 3.6
        plain.run(3.0)
        ways.append(float(plain.pose()[0]))
    assert ways[0] == pytest.approx(ways[1], abs=0.3)
    assert plain.forward() > 20.0
    assert plain.vehicles.gear[0] >= 3


def test_one_soft_tyre_is_enough_to_lose_pull() -> None:
    physics = physics_of("truck", (8.4, 2.5, 3.2))
    speeds = []
    for stiffness in (100.0, 2000.0):
        soft = physics.wheels[0]._replace(long_stiff_value=stiffness)
        plain = Plain()
        plain.press(plain.vehicle("truck", physics=physics._replace(wheels=(soft, *physics.wheels[1:]))), throttle=1.0)
        plain.run(2.0)
        speeds.append(plain.forward())
    assert speeds[0] < speeds[1]
