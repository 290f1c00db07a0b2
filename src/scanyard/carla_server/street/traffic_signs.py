"""Traffic lights and signs as the street has them: posts, arms, heads with three lamps, plates.

Frame of a drawn variant: x the way its lamps or its plate look, against the traffic it speaks to; y to the right of
that, which is over the lanes; z up; the post's foot at the origin.  A light's variant is how far its arm reaches, so
``lamps`` knows where every lamp is without asking a mesh.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street.items import FAR_M, Item, Kind, Layer
from scanyard.carla_server.surfaces.materials import Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh, box, tube

Floats = NDArray[np.float64]

SUNK_M = 0.4
POST_HEAD_M, ARM_HEAD_M = 3.2, 5.5  # height of the middle lamp beside and above the road, as building rules have it
LAMP_PITCH_M, LAMP_RADIUS_M = 0.31, 0.10  # 200 mm lenses
HEAD_DEPTH_M, HEAD_WIDTH_M = 0.26, 0.36
LAMP_AHEAD_M = 0.16 + HEAD_DEPTH_M / 2 + 0.01
REACH_STEP_M, REACHES = 0.5, 30
PLATE_M = 2.25
LIMITS = 14  # 10 to 140 km/h
STAYS = Layer.ALL  # signals are in no map layer of their own: they go only when everything goes
RED = (0.78, 0.12, 0.12)


class GovernedLaneLike(Protocol):
    """What is asked of a lane a signal governs."""

    @property
    def center(self) -> tuple[float, float, float]:
        """Right-handed world, metres."""

    @property
    def width_m(self) -> float:
        """Across."""


class SignalLike(Protocol):
    """What is asked of ``scanyard.roads.Signal``."""

    @property
    def kind(self) -> str:
        """light, stop, yield or limit."""

    @property
    def limit_kmh(self) -> float | None:
        """What a speed limit says."""

    @property
    def position(self) -> tuple[float, float, float]:
        """Foot of the post, right-handed world, metres."""

    @property
    def heading_rad(self) -> float:
        """The way of the traffic it speaks to, right-handed."""

    @property
    def lanes(self) -> Sequence[GovernedLaneLike]:
        """From the post inwards."""


def fixtures(signals: Iterable[SignalLike]) -> list[Item]:
    """The posts of signals, as things of the street, in the left-handed world."""
    found = []
    for signal in signals:
        x, y, _ = signal.position
        found.append(Item(KINDS[signal.kind], variant_of(signal), x, -y, facing_rad(signal), color=RED))
    return found


def facing_rad(signal: SignalLike) -> float:
    """The way a signal looks, in the left-handed world: against its traffic."""
    return math.pi - signal.heading_rad


def variant_of(signal: SignalLike) -> int:
    """Which variant of its kind stands for a signal."""
    if signal.kind == "limit":
        return round((signal.limit_kmh or 0.0) / 10) % LIMITS
    if signal.kind != "light" or len(signal.lanes) < 2:
        return 0
    # Over the middle of its lanes.
    middle = np.mean([lane.center[:2] for lane in signal.lanes], axis=0)
    return min(round(float(np.hypot(*(middle - signal.position[:2]))) / REACH_STEP_M), REACHES - 1)


def lamps(variant: int) -> Floats:
    """(H, 3, 3) red, yellow and green lamps of each head of a light, in its frame, metres."""
    heads = [(LAMP_AHEAD_M, 0.0, POST_HEAD_M)]
    if variant:
        heads.append((LAMP_AHEAD_M, REACH_STEP_M * variant, ARM_HEAD_M))
    drops = np.array([[0.0, 0.0, LAMP_PITCH_M], [0.0, 0.0, 0.0], [0.0, 0.0, -LAMP_PITCH_M]])
    return np.asarray(np.array(heads)[:, None] + drops[None])


def light(variant: int) -> Mesh:
    """A post with a head, and for several lanes an arm with another one above them."""
    top = ARM_HEAD_M + 0.7 if variant else POST_HEAD_M + 0.6
    parts = [
        tube((0, 0, -SUNK_M), (0, 0, top), (0.11, 0.08) if variant else (0.07, 0.06), Material.POLE, 9),
        box((0, 0, 0.35), (0.28, 0.24, 0.7), Material.STREET_METAL),
    ]
    if variant:
        reach = REACH_STEP_M * variant
        parts.append(tube((0, 0, top - 0.15), (0, reach + 0.3, top), (0.07, 0.045), Material.POLE, 7))
    for red, yellow, green in lamps(variant):
        back = yellow - [LAMP_AHEAD_M - 0.16, 0.0, 0.0]
        parts.append(box(back, (HEAD_DEPTH_M, HEAD_WIDTH_M, 3 * LAMP_PITCH_M + 0.06), Material.TRAFFIC_LIGHT))
        parts.append(box(back - [0.10, 0, 0], (0.03, 0.62, 1.25), Material.TRAFFIC_LIGHT))  # backing board
        parts.append(box((0.08, back[1], back[2] + 0.3), (0.18, 0.05, 0.05), Material.POLE))
        for lamp in (red, yellow, green):
            lens = lamp - [0.01, 0, 0]
            parts.append(tube(lens, lens + np.array([0.012, 0, 0]), LAMP_RADIUS_M, Material.TRAFFIC_LIGHT, 12))
            visor = lens + np.array([0.09, 0, LAMP_RADIUS_M + 0.015])
            parts.append(box(visor, (0.18, 2 * LAMP_RADIUS_M + 0.03, 0.012), Material.TRAFFIC_LIGHT))
    return Mesh.joined(parts)


def stop_sign(_variant: int) -> Mesh:
    """A red octagon."""
    return Mesh.joined([*_post(), *_plate(0.40, 8, Material.SIGN, turn=math.pi / 8), *_letters("STOP", 0.16)])


def yield_sign(_variant: int) -> Mesh:
    """A white triangle with a red border, its point down."""
    return Mesh.joined([*_post(), *_plate(0.50, 3, Material.SIGN, turn=0.0), *_field(0.32, 3, turn=0.0)])


def limit_sign(variant: int) -> Mesh:
    """A white disc with a red border and the number of tens of km/h that the variant is."""
    return Mesh.joined(
        [*_post(), *_plate(0.34, 20, Material.SIGN), *_field(0.27, 20), *_letters(str(10 * variant), 0.17)]
    )


def _post() -> list[Mesh]:
    return [tube((0, 0, -SUNK_M), (0, 0, PLATE_M + 0.35), 0.032, Material.POLE, 8)]


def _plate(radius: float, sides: int, material: Material, turn: float = 0.0) -> list[Mesh]:
    return [_disc(0.034, 0.012, radius, sides=sides, material=material, turn=turn)]


def _field(radius: float, sides: int, turn: float = 0.0) -> list[Mesh]:
    """The white inside of a plate, a little in front of it."""
    return [_disc(0.047, 0.003, radius, sides=sides, material=Material.WHITE_SIGN, turn=turn)]


def _disc(x: float, depth: float, radius: float, *, sides: int, material: Material, turn: float) -> Mesh:
    """A regular plate that looks along x; its first corner is ``turn`` from straight down."""
    angle = turn + np.arange(sides) * 2 * np.pi / sides
    ring = np.c_[np.full(sides, x), np.sin(angle) * radius, PLATE_M - np.cos(angle) * radius]
    points = np.concatenate([ring, ring + np.array([depth, 0, 0])])
    fan = [[0, i, i + 1] for i in range(1, sides - 1)]
    back = [[sides + a for a in face] for face in fan]
    rim = [[i, (i + 1) % sides, sides + i] for i in range(sides)]
    rim += [[(i + 1) % sides, sides + (i + 1) % sides, sides + i] for i in range(sides)]
    return Mesh.of(points, [*fan, *back, *rim], material)


SEGMENTS = {
    "0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc", "5": "afgcd", "6": "afgedc", "7": "abc",
    "8": "abcdefg", "9": "abcdfg", "S": "afgcd", "T": "ahi", "O": "abcdef", "P": "abgfe",
}  # fmt: skip
"""Strokes of a character, as a seven-segment display names them; h and i are its middle upright."""
STROKES = {
    "a": (0.0, 1.0, True), "g": (0.0, 0.0, True), "d": (0.0, -1.0, True), "f": (-1.0, 0.5, False),
    "b": (1.0, 0.5, False), "e": (-1.0, -0.5, False), "c": (1.0, -0.5, False), "h": (0.0, 0.5, False),
    "i": (0.0, -0.5, False),
}  # fmt: skip
"""Middle of each stroke in half widths and half heights, and whether it lies."""


def _letters(text: str, height: float) -> list[Mesh]:
    """Strokes of a text on a plate, as read by whoever it looks at."""
    half_height, half_width, thick = height / 2, height / 4, height / 7
    pitch = 2 * half_width + 2 * thick
    parts = []
    material = Material.WHITE_SIGN if text.isalpha() else Material.SIGN_LETTER
    for place, character in enumerate(text):
        # Who reads it sees its left on the plate's own right, which is +y.
        middle = ((len(text) - 1) / 2 - place) * pitch
        for stroke in SEGMENTS[character]:
            across, up, lies = STROKES[stroke]
            size = (2 * half_width + thick, thick) if lies else (thick, half_height + thick)
            at = (0.053, middle - across * half_width, PLATE_M + up * half_height)
            parts.append(box(at, (0.004, *size), material))
    return parts


KINDS = {
    "light": Kind("traffic_light", light, REACHES, Tag.TRAFFIC_LIGHT, STAYS, FAR_M),
    "stop": Kind("stop_sign", stop_sign, 1, Tag.TRAFFIC_SIGNS, STAYS, FAR_M),
    "yield": Kind("yield_sign", yield_sign, 1, Tag.TRAFFIC_SIGNS, STAYS, FAR_M),
    "limit": Kind("speed_limit", limit_sign, LIMITS, Tag.TRAFFIC_SIGNS, STAYS, FAR_M),
}
