import numpy as np
import pytest
from camera_street import FOCAL_PX, HEIGHT, MANUAL, NOON, WIDTH, depth_m, shoot
from scene_street import bare_street, shape_of, standing

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.lamps import LOW_BEAM
from scanyard.carla_server.surfaces.materials import Tag


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def test_a_walker_to_the_right_stands_right_of_the_middle_at_its_distance(street: Scene) -> None:
    shape = shape_of("adult")
    street.place([0x1234], [shape], [standing(shape, 10.0, 3.0)])
    instance = shoot(street, "instance")
    mine = (instance[..., 1] == 0x34) & (instance[..., 0] == 0x12)
    assert (instance[mine][:, 2] == Tag.PEDESTRIANS).all()
    rows, columns = np.nonzero(mine)
    assert columns.mean() == pytest.approx(WIDTH / 2 + FOCAL_PX * 3.0 / 10.0, abs=4)
    assert rows.max() == pytest.approx(HEIGHT / 2 + FOCAL_PX * 1.5 / 10.0, abs=4)
    assert depth_m(shoot(street, "depth"))[mine] == pytest.approx(10.0, abs=0.5)
    semantic = shoot(street, "semantic")
    assert (semantic[mine][:, 2] == Tag.PEDESTRIANS).all()
    assert (semantic[..., :2] == 0).all()


def test_depth_is_along_the_optical_axis_and_a_thousand_metres_in_the_sky(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    depth, semantic = depth_m(shoot(street, "depth")), shoot(street, "semantic")[..., 2]
    row = HEIGHT - 5
    road = np.isin(semantic[row], [Tag.ROADS, Tag.ROAD_LINES])
    assert road.sum() > 100
    expected = 1.5 * FOCAL_PX / (row + 0.5 - HEIGHT / 2)
    np.testing.assert_allclose(depth[row][road], expected, atol=0.3)  # roads fall off towards their edges
    assert (semantic == Tag.SKY).any()
    np.testing.assert_allclose(depth[semantic == Tag.SKY], 1000.0, atol=1e-3)


def test_the_picture_is_opaque_bgra(street: Scene) -> None:
    picture = shoot(street, "rgb")
    assert picture.shape == (HEIGHT, WIDTH, 4)
    assert picture.dtype == np.uint8
    assert (picture[..., 3] == 255).all()
    sky = picture[shoot(street, "semantic")[..., 2] == Tag.SKY].mean(axis=0)
    assert sky[0] > sky[2] + 10  # blue comes first


def test_a_van_throws_a_shadow_away_from_the_sun(street: Scene) -> None:
    shape = shape_of("van")
    sunny = NOON._replace(sun_altitude_angle=35.0, sun_azimuth_angle=90.0)  # the sun stands to the right, at +y
    street.place([], [], np.zeros((0, 4, 4)))
    before = shoot(street, "rgb", sunny)[..., :3].astype(float).mean(axis=2)
    street.place([8], [shape], [standing(shape, 9.0, 2.0)])
    after = shoot(street, "rgb", sunny)[..., :3].astype(float).mean(axis=2)
    van = shoot(street, "instance")[..., 1] == 8
    darker = (after < 0.8 * before) & ~van
    columns = np.nonzero(darker)[1]
    assert len(columns) > 50
    assert columns.mean() < np.nonzero(van)[1].mean() - 20


def test_night_is_dark_but_for_what_the_lamps_reach(street: Scene) -> None:
    shape, brightness = shape_of("van"), []
    night = NOON._replace(sun_altitude_angle=-30.0)
    lamps = {"attributes": MANUAL | {"iso": "6400"}, "lights": {9: LOW_BEAM}}
    for x in (8.0, 40.0):
        street.place([8, 9], [shape, shape], [standing(shape, x, 0.0), standing(shape, -3.0, 0.0)])
        van = shoot(street, "instance")[..., 1] == 8
        brightness.append(shoot(street, "rgb", night, **lamps)[van][:, :3].mean())
        assert (
            brightness[-1] > 1.4 * shoot(street, "rgb", night, attributes=MANUAL | {"iso": "6400"})[van][:, :3].mean()
        )
    assert brightness[0] > 1.5 * brightness[1]
    sky = shoot(street, "semantic")[..., 2] == Tag.SKY
    assert shoot(street, "rgb", night)[sky][:, :3].mean() < 0.35 * shoot(street, "rgb")[sky][:, :3].mean()


def test_fog_hides_what_is_far(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    clear, foggy = (shoot(street, "rgb", NOON._replace(fog_density=density)) for density in (0.0, 90.0))
    far = (depth_m(shoot(street, "depth")) > 60) & (depth_m(shoot(street, "depth")) < 900)
    assert foggy[far][:, :3].astype(float).std() < 0.5 * clear[far][:, :3].astype(float).std()


def test_the_camera_does_not_see_its_own_car(street: Scene) -> None:
    shape = shape_of("van")
    street.place([8], [shape], [standing(shape, 0.0, 0.0)])
    assert (shoot(street, "semantic")[..., 2] == Tag.CAR).any()
    assert not (shoot(street, "semantic", parent_id=8)[..., 2] == Tag.CAR).any()


def test_a_picture_is_taken_anew_when_something_has_moved(street: Scene) -> None:
    shape = shape_of("adult")
    pictures = []
    for y in (-2.0, 2.0):
        street.place([8], [shape], [standing(shape, 8.0, y)])
        pictures.append(shoot(street, "instance"))
    assert (pictures[0] != pictures[1]).any()
