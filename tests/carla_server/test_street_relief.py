"""How the ground departs from the map's smooth design."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scene_street import Street

from scanyard.carla_server.street.ground import KERB_M, Ground
from scanyard.carla_server.street.relief import CROSSFALL, DEEPEST_M, Crown, resampled, roughness, unevenness


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground(Street())


def residual(ground: Ground, y: float) -> np.ndarray:
    """Height along a line parallel to the road, less its own smooth course, metres."""
    x = np.arange(-60.0, 60.0, 0.5)
    z = ground.height(x, np.full_like(x, y))
    smooth = np.convolve(np.pad(z, 6, mode="edge"), np.ones(13) / 13, mode="valid")
    return np.asarray(z - smooth)


def test_a_road_falls_off_to_both_sides_of_its_middle(ground: Ground) -> None:
    x = np.arange(-50.0, 50.0, 1.0)
    middle, lane, gutter, other = (ground.height(x, np.full_like(x, y)) for y in (0.02, 1.75, 5.3, -5.3))
    flat = [z.mean() for z in (middle, lane, gutter, other)]
    assert flat[0] - flat[1] == pytest.approx(1.75 * CROSSFALL, abs=0.008)
    assert flat[1] == pytest.approx(0.0, abs=0.01)
    assert flat[2] == pytest.approx(flat[3], abs=0.01)
    assert -DEEPEST_M - 0.02 < flat[2] < -0.02


def test_a_crown_fades_where_roads_meet() -> None:
    middle = np.array([[0.0, 0.0], [100.0, 0.0]])
    crown = Crown([middle], [np.array([[100.0, 0.0], [100.0, 3.0]])])
    rise = crown.at(np.array([[10.0, 0.0], [95.0, 0.0], [100.0, 0.0]]))
    assert rise[0] > rise[1] > rise[2] == 0.0
    assert Crown([], []).at(np.zeros((3, 2))).tolist() == [0.0, 0.0, 0.0]


def test_sidewalks_stay_level_above_the_gutter(ground: Ground) -> None:
    x = np.arange(-50.0, 50.0, 1.0)
    walk = ground.height(x, np.full_like(x, 6.5))
    np.testing.assert_allclose(walk - unevenness(np.c_[x, np.full_like(x, 6.5)]), KERB_M, atol=0.012)


def test_grass_beside_the_road_is_rougher_than_the_road(ground: Ground) -> None:
    road, verge = residual(ground, 1.7), residual(ground, 12.0)
    assert road.std() < 0.006
    assert 0.015 < verge.std() < 0.08


def test_roughness_has_no_pattern_and_is_the_same_everywhere_it_is_asked() -> None:
    xy = np.random.default_rng(1).uniform(-500, 500, (20_000, 2))
    rough = roughness(xy)
    np.testing.assert_array_equal(rough, roughness(xy.reshape(100, 200, 2)).ravel())
    assert rough.min() >= -1.0
    assert rough.max() <= 1.0
    assert abs(rough.mean()) < 0.02
    assert rough.std() == pytest.approx(1 / np.sqrt(3), abs=0.02)
    assert abs(np.corrcoef(rough, roughness(xy + np.array([0.01, 0.0])))[0, 1]) < 0.03


def test_a_resampled_line_keeps_its_ends_and_its_course() -> None:
    line = np.array([[0.0, 0.0, 5.0], [3.0, 0.0, 8.0], [3.0, 4.0, 8.0]])
    found = resampled(line, 1.0)
    np.testing.assert_allclose(found[[0, -1]], line[[0, -1]])
    assert len(found) == 8
    np.testing.assert_allclose(found[3], line[1])
    assert np.linalg.norm(np.diff(found[:, :2], axis=0), axis=1).max() <= 1.0 + 1e-9


def test_no_grass_lies_on_a_road_even_where_roads_meet() -> None:
    from scanyard.carla_server.surfaces.materials import Material
    from scanyard.carla_server.surfaces.raycast import Surface
    from scanyard.roads import RoadMap, find_map

    road_map = RoadMap.load(find_map("suburb", [Path(__file__).parents[2] / "scenarios" / "maps"]))
    ground = Ground(road_map)
    lanes = [strip for strip in road_map.strips() if strip.kind == "driving"]
    middle = np.concatenate([(strip.left + strip.right) / 2 for strip in lanes]) * [1.0, -1.0, 1.0]
    rays = np.c_[middle[:, :2], middle[:, 2] + 3.0, np.zeros((len(middle), 2)), -np.ones(len(middle))]
    met = ground.mesh.material[Surface(ground.mesh).cast(rays.astype(np.float32)).face]
    assert np.isin(met, [Material.ASPHALT, Material.ROAD_LINE, Material.PAVING]).mean() > 0.998
