"""Our towns under the names of CARLA's, and the open ground that widely used scripts expect there."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import shapely

from scanyard.carla_server.protocol.wire import OpendriveGenerationParameters
from scanyard.carla_server.world.maps import Maps, Town
from scanyard.carla_server.world.stand_ins import STAND_INS, shifted
from scanyard.errors import MapError
from scanyard.roads import RoadMap

MAPS = Path(__file__).resolve().parents[2] / "scenarios" / "maps"
PAVED = {"driving", "shoulder", "parking"}


@pytest.fixture(scope="module")
def maps() -> Maps:
    return Maps([MAPS], stand_ins=True)


def open_ground(town: Town) -> shapely.Geometry:
    """Where cars can stand, in the client's frame: lanes and junctions, without sidewalks."""
    rings = [np.concatenate([s.left, s.right[::-1]])[:, :2] * [1.0, -1.0] for s in town.road_map.strips()
             if s.kind in PAVED or s.in_junction]  # fmt: skip
    return shapely.union_all([shapely.Polygon(ring).buffer(0.05) for ring in rings])


def test_names_of_towns_are_answered_only_when_asked_for() -> None:
    with pytest.raises(MapError, match="Map 'Town03' not found"):
        Maps([MAPS]).load("Town03")
    assert Maps([MAPS]).default() == "city"


def test_every_town_of_carla_has_a_stand_in_with_and_without_layers(
    maps: Maps, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for name in STAND_INS:
            assert maps.load(f"/Game/Carla/Maps/{name}").name == name
            assert maps.load(f"{name}_Opt").name == f"{name}_Opt"
    assert "map Town01: our town suburb stands in for it" in caplog.messages
    assert "/Game/Carla/Maps/Town04" in maps.paths()
    assert maps.default() == "Town10HD_Opt"


def test_a_map_of_the_users_own_comes_before_its_stand_in(tmp_path: Path) -> None:
    (tmp_path / "Town01.xodr").write_bytes((MAPS / "hills.xodr").read_bytes())
    maps = Maps([tmp_path, MAPS], stand_ins=True)
    assert maps.load("Town01").road_map.name == "Town01"
    assert "Town01" not in maps.stand_in_names()


def test_a_shifted_town_is_the_same_town_elsewhere() -> None:
    here = RoadMap.load(MAPS / "village.xodr")
    there = RoadMap.from_text("village", shifted(here.xodr, (100.0, -50.0)))
    for before, after in zip(here.strips(), there.strips(), strict=True):
        assert after.left == pytest.approx(before.left + np.array([100.0, 50.0, 0.0]), abs=2e-3)
    assert [s.position for s in there.signals] == [
        pytest.approx((s.position[0] + 100.0, s.position[1] + 50.0, s.position[2]), abs=2e-3) for s in here.signals
    ]


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("Town03", (35, -262, 145, -225)),
        ("Town03", (45, -210, 145, -195)),
        ("Town03", (233.5, -1, 236.5, 109)),
        ("Town10HD_Opt", (27, -12, 33, -3)),
        ("Town10HD_Opt", (233.5, -1, 236.5, 109)),
        ("Town05_Opt", (22, -206, 42, 30)),
    ],
)
def test_where_scripts_put_cars_there_is_open_ground(maps: Maps, name: str, box: tuple[float, ...]) -> None:
    town = maps.load(name)
    assert open_ground(town).contains(shapely.box(*box))
    assert {round(float(z), 6) for strip in town.road_map.strips() for z in strip.left[:, 2]} == {0.0}


def test_where_scripts_drive_into_a_wall_there_is_one(maps: Maps) -> None:
    [hall] = maps.load("Town10HD").road_map.structures
    length, width, height = hall.size
    x, y = hall.center[0], -hall.center[1]
    assert abs(30.0 - x) < length / 2 - 5.0
    assert 8.0 < -6.0 - (y + width / 2) < 25.0
    assert height > 5.0


@pytest.mark.parametrize("name", ["Town01", "Town02", "Town03", "Town04", "Town05", "Town07", "Town10HD"])
def test_spawn_points_are_a_hundred_and_above_the_road(maps: Maps, name: str) -> None:
    town = maps.load(name)
    points = town.info().spawn_points
    assert len(points) >= 100
    ground = np.array([point.translation for point in town.road_map.spawn_points()])
    above = np.array([point.location.z for point in points]) - ground[:, 2]
    assert above == pytest.approx(np.full(len(points), 0.4))


def test_files_are_named_for_the_folder_they_are_in(maps: Maps) -> None:
    town = maps.load("village")
    [name] = town.required_files("Nav")
    assert town.required_files("") == (name,)
    assert town.required_files("TM") == ()
    assert town.file(name) == town.navigation_mesh()
    with pytest.raises(MapError, match="has no file"):
        town.file("Carla/Maps/Nav/other.bin")
    assert maps.load("hills").required_files("Nav") == ()


def test_a_given_text_gets_the_walls_and_vertices_it_asks_for() -> None:
    text = (MAPS / "village.xodr").read_text()
    maps = Maps([MAPS])
    maps.keep_text(
        text, OpendriveGenerationParameters(vertex_distance=1.0, wall_height=2.5, enable_pedestrian_navigation=False)
    )
    walled = maps.load("OpenDriveMap")
    walls = walled.road_map.structures
    assert {one.size[2] for one in walls} == {2.5}
    assert sum(one.size[0] for one in walls) > 2 * 1500.0
    assert walled.required_files("Nav") == ()
    plain = maps.load("village").road_map.strips()
    assert sum(len(s.left) for s in walled.road_map.strips()) > 1.8 * sum(len(s.left) for s in plain)
    maps.keep_text(text)
    assert maps.load("OpenDriveMap").road_map.structures == ()


def test_walls_stand_outside_all_lanes() -> None:
    maps = Maps([MAPS])
    maps.keep_text((MAPS / "suburb.xodr").read_text(), OpendriveGenerationParameters())
    town = maps.load("OpenDriveMap")
    rings = [np.concatenate([s.left, s.right[::-1]])[:, :2] for s in town.road_map.strips() if s.kind == "driving"]
    driving = shapely.union_all([shapely.Polygon(ring).buffer(0) for ring in rings])
    middles = shapely.points([one.center[:2] for one in town.road_map.structures])
    assert shapely.distance(driving, middles).min() > 2.0
