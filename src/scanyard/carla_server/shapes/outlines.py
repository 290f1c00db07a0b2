"""What tells one car from another before any detail: its side view and its plan, body type by body type.

Lengths run from the nose (0) to the tail (1) as shares of the car's, heights as shares of its box.  The box is the one
annotators draw: on KITTI's cars roofs lie at 0.95 to 0.97 of it (the aerial reaches its top) and sheet metal is 1.5 %
of the width inside either side, so outlines stay that far inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True)
class Outline:
    """The side view and plan of a body."""

    cowl: float
    """Where the windscreen starts."""
    header: float
    """Where it meets the roof."""
    roof_rear: float
    """Where the rear window starts."""
    rear_base: float
    """Where it ends."""
    bonnet_z: float
    """Height of the bonnet's front edge."""
    cowl_z: float
    deck_z: float
    """Height where the rear window ends."""
    belt_z: float
    """Lower edge of the side windows at the front; it rises to the rear by ``belt_rise``."""
    belt_rise: float = 0.035
    roof_z: float = 0.975
    header_drop: float = 0.03
    """How far the roof lies lower at the windscreen than at its highest, and at the rear window."""
    rear_drop: float = 0.025
    roof_width: float = 0.76
    """Of the roof's edge, as a share of the width."""
    nose_bow_m: float = 0.32
    """How far the corners of the nose lie behind its middle."""
    tail_bow_m: float = 0.16
    bumper_m: float = 0.05
    """How far the bumpers stand out."""
    nose_rake_m: float = 0.13
    """How far the bonnet's front edge lies behind the bumper."""
    tail_rake_m: float = 0.015
    """How far the tail leans forward from the bumper up to the rear window's end."""
    bow_power: float = 2.6
    """2 bends evenly, more bends at the corners."""
    front_axle: float = 0.195
    rear_axle: float = 0.805
    clearance: float = 0.12
    """Height of the underside."""
    wheel: float = 0.205
    """Radius of the wheels, as a share of the height."""
    pillars: tuple[float, ...] = (0.42,)
    """Where the side windows are divided, as shares of the roof's length."""
    windows_end: float = 1.0
    """Where the side windows end, as a share of the way from windscreen to rear window's end."""
    rear_glass: bool = True
    seats: int = 2
    """Rows behind the windscreen that can be seen."""
    flat: bool = False
    """Folded from sheets: no bows, no curves."""
    bed: bool = False
    """Open behind the cabin."""
    wheel_arch_m: float = 0.05
    """How far the arch stands off the tyre."""


OUTLINES: Mapping[str, Outline] = MappingProxyType({
    "hatchback": Outline(0.26, 0.44, 0.90, 0.968, 0.535, 0.645, 0.665, 0.63),
    "city": Outline(0.20, 0.385, 0.90, 0.972, 0.545, 0.635, 0.64, 0.61, front_axle=0.175, rear_axle=0.84,
                    nose_bow_m=0.24, wheel=0.195),
    "sedan": Outline(0.285, 0.455, 0.705, 0.855, 0.53, 0.645, 0.70, 0.635, rear_axle=0.79, tail_rake_m=0.01,
                     roof_width=0.74),
    "fastback": Outline(0.27, 0.44, 0.70, 0.93, 0.50, 0.62, 0.66, 0.625, rear_axle=0.80, roof_width=0.73,
                        nose_bow_m=0.32, rear_drop=0.03),
    "estate": Outline(0.275, 0.44, 0.92, 0.975, 0.53, 0.64, 0.66, 0.63, pillars=(0.36, 0.74), rear_axle=0.785),
    "suv": Outline(0.255, 0.41, 0.905, 0.97, 0.575, 0.655, 0.655, 0.635, clearance=0.145, roof_width=0.79, wheel=0.205,
                   nose_bow_m=0.24, pillars=(0.40, 0.80)),
    "offroad": Outline(0.30, 0.345, 0.955, 0.97, 0.60, 0.625, 0.61, 0.60, clearance=0.20, roof_width=0.87, wheel=0.215,
                       nose_bow_m=0.10, tail_bow_m=0.04, nose_rake_m=0.06, tail_rake_m=0.02, front_axle=0.155,
                       belt_rise=0.0, wheel_arch_m=0.09, header_drop=0.02, rear_drop=0.02, pillars=(0.45,)),
    "mpv": Outline(0.20, 0.39, 0.915, 0.972, 0.53, 0.61, 0.63, 0.595, roof_width=0.79, front_axle=0.185,
                   pillars=(0.38, 0.76), wheel=0.19),
    "coupe": Outline(0.31, 0.475, 0.69, 0.905, 0.52, 0.66, 0.70, 0.665, roof_width=0.71, nose_bow_m=0.30, wheel=0.23,
                     pillars=(0.62,), rear_axle=0.795),
    "muscle": Outline(0.36, 0.49, 0.66, 0.90, 0.575, 0.645, 0.68, 0.645, roof_width=0.71, nose_bow_m=0.14, wheel=0.245,
                      pillars=(0.66,), nose_rake_m=0.05, tail_bow_m=0.06, front_axle=0.19, rear_axle=0.78),
    "pickup": Outline(0.245, 0.385, 0.60, 0.625, 0.555, 0.62, 0.60, 0.605, clearance=0.16, roof_width=0.80, bed=True,
                      wheel=0.20, front_axle=0.17, rear_axle=0.78, nose_bow_m=0.18, tail_bow_m=0.04),
    "minivan": Outline(0.15, 0.31, 0.945, 0.982, 0.465, 0.54, 0.55, 0.535, roof_width=0.86, wheel=0.17, clearance=0.11,
                       pillars=(0.26, 0.64), nose_bow_m=0.22, tail_bow_m=0.07, front_axle=0.18, rear_axle=0.80,
                       belt_rise=0.01, seats=3),
    "bulli": Outline(0.035, 0.115, 0.955, 0.982, 0.52, 0.545, 0.56, 0.535, roof_width=0.82, wheel=0.165,
                     clearance=0.125, pillars=(0.22, 0.48, 0.74), nose_bow_m=0.26, tail_bow_m=0.14, nose_rake_m=0.05,
                     front_axle=0.235, rear_axle=0.77, belt_rise=0.0, seats=3, bow_power=2.2),
    "van": Outline(0.135, 0.275, 0.965, 0.985, 0.43, 0.505, 0.505, 0.505, roof_width=0.88, wheel=0.148, clearance=0.11,
                   nose_bow_m=0.20, tail_bow_m=0.05, front_axle=0.175, rear_axle=0.785, windows_end=0.24,
                   rear_glass=False, seats=1, belt_rise=0.0, tail_rake_m=0.02),
    "bubble": Outline(0.10, 0.36, 0.72, 0.93, 0.42, 0.54, 0.55, 0.545, roof_width=0.72, wheel=0.185, nose_bow_m=0.42,
                      tail_bow_m=0.32, nose_rake_m=0.14, tail_rake_m=0.16, front_axle=0.22, rear_axle=0.80, seats=1,
                      bow_power=2.0, header_drop=0.06, rear_drop=0.06),
    "wedge": Outline(0.165, 0.40, 0.42, 0.985, 0.53, 0.605, 0.715, 0.63, roof_width=0.70, wheel=0.225, nose_bow_m=0.05,
                     tail_bow_m=0.03, nose_rake_m=0.02, tail_rake_m=0.10, front_axle=0.165, rear_axle=0.81, flat=True,
                     clearance=0.21, windows_end=0.55, header_drop=0.0, rear_drop=0.0, belt_rise=0.04,
                     wheel_arch_m=0.07, pillars=(0.5,)),
})  # fmt: skip
"""By body type, read off ordinary cars of each kind: side views and plans have known proportions."""

