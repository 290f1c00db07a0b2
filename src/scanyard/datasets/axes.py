"""Whether boxes look mirrored, turned or shifted: what a layout read with the wrong convention does to its points.

A convention that is written down can still be wrong, and nothing else in a file gives it away.  But a box that stands
where its object stands is full of points.  So the points in all boxes are counted as read, and again under each mistake
one can make; a mistake that finds clearly more is the likelier reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from scanyard.boxes import Boxes, points_inside
from scanyard.frame import Frame, points_ego
from scanyard.sensors import Rig

MIN_BOXES = 10
CLEARLY = 1.15
"""How many times as many points: on real frames of four data sets no mistake finds more than the right reading, and
sheer chance about cars that stand along the road gives a mirrored heading 0.99."""
_NEAR_M = 40.0

MISTAKES: dict[str, Callable[[Boxes], Boxes]] = {
    "left and right are mirrored": lambda b: b.replace(center=b.center * [1, -1, 1], yaw_rad=-b.yaw_rad),
    "headings turn the other way round": lambda b: b.replace(yaw_rad=-b.yaw_rad),
    "front and rear are mirrored": lambda b: b.replace(center=b.center * [-1, 1, 1], yaw_rad=np.pi - b.yaw_rad),
    "x and y are exchanged": lambda b: b.replace(center=b.center[:, [1, 0, 2]], yaw_rad=np.pi / 2 - b.yaw_rad),
    "bottoms were taken for centres": lambda b: b.replace(center=b.center + [0, 0, 0.5] * b.size),
    "centres were taken for bottoms": lambda b: b.replace(center=b.center - [0, 0, 0.5] * b.size),
    # which leaves the same box as headings a quarter turn off
    "width and length are exchanged, or headings a quarter turn off": lambda b: b.replace(size=b.size[:, [1, 0, 2]]),
}
"""What undoes each mistake, by what to say of it."""


@dataclass(frozen=True)
class AxesFinding:
    """One mistake that would explain the points better than what was read."""

    mistake: str
    points: int
    """Inside boxes once the mistake is undone."""
    points_as_read: int
    boxes: int

    def __str__(self) -> str:
        return (
            f"{self.mistake}? {self.boxes} boxes hold {self.points_as_read} points as read, "
            f"and would hold {self.points}; look at a frame from above before using these labels"
        )


def axes_findings(frames: Iterable[Frame], rig: Rig) -> list[AxesFinding]:
    """Mistakes that find clearly more points in the boxes within 40 m than the frames as they are, worst first.

    Nothing is said of fewer than ten boxes.
    """
    found = dict.fromkeys(MISTAKES, 0)
    as_read = count = 0
    for frame in frames:
        if frame.boxes is None:
            continue
        boxes = frame.boxes[np.linalg.norm(frame.boxes.center[:, :2], axis=1) < _NEAR_M]
        clouds = [points_ego(frame.sweeps[lidar.name], lidar.ego_from_sensor) for lidar in rig.lidars]
        points = np.concatenate(clouds)
        # the road is everywhere: without what lies low, a box that holds nothing but road looks empty, as it should
        points = points[points[:, 2] > 0.3]
        as_read += int(points_inside(boxes, points).sum())
        count += len(boxes)
        for mistake, undo in MISTAKES.items():
            found[mistake] += int(points_inside(undo(boxes), points).sum())
    if count < MIN_BOXES:
        return []
    likelier = [
        AxesFinding(mistake, points, as_read, count)
        for mistake, points in found.items()
        if points > CLEARLY * max(as_read, 1)
    ]
    return sorted(likelier, key=lambda finding: -finding.points)
