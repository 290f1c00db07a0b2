"""Towns of ours that answer to the names of CARLA's towns, for scripts that ask for one by name.

They share a character with the town they stand in for, not its streets: whoever needs those needs CARLA.  Where widely
used scripts put cars at fixed places of a town, its stand-in is laid out, or shifted, so that there is open ground.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import NamedTuple

OPTIMISED = "_Opt"
"""Ending of CARLA's names for towns in layers."""


class StandIn(NamedTuple):
    """A town of ours in place of one of CARLA's."""

    name: str
    shift_m: tuple[float, float] = (0.0, 0.0)
    """Added to x and y of every place, in the client's left-handed frame."""


STAND_INS: Mapping[str, StandIn] = {
    "Town01": StandIn("suburb"),
    "Town02": StandIn("city"),
    "Town03": StandIn("downtown"),
    "Town04": StandIn("motorway"),
    "Town05": StandIn("downtown", (-208.0, 0.0)),
    "Town06": StandIn("motorway"),
    "Town07": StandIn("village"),
    "Town10HD": StandIn("downtown"),
    "Town11": StandIn("hills"),
    "Town12": StandIn("city"),
    "Town13": StandIn("hills"),
    "Town15": StandIn("harbour"),
}
DEFAULT_TOWN = "Town10HD" + OPTIMISED
"""What the reference server loads when it is told nothing."""


def stand_in_for(town: str) -> StandIn | None:
    """Our town in place of CARLA's ``town``, with or without ``_Opt``; None where there is none."""
    return STAND_INS.get(town.removesuffix(OPTIMISED))


def shifted(text: str, shift_m: tuple[float, float]) -> str:
    """An OpenDRIVE text with every road moved by ``shift_m``, x and y of the client's left-handed frame."""
    root = ET.fromstring(text.encode())
    for geometry in root.iterfind("road/planView/geometry"):
        for key, by in (("x", shift_m[0]), ("y", -shift_m[1])):
            geometry.set(key, repr(float(geometry.get(key, "0")) + by))
    return ET.tostring(root, encoding="unicode")
