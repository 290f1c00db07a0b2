"""Parked vehicles make room for what the scenario moves."""

from __future__ import annotations

import numpy as np

from scanyard.boxes import Boxes
from scanyard.sim.parked import ParkedVehicles


def cars(*places: tuple[float, float], yaw: float = 0.0) -> Boxes:
    n = len(places)
    return Boxes(
        center=np.array([[x, y, 0.75] for x, y in places]).reshape(-1, 3),
        size=np.tile([4.0, 1.8, 1.5], (n, 1)),
        yaw_rad=np.full(n, yaw),
        category=np.full(n, "car"),
    )


PARKED = ParkedVehicles((10, 11, 12), cars((0.0, 3.0), (6.0, 3.0), (50.0, 3.0)))


def test_what_passes_at_a_distance_is_in_nobodys_way() -> None:
    passing = [cars((x, 0.0)) for x in np.arange(-10.0, 60.0)]
    assert PARKED.in_the_way(passing).tolist() == []


def test_whoever_is_touched_in_any_frame_is_in_the_way() -> None:
    pulling_in = [cars((-20.0, 0.0)), cars((6.5, 1.5), (80.0, 0.0)), Boxes.empty(), cars((49.0, 1.3))]
    assert PARKED.in_the_way(pulling_in).tolist() == [1, 2]


def test_circles_that_meet_are_no_touch() -> None:
    assert PARKED.in_the_way([cars((0.0, 1.15))]).tolist() == []


def test_the_others_stay_with_their_ids() -> None:
    left = PARKED.without(np.array([1]))
    assert left.ids == (10, 12)
    assert left.near(np.zeros(3), 20.0).center[:, 0].tolist() == [0.0]
