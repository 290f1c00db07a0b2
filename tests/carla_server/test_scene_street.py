import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scene_street import TICK, Street, bare_street, lidar_attributes, pose_at, shape_of, standing

from scanyard.carla_server.scene.scene import EnvironmentObject, Scene
from scanyard.carla_server.sensors.cameras import picture
from scanyard.carla_server.sensors.context import Context, Tick
from scanyard.carla_server.sensors.lidar import semantic_lidar
from scanyard.carla_server.shapes.catalogue import MIRRORS
from scanyard.carla_server.street.ground import KERB_M, Ground
from scanyard.carla_server.surfaces.materials import TAG, Material, Tag

MIRROR_REACH_M = (0.01, 0.25, 0.01)


@pytest.fixture(scope="module")
def full() -> Scene:
    """The street with every place taken."""
    return Scene(Street(), parked_share=1.0)


def parked_in(scene: Scene) -> list[EnvironmentObject]:
    return [thing for thing in scene.environment_objects if thing.label in {Tag.CAR, Tag.TRUCK}]


def in_object_frame(thing: EnvironmentObject, points: np.ndarray) -> np.ndarray:
    _, _, _, pitch, yaw, _ = np.deg2rad(thing.transform)
    forward = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
    right = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    return (points - thing.box_center) @ np.stack([forward, right, np.cross(forward, right)]).T


def test_the_boxes_of_parked_vehicles_are_filled_and_nothing_protrudes() -> None:
    for slope in (0.0, 0.06):
        scene = Scene(Street(slope=slope), parked_share=1.0)
        parked = scene._scenery._parked
        assert len(parked) > 40
        for one in parked:
            mesh = one.mesh()
            within = mesh.where(~np.isin(mesh.material, MIRRORS))  # mirrors stick out of the box, as in KITTI
            vertices = within.vertices + np.array(one.object.transform[:3])
            local = in_object_frame(one.object, vertices)
            np.testing.assert_allclose(local.max(axis=0), one.object.extent, atol=2e-3)
            np.testing.assert_allclose(local.min(axis=0), -np.array(one.object.extent), atol=2e-3)


def test_rays_that_hit_parked_cars_end_inside_their_boxes(full: Scene) -> None:
    pose = pose_at(0, 0, 1.8)
    _, points = semantic_lidar(full, lidar_attributes(), pose, parent_id=0, tick=TICK)
    on_cars = points[np.isin(points["object_tag"], [Tag.CAR, Tag.TRUCK])]
    world = np.stack([on_cars["x"], on_cars["y"], on_cars["z"]], axis=1) + pose[:3, 3]
    claimed = np.zeros(len(world), bool)
    for thing in parked_in(full):
        claimed |= (np.abs(in_object_frame(thing, world)) <= np.array(thing.extent) + MIRROR_REACH_M).all(axis=1)
    assert len(world) > 500
    assert claimed.all()
    assert (on_cars["object_idx"] == 0).all()


def test_parked_vehicles_never_overlap_and_their_ids_are_unique_and_fit_the_wire(full: Scene) -> None:
    things = parked_in(full)
    assert len({thing.id for thing in things}) == len(things)
    assert all(0 < thing.id < 2**63 for thing in things)
    for i, thing in enumerate(things):
        others = np.array([other.box_center for other in things[i + 1 :]]).reshape(-1, 3)
        inside = (np.abs(in_object_frame(thing, others)) < thing.extent).all(axis=1)
        assert not inside.any()


def test_parked_share_is_the_share_of_places_taken(full: Scene) -> None:
    half = Scene(Street(), parked_share=0.5)
    assert not parked_in(bare_street())
    assert len(parked_in(half)) == pytest.approx(0.5 * len(parked_in(full)), rel=0.35)


