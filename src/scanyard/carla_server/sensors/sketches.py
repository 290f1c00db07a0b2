"""Debug shapes in a finished picture: dots, lines, arrows, boxes and texts that clients drew into the world.

Everything but text is segments: a dot is one without length.  All segments of a frame are projected at once and stamped
along their length, a pixel at a time only where something stands not before it; the ``Hud`` kinds and texts are on top
of everything.  Thickness and size are in metres, and nothing is thinner than a pixel or thicker than ``THICKEST_PX``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.drawing import (
    Arrow,
    Box,
    Color,
    DebugShape,
    HudArrow,
    HudBox,
    HudLine,
    HudPoint,
    Line,
    Point,
    String,
)
from scanyard.carla_server.protocol.poses import matrices
from scanyard.carla_server.sensors.lens import Lens
from scanyard.carla_server.sensors.view import NEAR_M, View

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

THICKEST_PX = 24
STAMPS_AT_MOST = 20_000_000
"""Pixels written for one picture: clients may draw twenty thousand shapes, each as wide as the picture."""
FAR_M = 1e6
"""Clients may draw at 1e38 m."""
_TOLERANCE_M = 0.08  # what is drawn on the ground is not hidden by it
_HUD = (HudPoint, HudLine, HudArrow, HudBox)


@dataclass(frozen=True)
class Segments:
    """S segments; every array is indexed alike."""

    begin: Floats
    """(S, 3) world metres."""
    end: Floats
    """(S, 3)."""
    thick_m: Floats
    """(S,)."""
    color: Pixels
    """(S, 3) B, G, R."""
    on_top: NDArray[np.bool_]
    """(S,) whether nothing hides it."""

    @classmethod
    def of(cls, shapes: Iterable[DebugShape]) -> Segments:
        """The segments of all shapes but texts, in the order of drawing."""
        found = [
            (*begin, *end, thick, shape.color.b, shape.color.g, shape.color.r, isinstance(shape.primitive, _HUD))
            for shape in shapes
            for begin, end, thick in _lines(shape.primitive)
        ]
        table = np.array(found, dtype=np.float64).reshape(-1, 11)
        return cls(table[:, :3], table[:, 3:6], table[:, 6], table[:, 7:10].astype(np.uint8), table[:, 10] > 0)


def sketch(picture: Pixels, view: View, shapes: tuple[DebugShape, ...]) -> None:
    """Draw ``shapes`` into ``picture`` (H, W, 4), B, G, R, A."""
    if not shapes:
        return
    _stamp(picture, view, Segments.of(shapes))
    for shape in shapes:
        if isinstance(shape.primitive, String):
            _write(picture, view, shape.primitive, shape.color)


def _lines(primitive: Any) -> Iterator[tuple[Any, Any, float]]:
    if isinstance(primitive, Point):
        yield primitive.location, primitive.location, primitive.size
    elif isinstance(primitive, Line):
        yield primitive.begin, primitive.end, primitive.thickness
    elif isinstance(primitive, Arrow):
        begin, end, thick = primitive.line
        yield begin, end, thick
        for barb in _barbs(np.array(begin, float), np.array(end, float), primitive.arrow_size):
            yield end, barb, thick
    elif isinstance(primitive, Box):
        corners = _corners(primitive)
        for low in range(8):
            for bit in (1, 2, 4):
                if not low & bit:
                    yield corners[low], corners[low | bit], primitive.thickness


def _barbs(begin: Floats, end: Floats, size_m: float) -> Iterator[Floats]:
    """The ends (3,) of the four lines of an arrow's head."""
    along = end - begin
    length = float(np.linalg.norm(along))
    along = along / length if length > 1e-9 else np.array([1.0, 0.0, 0.0])
    side = np.cross(along, [0.0, 0.0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    for across in (side, -side, np.cross(along, side), -np.cross(along, side)):
        yield end - size_m * along + 0.5 * size_m * across


def _corners(primitive: Box) -> Floats:
    """(8, 3) of a box, in the world."""
    extent = np.array(primitive.box.extent, float)
    signs = np.array([[1 if corner & bit else -1 for bit in (1, 2, 4)] for corner in range(8)], float)
    pose = matrices(np.array([*primitive.box.location, *primitive.rotation], float))
    return np.asarray((signs * extent) @ pose[:3, :3].T + pose[:3, 3])


def _stamp(picture: Pixels, view: View, segments: Segments) -> None:
    lens = view.lens
    begin, end = (_seen(view, points) for points in (segments.begin, segments.end))
    hidden_begin, hidden_end = begin[:, 0] < NEAR_M, end[:, 0] < NEAR_M
    cut = np.zeros(len(begin))
    np.divide(NEAR_M - begin[:, 0], end[:, 0] - begin[:, 0], out=cut, where=hidden_begin != hidden_end)
    middle = begin + cut[:, None] * (end - begin)
    kept = ~(hidden_begin & hidden_end)
    begin = np.where(hidden_begin[:, None], middle, begin)[kept]
    end = np.where(hidden_end[:, None], middle, end)[kept]
    u0, v0, u1, v1 = *_pixel(view, begin), *_pixel(view, end)
    first, last = _within(lens, u0, v0, u1, v1)
    steep = 1 / begin[:, 0], 1 / end[:, 0]  # inverse depth is what grows evenly along a line in a picture
    nearest = 1 / np.maximum(steep[0] + first * (steep[1] - steep[0]), steep[0] + last * (steep[1] - steep[0]))
    widest = np.clip(lens.focal_px * segments.thick_m[kept] / nearest, 1, THICKEST_PX)
    length = np.hypot(u1 - u0, v1 - v0) * (last - first)
    steps = np.where(first <= last, length / np.maximum(widest / 4, 1) + 2, 0).astype(np.int64)  # disks overlap
    if (steps * widest**2).sum() > STAMPS_AT_MOST:
        steps = np.minimum(steps, (STAMPS_AT_MOST / len(steps) / widest**2).astype(np.int64) + 1)
    which = np.repeat(np.arange(len(steps)), steps)
    order = np.arange(len(which)) - np.repeat(np.cumsum(steps) - steps, steps)
    share = first[which] + (last - first)[which] * order / np.maximum(steps[which] - 1, 1)
    u, v = u0[which] + share * (u1 - u0)[which], v0[which] + share * (v1 - v0)[which]
    ahead = 1 / (steep[0][which] + share * (steep[1] - steep[0])[which])
    aside = np.hypot(u - lens.width / 2, v - lens.height / 2) / lens.focal_px
    away = ahead * np.sqrt(1 + aside**2)
    thick = np.clip(np.rint(lens.focal_px * segments.thick_m[kept][which] / ahead), 1, THICKEST_PX).astype(np.int64)
    flat, range_m = picture.reshape(-1, 4), view.range_m
    limit = np.where(segments.on_top[kept][which], -np.inf, away - _TOLERANCE_M - 0.005 * away)
    color = segments.color[kept]
    for size in np.unique(thick):
        chosen = np.flatnonzero(thick == size)
        for right, down in _disk(int(size)):
            column, row = (np.floor(part[chosen]).astype(np.int64) + step for part, step in ((u, right), (v, down)))
            inside = (column >= 0) & (column < lens.width) & (row >= 0) & (row < lens.height)
            pixel, stamp = (row * lens.width + column)[inside], chosen[inside]
            free = range_m[pixel] > limit[stamp]
            flat[pixel[free], :3] = color[which[stamp[free]]]


def _within(lens: Lens, u0: Floats, v0: Floats, u1: Floats, v1: Floats) -> tuple[Floats, Floats]:
    """The shares (S,) of lines at which they enter and leave the picture (Liang and Barsky 1984); swapped if never."""
    first, last = np.zeros(len(u0)), np.ones(len(u0))
    for begin, end, size in ((u0, u1, lens.width), (v0, v1, lens.height)):
        step = end - begin
        level = np.abs(step) < 1e-9
        safe = np.where(level, 1.0, step)
        one, other = (-THICKEST_PX - begin) / safe, (size + THICKEST_PX - begin) / safe
        outside = level & ((begin < -THICKEST_PX) | (begin > size + THICKEST_PX))
        first = np.maximum(first, np.where(level, np.where(outside, 2.0, 0.0), np.minimum(one, other)))
        last = np.minimum(last, np.where(level, 1.0, np.maximum(one, other)))
    return first, last


@lru_cache(maxsize=THICKEST_PX)
def _disk(size: int) -> tuple[tuple[int, int], ...]:
    """Steps from a pixel to those of a disk ``size`` pixels wide."""
    around = range(-(size // 2), size - size // 2)
    middle = (size - 1) / 2 - size // 2
    return tuple((x, y) for x in around for y in around if (x - middle) ** 2 + (y - middle) ** 2 <= (size / 2) ** 2)


def _write(picture: Pixels, view: View, text: String, color: Color) -> None:
    """Write a text whose middle is at its place."""
    place = _seen(view, np.array([text.location], float))
    if place[0, 0] < NEAR_M or not text.text:
        return
    (u,), (v,) = _pixel(view, place)
    mask = _glyphs(text.text)
    height, width = mask.shape
    shifts = [(1, 1, (0, 0, 0))] if text.draw_shadow else []
    for right, down, tone in [*shifts, (0, 0, (color.b, color.g, color.r))]:
        left, top = int(u) - width // 2 + right, int(v) - height // 2 + down
        rows, columns = np.nonzero(mask)
        rows, columns = rows + top, columns + left
        inside = (rows >= 0) & (rows < picture.shape[0]) & (columns >= 0) & (columns < picture.shape[1])
        picture[rows[inside], columns[inside], :3] = tone


@lru_cache(maxsize=256)
def _glyphs(text: str) -> NDArray[np.bool_]:
    """Which pixels (R, C) of a line or more of text are ink."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - few pictures have texts

    font = ImageFont.load_default(14)
    ruler = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = (round(side) for side in ruler.multiline_textbbox((0, 0), text[:500], font=font))
    image = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    ImageDraw.Draw(image).multiline_text((-left, -top), text[:500], fill=255, font=font)
    return np.asarray(image) > 127


def _seen(view: View, points: Floats) -> Floats:
    """World points (K, 3) in the camera's frame.  Written out, for BLAS may round by the number of threads."""
    offset = np.clip(points, -FAR_M, FAR_M) - view.pose[:3, 3]
    turn = view.pose[:3, :3]
    return np.stack([sum(offset[:, j] * turn[j, i] for j in range(3)) for i in range(3)], axis=1)


def _pixel(view: View, seen: Floats) -> tuple[Floats, Floats]:
    lens = view.lens
    return (
        lens.width / 2 + lens.focal_px * seen[:, 1] / seen[:, 0],
        lens.height / 2 - lens.focal_px * seen[:, 2] / seen[:, 0],
    )
