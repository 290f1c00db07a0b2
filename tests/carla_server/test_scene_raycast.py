import logging

import numpy as np
import pytest
from scene_street import shape_of

from scanyard.carla_server.surfaces import raycast
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
    one, other = (Surface(mesh, binding).cast(rays) for binding in ("open3d", "embreex"))
    hit = np.isfinite(one.range_m)
    assert (hit == np.isfinite(other.range_m)).mean() > 0.999
    both = hit & np.isfinite(other.range_m)
    assert 500 < both.sum() < 4000
    np.testing.assert_allclose(one.range_m[both], other.range_m[both], atol=1e-4)
    same = both & (one.face == other.face)
    assert same.sum() > 0.99 * both.sum()
    np.testing.assert_allclose(np.abs(np.sum(one.normal[same] * other.normal[same], axis=1)), 1.0, atol=1e-4)


@pytest.mark.parametrize("binding", ["open3d", "embreex"])
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


def test_rays_are_cast_with_embreex_where_open3d_does_not_load(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load_nothing() -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(raycast, "load_open3d", load_nothing)  # the library's absence cannot be passed in
    raycast._best_binding.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            surface = Surface(box((0, 0, 0), (2, 2, 2), Material.WALL))
        assert surface.cast(np.array([[5, 0, 0, -1, 0, 0]], np.float32)).range_m[0] == pytest.approx(4.0, abs=1e-5)
        assert len(caplog.records) == 1
        assert "libGL.so.1" in caplog.text
    finally:
        raycast._best_binding.cache_clear()
