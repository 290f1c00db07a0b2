"""A label is what a sensor could have seen, with the right numbers beside it."""

import time

import numpy as np
import pytest

from scanyard.boxes import Boxes
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.label import label_frame, occlusion_level
from scanyard.sensors import Camera, Lidar, Rig

LIDAR = Lidar("top", Transform.from_xyz_rpy((0.76, 0.0, 1.73)), np.zeros(64), np.zeros(64), 2000, 10.0, 1.0, 120.0)
CAMERA = Camera("left", Transform.from_xyz_rpy((1.03, 0.06, 1.65)), 1242, 375, 721.5, (609.5, 173.0))
LIDAR_ONLY = Rig("lidar", (LIDAR,))
RIG = Rig("both", (LIDAR,), (CAMERA,))
ROAD, CAR = 1, 14


def cars_at(*places: tuple[float, float], yaw: float = 0.0, first_track: int = 1) -> Boxes:
    """Cars on the ground at (x, y) of the ego frame."""
    n = len(places)
    return Boxes(
        center=np.array([[x, y, 0.75] for x, y in places]).reshape(-1, 3),
        size=np.tile([4.0, 1.8, 1.5], (n, 1)),
        yaw_rad=np.full(n, yaw),
        category=np.full(n, "car"),
        track=np.arange(first_track, first_track + n),
        velocity=np.tile([5.0, 0.0, 0.0], (n, 1)),
    )


def wall(x: float, y: tuple[float, float], z: tuple[float, float], count: int = 2000) -> np.ndarray:
    """Points on an upright wall that faces the ego vehicle, in the ego frame."""
    rng = np.random.default_rng(0)
    return np.stack([np.full(count, x), rng.uniform(*y, count), rng.uniform(*z, count)], axis=1)


def frame_of(actors: Boxes, *returns: tuple[np.ndarray, int, int], ids: bool = True, **more: object) -> Frame:
    """A frame whose returns are given as (points in the ego frame, tag, instance)."""
    points = np.concatenate([LIDAR.ego_from_sensor.inverse().apply(part) for part, _, _ in returns])
    semantic = np.concatenate([np.full(len(part), tag) for part, tag, _ in returns])
    instance = np.concatenate([np.full(len(part), number) for part, _, number in returns])
    sweep = Sweep(points, semantic=semantic, instance=instance) if ids else Sweep(points)
    return Frame(0, Transform.identity(), {"top": sweep}, actors=actors, **more)  # type: ignore[arg-type]


def rear_of_car(x: float, y: float = 0.0, count: int = 100) -> np.ndarray:
    return wall(x - 2.0, (y - 0.85, y + 0.85), (0.2, 1.45), count)


def test_a_car_in_the_open_is_labelled_with_everything_known() -> None:
    frame = label_frame(frame_of(cars_at((20.0, 0.0)), (rear_of_car(20.0), CAR, 1)), RIG)
    boxes = frame.boxes
    assert boxes is not None
    assert boxes.num_points is not None
    assert boxes.visibility is not None
    assert boxes.num_points.tolist() == [100]
    assert boxes.visibility.tolist() == [1.0]
    assert boxes.occlusion is not None
    assert boxes.occlusion.tolist() == [0]
    assert boxes.truncation is not None
    assert boxes.truncation.tolist() == [0.0]
    assert boxes.track is not None
    assert boxes.track.tolist() == [1]
    assert boxes.velocity is not None
    assert boxes.velocity.tolist() == [[5.0, 0.0, 0.0]]
    assert boxes.score is None


def test_a_car_whose_rear_alone_is_within_reach_is_labelled() -> None:
    frame = label_frame(frame_of(cars_at((122.5, 0.0)), (rear_of_car(122.5), CAR, 1)), RIG)
    assert frame.boxes is not None
    assert frame.boxes.num_points is not None
    assert frame.boxes.num_points.tolist() == [100]


