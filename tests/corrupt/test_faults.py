"""Dead beams, foreign pulses, missing echoes, moving and bent mounts."""

import numpy as np
import pytest

from scanyard.corrupt import SEVERITIES, Corruption, corrupt_frame
from scanyard.corrupt.beams import part_of_turn, rings
from scanyard.corrupt.displacement import MOUNT_ERROR_DEG, MOUNT_ERROR_M, SPEED_MPS, TURN_S
from scanyard.corrupt.faults import BEAMS_LOST, FIRINGS_DISTURBED, VEHICLE_RETURNS_LOST
from scanyard.errors import InputError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.profiles import load_profile
from scanyard.sensors import Lidar
from tests.corrupt.street import LIDAR, RIG, on_cars, street_frame


def spoilt(frame: Frame, name: str, severity: int, index: int = 0) -> Sweep:
    return corrupt_frame(frame, RIG, Corruption(name, severity), seed=0, sequence="s", index=index).sweeps["top"]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_beam_loss_takes_whole_rings_and_leaves_the_others_alone(severity: int) -> None:
    frame = street_frame()
    clean, sweep = frame.sweeps["top"], spoilt(frame, "beam_loss", severity)
    assert clean.ring is not None
    assert sweep.ring is not None
    alive = np.unique(sweep.ring)
    expected = clean[np.isin(clean.ring, alive)]
    np.testing.assert_array_equal(sweep.points, expected.points)
    dead = np.unique(clean.ring[~np.isin(clean.ring, alive)])
    # some of the dead beams may look into the sky and have had no returns anyway
    assert 1 <= len(dead) <= round(BEAMS_LOST[severity - 1] * LIDAR.channels)


def test_rings_that_nobody_recorded_are_found_by_their_lines() -> None:
    sweep = street_frame().sweeps["top"]
    on_street = sweep[sweep.semantic == 1]
    assert on_street.ring is not None
    np.testing.assert_array_equal(rings(on_street.replace(ring=None), LIDAR), on_street.ring)


def test_rings_of_an_hdl64e_survive_rounding_to_millimetres() -> None:
    lidar = Lidar.of_profile("top", load_profile("hdl64e"), Transform.identity(), rotation_hz=10.0)
    rng = np.random.default_rng(0)
    ring = rng.integers(0, 64, 5000)
    horizontal, azimuth = rng.uniform(3, 70, 5000), rng.uniform(-np.pi, np.pi, 5000)
    z = lidar.z_offset_m[ring] + horizontal * np.tan(lidar.elevation_rad[ring])
    points = np.round(np.stack([horizontal * np.cos(azimuth), horizontal * np.sin(azimuth), z], axis=-1), 3)
    assert (rings(Sweep(points), lidar) == ring).mean() > 0.999


@pytest.mark.parametrize("severity", SEVERITIES)
def test_crosstalk_disturbs_its_share_of_firings(severity: int) -> None:
    frame = street_frame()
    sweep = spoilt(frame, "crosstalk", severity)
    assert sweep.instance is not None
    ghosts = np.count_nonzero(sweep.instance == 0)
    firings = LIDAR.channels * LIDAR.firings_per_turn
    assert ghosts == pytest.approx(FIRINGS_DISTURBED[severity - 1] * firings, rel=0.35)
    assert len(sweep) >= len(frame.sweeps["top"])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_incomplete_echo_loses_the_darkest_returns_of_cars_and_no_others(severity: int) -> None:
    frame = street_frame()
    clean, sweep = frame.sweeps["top"], spoilt(frame, "incomplete_echo", severity)
    before, after = on_cars(clean), on_cars(sweep)
    assert after.sum() == before.sum() - round(VEHICLE_RETURNS_LOST[severity - 1] * before.sum())
    assert (~after).sum() == (~before).sum()
    assert clean.intensity is not None
    assert sweep.intensity is not None
    lost = ~np.isin(clean.instance, sweep.instance)
    assert clean.intensity[lost].max() <= sweep.intensity[after].min()


def test_incomplete_echo_works_on_labels_alone_and_on_tags_alone() -> None:
    frame = street_frame()
    sweep = frame.sweeps["top"]
    labelled = frame.replace(sweeps={"top": sweep.replace(semantic=None, instance=None)})
    tagged = frame.replace(boxes=None)
    assert len(spoilt(labelled, "incomplete_echo", 3)) == len(spoilt(tagged, "incomplete_echo", 3)) < len(sweep)
    neither = labelled.replace(boxes=None)
    with pytest.raises(InputError, match="needs labelled boxes or semantic tags"):
        spoilt(neither, "incomplete_echo", 3)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_miscalibration_moves_all_points_rigidly_by_its_angle_and_distance(severity: int) -> None:
    frame = street_frame()
    before = frame.sweeps["top"].points.astype(np.float64)
    after = spoilt(frame, "miscalibration", severity).points.astype(np.float64)
    ends = np.random.default_rng(0).integers(0, len(before), (2, 500))
    apart_before, apart_after = (np.linalg.norm(p[ends[0]] - p[ends[1]], axis=1) for p in (before, after))
    np.testing.assert_allclose(apart_after, apart_before, atol=1e-4)
    homogeneous = np.c_[before, np.ones(len(before))]
    matrix = np.linalg.lstsq(homogeneous, after, rcond=None)[0].T
    angle = np.arccos((np.trace(matrix[:, :3]) - 1) / 2)
    assert np.rad2deg(angle) == pytest.approx(MOUNT_ERROR_DEG[severity - 1], abs=0.01)
    assert np.linalg.norm(matrix[:, 3]) == pytest.approx(MOUNT_ERROR_M[severity - 1], abs=1e-3)


def test_a_turn_runs_clockwise_from_the_rear() -> None:
    points = np.array([[-1.0, 0.01, 0], [0, 1, 0], [1, 0, 0], [0, -1, 0], [-1, -0.01, 0]], dtype=np.float32)
    np.testing.assert_allclose(part_of_turn(points), [-0.5, -0.25, 0, 0.25, 0.5], atol=0.01)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_motion_blur_leaves_the_front_and_tears_the_rear_by_the_way_driven(severity: int) -> None:
    frame = street_frame()
    before = frame.sweeps["top"].points.astype(np.float64)
    after = spoilt(frame, "motion_blur", severity).points.astype(np.float64)
    part = part_of_turn(frame.sweeps["top"].points)
    near = np.linalg.norm(before, axis=1) < 8  # where turning moves little
    moved = np.linalg.norm(after - before, axis=1)
    way_m = SPEED_MPS[severity - 1] * TURN_S / 2
    assert moved[near & (np.abs(part) < 0.02)].mean() < 0.2 * way_m + 0.1
    rear = near & (np.abs(part) > 0.48)
    assert moved[rear].mean() == pytest.approx(way_m, rel=0.4, abs=0.12)


def test_points_move_farther_the_harsher_the_blur() -> None:
    frame = street_frame()
    moved = [
        np.linalg.norm(spoilt(frame, "motion_blur", severity).points - frame.sweeps["top"].points, axis=1).mean()
        for severity in SEVERITIES
    ]
    assert moved == sorted(moved)
