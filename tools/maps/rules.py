"""The rules of a junction and its streets: traffic lights with their controllers, stop and yield signs, speed limits.

A signal stands to the right of those it speaks to, and its ``orientation`` says whether they travel along the road or
against it.  Types are those CARLA reads: 1000001 a light, 206 stop, 205 yield, 274 a limit in km/h.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field

from scenariogeneration import xodr

from maps.network import Control
from maps.paths import Port, turn_between
from maps.profiles import Profile
from maps.surface import CROSSWALK_M

LIGHT, STOP, YIELD, LIMIT = "1000001", "206", "205", "274"
BEFORE_CROSSWALK_M = CROSSWALK_M * 1.5 + 0.6  # a sign stands before the zebra, not behind it
BEFORE_JUNCTION_M = 1.0
LIMIT_AT_M = 24.0  # speed limits are posted this far into a street
BESIDE_M = 0.7  # from the carriageway's edge to a post
LIGHT_ABOVE_M, SIGN_ABOVE_M = 3.2, 2.1


@dataclass(frozen=True)
class Arm:
    """A street's end at a junction, seen from the junction."""

    road: int
    profile: Profile
    at_start: bool
    port: Port
    """On the street's centre line, heading away from the junction."""
    road_m: float
    """Length of the street."""
    has_crosswalk: bool

    @property
    def heading(self) -> float:
        """Away from the junction."""
        return self.port.heading

    @property
    def arrives(self) -> bool:
        """Whether traffic comes to the junction by it."""
        return not (self.profile.one_way and self.at_start)

    @property
    def leaves(self) -> bool:
        """Whether traffic goes away by it."""
        return not (self.profile.one_way and not self.at_start)

    def arriving(self, lane: int) -> int:
        """OpenDRIVE's id of the lane by which traffic arrives, counted from the middle."""
        return lane if self.at_start else -lane

    def leaving(self, lane: int) -> int:
        """Likewise of the one by which it leaves."""
        return -lane if self.at_start else lane


@dataclass
class Signals:
    """All signals of a map; ids are given in the order of asking."""

    next_id: int = 5000
    next_controller: int = 1
    controllers: list[ET.Element] = field(default_factory=list)

    def limits(self, profile: Profile, length: float) -> list[xodr.Signal]:
        """A speed limit for each direction, a little way into the street."""
        at = min(LIMIT_AT_M, length / 3)
        speed = profile.speed_kmh
        facing = [(at, xodr.Orientation.positive, -1)]
        if not profile.one_way:
            facing.append((length - at, xodr.Orientation.negative, 1))
        # Between cars and the kerb nobody could read it, so it stands on the sidewalk.
        return [
            self._signal(LIMIT, f"Speed_{speed}", s, sign, profile=profile, orientation=orientation, value=speed)
            for s, orientation, sign in facing
        ]

    def rule(
        self, control: Control, junction: int, arms: Sequence[Arm]
    ) -> tuple[dict[int, list[xodr.Signal]], list[int]]:
        """Signals by road for a junction's arms, and the ids of its controllers: every arm has its own."""
        found: dict[int, list[xodr.Signal]] = {}
        controllers: list[int] = []
        for arm in ruled(control, arms):
            kind, name = {"lights": (LIGHT, "Signal_3Light_Post01"), "stop": (STOP, "StopSign"),
                          "yield": (YIELD, "YieldSign")}[control]  # fmt: skip
            back = BEFORE_CROSSWALK_M if arm.has_crosswalk else BEFORE_JUNCTION_M
            s = back if arm.at_start else arm.road_m - back
            orientation = xodr.Orientation.negative if arm.at_start else xodr.Orientation.positive
            signal = self._signal(
                kind, name, s, 1 if arm.at_start else -1, profile=arm.profile, orientation=orientation
            )
            found.setdefault(arm.road, []).append(signal)
            if control == "lights":
                controllers.append(self.next_controller)
                controller = ET.Element("controller", name=f"ctrl{junction}_{arm.road}", id=str(self.next_controller),
                                        sequence=str(len(controllers) - 1))  # fmt: skip
                ET.SubElement(controller, "control", signalId=str(signal.id), type="")
                self.controllers.append(controller)
                self.next_controller += 1
        return found, controllers

    def _signal(self, kind: str, name: str, s: float, side: int, *, profile: Profile,
                orientation: xodr.Orientation, value: int | None = None) -> xodr.Signal:  # fmt: skip
        is_light = kind == LIGHT
        signal = xodr.Signal(
            s, side * (profile.kerb_m + BESIDE_M), "OpenDRIVE", kind, subtype="-1" if value is None else str(value),
            id=str(self.next_id), name=name, dynamic=xodr.Dynamic.yes if is_light else xodr.Dynamic.no, value=value,
            unit="km/h" if value is not None else None, zOffset=LIGHT_ABOVE_M if is_light else SIGN_ABOVE_M,
            orientation=orientation, height=1.0 if is_light else 0.7, width=0.4 if is_light else 0.7,
        )  # fmt: skip
        self.next_id += 1
        lanes = sorted((side, side * profile.lanes))
        signal.add_validity(lanes[1], lanes[0])
        return signal


def ruled(control: Control, arms: Sequence[Arm]) -> list[Arm]:
    """The arms on which something is posted: all at lights, the lesser ones elsewhere."""
    arriving = [arm for arm in arms if arm.arrives]
    if control == "free":
        return []
    if control == "lights":
        return arriving
    both_ways = [arm for arm in arriving if arm.leaves]
    if len(both_ways) == 1:  # on a roundabout, who comes from outside waits
        return both_ways
    pairs = [(a, b) for i, a in enumerate(arms) for b in arms[i + 1 :]]
    main = min(pairs, key=lambda pair: (-pair[0].profile.lanes - pair[1].profile.lanes, _bend(*pair)))
    straightest = min(pairs, key=lambda pair: _bend(*pair))
    main = straightest if _bend(*straightest) < math.radians(30) < _bend(*main) else main
    return [arm for arm in arriving if arm not in main]


def _bend(a: Arm, b: Arm) -> float:
    return round(abs(turn_between(a.heading + math.pi, b.heading)), 6)
