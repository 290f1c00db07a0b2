import numpy as np
import pytest
from scene_street import SIZES, TICK, Street, bare_street, lidar_attributes, pose_at, shape_of, standing

from scanyard.carla_server.scene.bodies import Bodies
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.lidar import POINT, SEMANTIC_POINT, Tick, beams_of, lidar, semantic_lidar
from scanyard.carla_server.surfaces.materials import TRANSPARENT, Material, Tag
from scanyard.carla_server.surfaces.panes import CLEAR_SHARE, FAINT_M, RETURN_RATES, fate, return_rate

TAGS = {
    "car": {Tag.CAR}, "van": {Tag.CAR}, "truck": {Tag.TRUCK}, "bus": {Tag.BUS}, "bicycle": {Tag.BICYCLE, Tag.RIDER},
    "motorcycle": {Tag.MOTORCYCLE, Tag.RIDER}, "adult": {Tag.PEDESTRIANS}, "child": {Tag.PEDESTRIANS},
    "prop": {Tag.DYNAMIC},
}  # fmt: skip


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def sweep(scene: Scene, pose: np.ndarray | None = None, *, parent_id: int = 0, **attributes: object) -> np.ndarray:
    there = pose_at(0, 0, 1.8) if pose is None else pose
    return semantic_lidar(scene, lidar_attributes(**attributes), there, parent_id=parent_id, tick=TICK)[1]


def xyz(points: np.ndarray) -> np.ndarray:
    return np.stack([points["x"], points["y"], points["z"]], axis=1).astype(float)


@pytest.mark.parametrize("kind", SIZES)
def test_every_class_is_seen_at_ten_metres_and_only_inside_its_hull(street: Scene, kind: str) -> None:
    shape = shape_of(kind)
    pose = standing(shape, 10.0 + shape.extent[0], 1.0, yaw_deg=20.0)
    street.place([42], [shape], [pose])
    points = sweep(street, firings_per_turn=1440, channels=64)
    mine = points[points["object_idx"] == 42]
    assert len(mine) > 15
    assert set(mine["object_tag"].tolist()) <= TAGS[kind]
    local = (xyz(mine) + np.array([0, 0, 1.8]) - pose[:3, 3]) @ pose[:3, :3] - shape.center
    assert (np.abs(local) <= shape.hull_corners.max(axis=0) - shape.center + 2e-3).all()


def test_counts_add_up_and_channels_run_from_the_highest_beam_down(street: Scene) -> None:
    counts, points = semantic_lidar(street, lidar_attributes(), pose_at(0, 0, 1.8), parent_id=0, tick=TICK)
    assert points.dtype == SEMANTIC_POINT
    assert SEMANTIC_POINT.itemsize == 24
    assert counts.sum() == len(points)
    assert len(counts) == 32
    elevation = np.rad2deg(np.arctan2(points["z"], np.hypot(points["x"], points["y"])))
    np.testing.assert_allclose(elevation, np.repeat(np.linspace(4.0, -26.0, 32), counts), atol=1e-3)


def test_each_channel_is_fired_from_behind_clockwise_seen_from_above(street: Scene) -> None:
    counts, points = semantic_lidar(street, lidar_attributes(), pose_at(0, 0, 1.8), parent_id=0, tick=TICK)
    azimuth = np.arctan2(points["y"], points["x"])
    for channel in np.split(azimuth, np.cumsum(counts)[:-1]):
        assert (np.diff(channel) > 0).all()
    lowest = azimuth[-int(counts[-1]) :]
    assert lowest[0] == pytest.approx(-np.pi, abs=1e-4)


def test_the_beam_table_gives_each_beam_its_height_and_elevation(street: Scene) -> None:
    table = "-2.0:0.15;-8.5:0.02;-20.0:-0.1"
    counts, points = semantic_lidar(
        street, lidar_attributes(beam_table=table), pose_at(0, 0, 1.8, yaw_deg=30), parent_id=0, tick=TICK
    )
    elevation, offset = np.repeat([-2.0, -8.5, -20.0], counts), np.repeat([0.15, 0.02, -0.1], counts)
    away = np.hypot(points["x"], points["y"])
    np.testing.assert_allclose(points["z"], offset + away * np.tan(np.deg2rad(elevation)), atol=2e-4)
    assert (counts > 0).all()


