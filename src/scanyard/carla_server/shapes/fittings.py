"""What is screwed on to a car: mirrors, door handles, number plates, aerial, roof rails, beacons, a taxi's sign.

Some of it decides the box.  Annotators draw KITTI's boxes round the sheet metal with a little room, and let mirrors
stick out: one return in forty lies beyond the sides.  So here handles reach the box's sides, plates its ends and the
aerial its top, all exactly, and mirrors reach over.  Frame: the vehicle's; x forward, y right, z up, metres.
"""

from __future__ import annotations

import numpy as np

from scanyard.carla_server.shapes.bodywork import END_GAP_M, Skin
from scanyard.carla_server.shapes.car_sections import SIDE, pillars
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, tube

_PLATE_M = (0.52, 0.11)  # the European one, by ISO 7591's size


def mirrors(skin: Skin, reach_m: float = 0.13) -> Mesh:
    """The two outer mirrors, ``reach_m`` beyond the sheet metal; the only part outside the box."""
    outline, half = skin.outline, SIDE * skin.size[1] / 2
    x = skin.x(outline.cowl + 0.35 * (outline.header - outline.cowl)) - 0.06
    z = skin.belt(outline.cowl) + 0.09
    parts = []
    for side in (-1.0, 1.0):
        inner, outer = side * (half - 0.10), side * (half + reach_m)
        stalk, stalk_m = (inner + outer) / 2 - side * 0.06, abs(outer - inner) - 0.12
        parts.append(box((x + 0.01, stalk, z - 0.055), (0.05, stalk_m, 0.035), Material.CAR_MIRROR_SHELL))
        parts.append(_housing(x, outer - side * 0.17, outer, z))
    return Mesh.joined(parts)


def _housing(x: float, inner: float, outer: float, z: float) -> Mesh:
    """A mirror's shell: flat to the rear, tapering forwards."""
    rear = [(x - 0.04, y, z + up) for y, up in ((inner, -0.06), (outer, -0.05), (outer, 0.06), (inner, 0.075))]
    middle = (inner + outer) / 2
    front = [(x + 0.08, middle + 0.6 * (y - middle), z + 0.7 * up)
             for y, up in ((inner, -0.06), (outer, -0.05), (outer, 0.06), (inner, 0.075))]  # fmt: skip
    faces = [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]
    faces += [corner for i in range(4) for corner in ([i, (i + 1) % 4, (i + 1) % 4 + 4], [i, (i + 1) % 4 + 4, i + 4])]
    return Mesh.of(rear + front, faces, [Material.CAR_MIRROR] * 2 + [Material.CAR_MIRROR_SHELL] * 10)


def handles(skin: Skin) -> Mesh:
    """Door handles, which reach the sides of the box."""
    half_box = skin.size[1] / 2
    parts = []
    for start, _ in pillars(skin.outline)[1:3]:
        z = skin.belt(start) - 0.11
        inner = (SIDE - 0.08) * half_box
        parts += [box((skin.x(start - 0.02), side * (half_box + inner) / 2, z), (0.20, half_box - inner, 0.035),
                      Material.CAR_PAINT) for side in (-1, 1)]  # fmt: skip
    return Mesh.joined(parts)


def plates(skin: Skin) -> Mesh:
    """Number plates, which reach the ends of the box."""
    length, _, height = skin.size
    across, tall = _PLATE_M
    parts = []
    for end, z in ((0.5, 0.30 * height), (-0.5, 0.33 * height)):  # on the bumpers, which stand out most
        inwards = -np.sign(end)
        parts.append(box((end * length + inwards * 0.008, 0.0, z), (0.016, across, tall), Material.CAR_PLATE))
        bracket = (end * length + inwards * (0.016 + 1.5 * END_GAP_M), 0.0, z)
        parts.append(box(bracket, (3 * END_GAP_M, 0.8 * across, 0.7 * tall), Material.CAR_DARK))
    return Mesh.joined(parts)


def aerial(skin: Skin, *, fin: bool) -> Mesh:
    """A shark fin or a rod on the roof, which reaches the top of the box."""
    height, outline = skin.size[2], skin.outline
    share = outline.roof_rear - 0.04
    foot = skin.top(share) - 0.01
    x = skin.x(share)
    if fin:
        corners = [(x + 0.10, 0, foot), (x - 0.06, 0.02, foot), (x - 0.06, -0.02, foot), (x - 0.05, 0, height)]
        return Mesh.of(corners, [[0, 1, 3], [0, 2, 3], [1, 2, 3]], Material.CAR_PAINT)
    return Mesh.of(
        [(x + 0.012, 0, foot), (x - 0.012, 0.01, foot), (x - 0.012, -0.01, foot), (x - 0.10, 0, height)],
        [[0, 1, 3], [0, 2, 3], [1, 2, 3]],
        Material.CAR_DARK,
    )


def roof_rails(skin: Skin) -> Mesh:
    """Two rails along the roof, each on two feet."""
    outline, (_, width, _) = skin.outline, skin.size
    y = 0.5 * SIDE * width * outline.roof_width - 0.07
    shares = (outline.header + 0.05, outline.roof_rear - 0.06)
    x = [skin.x(share) for share in shares]
    z = min(skin.top(share) for share in shares) - 0.005
    ends = [(x[0], x[1], z, z), (x[0], x[0] - 0.03, z, z - 0.06), (x[1], x[1] + 0.03, z, z - 0.06)]
    return Mesh.joined(
        [
            tube((start, side * y, high), (stop, side * y, low), 0.018, Material.CAR_DARK, 5)
            for side in (-1, 1)
            for start, stop, high, low in ends
        ]
    )


def beacons(skin: Skin) -> Mesh:
    """A light bar across the roof, blue and red, which reaches the top of the box."""
    outline, (_, width, height) = skin.outline, skin.size
    x = skin.x(outline.header + 0.16)
    low = skin.top(outline.header + 0.16) - 0.015
    across = 0.62 * width
    parts = [box((x, 0, (low + height) / 2), (0.22, 0.16 * across, height - low), Material.CAR_DARK)]
    for side, material in ((-1, Material.CAR_BEACON_RED_LAMP), (1, Material.CAR_BEACON_LAMP)):
        parts.append(box((x, side * 0.29 * across, (low + height) / 2), (0.26, 0.42 * across, height - low), material))
    return Mesh.joined(parts)


def taxi_sign(skin: Skin) -> Mesh:
    """A lit sign on the roof, which reaches the top of the box."""
    share = skin.outline.header + 0.12
    low, height = skin.top(share) - 0.01, skin.size[2]
    return box((skin.x(share), 0, (low + height) / 2), (0.16, 0.42, height - low), Material.TAXI_SIGN)