def test_a_ray_straight_down_hits_the_ground_at_the_maps_height() -> None:
    for slope in (0.0, 0.08):
        scene = bare_street(slope=slope)
        x = np.array([-40.0, -3.0, 11.0, 52.0])
        origin = np.c_[x, np.full(4, 1.7), slope * x + 5.0]
        hits = scene.cast(origin, np.tile([0.0, 0.0, -1.0], (4, 1)))
        np.testing.assert_allclose(hits.range_m, 5.0, atol=0.03)
        assert set(hits.tag.tolist()) <= {Tag.ROADS, Tag.ROAD_LINES}
        for place, range_m in zip(origin, hits.range_m, strict=True):
            assert scene.ground_height(place[0], place[1]) == pytest.approx(place[2] - range_m, abs=2e-3)


def test_what_is_right_of_the_road_in_the_map_is_right_of_it_here() -> None:
    scene = Scene(Street(two_way=False), parked_share=0.0)  # lanes at y < 0, right-handed; at y > 0 in CARLA's frame
    tags = scene.cast([[5.0, 1.7, 5.0], [5.0, -1.7, 5.0]], [[0.0, 0.0, -1.0]] * 2).tag
    assert tags.tolist() == [Tag.ROADS, Tag.TERRAIN]


def test_sidewalks_stand_a_kerb_above_the_road_on_both_sides() -> None:
    scene = bare_street()
    for y in (-6.5, 6.5):
        assert scene.ground_height(10.0, y) == pytest.approx(KERB_M, abs=0.03)


def test_a_hidden_car_is_gone_and_comes_back() -> None:
    scene = Scene(Street(), parked_share=1.0)
    thing = min(parked_in(scene), key=lambda one: np.hypot(one.box_center[0], one.box_center[1]))
    above = np.array([[thing.box_center[0], thing.box_center[1], 6.0]])
    down = np.array([[0.0, 0.0, -1.0]])

    def tag() -> int:
        return int(scene.cast(above, down).tag[0])

    assert tag() == thing.label
    scene.enable([thing.id, 12345], False)
    assert tag() not in {Tag.CAR, Tag.TRUCK}
    scene.enable([thing.id], True)
    assert tag() == thing.label


def test_another_style_is_another_street() -> None:
    one, same, other = (Scene(Street(), style=style) for style in (1, 1, 2))
    assert one.environment_objects == same.environment_objects
    assert {thing.id for thing in one.environment_objects}.isdisjoint(thing.id for thing in other.environment_objects)
    assert len(one.triangles()[0]) != len(other.triangles()[0])


def test_the_street_has_the_clutter_that_detectors_must_learn_to_ignore() -> None:
    seen: set[int] = set()
    for style in range(4):
        scene = Scene(Street(), style=style)
        surface = scene._regions.around(np.zeros(3)).surface
        seen |= set(TAG[surface.mesh.material].tolist())
    wanted = {Tag.ROADS, Tag.SIDEWALKS, Tag.TERRAIN, Tag.BUILDINGS, Tag.VEGETATION, Tag.POLES, Tag.TRAFFIC_SIGNS,
              Tag.FENCES, Tag.WALLS, Tag.STATIC, Tag.CAR}  # fmt: skip
    assert wanted <= seen


def test_what_a_sensor_sees_does_not_depend_on_where_others_have_been() -> None:
    pose = pose_at(30, 1.7, 1.8)
    fresh, travelled = Scene(Street()), Scene(Street())
    for x in (-100, -60, 0, 70, 110):
        travelled.anchor(np.array([x, 0.0, 0.0]))
    one, other = (
        semantic_lidar(scene, lidar_attributes(), pose, parent_id=0, tick=TICK) for scene in (fresh, travelled)
    )
    assert one[1].tobytes() == other[1].tobytes()