def test_a_car_behind_a_wall_is_dropped() -> None:
    blocked = wall(10.0, (-5, 5), (-1, 4))
    frame = label_frame(frame_of(cars_at((20.0, 0.0)), (blocked, 3, 0)), RIG)
    assert frame.boxes is not None
    assert len(frame.boxes) == 0
    assert frame.dont_care is not None
    assert len(frame.dont_care) == 0


@pytest.mark.parametrize(("returns", "labelled", "regions"), [(0, 0, 0), (1, 0, 1), (4, 0, 1), (5, 1, 0)])
def test_five_returns_make_a_label_and_fewer_a_region(returns: int, labelled: int, regions: int) -> None:
    road = wall(30.0, (5, 6), (0, 0.1), 10)
    frame = frame_of(cars_at((20.0, 0.0)), (rear_of_car(20.0, count=returns), CAR, 1), (road, ROAD, 0))
    found = label_frame(frame, RIG)
    assert found.boxes is not None
    assert found.dont_care is not None
    assert (len(found.boxes), len(found.dont_care)) == (labelled, regions)


def test_a_region_lies_around_the_object_and_joins_those_there_are() -> None:
    there = np.array([[1.0, 2.0, 3.0, 4.0]])
    frame = frame_of(cars_at((20.0, 0.0)), (rear_of_car(20.0, count=3), CAR, 1), dont_care=there)
    regions = label_frame(frame, RIG).dont_care
    assert regions is not None
    assert regions[0].tolist() == there[0].tolist()
    left, top, right, bottom = regions[1]
    # the rear, 1.8 m wide and 1.5 m high, is 16.97 m ahead of the camera
    np.testing.assert_allclose([right - left, bottom - top], [1.8 * 721.5 / 16.97, 1.5 * 721.5 / 16.97], rtol=0.02)


def test_what_only_the_camera_sees_is_a_region() -> None:
    instance = np.zeros((375, 1242), dtype=np.uint16)
    frame = frame_of(cars_at((60.0, 0.0), (60.0, 8.0)), (wall(30, (20, 21), (0, 1)), ROAD, 0))
    extent = label_frame(frame.replace(sweeps={"top": Sweep(np.ones((1, 3)))}), RIG, min_points=0).boxes
    assert extent is not None
    assert extent.image_box is not None
    left, top, right, bottom = extent.image_box[0].astype(int)
    instance[top:bottom, left:right] = 1
    image = Image(np.zeros((375, 1242, 3), np.uint8), instance=instance)
    regions = label_frame(frame.replace(images={"left": image}), RIG).dont_care
    assert regions is not None
    np.testing.assert_allclose(regions, extent.image_box[:1])


def test_half_a_car_behind_a_wall_is_half_visible() -> None:
    # Rays on a grid to where the car's rear is; a wall at 10 m takes those to its left half.
    y, z = (grid.ravel() for grid in np.meshgrid(np.linspace(-0.85, 0.85, 40), np.linspace(0.2, 1.45, 20)))
    rear = np.stack([np.full_like(y, 18.0), y, z], axis=1)
    origin = LIDAR.ego_from_sensor.translation
    hidden = y > 0
    before = origin + (rear[hidden] - origin) * (10.0 - origin[0]) / (18.0 - origin[0])
    frame = frame_of(cars_at((20.0, 0.0)), (rear[~hidden], CAR, 1), (before, 3, 0))
    boxes = label_frame(frame, RIG).boxes
    assert boxes is not None
    assert boxes.visibility is not None
    assert boxes.occlusion is not None
    np.testing.assert_allclose(boxes.visibility, [0.5], atol=0.01)
    assert boxes.occlusion.tolist() == [2]


def test_what_lies_behind_or_beside_a_car_does_not_hide_it() -> None:
    behind, beside = wall(30.0, (-5, 5), (0, 3)), wall(10.0, (3, 8), (0, 3))
    frame = frame_of(cars_at((20.0, 0.0)), (rear_of_car(20.0), CAR, 1), (behind, 3, 0), (beside, 3, 0))
    boxes = label_frame(frame, RIG).boxes
    assert boxes is not None
    assert boxes.visibility is not None
    assert boxes.visibility.tolist() == [1.0]


