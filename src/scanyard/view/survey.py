"""One pass over some frames of each dataset: what the report then shows and counts.

Frames are read once, a few spread evenly over the recordings, and dropped again; only their figures are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scanyard.boxes import points_inside
from scanyard.frame import Frame
from scanyard.geometry import FloatArray
from scanyard.sensors import Rig
from scanyard.sequence import SensorSequence
from scanyard.view.birdseye import all_points_ego
from scanyard.view.charts import ObjectPoints

MAX_FRAMES = 120  # per dataset; a page must not take longer to make than the data


@dataclass(frozen=True)
class Glimpse:
    """What was noted about one frame."""

    sequence: SensorSequence
    index: int
    num_labels: int
    has_image: bool
    preferred: bool
    """A detector ran on it."""


@dataclass(frozen=True)
class Survey:
    """What was noted about one dataset."""

    name: str
    domain: str
    glimpses: tuple[Glimpse, ...]
    cars: ObjectPoints

    def choose(self, count: int, *, with_image: bool = False) -> list[Glimpse]:
        """Up to ``count`` frames worth showing: preferred ones, the fullest of each drive, then what else is full."""
        fitting = [glimpse for glimpse in self.glimpses if glimpse.has_image or not with_image]
        fitting.sort(key=lambda glimpse: (not glimpse.preferred, -glimpse.num_labels))
        of_drive: dict[str, Glimpse] = {}
        for glimpse in fitting:
            of_drive.setdefault(glimpse.sequence.info.drive, glimpse)
        first = list(of_drive.values())
        rest = [glimpse for glimpse in fitting if not any(glimpse is chosen for chosen in first)]
        return (first + rest)[:count]


def survey(
    name: str, sequences: Sequence[SensorSequence], *, prefer: Mapping[tuple[str, int], object] | None = None
) -> Survey:
    """Look at up to MAX_FRAMES frames; up to half of them from ``prefer`` (by sequence name and index)."""
    places = [(sequence, index) for sequence in sequences for index in range(len(sequence))]
    wanted = [bool(prefer) and (sequence.info.name, index) in (prefer or {}) for sequence, index in places]
    preferred = _spread([place for place, want in zip(places, wanted, strict=True) if want], MAX_FRAMES // 2)
    others = _spread([place for place, want in zip(places, wanted, strict=True) if not want], MAX_FRAMES // 2)
    glimpses, distances, counts = [], [], []
    for position, (sequence, index) in enumerate([*preferred, *others]):
        frame = sequence[index]
        distance, count = _cars(frame, sequence.info.rig)
        distances.append(distance)
        counts.append(count)
        labels = 0 if frame.boxes is None else len(frame.boxes)
        glimpses.append(Glimpse(sequence, index, labels, bool(frame.images), position < len(preferred)))
    domains = {sequence.info.domain for sequence in sequences}
    domain = domains.pop() if len(domains) == 1 else "mixed"
    cars = ObjectPoints(name, domain, np.concatenate([*distances, np.zeros(0)]), np.concatenate([*counts, np.zeros(0)]))
    return Survey(name, domain, tuple(glimpses), cars)


def _spread(places: Sequence[tuple[SensorSequence, int]], count: int) -> list[tuple[SensorSequence, int]]:
    """At most ``count`` of them, evenly spaced."""
    if not places:
        return []
    at = np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))
    return [places[index] for index in at]


def _cars(frame: Frame, rig: Rig) -> tuple[FloatArray, FloatArray]:
    """Distance (N,) in metres and returns (N,) of the labelled cars."""
    if frame.boxes is None:
        return np.zeros(0), np.zeros(0)
    cars = frame.boxes[frame.boxes.category == "car"]
    hits = points_inside(cars, all_points_ego(frame, rig)).sum(axis=1) if cars.num_points is None else cars.num_points
    return np.linalg.norm(cars.center[:, :2], axis=1), np.asarray(hits, dtype=np.float64)
