import logging

import numpy as np
import pytest
from scene_street import shape_of

from scanyard.carla_server.surfaces import embree, raycast
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box
from scanyard.carla_server.surfaces.raycast import Surface


def rays_at_a_box(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    origin = rng.normal(size=(count, 3)) * 5
    target = rng.uniform(-1.5, 1.5, (count, 3))
    direction = (target - origin) / np.linalg.norm(target - origin, axis=1, keepdims=True)
    return np.concatenate([origin, direction], axis=1).astype(np.float32)


def test_both_bindings_of_embree_agree_to_a_tenth_of_a_millimetre() -> None:
    mesh = shape_of("car").mesh
    rays = rays_at_a_box(4000)
    one, other = (Surface(mesh, binding).cast(rays) for binding in ("open3d", "packets"))
    hit = np.isfinite(one.range_m)
    assert (hit == np.isfinite(other.range_m)).mean() > 0.999
    both = hit & np.isfinite(other.range_m)
    assert 500 < both.sum() < 4000
    np.testing.assert_allclose(one.range_m[both], other.range_m[both], atol=1e-4)
    same = both & (one.face == other.face)
    assert same.sum() > 0.99 * both.sum()
    np.testing.assert_allclose(np.abs(np.sum(one.normal[same] * other.normal[same], axis=1)), 1.0, atol=1e-4)


@pytest.mark.parametrize("binding", ["open3d", "packets"])
def test_a_miss_is_infinitely_far_and_belongs_to_no_face(binding: raycast.Binding) -> None:
    surface = Surface(box((0, 0, 0), (2, 2, 2), Material.CAR_GLASS), binding)
    hits = surface.cast(np.array([[5, 0, 0, 1, 0, 0], [5, 0, 0, -1, 0, 0]], np.float32))
    assert np.isinf(hits.range_m[0])
    assert hits.face[0] == 12
    assert not surface.transparent[hits.face[0]]
    assert hits.range_m[1] == pytest.approx(4.0, abs=1e-5)
    assert surface.transparent[hits.face[1]]


def test_an_empty_mesh_is_never_hit() -> None:
    assert np.isinf(Surface(Mesh.empty()).cast(rays_at_a_box(5)).range_m).all()


def test_rays_do_not_slip_through_where_two_triangles_meet() -> None:
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(np.arange(40.0), np.arange(40.0), indexing="ij"), axis=-1).reshape(-1, 2)
    corner = (np.arange(39)[:, None] * 40 + np.arange(39)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 40], 1), np.stack([corner + 1, corner + 41, corner + 40], 1)]
    )
    ground = Surface(Mesh.of(np.c_[grid, rng.normal(0, 0.1, len(grid))], faces, Material.WALL))
    on_edges = np.c_[rng.integers(1, 38, (20_000, 1)), rng.uniform(1, 38, (20_000, 1)), np.full((20_000, 1), 5.0)]
    down = np.broadcast_to([0.0, 0.0, -1.0], on_edges.shape)
    rays = np.concatenate([on_edges, down], axis=1).astype(np.float32)
    assert np.isfinite(ground.cast(rays).range_m).all()
    assert ground.blocked(rays).all()


@pytest.mark.parametrize("binding", ["open3d", "packets"])
def test_blocked_is_whether_anything_was_hit_in_reach(binding: raycast.Binding) -> None:
    surface = Surface(shape_of("car").mesh, binding)
    rays = rays_at_a_box(3001)
    range_m = surface.cast(rays).range_m
    np.testing.assert_array_equal(surface.blocked(rays), np.isfinite(range_m))
    assert 0 < surface.blocked(rays, 4.0).sum() < np.isfinite(range_m).sum()
    np.testing.assert_array_equal(surface.blocked(rays, 4.0), range_m < 4.0)


def test_threads_do_not_change_a_bit() -> None:
    mesh = shape_of("car").mesh
    rays = rays_at_a_box(3 * embree.PART + 5)
    for one, two in zip(embree.Bvh(mesh, threads=1).cast(rays), embree.Bvh(mesh, threads=2).cast(rays), strict=True):
        np.testing.assert_array_equal(one, two)


def test_rays_are_cast_with_open3d_where_embree_does_not_load(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load_nothing() -> None:
        raise ImportError("the package embreex is not installed")

    monkeypatch.setattr(raycast, "load_packets", load_nothing)  # the library's absence cannot be passed in
    raycast._best_binding.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            surface = Surface(box((0, 0, 0), (2, 2, 2), Material.WALL))
        assert surface.cast(np.array([[5, 0, 0, -1, 0, 0]], np.float32)).range_m[0] == pytest.approx(4.0, abs=1e-5)
        assert len(caplog.records) == 1
        assert "embreex is not installed" in caplog.text
    finally:
        raycast._best_binding.cache_clear()
