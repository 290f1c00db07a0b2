"""Every kind of thing along the street, in all its variants."""

from __future__ import annotations

import numpy as np
import pytest

from scanyard.carla_server.street import boundaries, buildings, outbuildings, street_furniture, vegetation
from scanyard.carla_server.street.items import Kind
from scanyard.carla_server.surfaces.coarsening import coarsened
from scanyard.carla_server.surfaces.materials import TAG, Material, Tag
from scanyard.carla_server.surfaces.mesh import ellipsoid
from scanyard.carla_server.surfaces.raycast import Surface

MODULES = (boundaries, buildings, outbuildings, street_furniture, vegetation)
KINDS = {
    kind.name: kind
    for module in MODULES
    for thing in vars(module).values()
    for kind in (thing.values() if isinstance(thing, dict) else [thing])
    if isinstance(kind, Kind)
}
BY_THE_METRE = ("Fence", "Wall", "Gate", "GuardRail", "Barrier_Concrete", "Hedge", "Wires", "Flowers")


def passed_through(kind: Kind, *, rows: tuple[float, float]) -> float:
    """Share of level rays along x, between two heights (shares of the thing's), that nothing stops."""
    mesh = kind.mesh(0)
    rng = np.random.default_rng(2)
    count = 4000
    y = rng.uniform(mesh.low[1] * 0.8, mesh.high[1] * 0.8, count)
    z = rng.uniform(*(mesh.high[2] * share for share in rows), count)
    rays = np.c_[np.full(count, -30.0), y, z, np.ones(count), np.zeros((count, 2))].astype(np.float32)
    return float(np.isinf(Surface(mesh).cast(rays).range_m).mean())


@pytest.mark.parametrize("name", KINDS)
def test_every_variant_is_sound_and_shows_its_label(name: str) -> None:
    kind = KINDS[name]
    for variant in range(kind.variants):
        for detailed in (True, False):
            mesh = kind.mesh(variant, detailed=detailed)
            assert 0 < len(mesh.faces) < 2500
            assert np.isfinite(mesh.vertices).all()
            assert mesh.faces.max() < len(mesh.vertices)
            assert kind.label in TAG[mesh.material] or kind.label in {Tag.STATIC, Tag.DYNAMIC}
            assert -1.5 < mesh.low[2] <= 0.9 or kind is street_furniture.WIRES
        assert kind.mesh(variant) is kind.mesh(variant + kind.variants)


@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith(BY_THE_METRE)])
def test_what_comes_by_the_metre_is_one_metre_long(name: str) -> None:
    mesh = KINDS[name].mesh(0)
    assert mesh.high[1] - mesh.low[1] == pytest.approx(1.0, abs=0.45)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.coarse])
def test_far_away_things_have_fewer_triangles_and_about_the_same_size(name: str) -> None:
    kind = KINDS[name]
    near, far = kind.mesh(1), kind.mesh(1, detailed=False)
    assert len(far.faces) < 0.8 * len(near.faces)
    np.testing.assert_allclose(far.high - far.low, near.high - near.low, rtol=0.3, atol=0.5)


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        (boundaries.WIRE_MESH, 0.6, 0.95),
        (boundaries.BARS, 0.5, 0.95),
        (boundaries.SLATS, 0.1, 0.6),
        (boundaries.RAILS, 0.5, 0.95),
        (boundaries.WALL, 0.0, 0.0),
        (vegetation.CLIPPED_HEDGE, 0.0, 0.35),
        (vegetation.TREES["lime"], 0.2, 0.9),
        (vegetation.TREES["bare"], 0.8, 1.0),
    ],
)
def test_one_sees_through_what_has_gaps_and_only_that(kind: Kind, least: float, most: float) -> None:
    crown = (0.5, 0.9) if kind.name.startswith("Tree") else (0.15, 0.75)
    assert least <= passed_through(kind, rows=crown) <= most


def test_facades_are_not_flat() -> None:
    for kind in (buildings.HOUSE, buildings.TERRACE):
        mesh = kind.mesh(3)
        y = np.linspace(0.4 * mesh.low[1], 0.4 * mesh.high[1], 60)
        grid = np.stack(np.meshgrid(y, np.linspace(0.5, 0.6 * mesh.high[2], 40)), axis=-1).reshape(-1, 2)
        rays = np.c_[np.full(len(grid), -20.0), grid, np.ones(len(grid)), np.zeros((len(grid), 2))].astype(np.float32)
        surface = Surface(mesh)
        hits = surface.cast(rays)
        met = surface.material[hits.face]
        behind = np.median(hits.range_m[met == Material.WINDOW]) - np.median(hits.range_m[met == Material.FACADE])
        assert 0.1 < behind < 0.6
        assert {Material.WINDOW, Material.FRAME, Material.FACADE} <= set(mesh.material.tolist())


def test_variants_are_told_apart_by_their_width() -> None:
    for variant in range(5):
        front = buildings.front_m(buildings.HALL, variant)
        mesh = buildings.HALL.mesh(variant)
        assert mesh.high[1] - mesh.low[1] == pytest.approx(front, abs=1.1)


def test_a_lamps_light_hangs_on_the_lamp() -> None:
    for variant in range(street_furniture.LAMP_POST.variants):
        head = np.array(street_furniture.lamp_head(variant))
        vertices = street_furniture.LAMP_POST.mesh(variant).vertices
        assert np.linalg.norm(vertices - head, axis=1).min() < 0.45


def test_coarsening_keeps_bounds_and_drops_what_has_no_area() -> None:
    ball = ellipsoid((1.0, 2.0, 3.0), (0.5, 0.6, 0.7), Material.WALL, 24, 16)
    coarse = coarsened(ball, 0.25)
    np.testing.assert_array_equal([*coarse.low, *coarse.high], [*ball.low, *ball.high])
    assert len(coarse.faces) < 0.5 * len(ball.faces)
    corners = coarse.vertices[coarse.faces]
    assert (np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) > 0).all()
