"""Maps as clients are told of them: no lane leaves out its road mark."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from flat_carla_world import STRAIGHT_ROAD, write_maps

from scanyard.carla_server.__main__ import OUR_MAPS
from scanyard.carla_server.world.road_marks import marked


def test_every_lane_has_a_mark_and_nothing_else_changes() -> None:
    before, after = ET.fromstring(STRAIGHT_ROAD), ET.fromstring(marked(STRAIGHT_ROAD))
    lanes = list(after.iter("lane"))
    assert len(lanes) == 3
    for lane in lanes:
        [mark] = lane.findall("roadMark")
        assert mark.get("type") == "none"
        lane.remove(mark)
    assert ET.tostring(after) == ET.tostring(before)


@pytest.mark.parametrize("path", sorted(OUR_MAPS.glob("*.xodr")), ids=lambda path: path.stem)
def test_marks_that_are_there_stay(path: Path) -> None:
    text = path.read_text()
    kept = [mark.attrib for mark in ET.fromstring(text).iter("roadMark")]
    assert [mark.attrib for mark in ET.fromstring(marked(text)).iter("roadMark") if mark.get("type") != "none"] == [
        mark for mark in kept if mark.get("type") != "none"
    ]


def test_clients_are_told_of_marks(tmp_path: Path) -> None:
    town = write_maps(tmp_path).load("straight")
    assert "roadMark" not in town.road_map.xodr
    assert town.opendrive.count("<roadMark") == 3
