"""A way the ego can drive: its lane's centre line as a dense polyline, and what lies beside it.

Positions are given as ``s_m`` metres along the lane from where the ego starts and ``lateral_m`` metres to the left of
the lane's centre.  The polyline begins before the start and goes on after the end wherever the road does, because
traffic comes from behind and trucks stand beyond crests; further out it runs on straight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

RoadKind = Literal["any", "straight", "curve", "crest", "junction"]
"""What a route must contain; the words are ``scenario``'s."""

WINDOW_M = (15.0, 60.0)  # where ahead of the start the wanted feature lies: an ego reaches it within seconds
STRAIGHT_RAD = np.radians(3.0)
CURVE_RAD = np.radians(15.0)
THROUGH_RAD = np.radians(10.0)  # a junction is passed straight through below this turn
EYE_M = 1.73  # height of KITTI's LiDAR above the road
CREST_HIDES_M = 3.5  # a crest hides a lorry of this height from an eye at the start ...
CREST_HIDES_AHEAD_M = (90.0, 120.0)  # ... wherever along this stretch it stands


@dataclass(frozen=True)
class Route:
    """A drivable way, ``length_m`` long, with s = 0 where the ego starts."""

    length_m: float
    s_m: FloatArray
    """(N,) metres along the lane, rising; negative before the start."""
    points: FloatArray
    """(N, 3) metres, right-handed world: the lane's centre on the road surface."""
    lane_width_m: float
    junctions: tuple[tuple[float, float], ...]
    """Stretches (from, to) inside junctions, in metres along the route."""
    oncoming_lateral_m: float | None
    """Centre of the nearest opposite lane at the start, or ``None`` on one-way roads."""
    same_way_laterals_m: tuple[float, ...]
    """Centres of the other lanes going the same way at the start."""
    parking_laterals_m: tuple[float, ...]
    """Centres of the parking lanes at the start, on both sides."""
    kerb_left_m: float
    """Where the left sidewalk begins at the start; without one, the edge of the outermost driving or parking lane."""
    kerb_right_m: float
    """Likewise to the right: a negative number."""

    @property
    def behind_m(self) -> float:
        """How much road there is before the start."""
        return float(-self.s_m[0])

    @property
    def ahead_m(self) -> float:
        """How much road there is after the start, at least ``length_m``."""
        return float(self.s_m[-1])

    @cached_property
    def heading_rad(self) -> FloatArray:
        """(N,) direction of travel at ``points``, continuous (not wrapped)."""
        ahead = np.gradient(self.points[:, :2], self.s_m, axis=0)
        return np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))

    @cached_property
    def slope_rad(self) -> FloatArray:
        """(N,) angle of climb at ``points``, positive uphill."""
        ahead = np.gradient(self.points, self.s_m, axis=0)
        return np.arctan2(ahead[:, 2], np.hypot(ahead[:, 0], ahead[:, 1]))

    def pose(self, s_m: ArrayLike, lateral_m: ArrayLike = 0.0, heading_rad: ArrayLike = 0.0) -> FloatArray:
        """Poses ``world_from_b`` (..., 4, 4) of things standing on the road; the arguments broadcast.

        ``heading_rad`` turns b in the road's plane, positive to the left of the route; b's x axis follows the slope.
        Before the first point and after the last the road runs on straight.
        """
        s, lateral, turn = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (s_m, lateral_m, heading_rad)))
        heading = np.interp(s, self.s_m, self.heading_rad)
        slope = np.interp(s, self.s_m, self.slope_rad)
        ch, sh, cs, ss = np.cos(heading), np.sin(heading), np.cos(slope), np.sin(slope)
        zero = np.zeros_like(heading)
        forward = np.stack([ch * cs, sh * cs, ss], axis=-1)
        left = np.stack([-sh, ch, zero], axis=-1)
        up = np.stack([-ch * ss, -sh * ss, cs], axis=-1)
        beyond = s - np.clip(s, self.s_m[0], self.s_m[-1])
        position = np.stack([np.interp(s, self.s_m, self.points[:, axis]) for axis in range(3)], axis=-1)
        ct, st = np.cos(turn)[..., None], np.sin(turn)[..., None]
        poses = np.zeros((*s.shape, 4, 4))
        poses[..., :3, 0] = ct * forward + st * left
        poses[..., :3, 1] = ct * left - st * forward
        poses[..., :3, 2] = up
        poses[..., :3, 3] = position + beyond[..., None] * forward + lateral[..., None] * left
        poses[..., 3, 3] = 1.0
        return poses

    def hidden_height_m(self, s_m: ArrayLike, *, eye_s_m: float = 0.0, eye_height_m: float = EYE_M) -> FloatArray:
        """How tall a thing at ``s_m`` (...) may be and still be hidden by the road itself; 0 where its foot is in view.

        The eye is ``eye_height_m`` above the road at ``eye_s_m``; only the road's rise and fall counts, not its bends.
        """
        distance, ground, eye = self._profile(eye_s_m, eye_height_m)
        steepest = np.maximum.accumulate((ground - eye) / distance)
        hidden = np.maximum(eye + steepest * distance - ground, 0.0)
        s = np.asarray(s_m, np.float64)
        return np.asarray(np.interp(s - eye_s_m, distance, hidden, left=0.0, right=0.0), dtype=np.float64)

    def _profile(self, eye_s_m: float, eye_height_m: float) -> tuple[FloatArray, FloatArray, float]:
        """Distance (K,) and height (K,) of the road ahead of an eye, and the eye's own height, in metres."""
        eye = float(np.interp(eye_s_m, self.s_m, self.points[:, 2])) + eye_height_m
        ahead = self.s_m > eye_s_m + 1e-6
        return self.s_m[ahead] - eye_s_m, self.points[ahead, 2], eye

    def has(self, kind: RoadKind) -> bool:
        """Whether the road is of this kind.

        - any: always.
        - straight: neither a bend of 3 degrees nor a junction in the first 60 m.
        - curve: it bends by more than 15 degrees between 15 and 60 m ahead, outside junctions.
        - crest: a rise 15 to 60 m ahead hides a lorry 3.5 m high, wherever it stands 90 to 120 m ahead.
        - junction: one lies wholly between 15 and 60 m ahead and is passed straight through.
        """
        checks: dict[RoadKind, Callable[[], bool]] = {
            "any": lambda: True,
            "straight": self._is_straight,
            "curve": self._has_curve,
            "crest": self._has_crest,
            "junction": self._passes_junction,
        }
        return checks[kind]()

    def _turn_rad(self, begin_m: float, end_m: float) -> float:
        """Largest change of heading within a stretch."""
        heading = self.heading_rad[(self.s_m >= begin_m) & (self.s_m <= end_m)]
        return float(np.ptp(heading)) if len(heading) else 0.0

    def _junctions_within(self, begin_m: float, end_m: float) -> list[tuple[float, float]]:
        return [(a, b) for a, b in self.junctions if a < end_m and b > begin_m]

    def _is_straight(self) -> bool:
        return self._turn_rad(0.0, WINDOW_M[1]) < STRAIGHT_RAD and not self._junctions_within(0.0, WINDOW_M[1])

    def _has_curve(self) -> bool:
        return self._turn_rad(*WINDOW_M) > CURVE_RAD and not self._junctions_within(*WINDOW_M)

    def _passes_junction(self) -> bool:
        return any(
            a >= WINDOW_M[0] and b <= WINDOW_M[1] and self._turn_rad(a, b) < THROUGH_RAD for a, b in self.junctions
        )

    def _has_crest(self) -> bool:
        hidden_from, hidden_to = CREST_HIDES_AHEAD_M
        beyond = np.arange(hidden_from, hidden_to + 1.0)
        if self.ahead_m < hidden_to or self.hidden_height_m(beyond).min() < CREST_HIDES_M:
            return False
        distance, ground, eye = self._profile(0.0, EYE_M)
        before = distance <= hidden_from
        crest_m = distance[before][np.argmax((ground[before] - eye) / distance[before])]
        return bool(WINDOW_M[0] <= crest_m <= WINDOW_M[1])
