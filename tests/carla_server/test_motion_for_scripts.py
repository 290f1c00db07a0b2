"""What scripts that change vehicles' physics rely on, whatever the vehicle."""

from __future__ import annotations

import numpy as np
import pytest

from scanyard.carla_server.motion import standing
from scanyard.carla_server.motion.chassis import chassis_of
from scanyard.carla_server.motion.fleet import Fleet
from scanyard.carla_server.motion.physics import physics_of
from scanyard.carla_server.world.blueprints import library


@pytest.mark.parametrize(("kind", "size_m"), [("bicycle", (1.8, 0.6, 1.7)), ("car", (4.5, 1.8, 1.5))])
def test_everything_on_wheels_tells_of_four(kind: str, size_m: tuple[float, ...]) -> None:
    assert len(physics_of(kind, size_m).wheels) == 4


def test_several_rear_axles_count_as_one() -> None:
    six = [(2.0, -1.0, 0.5), (2.0, 1.0, 0.5), (-1.0, -1.0, 0.5), (-1.0, 1.0, 0.5), (-2.0, -1.0, 0.5), (-2.0, 1.0, 0.5)]
    wheels = physics_of("truck", (8.0, 2.5, 3.0), wheels_m=six).wheels
    assert [wheel.position.x for wheel in wheels] == [200.0, 200.0, -150.0, -150.0]
    assert [wheel.max_handbrake_torque > 0.0 for wheel in wheels] == [False, False, True, True]


def test_bicycle_has_its_wheels_in_line_and_leans() -> None:
    assert chassis_of(physics_of("bicycle", (1.8, 0.6, 1.7)), (0.9, 0.3, 0.85))["two_wheeled"]
    assert not chassis_of(physics_of("car", (4.5, 1.8, 1.5)), (2.25, 0.9, 0.75))["two_wheeled"]


def test_two_wheeler_brakes_as_hard_as_its_mass_asks_for() -> None:
    physics = physics_of("motorcycle", (2.2, 0.8, 1.6))
    held = sum(wheel.max_brake_torque / (wheel.radius / 100.0) for wheel in physics.wheels)
    assert held / physics.mass == pytest.approx(9.5, rel=0.05)


def test_friction_trigger_can_be_spawned_with_an_extent() -> None:
    attributes = {one.id for one in library()["static.trigger.friction"].definition.attributes}
    assert {"friction", "extent_x", "extent_y", "extent_z"} <= attributes


@pytest.mark.parametrize(("rise", "felt"), [(0.004, 0.0), (-0.004, 0.0), (0.05, 0.04)])
def test_unevenness_of_a_road_speeds_nothing_up(rise: float, felt: float) -> None:
    fleet = Fleet.of(np.array([chassis_of(physics_of("car", (4.5, 1.8, 1.5)), (2.25, 0.9, 0.75))]))
    one = np.zeros(1)
    before = standing.Attitude(one, one, one, one, np.ones(1, bool), np.zeros((2, 1)))
    after = standing.follow(
        fleet, before, (one, one, one), (one, one), lambda points: rise * points[:, 0],
        falls=np.ones(1, bool), lean_deg=one, delta_s=0.05,
    )  # fmt: skip
    assert after.grounded[0]
    assert after.slope[0, 0] == pytest.approx(felt, abs=1e-6)
