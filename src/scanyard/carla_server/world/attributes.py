"""What clients may write into the attributes of what they spawn.

All values are texts, and users write ``64.0`` where an integer is meant, so numbers are read leniently; but what is no
number where one is needed, or asks for a picture of a million megapixels, is refused when the actor is spawned: in the
middle of a frame nobody could be told.  Bounds are far beyond what makes sense, and only keep a sensor within what a
machine can hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.wire import ActorAttribute, Refused
from scanyard.carla_server.sensors.beams import beam_table

MAX_TEXT = 1 << 16
MAX_PIXELS = 1 << 24
"""Of one picture."""
BOUNDS: Mapping[str, tuple[float, float]] = {
    "image_size_x": (1, 8192),
    "image_size_y": (1, 8192),
    "fov": (0.01, 179.99),
    "gamma": (0.01, 100),
    "channels": (1, 1024),
    "points_per_second": (0, 2e7),
    "rotation_frequency": (1e-3, 1e4),
    "upper_fov": (-90, 90),
    "lower_fov": (-90, 90),
    "horizontal_fov": (0, 360),
    "vertical_fov": (0, 180),
    "range": (0, 1e5),
    "distance": (0, 1e5),
    "hit_radius": (0, 1e3),
    "sensor_tick": (0, 1e9),
    "noise_seed": (-(2**63), 2**63),
    "firings_per_turn": (0, 1e5),
    "returns": (1, 2),
    "beam_divergence": (0, 200),
    "length_m": (0, 100),
    "width_m": (0, 100),
    "height_m": (0, 100),
}
"""Least and greatest value of numbers, by name."""


def refuse_impossible(offered: Iterable[ActorAttribute], wanted: Mapping[str, str]) -> None:
    """Refuse values ``wanted`` that cannot be what the attributes ``offered`` ask for."""
    for attribute in offered:
        text = wanted[attribute.id]
        if len(text) > MAX_TEXT:
            raise _refusal(attribute.id, text[:20] + "...", f"longer than {MAX_TEXT} characters")
        if attribute.type in (wire.INT, wire.FLOAT):
            _refuse_number(attribute.id, text)
        elif attribute.type == wire.RGB_COLOR and text:
            _refuse_color(attribute.id, text)
        elif attribute.type == wire.BOOL and text.lower() not in ("true", "false"):
            # Every client reads them when it meets the actor, and raises on anything else.
            raise _refusal(attribute.id, text, "neither true nor false")
    _refuse_beams(wanted.get("beam_table", ""))
    if "image_size_x" in wanted and float(wanted["image_size_x"]) * float(wanted["image_size_y"]) > MAX_PIXELS:
        size = f"{wanted['image_size_x']} by {wanted['image_size_y']}"
        raise _refusal("image_size_x", size, f"more than {MAX_PIXELS} pixels")


def _refuse_beams(text: str) -> None:
    try:
        beam_table(text)
    except ValueError as error:
        raise _refusal("beam_table", text[:60], str(error)) from error


def _refuse_number(name: str, text: str) -> None:
    low, high = BOUNDS.get(name, (-wire.FLOAT32_MAX, wire.FLOAT32_MAX))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise _refusal(name, text, f"not a number between {low:g} and {high:g}")


def _refuse_color(name: str, text: str) -> None:
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() and int(part) <= 255 for part in parts):
        raise _refusal(name, text, "not a colour like 255,0,0")


def _refusal(name: str, text: str, why: str) -> Refused:
    return Refused(f"Spawn failed because of invalid actor description: {name} is {text!r}, {why}")
