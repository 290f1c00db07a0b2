"""The rare scenarios, choreographed on their maps: something happens near the ego, and it drives through nobody."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Polygon

from scanyard.geometry import FloatArray
from scanyard.roads import RoadMap, find_map
from scanyard.scenario import draw, load_scenario, map_folders
from scanyard.sim.choreography import EGO_LENGTH_M, EGO_WIDTH_M, REAR_AXLE_M, TYPICAL_SIZE_M, choreograph

RARE = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


@cache
def _map(path: Path) -> RoadMap:
    return RoadMap.load(path)


def _footprint(pose: FloatArray, length_m: float, width_m: float, middle_m: float = 0.0) -> Polygon:
    corners = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * (length_m / 2, width_m / 2) + (middle_m, 0.0)
    return Polygon(corners @ pose[:2, :2].T + pose[:2, 3])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("path", RARE, ids=lambda path: path.stem)
def test_staged_actors_come_near_and_are_not_driven_through(path: Path, seed: int) -> None:
    scenario = draw(load_scenario(path), seed)
    choreography = choreograph(scenario, _map(find_map(scenario.world.map, map_folders(scenario.source))))
    egos = [_footprint(pose, EGO_LENGTH_M, EGO_WIDTH_M, REAR_AXLE_M) for pose in choreography.world_from_ego]
    staged = [track for track in choreography.tracks if track.staged]
    assert {track.name.removesuffix("_0") for track in staged} >= {actor.name for actor in scenario.actors}
    gaps = np.array(
        [
            [
                ego.distance(_footprint(pose, *TYPICAL_SIZE_M[track.kind][:2]))
                for ego, pose in zip(egos, track.world_from_actor, strict=True)
            ]
            for track in staged
        ]
    )
    assert gaps.min() > 0.2
    assert gaps[0].min() < 50.0
