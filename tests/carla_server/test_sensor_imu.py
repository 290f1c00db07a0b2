"""The IMU feels true motion, wherever it is mounted and whatever moves it."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from moving_sensors import SENSOR, motions_of, told

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.poses import matrices
from scanyard.carla_server.sensors.imu import compass, imu

DT = 0.05


def felt(poses: list[Any], attributes: dict[str, str] | None = None, **known: Any) -> tuple[Any, Any, float]:
    matrices_of = [matrices(pose) for pose in poses]
    context = told(motions_of({SENSOR: matrices_of}, DT), **known)
    [message] = imu(None, attributes or {}, matrices_of[-1], context)
    assert packets.HEADER.unpack(message[0])[0] == packets.IMU
    return msgpack.unpackb(message[1])


def test_at_rest_and_at_constant_speed_it_feels_gravity_alone() -> None:
    for speed in (0.0, 30.0):
        acceleration, turn_rate, _ = felt([(speed * DT * k, 0, 0, 0, 0, 0) for k in range(3)])
        assert acceleration == pytest.approx([0.0, 0.0, 9.81], abs=1e-9)
        assert turn_rate == [0.0, 0.0, 0.0]
    assert felt([(0, 0, 0, 0, 0, 0)] * 3, gravity_mps2=3.7)[0][2] == 3.7


def test_it_feels_acceleration_along_its_own_axes() -> None:
    poses = [(0, 0.5 * 3.0 * (DT * k) ** 2, 0, 0, 90, 0) for k in range(3)]  # faces +y and speeds up at 3 m/s²
    assert felt(poses)[0] == pytest.approx([3.0, 0.0, 9.81], abs=1e-9)


def test_on_a_circle_to_the_right_it_feels_the_pull_inwards_and_the_turn() -> None:
    radius, speed = 20.0, 10.0
    poses = []
    for k in range(3):
        turned = speed / radius * DT * k
        poses.append((radius * np.sin(turned), radius * (1 - np.cos(turned)), 0, 0, np.rad2deg(turned), 0))
    acceleration, turn_rate, _ = felt(poses)
    assert acceleration == pytest.approx([0.0, speed**2 / radius, 9.81], abs=0.2)
    assert turn_rate == pytest.approx([0.0, 0.0, speed / radius], abs=1e-9)


def test_with_its_nose_up_it_feels_gravity_from_behind() -> None:
    acceleration, _, _ = felt([(0, 0, 0, 30, 0, 0)] * 3)
    assert acceleration == pytest.approx([9.81 / 2, 0.0, 9.81 * np.sqrt(3) / 2])


def test_a_jump_is_felt_as_rest() -> None:
    assert felt([(0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0), (500, 0, 0, 0, 0, 0)])[0] == [0.0, 0.0, 9.81]


@pytest.mark.parametrize(("yaw", "turns"), [(-90, 0.0), (0, 0.25), (90, 0.5), (180, 0.75)])
def test_compass_is_clockwise_from_north_which_is_minus_y(yaw: float, turns: float) -> None:
    assert compass(matrices((0, 0, 0, 0, yaw, 0))) == pytest.approx(turns * 2 * np.pi, abs=1e-12)


def test_noise_has_the_spread_and_bias_asked_for_and_new_values_each_frame() -> None:
    attributes = {"noise_accel_stddev_x": "0.5", "noise_gyro_stddev_y": "0.02", "noise_gyro_bias_y": "0.1"}
    samples = [felt([(0, 0, 0, 0, 0, 0)] * 3, attributes, frame=frame) for frame in range(400)]
    acceleration, turn_rate = (np.array([sample[i] for sample in samples]) for i in (0, 1))
    assert acceleration[:, 0].std() == pytest.approx(0.5, rel=0.12)
    assert abs(acceleration[:, 0].mean()) < 0.1
    assert (acceleration[:, 1:] == [0.0, 9.81]).all()
    assert turn_rate[:, 1].mean() == pytest.approx(0.1, abs=0.004)
    assert turn_rate[:, 1].std() == pytest.approx(0.02, rel=0.12)
    assert felt([(0, 0, 0, 0, 0, 0)] * 3, attributes, frame=7) == samples[7]
    assert felt([(0, 0, 0, 0, 0, 0)] * 3, attributes | {"noise_seed": "1"}, frame=7) != samples[7]
