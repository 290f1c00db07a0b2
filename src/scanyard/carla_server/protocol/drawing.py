"""What clients draw into the world: debug shapes, and pictures that are put on things.

A primitive travels as a variant, ``[index, fields]``, and the index says which of the structs below its fields are.
The four that begin with ``Hud`` have the bodies of the others; a spectator's screen shows them on top of everything.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.wire import FLOAT32_MAX, BoundingBox, Rotation, UInt8, UInt32, Vector3D


class Color(NamedTuple):
    """sRGB, 0 to 255."""

    r: UInt8 = 255
    g: UInt8 = 0
    b: UInt8 = 0


class Pixels(NamedTuple):
    """Says of an array (N, 4) on the wire, red, green, blue, alpha, between which numbers it lies.

    A picture has millions of pixels: they become one array of numpy, not structs.
    """

    low: float
    high: float


BytePixels = Annotated[NDArray[np.float64], Pixels(0.0, 255.0)]
"""(N, 4) sRGB, 0 to 255."""
FloatPixels = Annotated[NDArray[np.float64], Pixels(-FLOAT32_MAX, FLOAT32_MAX)]
"""(N, 4) linear, 0 to 1 where they are colours."""


class Texture(NamedTuple):
    """A picture, row by row from the top left."""

    width: UInt32
    height: UInt32
    pixels: BytePixels


class FloatTexture(NamedTuple):
    """A picture of floats, row by row from the top left."""

    width: UInt32
    height: UInt32
    pixels: FloatPixels


NORMAL, ROUGHNESS, DIFFUSE, EMISSIVE = 0, 1, 2, 3
"""What of a material a texture replaces; 1 also holds how metallic and how occluded it is."""


class Point(NamedTuple):
    """A dot."""

    location: Vector3D
    size: float = 0.1


class Line(NamedTuple):
    """A straight line."""

    begin: Vector3D
    end: Vector3D
    thickness: float = 0.1


class Arrow(NamedTuple):
    """A line with a head at its end."""

    line: Line
    arrow_size: float = 0.1


class Box(NamedTuple):
    """The edges of a box, ``box.location`` being in the world."""

    box: BoundingBox
    rotation: Rotation
    thickness: float = 0.1


class String(NamedTuple):
    """A text, as large on a screen wherever it stands."""

    location: Vector3D
    text: str
    draw_shadow: bool = False


class HudPoint(Point):
    """A dot on a screen."""


class HudLine(Line):
    """A line on a screen."""


class HudArrow(Arrow):
    """An arrow on a screen."""


class HudBox(Box):
    """A box on a screen."""


Primitive = Point | Line | Arrow | Box | String | HudPoint | HudLine | HudArrow | HudBox
"""In the order of their indices on the wire."""


class DebugShape(NamedTuple):
    """Something to be drawn for a while."""

    primitive: Primitive
    color: Color = Color()
    life_time: float = -1.0
    """Seconds of simulation; 0 lasts for ever, less than 0 one frame."""
    persistent_lines: bool = True
