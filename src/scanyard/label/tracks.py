"""Whether tracks move like things that exist: no jumps, no change of size or kind, velocities that match.

A simulator that re-uses an actor's id, or a driver that pairs truth with the wrong tick, shows here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from scanyard.frame import Frame
from scanyard.geometry import FloatArray

SIZE_TOLERANCE_M = 0.01
VELOCITY_TOLERANCE_MPS = 2.0
"""How far the mean velocity between two frames may be from the mean of the stated ones; braking hard for 0.1 s is 1."""
LONGEST_GAP_NS = 500_000_000
"""Two sightings farther apart than this are not compared: much can happen in between."""


@dataclass(frozen=True)
class TrackFault:
    """One thing about a track that cannot be."""

    track: int
    frame: int
    """Index of the frame in which it shows."""
    problem: str

    def __str__(self) -> str:
        return f"frame {self.frame}, track {self.track}: {self.problem}"


@dataclass(frozen=True)
class _Sighting:
    timestamp_ns: int
    center_world: FloatArray
    size: FloatArray
    category: str
    velocity_world: FloatArray | None


def track_faults(frames: Iterable[Frame]) -> list[TrackFault]:
    """Compare each labelled track with where it was last seen; frames without boxes or tracks are passed over."""
    faults: list[TrackFault] = []
    last: dict[int, _Sighting] = {}
    for index, frame in enumerate(frames):
        boxes = frame.boxes
        if boxes is None or boxes.track is None:
            continue
        tracks, times = np.unique(boxes.track, return_counts=True)
        faults += [TrackFault(int(track), index, "labelled twice in one frame") for track in tracks[times > 1]]
        center = frame.world_from_ego.apply(boxes.center)
        velocity = None if boxes.velocity is None else frame.world_from_ego.rotate(boxes.velocity)
        for i, track in enumerate(boxes.track.tolist()):
            now = _Sighting(
                frame.timestamp_ns,
                center[i],
                boxes.size[i],
                str(boxes.category[i]),
                None if velocity is None else velocity[i],
            )
            if track in last:
                faults += [TrackFault(track, index, problem) for problem in _problems(last[track], now)]
            last[track] = now
    return faults


def _problems(before: _Sighting, now: _Sighting) -> list[str]:
    problems = []
    if before.category != now.category:
        problems.append(f"was a {before.category}, is a {now.category}")
    if np.abs(before.size - now.size).max() > SIZE_TOLERANCE_M:
        problems.append(f"its size changed from {before.size.round(2).tolist()} to {now.size.round(2).tolist()} m")
    elapsed_ns = now.timestamp_ns - before.timestamp_ns
    if now.velocity_world is None or before.velocity_world is None or not 0 < elapsed_ns <= LONGEST_GAP_NS:
        return problems
    moved_mps = (now.center_world - before.center_world) / (elapsed_ns * 1e-9)
    stated_mps = (now.velocity_world + before.velocity_world) / 2
    if np.linalg.norm(moved_mps - stated_mps) > VELOCITY_TOLERANCE_MPS:
        problems.append(
            f"moved at {moved_mps.round(1).tolist()} m/s, its velocity says {stated_mps.round(1).tolist()} m/s"
        )
    return problems