def test_what_is_seen_through_the_windows_does_not_hide_a_car() -> None:
    seats, close_behind = wall(20.5, (-0.7, 0.7), (1.1, 1.4), 50), wall(22.1, (-0.8, 0.8), (0.2, 1.4), 50)
    frame = frame_of(cars_at((20.0, 0.0)), (rear_of_car(20.0), CAR, 1), (seats, 13, 9), (close_behind, 3, 0))
    boxes = label_frame(frame, RIG).boxes
    assert boxes is not None
    assert boxes.visibility is not None
    assert boxes.visibility.tolist() == [1.0]


def test_cars_behind_the_ego_vehicle_are_labelled_too() -> None:
    places = [(-20.0, 0.0), (-15.0, -0.05), (0.0, 12.0), (0.5, -9.0)]
    actors = cars_at(*places)
    points = [(center + np.random.default_rng(i).uniform(-0.7, 0.7, (30, 3)), CAR, i + 1)
              for i, center in enumerate(actors.center)]  # fmt: skip
    for ids in (True, False):
        boxes = label_frame(frame_of(actors, *points, ids=ids), RIG).boxes
        assert boxes is not None
        assert boxes.num_points is not None
        assert boxes.truncation is not None
        assert (boxes.num_points > 20).tolist() == [True] * 4
        assert boxes.truncation.tolist() == [1.0] * 4


def test_a_parked_car_has_no_id_and_is_found_by_geometry() -> None:
    parked = cars_at((20.0, 0.0), first_track=2**32 + 7)
    road_below = wall(20.0, (-0.9, 0.9), (-0.02, 0.04), 500)
    tree = wall(20.0, (-0.9, 0.9), (0.5, 1.4), 300)
    frame = frame_of(parked, (rear_of_car(20.0), CAR, 0), (road_below, ROAD, 0), (tree, 9, 0))
    boxes = label_frame(frame, RIG).boxes
    assert boxes is not None
    assert boxes.num_points is not None
    assert boxes.num_points.tolist() == [100]


def test_an_id_outweighs_geometry() -> None:
    # The driver's door of car 2 stands in the box of car 1.
    frame = frame_of(cars_at((20.0, 0.0), (20.0, 3.0)), (rear_of_car(20.0), CAR, 2))
    boxes = label_frame(frame, RIG).boxes
    assert boxes is not None
    assert boxes.track is not None
    assert boxes.track.tolist() == [2]


def test_an_actor_with_an_id_has_no_returns_without_one() -> None:
    scenery = wall(20.0, (-0.5, 0.5), (0.5, 1.0), 40)
    frame = frame_of(cars_at((20.0, 0.0)), (rear_of_car(20.0), CAR, 1), (scenery, CAR, 0))
    boxes = label_frame(frame, RIG).boxes
    assert boxes is not None
    assert boxes.num_points is not None
    assert boxes.num_points.tolist() == [100]


def test_without_ids_the_ground_under_a_car_is_not_the_car() -> None:
    ground = wall(20.0, (-0.9, 0.9), (-0.05, 0.08), 500)
    frame = frame_of(cars_at((20.0, 0.0)), (rear_of_car(20.0), CAR, 1), (ground, ROAD, 0), ids=False)
    boxes = label_frame(frame, RIG).boxes
    assert boxes is not None
    assert boxes.num_points is not None
    assert boxes.num_points.tolist() == [100]


