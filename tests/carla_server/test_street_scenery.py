"""The street as a whole: what stands where, what is listed of it, and what can be hidden and painted."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely
from scene_street import Street
from scipy.spatial import cKDTree

from scanyard.carla_server.motion.boxes import Rectangles
from scanyard.carla_server.motion.nearby import Grid
from scanyard.carla_server.scene.scene import EnvironmentObject, Scene
from scanyard.carla_server.street import boundaries, street_furniture, vegetation
from scanyard.carla_server.street.assembly import assembled
from scanyard.carla_server.street.ground import Ground, ground_of
from scanyard.carla_server.street.items import Item, Layer
from scanyard.carla_server.street.obstacles import Obstacles, of_boxes, of_things
from scanyard.carla_server.street.parking import APPEARING_HALF_M, Place, park
from scanyard.carla_server.street.scenery import Scenery
from scanyard.carla_server.street.things import Things
from scanyard.carla_server.surfaces.materials import TAG, Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh, box
from scanyard.carla_server.world.blueprints import library
from scanyard.carla_server.world.maps import Town
from scanyard.roads import RoadMap, find_map

DRIVING_HALF_M, SIDEWALK_M = 3.5, (5.5, 8.0)
LAYER_OF = {Tag.BUILDINGS: Layer.BUILDINGS, Tag.VEGETATION: Layer.FOLIAGE, Tag.CAR: Layer.PARKED_VEHICLES}


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(Street(), style=3)


def tags_around(scene: Scene) -> set[int]:
    return set(TAG[scene._regions.around(np.zeros(3)).surface.mesh.material].tolist())


def things_of(*items: Item, slope: float = 0.0) -> Things:
    return Things(items, Ground(Street(slope=slope)), ("test",))


def triangles_of(things: Things) -> np.ndarray:
    rows = np.arange(len(things))
    meshes, which = things.drawn(rows, things.spot[0, :2])
    mesh, _ = assembled(meshes, which, things.linear, things.spot)
    return mesh.vertices


def test_a_copy_is_the_mesh_stretched_turned_and_moved() -> None:
    pieces = [box((0.5, 0, 0), (1, 2, 3), Material.WALL), box((0, 0, 1), (2, 1, 1), Material.LEAF)]
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 2]])
    source, offset = np.array([1, 0, 1]), np.array([[0.0, 0, 0], [10, 0, 0], [0, 20, 5]])
    mesh, owner = assembled(pieces, source, np.array([np.eye(3), turn, turn]), offset)
    alone = [pieces[1].vertices, pieces[0].vertices @ turn.T + offset[1], pieces[1].vertices @ turn.T + offset[2]]
    np.testing.assert_allclose(mesh.vertices, np.concatenate(alone), atol=1e-5)
    assert owner.tolist() == [0] * 12 + [1] * 12 + [2] * 12
    assert mesh.material.tolist() == [Material.LEAF] * 12 + [Material.WALL] * 12 + [Material.LEAF] * 12
    for copy in range(3):
        assert set(mesh.faces[owner == copy].ravel().tolist()) == set(range(8 * copy, 8 * copy + 8))


def test_what_comes_in_panels_follows_the_ground_without_steps() -> None:
    slope = 0.08
    panels = [
        Item(boundaries.CONCRETE_RAIL, 0, 4.0 * n, 1.7, -np.pi / 2, (1.0, 4.0, 1.0), follows=True, joined=n > 0)
        for n in range(5)
    ]
    things = things_of(*panels, slope=slope)
    assert things.count == 1
    corners = triangles_of(things).reshape(5, -1, 3)
    for one, following in pairwise(corners):
        end, start = (panel[np.abs(panel[:, 0] - one[:, 0].max()) < 0.01] for panel in (one, following))
        assert len(end) == len(start) > 4
        np.testing.assert_allclose(end[np.lexsort(end.T)], start[np.lexsort(start.T)], atol=5e-3)
    rise = corners[-1][:, 2].max() - corners[0][:, 2].max()
    assert rise == pytest.approx(16.0 * slope, abs=0.03)


def test_the_box_of_a_thing_holds_all_its_pieces_and_nothing_less() -> None:
    things = things_of(
        Item(vegetation.CLIPPED_HEDGE, 0, 0.0, 20.0, 0.3, (0.8, 1.1, 1.5), follows=True),
        Item(vegetation.CLIPPED_HEDGE, 1, -0.3, 21.0, 0.3, (0.8, 1.1, 1.4), follows=True, joined=True),
        Item(street_furniture.BENCH, 2, 30.0, 20.0, 2.0, (1.2, 1.0, 1.1)),
    )
    vertices = triangles_of(things)
    sizes = [len(things.kinds[k].mesh(v).vertices) for k, v in zip(things.kind, things.variant, strict=True)]
    of_thing = np.repeat(things.thing, sizes)
    assert [one.label for one in things.objects] == [Tag.VEGETATION, Tag.STATIC]
    for number, one in enumerate(things.objects):
        turn = np.deg2rad(one.transform[4])
        axes = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        local = (vertices[of_thing == number] - one.box_center) @ axes.T
        np.testing.assert_allclose(local.max(axis=0), one.extent, atol=2e-3)
        np.testing.assert_allclose(local.min(axis=0), -np.array(one.extent), atol=2e-3)


def test_lists_of_scenery_name_everything_once(scene: Scene) -> None:
    things = scene.environment_objects
    assert len({one.id for one in things}) == len({one.name for one in things}) == len(things)
    assert all(0 < one.id < 2**63 for one in things)
    wanted = {Tag.BUILDINGS, Tag.VEGETATION, Tag.POLES, Tag.STATIC, Tag.CAR}
    assert wanted <= {one.label for one in things}
    assert all(min(one.extent) >= 0 and np.isfinite(one.box_center).all() for one in things)


def test_another_process_would_give_things_the_same_ids(scene: Scene) -> None:
    again = Scene(Street(), style=3)
    assert again.environment_objects == scene.environment_objects


def test_nothing_solid_stands_on_a_lane_where_cars_drive(scene: Scene) -> None:
    surface = scene._regions.around(np.zeros(3)).surface.mesh
    corners = surface.vertices[surface.faces]
    tag = TAG[surface.material]
    on_lane = (np.abs(corners[..., 1]) < DRIVING_HALF_M - 0.2).all(axis=1) & (np.abs(corners[..., 0]) < 100).all(axis=1)
    low = (corners[..., 2] < 2.5).all(axis=1)
    ground = np.isin(tag, [Tag.ROADS, Tag.ROAD_LINES, Tag.TERRAIN])
    assert (on_lane & ground).any()
    assert not (on_lane & low & ~ground).any()


@pytest.mark.parametrize("label", LAYER_OF)
def test_a_hidden_layer_is_gone_and_comes_back(label: Tag) -> None:
    scene = Scene(Street(), style=3)
    assert label in tags_around(scene)
    scene.show_layers(LAYER_OF[label], False)
    assert label not in tags_around(scene)
    scene.show_layers(LAYER_OF[label], True)
    assert label in tags_around(scene)


def test_any_thing_can_be_hidden_by_its_id() -> None:
    scene = Scene(Street(), style=3)

    def nearest(label: Tag) -> EnvironmentObject:
        known = [one for one in scene.environment_objects if one.label == label]
        return min(known, key=lambda one: np.hypot(*one.box_center[:2]))

    def faces() -> int:
        return len(scene._regions.around(np.zeros(3)).surface.mesh.faces)

    for label in (Tag.BUILDINGS, Tag.VEGETATION, Tag.CAR):
        before, thing = faces(), nearest(label)
        scene.enable([thing.id, 7], False)
        assert faces() < before
        scene.enable([thing.id], True)
        assert faces() == before


def test_a_painted_thing_shows_its_paint_until_it_is_taken_off() -> None:
    scene = Scene(Street(), style=3)
    thing = min(
        (one for one in scene.environment_objects if one.label == Tag.CAR),
        key=lambda one: np.hypot(*one.box_center[:2]),
    )

    def painted() -> bool:
        colors = scene._regions.around(np.zeros(3)).color
        return bool((colors == np.array([0.125, 1.0, 0.25], np.float32)).all(axis=1).any())

    assert not painted()
    scene.paint([thing.id], (0.125, 1.0, 0.25))
    assert painted()
    scene.paint([thing.id], None)
    assert not painted()


def test_lamps_hang_over_the_road_above_the_posts_of_street_lights(scene: Scene) -> None:
    lights = [one for one in scene.environment_objects if one.name.startswith("StreetLight")]
    assert len(scene.lamps) == len(lights) > 4
    for lamp, light in zip(scene.lamps, lights, strict=True):
        assert np.hypot(*(lamp[:2] - light.transform[:2])) < 2.0
        assert 3.5 < lamp[2] - light.transform[2] < 9.5


def test_a_fixture_stands_in_every_style() -> None:
    ground = Ground(Street())
    sign = Item(street_furniture.SIGN, 0, 12.0, 9.5, 0.0)
    for style in range(3):
        scenery = Scenery(ground, "street", style=style, parked_share=0.0, fixtures=[sign])
        assert scenery.things.kinds[scenery.things.kind[0]] is street_furniture.SIGN
        assert scenery.things.spot[0, :2].tolist() == [12.0, 9.5]


def test_far_from_the_middle_things_are_drawn_coarsely() -> None:
    item = Item(vegetation.TREES["lime"], 0, 0.0, 20.0, 0.0)
    things = things_of(item)

    def faces(xy: tuple[float, float]) -> int:
        meshes, _ = things.drawn(np.array([0]), np.array(xy))
        return len(Mesh.joined(meshes).faces)

    assert faces((0.0, 100.0)) < 0.5 * faces((0.0, 0.0))


def test_nothing_hides_lights_and_signs_where_a_border_ends() -> None:
    hiding = (street_furniture.SIGN, street_furniture.TOWN_BOARD, street_furniture.ADVERTISEMENT)
    seen = 0
    for style in range(6):
        things = Scene(Street(), style=style)._scenery.things
        rows = [n for n, k in enumerate(things.kind.tolist()) if things.kinds[k] in hiding]
        assert all(abs(things.spot[row, 0]) < 120.0 - 13.0 for row in rows)
        seen += len(rows)
    assert seen > 10


@pytest.mark.parametrize("name", ["suburb", "village"])
def test_on_winding_roads_nothing_stands_where_cars_drive(name: str) -> None:
    road_map = RoadMap.load(find_map(name, [Path(__file__).parents[2] / "scenarios" / "maps"]))
    lanes = [strip for strip in road_map.strips() if strip.kind == "driving"]
    middle = np.concatenate([(strip.left + strip.right) / 2 for strip in lanes])[:, :2] * [1.0, -1.0]
    for style in range(3):
        things = Scenery(ground_of(road_map), name, style=style, parked_share=0.0).things
        above = [things.kinds[k] is street_furniture.WIRES for k in things.kind.tolist()]
        away = cKDTree(middle).query(things.spot[~np.array(above), :2])[0]
        assert len(away) > 1000
        assert away.min() > 1.6


@pytest.mark.parametrize("name", ["suburb", "village"])
def test_nothing_of_the_street_is_where_the_longest_and_the_widest_vehicle_may_appear(name: str) -> None:
    road_map = RoadMap.load(find_map(name, [Path(__file__).parents[2] / "scenarios" / "maps"]))
    shapes = [one.shape for id_, one in library().items() if id_.startswith("vehicle.") and one.shape]
    half = np.array([[float(one[size]) / 2 for one in shapes] for size in ("length_m", "width_m")]).max(axis=1)
    assert (half <= APPEARING_HALF_M).all()
    places = Town(name, road_map).info().spawn_points
    for style in range(3):
        grid = Grid(Scene(road_map, style=style, parked_share=1.0).obstacles)
        for place in places:
            turn = np.deg2rad(place.rotation.yaw)
            middle, forward = np.array(place.location[:2])[:, None], np.array([[np.cos(turn)], [np.sin(turn)]])
            low, high = place.location.z, place.location.z + 3.0
            met = grid.meeting(Rectangles(middle, forward, half[:, None]), low, high)
            assert not len(met), (style, place)


def test_nothing_solid_reaches_into_the_way_of_a_car_in_its_lane() -> None:
    road_map = RoadMap.load(find_map("village", [Path(__file__).parents[2] / "scenarios" / "maps"]))
    scenery = Scenery(ground_of(road_map), "village", style=0, parked_share=0.6)
    boxes = Obstacles.joined([of_boxes(scenery.parked), of_things(scenery.things)])
    ahead = np.c_[np.cos(boxes.yaw), np.sin(boxes.yaw)] * boxes.half[:, :1]
    aside = np.c_[-np.sin(boxes.yaw), np.cos(boxes.yaw)] * boxes.half[:, 1:]
    corners = [boxes.middle + i * ahead + j * aside for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1))]
    lanes = [(one.left + one.right)[:, :2] / 2 * [1.0, -1.0] for one in road_map.strips() if one.kind == "driving"]
    way = shapely.union_all([shapely.LineString(lane).buffer(1.1) for lane in lanes])
    shapely.prepare(way)
    assert len(boxes.yaw) > 3000
    in_the_way = shapely.intersects(way, shapely.polygons(np.stack(corners, axis=1)))
    assert boxes.middle[in_the_way].tolist() == []


def test_lorries_are_parked_only_where_they_leave_room_to_drive_by() -> None:
    def lorries(width_m: float) -> int:
        places = [park(Place(0.0, 0.0, 0.0, width_m), ("a street", n), np.zeros(3)) for n in range(600)]
        return sum(one.body == "truck" for one in places)

    assert lorries(2.1) == 0
    assert lorries(3.2) > 0
