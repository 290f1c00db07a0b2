"""What lies beside a street's centre line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Profile:
    """Lanes from the middle outwards, the same on both sides unless said otherwise."""

    lanes: int
    lane_m: float
    parking_m: float = 0.0
    shoulder_m: float = 0.0
    sidewalk_m: float = 0.0
    speed_mps: float = 13.9
    square: tuple[Side, float] | None = None
    """A paved square along one side of the street's middle, in place of what else lies there, and its depth."""
    one_way: bool = False
    """Traffic runs along the road only; what is outside lies to its right, and nothing but an island to its left."""
    island_m: float = 0.0
    """Ground nobody drives on to the left of a one-way road."""

    def outside(self, *, parking: bool) -> list[tuple[str, float]]:
        """Lane types and widths beyond the driving lanes; near junctions nobody parks."""
        found = []
        if self.parking_m:
            found.append(("parking" if parking else "shoulder", self.parking_m))
        if self.shoulder_m:
            found.append(("shoulder", self.shoulder_m))
        if self.sidewalk_m:
            found.append(("sidewalk", self.sidewalk_m))
        return found

    @property
    def kerb_m(self) -> float:
        """From the centre line to where the sidewalk begins."""
        return self.lanes * self.lane_m + self.parking_m + self.shoulder_m

    @property
    def speed_kmh(self) -> int:
        """The limit as written on signs, in steps of ten."""
        return round(self.speed_mps * 3.6 / 10) * 10


RESIDENTIAL = Profile(lanes=1, lane_m=3.0, parking_m=2.2, sidewalk_m=2.5, speed_mps=8.3)
STREET = Profile(lanes=1, lane_m=3.25, parking_m=2.3, sidewalk_m=3.5)
AVENUE = Profile(lanes=2, lane_m=3.25, parking_m=2.3, sidewalk_m=4.0)
BOULEVARD = Profile(lanes=3, lane_m=3.35, shoulder_m=0.4, sidewalk_m=4.0)
COUNTRY = Profile(lanes=1, lane_m=3.5, shoulder_m=1.5, speed_mps=22.2)
QUAY = Profile(lanes=1, lane_m=4.5, parking_m=3.2, sidewalk_m=1.8, speed_mps=11.1)
TRUNK = Profile(lanes=2, lane_m=4.0, parking_m=3.2, sidewalk_m=1.8)
VILLAGE = Profile(lanes=1, lane_m=3.0, shoulder_m=0.4, sidewalk_m=2.0, speed_mps=8.3)
VILLAGE_PARKING = Profile(lanes=1, lane_m=3.0, parking_m=2.1, sidewalk_m=2.0, speed_mps=8.3)
ROUNDABOUT = Profile(lanes=1, lane_m=5.0, shoulder_m=0.4, sidewalk_m=2.0, speed_mps=8.3, one_way=True, island_m=12.0)
MOTORWAY_WIDE = Profile(lanes=3, lane_m=3.75, shoulder_m=2.5, speed_mps=33.3)
MOTORWAY = Profile(lanes=2, lane_m=3.75, shoulder_m=2.5, speed_mps=33.3)
RAMP = Profile(lanes=1, lane_m=4.0, shoulder_m=1.5, speed_mps=16.7, one_way=True)
DUAL = Profile(lanes=2, lane_m=3.5, shoulder_m=1.5, speed_mps=22.2)
