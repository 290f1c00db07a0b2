"""Detectors of known behaviour, and recordings that they run on."""

from dataclasses import dataclass

import numpy as np

from scanyard.boxes import Boxes, points_inside
from scanyard.frame import Frame, points_ego
from scanyard.sensors import Rig
from scanyard.sequence import InMemorySequence, SequenceInfo
from scanyard.split import Split
from tests.corrupt.street import RIG, street_frame


@dataclass(frozen=True)
class CountingDetector:
    """Finds a labelled object as long as enough of its returns are in place; knows no other objects."""

    at_least: int
    name: str = "counting"

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        assert frame.boxes is not None
        points = points_ego(frame.sweeps["top"], rig.lidars[0].ego_from_sensor)
        found = frame.boxes[points_inside(frame.boxes, points).sum(axis=1) >= self.at_least]
        return found.replace(score=np.full(len(found), 0.9))


def split_of_drives(drives: int = 4, frames: int = 2) -> Split:
    """Recordings of the street, each a drive of its own."""
    return Split(
        "streets",
        tuple(
            InMemorySequence(
                SequenceInfo(f"street-{drive}", "synthetic", f"drive-{drive}", RIG, "CC0-1.0"),
                [street_frame(index) for index in range(frames)],
            )
            for drive in range(drives)
        ),
    )