def test_a_car_to_the_right_is_at_positive_y_and_turns_clockwise(street: Scene) -> None:
    # Turned by +90 degrees the nose points to +y.  The hood is low and the roof, near the middle, is high.
    shape = shape_of("car", body="sedan")
    street.place([5], [shape], [standing(shape, 0.0, 1.0, yaw_deg=90.0)])
    points = sweep(street, pose_at(-8.0, -3.0, 2.6), firings_per_turn=2160, channels=64)
    mine = xyz(points[points["object_idx"] == 5])
    assert mine[:, 1].mean() > 3.0
    front, rear = mine[mine[:, 1] > 4 + 1.4], mine[mine[:, 1] < 4 - 1.4]
    assert len(front) > 10
    assert len(rear) > 10
    assert rear[:, 2].max() > front[:, 2].max() + 0.1  # a sedan's boot is higher than the tip of its hood


def test_the_sensor_frame_turns_with_the_sensor(street: Scene) -> None:
    shape = shape_of("adult")
    street.place([5], [shape], [standing(shape, 0.0, 8.0)])
    mine = sweep(street, pose_at(0, 0, 1.2, yaw_deg=90.0))
    ahead = xyz(mine[mine["object_idx"] == 5]).mean(axis=0)
    assert ahead[:2] == pytest.approx((8.0, 0.0), abs=0.3)


def test_rays_ignore_the_actor_that_carries_the_sensor(street: Scene) -> None:
    shape = shape_of("van")
    street.place([9], [shape], [standing(shape, 0.0, 0.0)])
    assert (sweep(street, parent_id=9)["object_idx"] == 0).all()
    assert (sweep(street, parent_id=3)["object_idx"] == 9).any()


def test_an_actor_hides_what_is_behind_it(street: Scene) -> None:
    truck, child = shape_of("truck"), shape_of("child")
    street.place([1, 2], [truck, child], [standing(truck, 12.0, 0.0), standing(child, 22.0, 0.0)])
    seen = set(sweep(street)["object_idx"].tolist())
    assert seen == {0, 1}