def test_truncation_is_the_share_of_the_projected_box_outside_the_image() -> None:
    # The image's left edge is 609.5 px from the middle: at the rear's depth of 10 m it is 8.45 m to the left.
    depth, focal, half_width = 10.0, 721.5, 0.9
    edge_m = 609.5 * depth / focal
    thin = cars_at((1.03 + depth, 0.06 + edge_m)).replace(size=[[1e-6, 2 * half_width, 1.5]])
    boxes = label_frame(frame_of(thin, (thin.center.repeat(9, axis=0), CAR, 1)), RIG).boxes
    assert boxes is not None
    assert boxes.truncation is not None
    assert boxes.image_box is not None
    np.testing.assert_allclose(boxes.truncation, [0.5], atol=1e-3)
    np.testing.assert_allclose(boxes.image_box[0, [0, 2]], [0.0, half_width * focal / depth], atol=1e-2)


def test_a_car_that_reaches_behind_the_camera_projects_to_the_right_side() -> None:
    beside = cars_at((1.0, 2.5))
    boxes = label_frame(frame_of(beside, (beside.center.repeat(9, axis=0), CAR, 1)), RIG).boxes
    assert boxes is not None
    assert boxes.image_box is not None
    assert boxes.truncation is not None
    assert boxes.image_box[0, 0] == 0.0
    assert boxes.image_box[0, 2] < 609.5  # to the left of the middle
    assert boxes.truncation[0] > 0.5


def test_without_a_camera_the_image_columns_are_absent() -> None:
    frame = label_frame(frame_of(cars_at((20.0, 0.0)), (rear_of_car(20.0), CAR, 1)), LIDAR_ONLY)
    assert frame.boxes is not None
    assert frame.boxes.image_box is None
    assert frame.boxes.truncation is None
    assert frame.boxes.occlusion is not None
    assert frame.dont_care is None


def test_occlusion_levels_follow_the_visible_fraction() -> None:
    assert occlusion_level(np.array([1.0, 0.85, 0.84, 0.55, 0.54, 0.0])).tolist() == [0, 0, 1, 1, 2, 2]


def test_frames_without_actors_or_returns() -> None:
    empty = Frame(0, Transform.identity(), {"top": Sweep(np.zeros((0, 3)))}, actors=cars_at((20.0, 0.0)))
    found = label_frame(empty, RIG).boxes
    assert found is not None
    assert len(found) == 0
    nobody = label_frame(empty.replace(actors=cars_at()), RIG)
    assert nobody.boxes is not None
    assert len(nobody.boxes) == 0
    with pytest.raises(ValueError, match="did not come from a simulator"):
        label_frame(empty.replace(actors=None), RIG)


def test_the_sectors_find_what_testing_every_point_finds() -> None:
    rng = np.random.default_rng(3)
    from scanyard.boxes import points_inside

    n = 40
    actors = cars_at(*rng.uniform(-40, 40, (n, 2))).replace(yaw_rad=rng.uniform(-4, 4, n))
    points = rng.uniform([-45, -45, -0.5], [45, 45, 2.0], (60_000, 3))
    frame = frame_of(actors, (points, CAR, 0), ids=False)
    boxes = label_frame(frame, RIG, min_points=0).boxes
    assert boxes is not None
    assert boxes.num_points is not None
    lift = np.array([0, 0, 0.15])
    above = actors.replace(size=actors.size - lift, center=actors.center + lift / 2)
    inside = points_inside(above, points, margin_m=0.05)
    alone = inside.sum(axis=0) == 1  # a return in two boxes may be either's
    expected = (inside & alone).sum(axis=1)
    assert np.all(boxes.num_points >= expected - 2)
    assert abs(int(boxes.num_points.sum()) - int(inside.any(axis=0).sum())) <= 5


def test_labelling_keeps_up_with_a_sensor() -> None:
    rng = np.random.default_rng(0)
    actors = cars_at(*rng.uniform(-60, 60, (60, 2)))
    points = rng.uniform([-60, -60, 0], [60, 60, 3], (120_000, 3))
    frame = frame_of(actors, (points, CAR, 0))
    seconds = []
    for _ in range(5):
        started = time.process_time()
        label_frame(frame, RIG)
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.05  # 7 ms where it was written; every box against every point takes 80
