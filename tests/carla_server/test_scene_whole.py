import numpy as np
import pytest
from camera_street import shoot
from scene_street import bare_street, lidar_attributes, pose_at, shape_of, standing

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.context import Tick
from scanyard.carla_server.sensors.lidar import semantic_lidar
from scanyard.carla_server.surfaces import ensemble, panes, raycast
from scanyard.carla_server.surfaces.ensemble import SQUARE, TALL, WIDE, Ensemble
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import box
from scanyard.carla_server.surfaces.raycast import Surface

KINDS = ("car", "adult", "bus")
ROWS, COLUMNS = 90, 130


@pytest.fixture(scope="module")
def grid() -> tuple[np.ndarray, np.ndarray]:
    """Starts (3, R) and directions (3, R * C) of a fan ahead."""
    down, aside = np.meshgrid(np.linspace(0.3, -0.3, ROWS), np.linspace(-0.8, 0.8, COLUMNS), indexing="ij")
    direction = np.stack([np.ones(down.size), aside.ravel(), down.ravel()])
    direction /= np.linalg.norm(direction, axis=0)
    start = np.stack([np.zeros(ROWS), np.zeros(ROWS), np.linspace(1.0, 1.2, ROWS)])
    return start.astype(np.float32), direction.astype(np.float32)


@pytest.fixture(scope="module")
def surfaces() -> list[Surface]:
    return [Surface(box((0, 0, -0.5), (200, 200, 1), Material.ASPHALT)), *(Surface(shape_of(k).mesh) for k in KINDS)]


def poses() -> np.ndarray:
    return np.stack([np.eye(4), *(pose_at(7 + 3 * k, 4 - 4 * k, 0.02, yaw_deg=30 * k) for k in range(len(KINDS)))])


def together(surfaces: list[Surface], threads: int | None = None) -> Ensemble:
    first = np.cumsum([0, *(len(surface.mesh.faces) for surface in surfaces)])
    found = raycast.together(surfaces, poses(), first[:-1].tolist(), int(first[-1]))
    assert found is not None
    if threads:
        for bvh in found._bvhs:
            bvh.threads = threads
    return found


@pytest.mark.parametrize("tile", [SQUARE, WIDE, TALL])
def test_one_cast_finds_the_nearest_of_all_surfaces(
    surfaces: list[Surface], grid: tuple[np.ndarray, np.ndarray], tile: tuple[int, int]
) -> None:
    start, direction = grid
    met = together(surfaces).cast(start, direction, tile=tile, with_cosine=True)
    nearest = np.full(direction.shape[1], np.inf)
    cosine, which = np.zeros(len(nearest)), np.zeros(len(nearest), int)
    for place, (surface, pose) in enumerate(zip(surfaces, poses(), strict=True)):
        turn = pose[:3, :3]
        rays = np.c_[(np.repeat(start.T, COLUMNS, axis=0) - pose[:3, 3]) @ turn, direction.T @ turn]
        alone = surface.cast(rays.astype(np.float32))
        closer = alone.range_m < nearest
        nearest[closer], which[closer] = alone.range_m[closer], place
        cosine[closer] = np.abs((alone.normal * rays[:, 3:]).sum(axis=1))[closer]
    assert set(which) == {0, 1, 2, 3}
    assert np.isinf(nearest).any()
    same = (which == met.surface) & (np.isinf(nearest) == np.isinf(met.range_m))
    assert same.mean() > 0.999  # but for edges that a ray grazes
    hit = same & np.isfinite(nearest)
    np.testing.assert_allclose(met.range_m[hit], nearest[hit], atol=1e-4)
    assert (np.abs(met.cosine[hit] - cosine[hit]) < 1e-3).mean() > 0.999
    assert (met.face[np.isinf(met.range_m)] == sum(len(surface.mesh.faces) for surface in surfaces)).all()


def test_a_ray_is_blocked_where_it_would_meet_something(
    surfaces: list[Surface], grid: tuple[np.ndarray, np.ndarray]
) -> None:
    start, direction = np.repeat(grid[0], COLUMNS, axis=1), grid[1]
    range_m = together(surfaces).cast(start, direction).range_m
    np.testing.assert_array_equal(together(surfaces).blocked(start, direction), np.isfinite(range_m))
    np.testing.assert_array_equal(together(surfaces).blocked(start, direction, 9.0), range_m < 9.0)
    assert 0 < (range_m < 9.0).sum() < np.isfinite(range_m).sum() < len(range_m)


def test_threads_do_not_change_a_bit(
    surfaces: list[Surface], grid: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble, "_PART", 64)  # many parts, of few rays
    one, two = (together(surfaces, threads).cast(*grid, tile=SQUARE, with_cosine=True) for threads in (1, 2))
    for mine, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(mine, other)


def seen(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tick = Tick(1, 0.1, 0.1)
    _, points = semantic_lidar(scene, lidar_attributes(), pose_at(0, 0, 1.8), parent_id=8, tick=tick)
    return points, shoot(scene, "instance", parent_id=8), shoot(scene, "rgb", parent_id=8)


def test_sensors_see_the_same_where_street_and_actors_are_cast_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = bare_street(), bare_street()
    monkeypatch.setattr(scenes[1], "_whole", lambda *_: None)  # as on a machine without Embree's packets
    for scene in scenes:
        shapes = [shape_of(kind) for kind in (*KINDS, "car")]
        places = [standing(shapes[k], 8 + 4 * k, 3 - 3 * k, yaw_deg=20) for k in range(3)]
        scene.place([4, 5, 6, 8], shapes, [*places, standing(shapes[3], 0, 0)])
    (points, labels, colors), (points_apart, labels_apart, colors_apart) = (seen(scene) for scene in scenes)
    assert {4, 5, 6} <= set(points["object_idx"])
    assert 8 not in points["object_idx"]
    assert abs(len(points) - len(points_apart)) <= 2
    for actor_id in (0, 4, 5, 6):
        count, apart = ((found["object_idx"] == actor_id).sum() for found in (points, points_apart))
        assert abs(int(count) - int(apart)) <= 2
    assert (labels != labels_apart).any(axis=-1).mean() < 1e-4
    assert (np.abs(colors.astype(int) - colors_apart) > 2).any(axis=-1).mean() < 1e-3


@pytest.mark.parametrize("apart", [False, True])
def test_a_ray_that_is_lost_in_an_actor_meets_nothing_behind_it(monkeypatch: pytest.MonkeyPatch, apart: bool) -> None:
    scene, shape, pose = bare_street(), shape_of("car"), pose_at(0, 0, 1.25)
    if apart:
        monkeypatch.setattr(scene, "_whole", lambda *_: None)
    scene.place([4], [shape], [standing(shape, 0.0, 4.0)])
    behind = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(panes, "LOST_SHARE", share)
        _, points = semantic_lidar(scene, lidar_attributes(channels=64), pose, parent_id=0, tick=Tick(1, 0.1, 0.1))
        street = points[points["object_idx"] == 0]
        way = np.stack([street["x"], street["y"], street["z"]], axis=1).astype(float)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        behind.append(int((scene.cast(np.tile(pose[:3, 3], (len(way), 1)), way).instance == 4).sum()))
    assert behind[0] > 50
    assert behind[1] <= 2  # rays that graze an edge
