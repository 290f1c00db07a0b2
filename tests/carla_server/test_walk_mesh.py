"""Where pedestrians walk: the mesh's own laws, and that one gets everywhere without stepping onto the road."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from scanyard.carla_server.world.detour import detour
from scanyard.carla_server.world.navigation import file_name, has_sidewalks, navigation_mesh
from scanyard.carla_server.world.walk_mesh import Area, WalkMesh, walk_mesh
from scanyard.roads import RoadMap

MAPS = Path(__file__).resolve().parents[2] / "scenarios" / "maps"
WITH_SIDEWALKS = ("city", "suburb", "harbour", "downtown", "village")


@pytest.fixture(scope="module", params=WITH_SIDEWALKS)
def town(request: pytest.FixtureRequest) -> RoadMap:
    return RoadMap.load(MAPS / f"{request.param}.xodr")


@pytest.fixture(scope="module")
def mesh(town: RoadMap) -> WalkMesh:
    return walk_mesh(town)


def component(mesh: WalkMesh, keep: np.ndarray) -> np.ndarray:
    """The number of the connected part each kept triangle is in, -1 elsewhere."""
    triangle, edge = np.nonzero(mesh.neighbour >= 0)
    other = mesh.neighbour[triangle, edge]
    joined = keep[triangle] & keep[other]
    count = len(mesh.triangles)
    links = csr_matrix((np.ones(joined.sum()), (triangle[joined], other[joined])), shape=(count, count))
    _, part = connected_components(links, directed=False)
    found = np.full(count, -1)
    found[keep] = np.unique(part[keep], return_inverse=True)[1]
    return found


def areas_m2(mesh: WalkMesh) -> np.ndarray:
    a, b, c = (mesh.vertices[mesh.triangles[:, i], :2] for i in range(3))
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def test_triangles_turn_the_way_detour_wants_and_none_is_flat(mesh: WalkMesh) -> None:
    assert areas_m2(mesh).max() < 0.0


def test_neighbours_share_an_edge_and_know_each_other(mesh: WalkMesh) -> None:
    triangle, edge = np.nonzero(mesh.neighbour >= 0)
    other = mesh.neighbour[triangle, edge]
    ends = np.stack([mesh.triangles[triangle, edge], mesh.triangles[triangle, (edge + 1) % 3]], axis=1)
    shared = (mesh.triangles[other][:, None] == ends[..., None]).any(axis=2)
    assert shared.all()
    assert (mesh.neighbour[other] == triangle[:, None]).any(axis=1).all()


def test_whoever_starts_on_a_sidewalk_gets_to_nearly_every_other_without_walking_on_the_road(mesh: WalkMesh) -> None:
    part = component(mesh, mesh.area != Area.ROAD)
    sidewalk = mesh.area == Area.SIDEWALK
    sizes = np.bincount(part[sidewalk], weights=-areas_m2(mesh)[sidewalk])
    # What lies outside a town's ring of streets is reached by crosswalks too, but for the odd corner.
    assert sizes.max() / sizes.sum() > 0.97


def test_every_crosswalk_touches_a_sidewalk_on_both_sides(town: RoadMap, mesh: WalkMesh) -> None:
    part = component(mesh, mesh.area == Area.CROSSWALK)
    crosswalks = part.max() + 1
    assert crosswalks == len(town.crosswalks())
    kerbs = component(mesh, mesh.area == Area.SIDEWALK)
    for one in range(crosswalks):
        beyond = mesh.neighbour[part == one]
        touched = beyond[(beyond >= 0) & (mesh.area[beyond] == Area.SIDEWALK)]
        middles = mesh.vertices[mesh.triangles[touched]].mean(axis=1)
        assert np.ptp(middles, axis=0)[:2].max() > 5.0, "both ends of it"
        assert (kerbs[touched] >= 0).all()


def test_sidewalks_lie_on_their_kerbs_and_crosswalks_come_down_to_the_road(mesh: WalkMesh) -> None:
    sidewalk = mesh.vertices[np.unique(mesh.triangles[mesh.area == Area.SIDEWALK]), 2]
    zebra = mesh.vertices[np.unique(mesh.triangles[mesh.area == Area.CROSSWALK]), 2]
    assert sidewalk.min() == pytest.approx(zebra.min() + 0.12, abs=0.02)


def test_the_file_says_what_the_mesh_is(mesh: WalkMesh) -> None:
    content = detour(mesh)
    magic, version, tiles = struct.unpack_from("<3i", content)
    assert (magic, version, tiles) == (0x4D534554, 1, 1)
    reference, size = struct.unpack_from("<Ii", content, 40)
    assert reference > 0
    assert len(content) == 48 + size
    header = struct.unpack_from("<15i", content, 48)
    assert header[:2] == (0x444E4156, 7)
    assert header[6:8] == (len(mesh.triangles), len(mesh.vertices))
    assert header[12] == 2 * len(mesh.triangles) - 1
    low = np.array(struct.unpack_from("<3f", content, 48 + 72))
    assert (low < mesh.vertices[:, [0, 2, 1]].min(axis=0)).all()


def test_the_same_map_gives_the_same_file_under_the_same_name() -> None:
    town = RoadMap.load(MAPS / "village.xodr")
    again = RoadMap.from_text(town.name, town.xodr)
    assert navigation_mesh(again) == navigation_mesh(town)
    assert file_name(again) == file_name(town)
    other = RoadMap.from_text(town.name, town.xodr.replace('name="zebra"', 'name="Zebra"'))
    assert file_name(other) != file_name(town)


@pytest.mark.parametrize("name", ["hills", "motorway"])
def test_where_there_are_no_sidewalks_there_is_no_file(name: str) -> None:
    road_map = RoadMap.load(MAPS / f"{name}.xodr")
    assert not has_sidewalks(road_map)
    assert navigation_mesh(road_map) == b""
