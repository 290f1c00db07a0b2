"""The rays of a LiDAR in one tick, in its own frame: C beams by F firings.

As CARLA documents it, a tick of ``delta_s`` fires each beam ``points_per_second * delta_s / channels`` times and turns
by ``rotation_frequency * delta_s`` of its ``horizontal_fov``, from where the last tick ended; so fewer than one turn to
a tick give a part of the view, and a view below 360° is swept from left to right, over and over.  What a stranger would
get wrong: turns are counted from the sensor's birth, so that the same scenario gives the same points, and they go on
while a ``sensor_tick`` keeps it silent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.sensors.context import Tick, number

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]

MAX_CHANNELS = 4096
MAX_RAYS = 20_000_000
"""Of one tick: a slip of the keyboard must not take all memory."""
_TURN_DIGITS = 9  # of a turn: sums of steps are rounded to this, so that whole turns begin where they should


@dataclass(frozen=True)
class Beams:
    """The rays of one tick: C beams by F firings, beam by beam, each in order of firing."""

    elevation_rad: Floats
    """(C,) highest first."""
    z_offset_m: Floats
    """(C,) height of each beam's start above the sensor's origin."""
    azimuth_rad: Floats
    """(F,) from x towards y, increasing but for a jump where a turn begins anew."""
    direction: Array32
    """(3, C * F) unit vectors in the sensor frame, by component."""

    @property
    def shape(self) -> tuple[int, int]:
        """(C, F)."""
        return len(self.elevation_rad), len(self.azimuth_rad)

    @property
    def fired_at(self) -> Floats:
        """(F,) when each firing happens, as a share of the tick from its beginning: 0 to below 1."""
        return np.arange(len(self.azimuth_rad)) / len(self.azimuth_rad)


def beams_of(attributes: Mapping[str, str], tick: Tick) -> Beams:
    """The rays that a LiDAR with these attributes fires in one tick.

    ``beam_table`` ("elevation_deg:z_offset_m;...", highest first) takes the place of CARLA's even spacing between
    ``upper_fov`` and ``lower_fov``; ``firings_per_turn`` that of ``points_per_second``.  ValueError where the table
    cannot be read.
    """
    table = beam_table(attributes.get("beam_table", ""))
    channels = len(table) or int(min(max(number(attributes, "channels", 32), 1), MAX_CHANNELS))
    frequency = number(attributes, "rotation_frequency", 10.0)
    turns = frequency * tick.delta_s
    firings = round(number(attributes, "firings_per_turn", 0.0) * turns)
    if firings <= 0:
        firings = round(number(attributes, "points_per_second", 56000.0) * tick.delta_s / channels)
    firings = min(max(firings, 1), MAX_RAYS // channels)
    fov = min(max(number(attributes, "horizontal_fov", 360.0), 0.0), 360.0)
    start = fov * (round(frequency * (tick.time_s - tick.delta_s), _TURN_DIGITS) % 1.0)
    if math.isclose(turns, round(turns), abs_tol=1e-9):
        start = 0.0  # whole turns show everything wherever they begin; as well from behind
    span = (number(attributes, "upper_fov", 10.0), number(attributes, "lower_fov", -30.0))
    return _beams(table, channels, span, firings, (fov, fov * turns, start))


@lru_cache(maxsize=16)
def beam_table(text: str) -> tuple[tuple[float, float], ...]:
    """Elevation in degrees and height in metres of each beam; none for an empty text, ValueError for nonsense."""
    rows = [tuple(float(value) for value in row.split(":")) for row in text.strip().strip(";").split(";") if row]
    found = tuple((row[0], row[1]) for row in rows if len(row) == 2 and all(map(math.isfinite, row)))
    if len(found) != len(rows) or len(found) > MAX_CHANNELS:
        raise ValueError(
            f"beam_table {text[:60]!r}: expected elevation_deg:z_offset_m;... for up to {MAX_CHANNELS} beams"
        )
    return found


@lru_cache(maxsize=16)
def _beams(
    table: tuple[tuple[float, float], ...],
    channels: int,
    span: tuple[float, float],
    firings: int,
    sweep: tuple[float, float, float],
) -> Beams:
    if table:
        rows = np.array(table)
        elevation, offset = np.deg2rad(rows[:, 0]), rows[:, 1]
    else:
        elevation, offset = np.deg2rad(np.linspace(span[0], span[1], channels)), np.zeros(channels)
    fov, swept, start = sweep
    azimuth = np.deg2rad((start + np.arange(firings) * swept / firings) % max(fov, 1e-9) - fov / 2)
    flat = np.cos(elevation)[:, None]
    direction = np.stack(
        [(flat * np.cos(azimuth)).ravel(), (flat * np.sin(azimuth)).ravel(), np.repeat(np.sin(elevation), firings)]
    )
    return Beams(elevation, offset, azimuth, direction.astype(np.float32))
