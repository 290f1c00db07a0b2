"""The seam: ``Detector``, and the two detectors that need no training.

``OracleDetector`` gives the labels back and bounds what a metric can reach; ``FixedDetector`` always answers the same
and makes tests short.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from scanyard.boxes import Boxes, corners
from scanyard.errors import EvaluationError
from scanyard.frame import Frame
from scanyard.sensors import Camera, Rig


class Detector(Protocol):
    """Frame in, boxes out."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        """Boxes in the ego frame, best first, with ``score`` and, where the rig has a camera, ``image_box``."""
        ...


@dataclass(frozen=True)
class OracleDetector:
    """Returns the labels of the wanted categories, with score 1."""

    categories: tuple[str, ...] = ("car",)
    name: str = "oracle"

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        """The frame's labels; EvaluationError where it has none."""
        if frame.boxes is None:
            raise EvaluationError(f"frame {frame.name or frame.timestamp_ns}: no labels for the oracle to return")
        boxes = frame.boxes[np.isin(frame.boxes.category, self.categories)]
        boxes = Boxes(boxes.center, boxes.size, boxes.yaw_rad, boxes.category, score=np.ones(len(boxes)))
        return in_image(boxes, rig.cameras[0]) if rig.cameras else boxes


@dataclass(frozen=True)
class FixedDetector:
    """Returns the same boxes for every frame; none unless told."""

    boxes: Boxes = field(default_factory=lambda: Boxes.empty().replace(score=np.zeros(0)))
    name: str = "fixed"

    def detect(self, frame: Frame, rig: Rig) -> Boxes:  # noqa: ARG002  # the seam hands the frame to everyone
        """The boxes it was made with."""
        return in_image(self.boxes, rig.cameras[0]) if rig.cameras else self.boxes


def in_image(boxes: Boxes, camera: Camera) -> Boxes:
    """The boxes that fall inside the image, with ``image_box`` around their projected corners, clipped to it.

    Corners behind the camera are left out; a box that straddles the image plane is therefore cut short, as a labeller
    would draw it.
    """
    pixels, depth = camera.project(corners(boxes))
    ahead = (depth > 0.1)[..., None]
    low = np.where(ahead, pixels, np.inf).min(axis=1)
    high = np.where(ahead, pixels, -np.inf).max(axis=1)
    last = np.array([camera.width_px - 1.0, camera.height_px - 1.0])
    image_box = np.concatenate([np.clip(low, 0, last), np.clip(high, 0, last)], axis=1)
    seen = np.flatnonzero((image_box[:, 2:] > image_box[:, :2]).all(axis=1))
    return boxes.replace(image_box=image_box)[seen]
