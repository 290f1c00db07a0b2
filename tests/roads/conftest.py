"""Tiny OpenDRIVE maps whose every point can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanyard.roads import RoadMap

HEADER = (
    '<OpenDRIVE><header revMajor="1" revMinor="4" name="tiny" north="0" south="0" east="0" west="0">'
    "<geoReference><![CDATA[+proj=tmerc +lat_0=49 +lon_0=8]]></geoReference></header>"
)


def lane(lane_id: int, kind: str, width_m: float) -> str:
    width = f'<width sOffset="0" a="{width_m}" b="0" c="0" d="0"/>' if lane_id else ""
    return f'<lane id="{lane_id}" type="{kind}" level="false">{width}</lane>'


def one_road(
    curve: str, length_m: float, *, elevation: str = "", left: str | None = None, right: str | None = None
) -> str:
    """A map of one road that starts at the origin and heads east."""
    left = lane(1, "driving", 3.5) if left is None else left
    right = lane(-1, "driving", 3.5) if right is None else right
    return (
        f'{HEADER}<road name="" length="{length_m}" id="7" junction="-1"><link/>'
        f'<planView><geometry s="0" x="0" y="0" hdg="0" length="{length_m}">{curve}</geometry></planView>'
        f"<elevationProfile>{elevation}</elevationProfile>"
        f'<lanes><laneSection s="0"><left>{left}</left><center>{lane(0, "none", 0)}</center>'
        f"<right>{right}</right></laneSection></lanes></road></OpenDRIVE>"
    )


STRAIGHT = one_road(
    "<line/>",
    200.0,
    left=lane(2, "parking", 2.0) + lane(1, "driving", 3.5),
    right="".join(
        (lane(-1, "driving", 3.5), lane(-2, "parking", 2.0), lane(-3, "sidewalk", 1.5), lane(-4, "tram", 3.0))
    ),
)


@pytest.fixture(scope="session")
def maps() -> dict[str, RoadMap]:
    """The maps of ours, by name."""
    folder = Path(__file__).parents[2] / "scenarios" / "maps"
    return {path.stem: RoadMap.load(path) for path in sorted(folder.glob("*.xodr"))}


@pytest.fixture(scope="session")
def straight() -> RoadMap:
    """200 m east along y = 0: parking, driving | driving, parking, sidewalk, tram."""
    return RoadMap.from_text("straight", STRAIGHT)


@pytest.fixture(scope="session")
def arc() -> RoadMap:
    """A quarter circle of 50 m radius to the left, from the origin heading east to (50, 50) heading north."""
    return RoadMap.from_text("arc", one_road('<arc curvature="0.02"/>', 78.53981634))


@pytest.fixture(scope="session")
def slope() -> RoadMap:
    """200 m east, climbing evenly by 5 %."""
    return RoadMap.from_text(
        "slope", one_road("<line/>", 200.0, elevation='<elevation s="0" a="1" b="0.05" c="0" d="0"/>')
    )
