"""A map that cannot be used is refused with one message that names it, before CARLA sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanyard.errors import MapError
from scanyard.roads import RoadMap, find_map

MAPS = Path(__file__).parents[2] / "scenarios" / "maps"
HILLS = (MAPS / "hills.xodr").read_text()


def refusal(text: str) -> str:
    with pytest.raises(MapError) as caught:
        RoadMap.from_text("broken", text)
    message = str(caught.value)
    assert message.startswith("map 'broken': ")
    assert "\n" not in message
    return message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"nowhere\.xodr: cannot read the map: No such file"):
        RoadMap.load(tmp_path / "nowhere.xodr")


def test_a_cut_file_is_named_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "cut.xodr"
    path.write_text(HILLS[: len(HILLS) // 2])
    with pytest.raises(MapError, match=r"cut\.xodr: not a well-formed XML file: .*line \d+"):
        RoadMap.load(path)


@pytest.mark.parametrize("content", [b"", b"not xml", b"\xff\xfe\x00", b"\x00" * 100, b"a: yaml\n"])
def test_what_is_not_xml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.xodr"
    path.write_bytes(content)
    with pytest.raises(MapError, match=r"odd\.xodr: not "):
        RoadMap.load(path)


def test_a_document_type_is_refused_before_its_entities_grow() -> None:
    bomb = (
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><OpenDRIVE>&b;</OpenDRIVE>'
    )
    assert "document type" in refusal(bomb)


def test_other_xml_is_refused() -> None:
    assert "the XML is a <html>; expected an <OpenDRIVE> map" in refusal("<html/>")


def test_deep_nesting_is_refused() -> None:
    refusal("<OpenDRIVE>" + "<a>" * 100_000 + "</a>" * 100_000 + "</OpenDRIVE>")


BROKEN = {
    "no road": (HILLS, "<OpenDRIVE></OpenDRIVE>", "has no <road>"),
    "no length": ('length="', 'len="', "has length=None; expected a number"),
    "road without id": ('rule="RHT" id="0"', 'rule="RHT"', "id=None"),
    "word for a number": ('hdg="0"', 'hdg="east"', "hdg='east'"),
    "nan": ('hdg="0"', 'hdg="nan"', "hdg='nan'"),
    "arc without curvature": ("<arc curvature=", "<arc c=", "has curvature=None"),
    "no curve": ("<line />", "", "holds no curve"),
    "no centre lane": ("<center>", "<middle>", "mismatched tag"),
    "lane on the wrong side": ('<lane id="1"', '<lane id="-1"', "the left lanes of road 0 are"),
    "link to a road that is not there": (
        'elementType="junction" elementId="1000"',
        'elementType="road" elementId="99"',
        "links to road 99, which is not in the map",
    ),
    "link to a lane that is not there": ('<successor id="1"', '<successor id="9"', "successor lane 9"),
    "junction without its road": ('incomingRoad="', 'incomingRoad="77', "which is not in the map"),
    "traffic on neither side": ('rule="RHT"', 'rule="middle"', "expected RHT or LHT"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_broken_map_is_refused_with_the_reason(case: str) -> None:
    sound, broken, reason = BROKEN[case]
    assert sound in HILLS
    assert reason in refusal(HILLS.replace(sound, broken))


def test_an_unknown_map_names_the_known_ones() -> None:
    known = "city, downtown, harbour, hills, motorway, suburb, village"
    with pytest.raises(MapError, match=rf"map 'subrub': no file subrub\.xodr in .*there is {known}"):
        find_map("subrub", [MAPS])


def test_the_first_folder_that_has_a_map_wins(tmp_path: Path) -> None:
    assert find_map("city", [tmp_path, MAPS]) == MAPS / "city.xodr"
    (tmp_path / "city.xodr").write_text(HILLS)
    assert find_map("city", [tmp_path, MAPS]) == tmp_path / "city.xodr"
