"""The preview needs a map and a route, no simulator: a straight road from west to east is drawn upwards."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanyard.geometry import FloatArray
from scanyard.randomness import stream
from scanyard.roads import RoadMap, Route
from scanyard.scenario import ConcreteScenario, draw, load_scenario
from scanyard.scenario.concrete import Kind
from scanyard.view.preview import AMBIENT, EGO, STAGED, preview_figure, write_preview

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture(scope="module")
def road_map() -> RoadMap:
    return RoadMap.load(SCENARIOS / "maps" / "suburb.xodr")


@pytest.fixture(scope="module")
def scenario() -> ConcreteScenario:
    return draw(load_scenario(SCENARIOS / "child_between_parked_cars.yaml"), 0)


@pytest.fixture(scope="module")
def route(road_map: RoadMap) -> Route:
    return road_map.route("straight", 120.0, stream("preview test"))


@dataclass(frozen=True)
class Walker:
    """Somebody who walks five metres along the route, eight metres to the left of it."""

    route: Route
    name: str = "walker"
    kind: Kind = "adult"
    staged: bool = False

    @property
    def world_from_actor(self) -> FloatArray:
        return self.route.pose(np.linspace(20.0, 25.0, 10), 8.0)


def _pixels_of(image: Image.Image, colour: str) -> FloatArray:
    """(N, 2) columns and rows, from the top left, of pixels of nearly that colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    near = np.abs(np.asarray(image.convert("RGB")).astype(int) - wanted).max(axis=-1) < 12
    rows, columns = np.nonzero(near)
    return np.stack([columns, rows], axis=-1).astype(float)


def test_actors_stand_ahead_of_the_ego_and_right_is_right(
    tmp_path: Path, scenario: ConcreteScenario, road_map: RoadMap, route: Route
) -> None:
    write_preview(tmp_path / "preview.png", scenario, road_map, route)
    image = Image.open(tmp_path / "preview.png")
    ego, hiding = (_pixels_of(image, colour).mean(axis=0) for colour in (EGO, STAGED[1]))
    assert hiding[1] < ego[1] - 50  # ahead is up
    assert hiding[0] > ego[0] + 5  # parked on the right


def test_every_staged_actor_is_named_and_parameters_are_listed(
    scenario: ConcreteScenario, road_map: RoadMap, route: Route
) -> None:
    figure = preview_figure(scenario, road_map, route)
    written = [text.get_text() for text in (*figure.axes[0].texts, *figure.texts)]
    assert {actor.name for actor in scenario.actors} | {"ego"} <= set(written)
    assert f"{scenario.name}, seed {scenario.seed}" in written
    listing = written[-1]
    assert all(name[:18] in listing for name in scenario.parameters)
    assert f"{scenario.parameters['gap_m']:.2f}" in listing


def test_track_is_drawn_along_its_way_in_grey_without_a_name(
    tmp_path: Path, scenario: ConcreteScenario, road_map: RoadMap, route: Route
) -> None:
    path, empty, walker = tmp_path / "preview.png", replace(scenario, actors=()), Walker(route)
    write_preview(path, empty, road_map, route)
    without = Image.open(path)
    ego = _pixels_of(without, EGO)
    before = np.asarray(without.convert("RGB"))
    write_preview(path, empty, road_map, route, tracks=[walker])
    image = Image.open(path)
    rows, columns = np.nonzero((np.asarray(image.convert("RGB")) != before).any(axis=-1))
    assert columns.max() < ego[:, 0].mean() - 30  # eight metres to the left
    assert np.ptp(rows) > 5 * np.ptp(columns) / 2  # five metres along the road
    assert rows.max() < ego[:, 1].min() - 60
    assert len(_pixels_of(image, AMBIENT)) > len(_pixels_of(without, AMBIENT))
    texts = [text.get_text() for text in preview_figure(empty, road_map, route, tracks=[walker]).axes[0].texts]
    assert "walker" not in texts


def test_way_of_the_ego_is_drawn(scenario: ConcreteScenario, road_map: RoadMap, route: Route) -> None:
    still = preview_figure(scenario, road_map, route)
    moving = preview_figure(scenario, road_map, route, world_from_ego=route.pose(np.linspace(0.0, 30.0, 40)))
    ways = [line for line in moving.axes[0].lines if line not in still.axes[0].lines and len(line.get_xdata()) == 40]
    assert len(ways) == 1
    x, y = ways[0].get_data()
    assert np.allclose(x, 0.0, atol=0.3)
    assert np.allclose(y, np.linspace(0.0, 30.0, 40), atol=0.1)


def test_preview_is_there_within_seconds_of_a_cold_start(tmp_path: Path) -> None:
    program = """
import resource, sys
from scanyard.randomness import stream
from scanyard.roads import RoadMap
from scanyard.scenario import draw, load_scenario
from scanyard.view.preview import write_preview
scenario = draw(load_scenario(sys.argv[1] + "/cut_in_short_gap.yaml"), 0)
road_map = RoadMap.load(sys.argv[1] + "/maps/city.xodr")
write_preview(sys.argv[2], scenario, road_map, road_map.route("straight", 150.0, stream("cold")))
print(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
"""
    path = tmp_path / "preview.png"
    done = subprocess.run(
        [sys.executable, "-c", program, str(SCENARIOS), str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
    )
    assert path.stat().st_size > 10_000
    # Under 2 s on an idle core is what we promise; a core shared with other tests counts waiting for memory as work.
    assert float(done.stdout) < 4.0
