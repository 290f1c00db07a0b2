"""Where pixels look, and the pictures of what is there."""

from __future__ import annotations

import numpy as np
import pytest
from camera_street import FOCAL_PX, HEIGHT, HIGH_M, NOBODY, WIDTH, depth_m, shoot
from scene_street import bare_street, pose_at, shape_of, standing

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.lens import Lens
from scanyard.carla_server.surfaces.materials import Tag

BARREL = {"lens_circle_multiplier": "3.0", "lens_circle_falloff": "1.0", "lens_k": "1.5", "lens_kcube": "0.5"}


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


@pytest.mark.parametrize(
    ("width", "height", "fov_deg"), [(800, 600, 90.0), (64, 64, 30.0), (1242, 375, 82.0), (3, 1, 120.0)]
)
def test_pixels_look_where_the_pinhole_formula_says(width: int, height: int, fov_deg: float) -> None:
    lens = Lens(width, height, fov_deg)
    focal = width / (2 * np.tan(np.deg2rad(fov_deg) / 2))
    forward, right, up = lens.directions().reshape(3, height, width).astype(float)
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    np.testing.assert_allclose(focal * right / forward + width / 2, columns, atol=2e-3)
    np.testing.assert_allclose(-focal * up / forward + height / 2, rows, atol=2e-3)
    np.testing.assert_allclose(forward**2 + right**2 + up**2, 1.0, atol=1e-6)


def test_the_default_lens_attributes_bend_nothing() -> None:
    assert Lens.of({}) == Lens(800, 600, 90.0)
    assert Lens.of({}).is_ideal
    np.testing.assert_array_equal(Lens.of({"lens_k": "9.0"}).directions(), Lens.of({}).directions())


def test_a_bent_lens_shows_what_the_formula_says() -> None:
    attributes = {"image_size_x": "101", "image_size_y": "51", "fov": "70"} | BARREL
    lens, ideal = Lens.of(attributes), Lens(101, 51, 70.0)
    forward, right, up = lens.directions().reshape(3, 51, 101).astype(float)
    for row, column in ((25, 50), (3, 7), (40, 99), (25, 0)):
        x, y = 2 * (column + 0.5) / 101 - 1, 2 * (row + 0.5) / 51 - 1
        r = np.sqrt(0.08 * x**2 + 0.08 * y**2)
        weight = min(3.0 * np.sqrt((x**2 + y**2) / 2), 1.0)
        scale = 1 + weight * (1.5 * r**2 + 0.5 * r**3)
        u = ideal.focal_px * right[row, column] / forward[row, column]
        v = -ideal.focal_px * up[row, column] / forward[row, column]
        assert (u, v) == (pytest.approx(x * scale * 101 / 2, abs=1e-3), pytest.approx(y * scale * 51 / 2, abs=1e-3))


def test_a_bent_lens_still_sees_actors_at_its_rim(street: Scene) -> None:
    shape = shape_of("van")
    street.place([8], [shape], [standing(shape, 8.0, 7.4)])
    straight, bent = (shoot(street, "instance", attributes=lens)[..., 1] == 8 for lens in ({}, BARREL))
    assert 0 < np.count_nonzero(straight) < np.count_nonzero(bent)  # barrel: there is room for more at the rim
    depth = depth_m(shoot(street, "depth", attributes=BARREL))
    assert depth[bent].min() == pytest.approx(8.0 - 2.5, abs=0.6)