TYPICAL_M: Mapping[str, tuple[float, float, float]] = MappingProxyType({
    "hatchback": (3.75, 1.63, 1.50), "city": (3.45, 1.58, 1.48), "sedan": (4.35, 1.67, 1.45),
    "fastback": (4.5, 1.75, 1.45), "estate": (4.4, 1.67, 1.50), "suv": (4.35, 1.76, 1.72),
    "offroad": (4.2, 1.85, 1.85), "mpv": (4.2, 1.70, 1.66), "coupe": (4.2, 1.68, 1.36), "muscle": (4.7, 1.82, 1.32),
    "pickup": (5.0, 1.8, 1.78), "minivan": (4.8, 1.86, 1.95), "bulli": (4.5, 1.72, 1.95), "van": (5.4, 1.95, 2.45),
    "bubble": (2.5, 1.47, 1.5), "wedge": (5.68, 2.03, 1.79),
})  # fmt: skip
"""(length, width, height) in metres that a template is drawn at before it is stretched to the size asked for."""


def varied(outline: Outline, rng: np.random.Generator) -> Outline:
    """The outline of another model of the same body type."""
    if outline.flat:
        return outline

    def near(value: float, spread: float) -> float:
        return value + spread * float(np.clip(rng.normal(), -2, 2))

    other = replace(
        outline,
        cowl=near(outline.cowl, 0.012), header=near(outline.header, 0.012), roof_rear=near(outline.roof_rear, 0.012),
        rear_base=min(near(outline.rear_base, 0.006), 0.986), bonnet_z=near(outline.bonnet_z, 0.018),
        cowl_z=near(outline.cowl_z, 0.010), deck_z=near(outline.deck_z, 0.020), belt_z=near(outline.belt_z, 0.012),
        belt_rise=near(outline.belt_rise, 0.012), roof_width=near(outline.roof_width, 0.015),
        roof_z=near(outline.roof_z, 0.006),
        nose_bow_m=outline.nose_bow_m * float(rng.uniform(0.7, 1.35)),
        tail_bow_m=outline.tail_bow_m * float(rng.uniform(0.6, 1.6)),
        nose_rake_m=outline.nose_rake_m * float(rng.uniform(0.5, 1.6)),
        tail_rake_m=outline.tail_rake_m * float(rng.uniform(0.3, 1.9)),
        bow_power=near(outline.bow_power, 0.25),
        bumper_m=outline.bumper_m * float(rng.uniform(0.3, 1.8)),
        front_axle=near(outline.front_axle, 0.006), rear_axle=near(outline.rear_axle, 0.008),
        clearance=near(outline.clearance, 0.008), wheel=near(outline.wheel, 0.006),
    )  # fmt: skip
    return replace(
        other,
        rear_base=max(other.rear_base, other.roof_rear + 0.015),
        cowl_z=max(other.cowl_z, other.bonnet_z + 0.01),
        header=max(other.header, other.cowl + 0.035),
    )
