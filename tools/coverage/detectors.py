"""Simulated detectors whose true average precision is known: what intervals and tests are tried on.

What stands in the way of drawing frames is built in.  A drive is easy or hard as a whole; within it the chance that a
car is found drifts from frame to frame; drives differ in length and in traffic; a good part of all that is the road's
and the same for two detectors, the rest is each detector's own.  Scores of what is found go with the chance to find it.

Geometry is left out: a car is found by one detection or by none, so the matching that ``kitti_matching`` would arrive
at is known and only the score is computed, by the product's own code (``average_precision``).  A test holds that the
two agree.  The truth is the score of so many drives (or so long a one) that chance has no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from scanyard.geometry import FloatArray
from scanyard.metrics.kitti_matching import Matches
from scanyard.metrics.pool import IntArray
from scanyard.metrics.precision import average_precision


@dataclass(frozen=True)
class World:
    """Roads and detectors; effects are on the logit of the chance to find a car."""

    frames: float = 20.0
    """Mean frames of a drive."""
    frames_spread: float = 0.5
    """Of the logarithm of a drive's frames, between drives."""
    cars: float = 4.0
    """Mean cars in a frame."""
    cars_spread: float = 0.6
    """Of the logarithm of a drive's cars per frame, between drives."""
    skill: float = 0.9
    drive_spread: float = 0.8
    """Between drives."""
    drift_spread: float = 0.7
    """Between frames of a drive."""
    drift: float = 0.9
    """Correlation of neighbouring frames."""
    own: float = 0.4
    """Share of a detector's variance that is its own, not the road's."""
    false_alarms: float = 1.0
    """Mean false alarms in a frame."""
    false_spread: float = 0.6
    """Of the logarithm of false alarms, between drives."""

    def one_drive(self) -> World:
        """The same where all is one drive: what differs between drives is fixed."""
        return replace(self, drive_spread=0.0, false_spread=0.0, cars_spread=0.0)


@dataclass(frozen=True)
class Roads:
    """F frames of D drives, each drive's in the order of time."""

    frame_drive: IntArray
    """(F,)"""
    cars: IntArray
    """(F,) cars to find."""
    ease: FloatArray
    """(F,) what the road does to every detector."""

    @property
    def num_drives(self) -> int:
        return int(self.frame_drive[-1]) + 1


@dataclass(frozen=True)
class Found:
    """What a detector found on roads."""

    hit_frame: IntArray
    """(H,)"""
    hit_score: FloatArray
    """(H,)"""
    false_frame: IntArray
    """(A,)"""
    false_score: FloatArray
    """(A,)"""

    def matches(self, unit: IntArray, cars: IntArray) -> Matches:
        """The matching, counted by unit: ``unit`` (F,) says which a frame is in, ``cars`` (F,) what it holds."""
        change = np.zeros((len(self.hit_frame) + len(self.false_frame), 3))
        change[: len(self.hit_frame), [0, 2]] = 1.0
        change[len(self.hit_frame) :, 1] = 1.0
        return Matches(
            num_labels=np.bincount(unit, weights=cars).astype(np.int64),
            hit_score=self.hit_score,
            hit_drive=unit[self.hit_frame],
            step_score=np.concatenate([self.hit_score, self.false_score]),
            step_drive=np.concatenate([unit[self.hit_frame], unit[self.false_frame]]),
            step_change=change,
        )


def draw_roads(random: np.random.Generator, world: World, num_drives: int, num_frames: int | None = None) -> Roads:
    """Drives of the world; all of ``num_frames`` frames where that is given."""
    lengths = np.full(num_drives, num_frames)
    if num_frames is None:
        lengths = np.maximum(2, np.round(world.frames * _uneven(random, world.frames_spread, num_drives))).astype(int)
    drive = np.repeat(np.arange(num_drives), lengths)
    cars = world.cars * _uneven(random, world.cars_spread, num_drives)
    traffic = np.exp(0.4 * _drift(random, lengths, world.drift) - 0.08)
    ease = world.drive_spread * random.normal(size=num_drives)[drive]
    return Roads(
        drive, random.poisson(cars[drive] * traffic), ease + world.drift_spread * _drift(random, lengths, world.drift)
    )


def detect(random: np.random.Generator, world: World, roads: Roads, *, better: float = 0.0) -> Found:
    """What one more detector finds; ``better`` is added to its skill."""
    drive, drives = roads.frame_drive, roads.num_drives
    own = world.drive_spread * random.normal(size=drives)[drive]
    own = own + world.drift_spread * _drift(random, np.bincount(drive), world.drift)
    state = np.sqrt(1 - world.own) * roads.ease + np.sqrt(world.own) * own
    frame = np.repeat(np.arange(len(drive)), roads.cars)
    hit = frame[random.random(len(frame)) < _logistic(world.skill + better + state[frame])]
    false = np.repeat(
        np.arange(len(drive)),
        random.poisson((world.false_alarms * _uneven(random, world.false_spread, drives))[drive]),
    )
    return Found(
        hit,
        _logistic(0.7 + 0.5 * state[hit] + random.normal(size=len(hit))),
        false,
        _logistic(-0.8 + random.normal(size=len(false))),
    )


def true_precision(world: World, *, one_drive: bool = False, better: float = 0.0, size: int = 1) -> float:
    """Average precision of the whole population, in percent: some 10,000 drives, or 200,000 frames of one."""
    random = np.random.default_rng(20_26)
    roads = draw_roads(random, world, 1, 200_000 * size) if one_drive else draw_roads(random, world, 10_000 * size)
    matches = detect(random, world, roads, better=better).matches(roads.frame_drive, roads.cars)
    return float(average_precision(matches, np.ones((1, roads.num_drives), dtype=np.int64))[0][0])


def _uneven(random: np.random.Generator, spread: float, count: int) -> FloatArray:
    """(N,) factors whose mean is 1."""
    factors: FloatArray = np.exp(spread * random.normal(size=count) - spread**2 / 2)
    return factors


def _drift(random: np.random.Generator, lengths: IntArray, correlation: float) -> FloatArray:
    """(F,) values of spread 1 that each drive goes through, its neighbours correlated."""
    steps = random.normal(size=(len(lengths), int(lengths.max())))
    steps[:, 1:] *= np.sqrt(1 - correlation**2)
    walks = lfilter([1.0], [1.0, -correlation], steps, axis=1)
    drifting: FloatArray = walks[np.arange(walks.shape[1]) < lengths[:, None]]
    return drifting


def _logistic(values: FloatArray) -> FloatArray:
    chance: FloatArray = 1 / (1 + np.exp(-values))
    return chance