def test_depth_of_a_plane_is_the_same_for_all_pixels(street: Scene) -> None:
    street.place(*NOBODY)
    high = pose_at(0, 0, 30.0)
    high[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]  # looks straight down
    depth = depth_m(shoot(street, "depth", pose=high))
    lane = depth[:, WIDTH // 2 - 10 : WIDTH // 2 + 10]  # the rays to its ends are 1.3 m longer
    np.testing.assert_allclose(lane, 30.0, atol=0.06)  # roads are not quite even


def test_depth_is_encoded_in_24_bits() -> None:
    from scanyard.carla_server.sensors import labels

    class Still:
        lens = Lens(4, 1, 1e-3)
        range_m = np.array([0.0, 1.0, 999.9, np.inf], np.float32)

    pixels = labels.depth(Still()).astype(int)  # type: ignore[arg-type]
    code = pixels[0, :, 2] + 256 * pixels[0, :, 1] + 65536 * pixels[0, :, 0]
    np.testing.assert_allclose(code, np.array([0.0, 1.0, 999.9, 1000.0]) / 1000 * (2**24 - 1), atol=1.5)
    assert code[-1] == 2**24 - 1
    assert (pixels[..., 3] == 255).all()


def test_instances_carry_sixteen_bits_of_the_actor_id_and_the_street_none(street: Scene) -> None:
    shape = shape_of("van")
    street.place([0xABCDE], [shape], [standing(shape, 9.0, 0.0)])
    pixels = shoot(street, "instance")
    van = pixels[..., 2] == Tag.CAR
    assert van.sum() > 500
    assert (pixels[van][:, :2] == (0xBC, 0xDE)).all()
    assert (pixels[~van][:, :2] == 0).all()
    np.testing.assert_array_equal(pixels[..., 2], shoot(street, "semantic")[..., 2])


def test_normals_point_up_from_the_road_and_towards_the_camera_from_walls(street: Scene) -> None:
    shape = shape_of("van")
    street.place([8], [shape], [standing(shape, 9.0, 0.0)])
    pixels, labels = shoot(street, "normals"), shoot(street, "semantic")[..., 2]
    normal = pixels[..., 2::-1].astype(float) / 127.5 - 1
    road = normal[labels == Tag.ROADS]
    assert np.median(road[:, 2]) > 0.99
    behind = normal[labels == Tag.CAR]
    assert np.median(behind[:, 0]) < -0.8  # the back of the van looks at the camera, against x
    found = labels != Tag.SKY
    np.testing.assert_allclose(np.linalg.norm(normal[found], axis=1), 1.0, atol=0.02)
    assert (pixels[~found][:, :3] == 127).all()


def test_one_cast_serves_all_cameras_at_one_spot(street: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    street.place(*NOBODY)
    casts = []
    look = street.look
    monkeypatch.setattr(street, "look", lambda *what, **how: casts.append(1) or look(*what, **how))
    for kind in ("rgb", "depth", "semantic", "instance", "normals"):
        shoot(street, kind)
    assert len(casts) == 1
    shoot(street, "depth", pose=pose_at(0.1, 0, HIGH_M))
    shoot(street, "depth", attributes={"fov": "60"})
    assert len(casts) == 3


def test_a_chase_camera_sees_the_car_it_hangs_on_and_one_within_it_does_not(street: Scene) -> None:
    shape = shape_of("car")
    street.place([8], [shape], [standing(shape, 0.0, 0.0)])
    for x, z, is_seen in ((-6.0, 2.5, True), (0.3, 1.3, False), (0.0, 1.7, False)):
        labels = shoot(street, "semantic", pose=pose_at(x, 0, z), parent_id=8)[..., 2]
        assert (labels == Tag.CAR).any() == is_seen


def test_ignored_actors_are_invisible(street: Scene) -> None:
    shape = shape_of("van")
    street.place([8], [shape], [standing(shape, 9.0, 0.0)])
    assert not (shoot(street, "semantic", ignored_ids=frozenset({8}))[..., 2] == Tag.CAR).any()


def test_a_picture_of_one_pixel_is_a_picture(street: Scene) -> None:
    street.place(*NOBODY)
    for kind in ("rgb", "depth", "semantic", "instance", "normals"):
        assert shoot(street, kind, attributes={"image_size_x": "1", "image_size_y": "1"}).shape == (1, 1, 4)


def test_the_horizon_is_where_a_level_camera_looks(street: Scene) -> None:
    street.place(*NOBODY)
    labels = shoot(street, "semantic")[..., 2]
    road_rows = np.nonzero((labels == Tag.ROADS).any(axis=1))[0]
    assert road_rows.min() >= HEIGHT // 2
    assert road_rows.min() < HEIGHT // 2 + FOCAL_PX * HIGH_M / 60.0