def test_returns_beyond_the_range_are_not_reported(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    points = xyz(sweep(street, range=20.0))
    assert np.linalg.norm(points, axis=1).max() < 20.0


def test_a_short_range_leaves_out_what_is_far_and_changes_nothing_near(street: Scene) -> None:
    street.place((), (), np.zeros((0, 4, 4)))
    there = pose_at(17.0, 1.0, 1.8)
    far = sweep(street, there, range=119)
    near = sweep(street, there, range=39)
    reached = np.linalg.norm(xyz(far), axis=1) < 39
    assert 0 < len(near) < len(far)
    np.testing.assert_allclose(xyz(near), xyz(far)[reached], atol=1e-4)
    np.testing.assert_array_equal(near["object_tag"], far["object_tag"][reached])


def test_cosine_of_incidence_on_the_road_is_the_sine_of_the_beam(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    points = sweep(street)
    road = points[(points["object_tag"] == Tag.ROADS) & (np.abs(points["y"]) < 3)]
    down = -road["z"] / np.linalg.norm(xyz(road), axis=1)
    np.testing.assert_allclose(road["cos_inc"], down, atol=0.02)


def test_glass_lets_most_rays_through_and_seats_return_some() -> None:
    scene = bare_street()
    shapes = [shape_of("car", type_id=f"vehicle.glass.{i}", body="estate") for i in range(8)]
    shares, inside = [], 0
    for shape in shapes:
        scene.place([1], [shape], [standing(shape, 0.0, 4.0)])
        pose = pose_at(0, 0, 1.5)
        points = sweep(scene, pose, channels=64, firings_per_turn=1800)
        mine = xyz(points[points["object_idx"] == 1])
        solid = scene.cast(np.tile(pose[:3, 3], (len(mine), 1)), mine / np.linalg.norm(mine, axis=1, keepdims=True))
        glass = TRANSPARENT[solid.material]
        assert np.linalg.norm(mine, axis=1)[~glass] == pytest.approx(solid.range_m[~glass], abs=1e-3)
        deeper = np.linalg.norm(mine, axis=1)[glass] > solid.range_m[glass] + 0.02
        inside += int(deeper.sum())
        shares.append((~deeper).sum() / max(len(deeper), 1))
    assert inside > 100
    clear = np.array(shares) < 0.25
    assert 1 <= clear.sum() <= 7  # of the others almost half of the panes' rays return, of these almost none


def test_without_glass_no_ray_goes_through_a_window() -> None:
    shape = shape_of("car")
    returned = {}
    for left_out in ((), ("glass",)):
        scene = Scene(Street(), parked_share=0.0, without=frozenset(left_out))
        scene.place([42], [shape], [standing(shape, 8.0, 2.0, yaw_deg=30.0)])
        points = sweep(scene, firings_per_turn=1440, channels=64)
        mine = points[points["object_idx"] == 42]
        returned[left_out] = len(mine)
    assert returned["glass",] > 1.05 * returned[()]


def test_the_share_of_rays_that_glass_returns_is_the_cars_own() -> None:
    seeds = np.arange(4000, dtype=np.uint64) * np.uint64(7919) + np.uint64(13)
    rates = return_rate(seeds)
    assert (rates == np.float32(RETURN_RATES[0])).mean() == pytest.approx(CLEAR_SHARE, abs=0.03)
    for seed in seeds[:5]:
        through, lost = fate(np.arange(20_000), np.array([seed]), np.full(20_000, 10, np.float32), salt=99)
        assert 1 - through.mean() == pytest.approx(float(return_rate(np.array([seed]))[0]), abs=0.015)
        assert not (lost & ~through).any()


def test_from_afar_glass_and_what_is_behind_it_return_nothing() -> None:
    seeds = np.arange(200, dtype=np.uint64)
    shares = []
    for range_m in (10.0, FAINT_M[0], sum(FAINT_M) / 2, FAINT_M[1], 60.0):
        lost = [fate(np.arange(200), seeds[[k]], np.full(200, range_m, np.float32), salt=3)[1] for k in range(200)]
        shares.append(float(np.mean(lost)))
    assert shares[0] == shares[1] < shares[2] < shares[3] == shares[4] == 1.0
    bodies = Bodies([shape_of("car", type_id="vehicle.a.glassy")])
    for away, some in ((12.0, True), (45.0, False)):  # the ray starts near the car, its range is that from the sensor
        index = np.arange(4000)
        x, z = np.meshgrid(np.linspace(-0.6, 0.6, 80), np.linspace(1.1, 1.35, 50))
        ray = np.stack([x.ravel(), 0 * index + away, z.ravel(), 0 * index, 0 * index - 1, 0 * index]).astype(np.float32)
        hits = bodies.cast(ray, np.zeros(4000, np.int64), ray_index=index, salt=5)
        inside = bodies.material[hits.face] == Material.CAR_INTERIOR
        assert (np.isfinite(hits.range_m) & inside).any() == some


def test_glass_depends_on_the_pose_and_not_on_the_frame_or_the_actor_id() -> None:
    scene = bare_street()
    shape = shape_of("car", body="estate")
    found = {}
    for name, actor_id, frame, x in (("a", 1, 3, 0.0), ("b", 77, 500, 0.0), ("c", 1, 3, 0.01)):
        scene.place([actor_id], [shape], [standing(shape, 0.0, 7.0)])
        _, points = semantic_lidar(
            scene, lidar_attributes(), pose_at(x, 0, 1.5), parent_id=0, tick=Tick(frame, frame / 10, 0.1)
        )
        found[name] = np.stack([points["x"], points["y"], points["z"]]).tobytes()
    assert found["a"] == found["b"]
    assert found["a"] != found["c"]


def test_half_a_turn_per_tick_takes_up_where_the_last_tick_ended() -> None:
    attributes = lidar_attributes(rotation_frequency=5.0)
    azimuths = [np.rad2deg(beams_of(attributes, Tick(frame, frame / 10, 0.1)).azimuth_rad) for frame in (4, 5)]
    assert [len(part) for part in azimuths] == [360, 360]
    assert sorted(round(float(part.min())) for part in azimuths) == [-180, 0]


def test_plain_lidar_fades_with_range_drops_rays_and_is_noisy_along_them(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    pose = pose_at(0, 0, 1.8)
    quiet = lidar_attributes(dropoff_general_rate=0.0, dropoff_intensity_limit=0.0, atmosphere_attenuation_rate=0.01)
    ideal = sweep(street)
    counts, points = lidar(street, quiet, pose, parent_id=0, tick=TICK)
    assert points.dtype == POINT
    assert counts.sum() == len(points) == len(ideal)
    np.testing.assert_allclose(xyz(points), xyz(ideal), atol=1e-4)
    np.testing.assert_allclose(points["intensity"], np.exp(-0.01 * np.linalg.norm(xyz(points), axis=1)), atol=1e-4)
    _, dropped = lidar(street, quiet | {"dropoff_general_rate": "0.45"}, pose, parent_id=0, tick=TICK)
    assert len(dropped) == pytest.approx(0.55 * len(ideal), rel=0.05)
    _, noisy = lidar(street, quiet | {"noise_stddev": "0.1"}, pose, parent_id=0, tick=TICK)
    offset = np.linalg.norm(xyz(noisy), axis=1) - np.linalg.norm(xyz(ideal), axis=1)
    assert offset.std() == pytest.approx(0.1, rel=0.05)
