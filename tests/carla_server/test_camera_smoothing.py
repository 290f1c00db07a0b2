"""Curved bodies shine smoothly, and edges stay edges."""

import numpy as np
import pytest

from scanyard.carla_server.sensors.smoothing import CornerNormals, blend, corner_normals
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, ellipsoid

BALL_MIDDLE = (1.0, 2.0, 3.0)
BALL = ellipsoid(BALL_MIDDLE, (2.0, 2.0, 2.0), Material.CAR_PAINT, sides=24, rings=16)


def blended(mesh: Mesh, side: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normals (F, 3) near the faces' first corners, the flat ones they came from, and those places (F, 3)."""
    corners = mesh.vertices[mesh.faces].astype(float)
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(flat, axis=1)
    flat = side * flat / np.maximum(area, 1e-12)[:, None]
    normal = np.ascontiguousarray(flat.T, dtype=np.float32)
    at = 0.96 * corners[:, 0] + 0.02 * corners[:, 1] + 0.02 * corners[:, 2]
    blend(mesh, corner_normals(mesh), np.arange(len(mesh.faces)), np.ascontiguousarray(at.T, dtype=np.float32), normal)
    keep = area > 1e-9
    return normal.T[keep], flat[keep], at[keep]


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_normals_of_a_ball_are_its_radii_and_stay_on_their_side(side: float) -> None:
    normal, flat, at = blended(BALL, side)
    radius = (at - BALL_MIDDLE) / np.linalg.norm(at - BALL_MIDDLE, axis=1, keepdims=True)
    away_deg, flat_deg = (
        np.rad2deg(np.arccos(np.abs((one * radius).sum(axis=1)).clip(0, 1))) for one in (normal, flat)
    )
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1.0, atol=1e-5)
    assert np.quantile(away_deg, 0.85) < 2.0
    assert away_deg.max() < 6.0  # at the poles, where faces share no vertex
    assert flat_deg.max() > 7.0
    assert ((normal * flat).sum(axis=1) > 0).all()


def test_a_box_keeps_its_edges() -> None:
    normal, flat, _ = blended(box((0, 0, 0), (4, 2, 1), Material.CAR_PAINT))
    np.testing.assert_allclose(normal, flat, atol=1e-6)


def test_walls_are_not_smoothed() -> None:
    ball = Mesh(BALL.vertices, BALL.faces, np.full(len(BALL.faces), Material.WALL, np.uint8))
    assert not corner_normals(ball).any()
    normal, flat, _ = blended(ball)
    np.testing.assert_allclose(normal, flat, atol=1e-6)


def test_winding_does_not_matter() -> None:
    turned = BALL.faces.copy()
    turned[::2] = turned[::2, ::-1]
    mixed = Mesh(BALL.vertices, turned, BALL.material)
    straight, crooked = corner_normals(BALL), corner_normals(mixed)
    crooked[::2] = crooked[::2, ::-1]
    dots = (straight * crooked).sum(axis=-1)
    area = np.abs(straight).sum(axis=(1, 2)) > 0
    np.testing.assert_allclose(np.abs(dots[area]), 1.0, atol=1e-4)


def test_the_same_mesh_is_worked_out_once() -> None:
    known = CornerNormals()
    assert known.of(BALL) is known.of(BALL)
    other = Mesh(BALL.vertices, BALL.faces[:10], BALL.material[:10])
    whole = Mesh.joined([BALL, other])
    joined = known.of_all([BALL, other], whole)
    assert joined.shape == (len(BALL.faces) + 10, 3, 3)
    assert known.of_all([BALL, other], whole) is joined
    assert known.of_all([other], other).shape == (10, 3, 3)
