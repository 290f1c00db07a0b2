"""A LiDAR whose rays are fired one after the other, and one that hears two echoes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moving_sensors import SENSOR, motions_of
from scene_street import TICK, bare_street, lidar_attributes, pose_at, shape_of, standing

from scanyard.carla_server.protocol.poses import matrices
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.lidar import semantic_lidar
from scanyard.carla_server.sensors.motions import Motions, between
from scanyard.carla_server.sensors.sweep import APART_M, sweep
from scanyard.carla_server.surfaces.materials import TAG, Tag

FIRED = lidar_attributes(firing_time="true")


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def heard(scene: Scene, attributes: dict[str, str], motions: Motions) -> tuple[Any, Any]:
    row = motions.row_of(SENSOR)
    assert row is not None
    pose = motions.now.world_from_actor[row]
    return semantic_lidar(scene, attributes, pose, parent_id=0, tick=TICK, motions=motions, sensor_id=SENSOR)


def test_where_nothing_moves_the_sweep_is_the_still_picture(street: Scene) -> None:
    car, pose = shape_of("car"), pose_at(1.0, 0, 1.8, yaw_deg=20.0)
    there = standing(car, 8.0, 2.0, yaw_deg=30.0)
    street.place([4], [car], [there])
    motions = motions_of({4: [there, there], SENSOR: [pose, pose]})
    still = heard(street, lidar_attributes(), motions)
    fired = heard(street, FIRED, motions)
    np.testing.assert_array_equal(fired[0], still[0])
    for name in ("x", "y", "z", "cos_inc"):
        np.testing.assert_allclose(fired[1][name], still[1][name], atol=1e-4)


def test_each_firing_sees_the_world_as_it_then_is(street: Scene) -> None:
    """Against a still picture for each firing, made with everything where it is at that time."""
    prop, adult = shape_of("prop"), shape_of("adult")
    ways = {
        4: [matrices((9.0, 2.0, prop.extent[2], 0, 10, 0)), matrices((7.5, 2.5, prop.extent[2], 0, 28, 0))],
        5: [matrices((-6.0, -2.5, adult.extent[2], 0, 0, 0)), matrices((-6.0, -1.7, adult.extent[2], 0, 0, 0))],
        SENSOR: [matrices((-0.5, 0.0, 1.3, 0, -4, 0)), matrices((1.5, 0.2, 1.3, 1, 7, 0))],
    }
    motions = motions_of(ways)
    actors = np.array([ways[4][1], ways[5][1]])
    street.place([4, 5], [prop, adult], actors)
    found = sweep(street, FIRED, ways[SENSOR][1], parent_id=0, tick=TICK, motions=motions, sensor_id=SENSOR)
    firings = found.beams.shape[1]
    range_of = np.full(found.beams.shape, np.inf)
    range_of.reshape(-1)[found.ray] = found.range_m
    seen_of = np.zeros(found.beams.shape, int)
    seen_of.reshape(-1)[found.ray] = found.instance
    columns = np.unique(np.r_[np.arange(0, firings, 60), np.flatnonzero((seen_of > 0).any(axis=0))[::2]])
    assert len(columns) >= 15
    moved, compared = 0, 0
    for column in columns:
        share = np.array([column / firings])
        then = {one: between(*way, share)[0] for one, way in ways.items()}  # type: ignore[misc]
        street.place([4, 5], [prop, adult], np.array([then[4], then[5]]))
        local = found.beams.direction.reshape(3, -1, firings)[:, :, column].T.astype(float)
        direction = local @ then[SENSOR][:3, :3].T
        hits = street.cast(np.broadcast_to(then[SENSOR][:3, 3], direction.shape), direction)
        expected = np.where(hits.range_m < 100.0, hits.range_m, np.inf)
        same = seen_of[:, column] == np.where(np.isfinite(expected), hits.instance, 0)
        assert (~same).sum() <= 1  # a ray along an edge
        close = np.isclose(range_of[same, column], expected[same], rtol=2e-3, atol=0.02)
        assert (~close).sum() <= 1
        compared += int(same.sum())
        moved += int((hits.instance[same] > 0).sum())
    assert compared > 500
    assert moved > 40


def test_a_sweep_shears_as_the_car_drives(street: Scene) -> None:
    """Behind, where the turn begins and ends, a pole is seen twice, a frame's drive apart."""
    street.place([4], [shape_of("adult")], [standing(shape_of("adult"), -10.0, 0.0)])
    pose, before = pose_at(0, 0, 1.2), pose_at(-2.0, 0, 1.2)
    _, points = heard(street, FIRED, motions_of({4: [standing(shape_of("adult"), -10.0, 0.0)] * 2,
                                                 SENSOR: [before, pose]}))  # fmt: skip
    mine = points[points["object_idx"] == 4]
    first, last = mine[mine["y"] < 0], mine[mine["y"] > 0]
    assert first["x"].mean() == pytest.approx(-8.0, abs=0.3)
    assert last["x"].mean() == pytest.approx(-10.0, abs=0.3)


def test_two_returns_are_a_metre_apart_and_the_nearer_comes_first(street: Scene) -> None:
    truck = shape_of("truck")
    street.place([4], [truck], [standing(truck, 12.0, 3.0)])
    pose = pose_at(0, 0, 1.8)
    attributes = lidar_attributes(returns=2, firings_per_turn=2160, beam_divergence=4.0)
    found = sweep(street, attributes, pose, parent_id=0, tick=TICK)
    assert found.counts.sum() == len(found.ray)
    assert (np.diff(found.ray) >= 0).all()
    twice = np.flatnonzero(np.diff(found.ray) == 0)
    assert len(twice) > 50
    assert (found.range_m[twice + 1] - found.range_m[twice] >= APART_M).all()
    once = sweep(street, attributes | {"returns": "1"}, pose, parent_id=0, tick=TICK)
    assert set(once.ray.tolist()) <= set(found.ray.tolist())
    assert len(np.unique(once.ray)) == len(once.ray)


def test_second_returns_come_from_edges_and_not_from_the_open_road(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    found = sweep(street, lidar_attributes(returns=2, firings_per_turn=2160), pose_at(0, 0, 1.8),
                  parent_id=0, tick=TICK)  # fmt: skip
    twice = np.flatnonzero(np.diff(found.ray) == 0)
    tags = TAG[found.material]
    both_road = (tags[twice] == Tag.ROADS) & (tags[twice + 1] == Tag.ROADS)
    assert both_road.mean() < 0.02
    leaves = (tags[twice] == Tag.VEGETATION).mean()
    assert leaves > 3 * (tags == Tag.VEGETATION).mean()
