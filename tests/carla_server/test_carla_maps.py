"""Map names, and what they choose."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from flat_carla_world import STRAIGHT_ROAD, write_maps

from scanyard.carla_server.world.maps import Town
from scanyard.errors import MapError


def load(folder: Path, name: str) -> Town:
    return write_maps(folder).load(name)


def test_maps_are_listed_with_their_path(tmp_path: Path) -> None:
    assert write_maps(tmp_path).paths() == ["/Game/Carla/Maps/other", "/Game/Carla/Maps/straight"]


@pytest.mark.parametrize("name", ["straight", "/Game/Carla/Maps/straight", "Carla/Maps/straight"])
def test_path_before_the_name_is_accepted_and_left_out(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, name).info().name == "straight"


def test_ingredients_can_be_left_out_and_only_those_there_are(tmp_path: Path) -> None:
    assert load(tmp_path, "straight?without=glass,clutter").without == {"glass", "clutter"}
    assert load(tmp_path, "straight").without == frozenset()
    with pytest.raises(MapError, match="cannot do without salt; what can be left out is clutter, glass"):
        load(tmp_path, "straight?without=glass,salt")


def test_query_chooses_style_and_parked_share_and_stays_in_the_name(tmp_path: Path) -> None:
    town = load(tmp_path, "straight?style=17&parked=0.25")
    assert (town.style, town.parked_share) == (17, 0.25)
    assert town.info().name == "straight?style=17&parked=0.25"


def test_unknown_map_is_refused_with_the_reference_text_and_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"Map 'moon' not found; this server has other, straight"):
        load(tmp_path, "moon")


@pytest.mark.parametrize("name", ["straight?style=x", "straight?parked=2", "straight?style=-1", "straight?colour=red",
                                  "straight?style", "straight?parked=nan"])  # fmt: skip
def test_query_that_is_not_understood_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MapError, match="map name"):
        load(tmp_path, name)


@pytest.mark.parametrize("name", ["..", "../secret", "", "*", "str*"])
def test_names_reach_no_other_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "secret.xodr").write_text(STRAIGHT_ROAD)
    with pytest.raises(MapError, match="not found"):
        load(tmp_path / "maps", name)


def test_kept_text_is_loaded_under_the_clients_name_for_it(tmp_path: Path) -> None:
    maps = write_maps(tmp_path)
    with pytest.raises(MapError):
        maps.load("OpenDriveMap")
    maps.keep_text(STRAIGHT_ROAD)
    assert maps.load("OpenDriveMap").road_map.xodr == STRAIGHT_ROAD


def test_spawn_points_are_left_handed_and_face_where_traffic_goes(tmp_path: Path) -> None:
    # The road runs along y = 10 of the map's right-handed frame, which is y = -10 of CARLA's.
    with_x = [point for point in load(tmp_path, "straight").info().spawn_points if abs(point.rotation.yaw) < 1]
    against_x = [point for point in load(tmp_path, "straight").info().spawn_points if abs(point.rotation.yaw) > 179]
    assert with_x
    assert against_x
    assert {round(point.location.y, 3) for point in with_x} == {-8.25}
    assert {round(point.location.y, 3) for point in against_x} == {-11.75}


def test_spawn_point_of_a_turned_road_is_turned_the_other_way_round(tmp_path: Path) -> None:
    maps = write_maps(tmp_path)
    maps.keep_text(STRAIGHT_ROAD.replace('y="10" hdg="0"', 'y="10" hdg="0.5"'))
    points = maps.load("OpenDriveMap").info().spawn_points
    assert {round(math.radians(point.rotation.yaw), 3) for point in points} == {-0.5, round(math.pi - 0.5, 3)}
