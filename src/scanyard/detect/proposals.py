"""Proposals: boxes the network is not yet sure of, each with the returns around it, seen from the box itself.

A proposal's frame has its origin in the box's centre and its axes along the box.  The sensor is always ahead and to the
left: a box whose heading points away is taken the other way round, and one passed on the other side is mirrored, which
``flip`` remembers.  So every car shows the same two sides, and one in four lessons is enough.

What is wrong with a proposal is said in that frame, and ``corrected`` undoes what ``errors_of`` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.geometry import FloatArray

RETURNS = 128  # per proposal; more cost time and found no better boxes
MARGIN_M = (0.6, 0.5, 0.5)  # how far around the box returns are looked at: a proposal is seldom further off
LARGEST_LOG = 0.5  # a correction changes no side by more than e to this


@dataclass(frozen=True)
class Proposals:
    """K boxes and what was returned from in and around each; every array is indexed alike."""

    boxes: FloatArray
    """(K, 7) x, y, z above ground, length, width, height in metres, and a yaw that looks towards the sensor."""
    flip: FloatArray
    """(K,) -1 where left and right are exchanged, else 1."""
    returns: NDArray[np.float32]
    """(K, RETURNS, 3) metres, in each proposal's frame; every one there is, or as many spread evenly, or repeated."""
    count: NDArray[np.int64]
    """(K,) returns there are; where there are none, ``returns`` are all in the centre."""
    bearing: FloatArray
    """(K, 2) where the sensor is, metres ahead and to the left."""

    @classmethod
    def of(cls, boxes: FloatArray, points: NDArray[np.float32], sensor_m: FloatArray) -> Proposals:
        """Look at ``boxes`` (K, 7) in a frame's flattened points (M, 3 or 4), seen from ``sensor_m`` (3,)."""
        boxes = np.array(boxes, dtype=np.float64)
        to_sensor = _turned(sensor_m[:2] - boxes[:, :2], -boxes[:, 6])
        away = to_sensor[:, 0] < 0
        boxes[away, 6] += np.pi
        to_sensor[away] *= -1
        flip = np.where(to_sensor[:, 1] < 0, -1.0, 1.0)
        returns, count = _cut_out(boxes, points)
        returns[:, :, 1] *= flip[:, None].astype(np.float32)
        return cls(boxes, flip, returns, count, np.abs(to_sensor))

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def joined(cls, parts: Sequence[Proposals]) -> Proposals:
        """All parts' proposals, one after another."""
        names = ("boxes", "flip", "returns", "count", "bearing")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def errors_of(self, labels: FloatArray) -> FloatArray:
        """What to add so that each box becomes its label (K, 7): (K, 7) x, y, z, logarithms of sizes, yaw.

        Yaw is corrected by at most a quarter turn, to the nearer end of the label.
        """
        across = _turned(labels[:, :2] - self.boxes[:, :2], -self.boxes[:, 6])
        turn = (labels[:, 6] - self.boxes[:, 6] + np.pi / 2) % np.pi - np.pi / 2
        return np.column_stack(
            [
                across[:, 0],
                across[:, 1] * self.flip,
                labels[:, 2] - self.boxes[:, 2],
                np.log(labels[:, 3:6] / self.boxes[:, 3:6]),
                turn * self.flip,
            ]
        )

    def faces(self, labels: FloatArray) -> NDArray[np.bool_]:
        """Whether each label's (K, 7) front is the end that looks towards the sensor: (K,)."""
        return np.asarray(np.cos(labels[:, 6] - self.boxes[:, 6]) > 0)

    def corrected(self, errors: FloatArray) -> FloatArray:
        """The boxes (K, 7) with ``errors`` (K, 7) made good."""
        boxes = self.boxes.copy()
        boxes[:, :2] += _turned(errors[:, :2] * np.stack([np.ones_like(self.flip), self.flip], axis=1), boxes[:, 6])
        boxes[:, 2] += errors[:, 2]
        boxes[:, 3:6] *= np.exp(errors[:, 3:6].clip(-LARGEST_LOG, LARGEST_LOG))
        boxes[:, 6] += errors[:, 6] * self.flip
        return boxes


def _turned(xy: FloatArray, angle_rad: FloatArray) -> FloatArray:
    """(K, 2) each turned from x towards y by its angle (K,)."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.stack([cos * xy[:, 0] - sin * xy[:, 1], sin * xy[:, 0] + cos * xy[:, 1]], axis=1)


def _cut_out(boxes: FloatArray, points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Returns (K, RETURNS, 3) in and around each box, in its frame, and how many there are (K,)."""
    returns = np.zeros((len(boxes), RETURNS, 3), dtype=np.float32)
    count = np.zeros(len(boxes), dtype=np.int64)
    half = boxes[:, 3:6] / 2 + MARGIN_M
    reach = np.hypot(half[:, 0], half[:, 1])
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    for k, (box, limit) in enumerate(zip(boxes, half, strict=True)):
        cx, cy, far = np.float32(box[0]), np.float32(box[1]), np.float32(reach[k])
        near = points[np.flatnonzero((np.abs(x - cx) <= far) & (np.abs(y - cy) <= far))]
        local = near[:, :3] - box[:3].astype(np.float32)
        cos, sin = np.float32(np.cos(box[6])), np.float32(np.sin(box[6]))
        along, across = cos * local[:, 0] + sin * local[:, 1], cos * local[:, 1] - sin * local[:, 0]
        inside = np.flatnonzero(
            (np.abs(along) <= limit[0]) & (np.abs(across) <= limit[1]) & (np.abs(local[:, 2]) <= limit[2])
        )
        count[k] = len(inside)
        if len(inside):
            chosen = inside[np.arange(RETURNS) * len(inside) // RETURNS]
            returns[k, :, 0], returns[k, :, 1], returns[k, :, 2] = along[chosen], across[chosen], local[chosen, 2]
    return returns, count