def test_triangles_and_single_actors_are_the_same_world() -> None:
    from scanyard.carla_server.surfaces.mesh import Mesh
    from scanyard.carla_server.surfaces.raycast import Surface

    scene = Scene(Street(), parked_share=0.3)
    kinds = ("car", "van", "adult", "bicycle", "truck")
    shapes = [shape_of(kind) for kind in kinds]
    scene.place(
        range(10, 15),
        shapes,
        [standing(shape, 8.0 + 5 * i, 1.5 - 0.8 * i, yaw_deg=40.0 * i) for i, shape in enumerate(shapes)],
    )
    vertices, faces = scene.triangles((0.0, 0.0, 0.0))
    rng = np.random.default_rng(0)
    azimuth, elevation = rng.uniform(-np.pi, np.pi, 20_000), rng.uniform(-0.4, 0.2, 20_000)
    direction = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=1
    )
    origin = np.tile([0.0, 0.5, 1.8], (20_000, 1))
    apart = scene.cast(origin, direction).range_m
    whole = (
        Surface(Mesh.of(vertices, faces, Material.WALL))
        .cast(np.concatenate([origin, direction], axis=1).astype(np.float32))
        .range_m
    )
    hit = np.isfinite(apart)
    agree = hit == np.isfinite(whole)
    agree[hit] &= np.abs(apart[hit] - whole[hit]) < 2e-3
    assert agree.mean() > 0.999


def fingerprint() -> str:
    """SHA-256 of a sweep and a picture of a busy street."""
    scene = Scene(Street(), style=5)
    shapes = [shape_of(kind) for kind in ("car", "adult", "bicycle")]
    scene.place([11, 12, 13], shapes, [standing(shape, 9.0 + 4 * i, 1.0 - i) for i, shape in enumerate(shapes)])
    pose = pose_at(0.31, 0.7, 1.73, yaw_deg=3.0)
    attributes = lidar_attributes(channels=64, firings_per_turn=1800)
    _, points = semantic_lidar(scene, attributes, pose, parent_id=0, tick=TICK)
    size = {"image_size_x": "320", "image_size_y": "120", "fov": "80"}
    pixels = picture(scene, "rgb", size, pose, Context(Tick(1, 0.1, 0.1)))
    return hashlib.sha256(points.tobytes() + pixels.tobytes()).hexdigest()


def test_another_process_with_another_number_of_threads_gives_the_same_bytes() -> None:
    code = "from test_scene_street import fingerprint; print(fingerprint())"
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "17"}
    there = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env=os.environ | threads,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert there.stdout.strip() == fingerprint()


def test_clearance_of_one_place_is_what_it_is_among_many() -> None:
    ground = Ground(Street())
    x, y = np.random.default_rng(5).uniform([[-400], [-40]], [[400], [40]], (2, 300))
    among = ground.clearance(x, y)
    alone = [ground.clearance_of(float(x[i]), float(y[i])) for i in range(len(x))]
    np.testing.assert_array_equal(alone, among)
    assert (among > 0).any()
    assert (among == 0).any()


def test_what_is_left_out_is_not_there_and_the_rest_stays() -> None:
    whole, bare = (Scene(Street(), parked_share=1.0, without=frozenset(left)) for left in ((), ("clutter",)))
    kinds = {one.label for one in bare.environment_objects}
    assert kinds <= {Tag.CAR, Tag.TRUCK}
    assert [one.id for one in bare.environment_objects] == [
        one.id for one in whole.environment_objects if one.label in (Tag.CAR, Tag.TRUCK)
    ]


def test_without_their_sizes_cars_are_longer_and_wider() -> None:
    right, wrong = (Scene(Street(), parked_share=1.0, without=frozenset(left)) for left in ((), ("sizes",)))
    pairs = [
        (right_one, wrong_one)
        for right_one in right.environment_objects
        for wrong_one in wrong.environment_objects
        if right_one.id == wrong_one.id and right_one.label == Tag.CAR
    ]
    assert len(pairs) > 3
    for right_one, wrong_one in pairs:
        assert wrong_one.extent[0] == pytest.approx(1.10 * right_one.extent[0], abs=2e-3)
        assert wrong_one.extent[1] == pytest.approx(1.08 * right_one.extent[1], abs=2e-3)
        assert wrong_one.extent[2] == pytest.approx(0.98 * right_one.extent[2], abs=2e-3)


def test_without_variety_all_cars_are_of_one_body() -> None:
    scene = Scene(Street(), parked_share=1.0, without=frozenset({"variety"}))
    bodies = {one.name.split("_")[1] for one in scene.environment_objects if one.name.startswith("Parked_")}
    assert len(bodies - {"truck"}) <= 2  # a car and a van
