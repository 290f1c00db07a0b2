from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scanyard.errors import ScenarioError
from scanyard.profiles import load_profile
from scanyard.scenario import load_rig

RIGS = Path(__file__).parents[2] / "scenarios" / "rigs"


def test_kitti_has_its_lidar_and_left_colour_camera_where_kitti_has_them() -> None:
    rig = load_rig(RIGS / "kitti.yaml")
    lidar, camera = rig.lidar("top"), rig.camera("left")
    assert_allclose(lidar.ego_from_sensor.translation, [0.76, 0.0, 1.73])
    # KITTI's velodyne-to-camera offsets: 0.27 m ahead, 0.06 m left, 0.08 m down
    assert_allclose(camera.ego_from_sensor.translation - lidar.ego_from_sensor.translation, [0.27, 0.06, -0.08])
    assert (camera.width_px, camera.height_px, camera.focal_px) == (1242, 375, 721.54)
    assert camera.center_px == (609.5, 173.0)


def test_kitti_image_is_an_exact_crop_of_a_centred_one() -> None:
    camera = load_rig(RIGS / "kitti.yaml").camera("left")
    for size, center in zip((camera.width_px, camera.height_px), camera.center_px, strict=True):
        whole = 2 * max(center, size - center)
        assert float(whole).is_integer()
        assert float(whole / 2 - center).is_integer()


def test_beams_come_from_the_sensor_profile() -> None:
    lidar, profile = load_rig(RIGS / "kitti_lidar.yaml").lidar("top"), load_profile("hdl64e")
    assert_allclose(lidar.elevation_rad, profile.elevation_rad)
    assert_allclose(lidar.z_offset_m, profile.z_offset_m)
    assert (lidar.blocks, lidar.firings_per_turn) == (profile.blocks, profile.firings_per_turn)
    assert (lidar.min_range_m, lidar.max_range_m) == (profile.min_range_m, profile.max_range_m)
    assert lidar.profile == "hdl64e"


def test_lidar_alone_is_the_same_lidar() -> None:
    alone, rig = load_rig(RIGS / "kitti_lidar.yaml"), load_rig(RIGS / "kitti.yaml")
    assert alone.cameras == ()
    assert alone.lidar("top").to_dict() == rig.lidar("top").to_dict()


def test_stand_in_differs_from_kitti() -> None:
    rig = load_rig(RIGS / "stand_in.yaml")
    assert rig.lidars[0].channels == 32
    assert rig.lidars[0].ego_from_sensor.translation[2] == 1.9
    assert rig.cameras[0].center_px == (480.0, 270.0)


def test_lidar_turns_once_per_frame() -> None:
    assert load_rig(RIGS / "kitti.yaml").lidars[0].rotation_hz == 10.0
    assert load_rig(RIGS / "kitti.yaml", rate_hz=20.0).lidars[0].rotation_hz == 20.0


LIDAR = "  - {name: top, profile: hdl64e, x_m: 0, y_m: 0, z_m: 2}\n"


def test_another_rotation_than_the_recordings_rate_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text("name: rig\nlidars:\n" + LIDAR.replace("z_m: 2", "z_m: 2, rotation_hz: 20"))
    assert load_rig(path).lidars[0].rotation_hz == 20.0
    assert load_rig(path, rate_hz=20.0).lidars[0].rotation_hz == 20.0
    with pytest.raises(
        ScenarioError, match=r"rig\.yaml:3: lidars\[0\]\.rotation_hz: found 20 with .* 10 frames per sec"
    ):
        load_rig(path, rate_hz=10.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: rig\n", r"rig\.yaml:1: found no sensor"),
        (
            "name: rig\nlidars:\n" + LIDAR + LIDAR,
            r"rig\.yaml:4: lidars\[1\]\.name: found 'top', which lidars\[0\]\.name",
        ),
        ("name: rig\nlidars:\n" + LIDAR.replace("hdl64e", "hdl64"), r":3: lidars\[0\]\.profile: .* mean 'hdl64e'\?"),
        ("name: rig\nlidars:\n" + LIDAR.replace("z_m", "z"), r":3: lidars\[0\]\.z: unknown key; .*did you mean 'z_m'"),
        ("name: rig\nlidars:\n" + LIDAR.replace("z_m: 2", "z_m: -1"), r":3: lidars\[0\]\.z_m: found -1"),
    ],
)
def test_bad_rig_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=complaint):
        load_rig(path)


def test_angles_turn_the_right_way(tmp_path: Path) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text("name: rig\nlidars:\n" + LIDAR.replace("z_m: 2", "z_m: 2, yaw_deg: 90, pitch_deg: 0"))
    assert_allclose(load_rig(path).lidars[0].ego_from_sensor.rotate([1, 0, 0]), [0, 1, 0], atol=1e-12)
    path.write_text("name: rig\nlidars:\n" + LIDAR.replace("z_m: 2", "z_m: 2, pitch_deg: 30"))
    assert load_rig(path).lidars[0].ego_from_sensor.rotate([1, 0, 0])[2] == pytest.approx(-np.sin(np.pi / 6))
