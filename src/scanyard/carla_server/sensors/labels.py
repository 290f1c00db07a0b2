"""Pictures of what is where rather than of how it looks: depth, semantic labels, instances, normals.

Encodings, channels in the order B, G, R, A with A = 255, as little-endian numbers of 32 bits:

- depth: metres along the optical axis = 1000 · (R + 256 G + 65536 B) / (2**24 - 1); the sky is at 1000 m.
- semantic: R is the label.  instance: R is the label, G the low and B the high byte of the actor id, 0 for the street.
- control: what controls traffic and takes part in it, in the colours of ``CONTROL``, all else black.  CARLA draws boxes
  and lines of it through whatever is before them, in colours it does not publish; here it is seen as the eye sees it.
- normals: R, G, B = 127.5 (n + 1), rounded, of the normal's x, y, z in the world; 127, 127, 127 in the sky.  CARLA
  publishes no encoding; this is Unreal's world-normal buffer as its materials usually write it out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.shading import body_normals
from scanyard.carla_server.sensors.view import View
from scanyard.carla_server.surfaces.materials import TAG, Tag

Pixels = NDArray[np.uint8]
Words = NDArray[np.uint32]

FAR_M = 1000.0
_FINEST = np.uint32(2**24 - 1)
_OPAQUE = np.uint32(0xFF000000)
_NOWHERE = np.uint32(0xFF7F7F7F)


CONTROL: Mapping[Tag, tuple[int, int, int]] = {
    Tag.ROAD_LINES: (157, 234, 50), Tag.POLES: (153, 153, 153), Tag.TRAFFIC_LIGHT: (250, 170, 30),
    Tag.TRAFFIC_SIGNS: (220, 220, 0), Tag.GUARD_RAIL: (180, 165, 180), Tag.PEDESTRIANS: (220, 20, 60),
    Tag.RIDER: (255, 0, 0), Tag.CAR: (0, 0, 142), Tag.TRUCK: (0, 0, 70), Tag.BUS: (0, 60, 100),
    Tag.TRAIN: (0, 80, 100), Tag.MOTORCYCLE: (0, 0, 230), Tag.BICYCLE: (119, 11, 32),
}  # fmt: skip
"""R, G, B of what a control camera shows: Cityscapes' colours, as in the client's palette."""


def depth(view: View) -> Pixels:
    """The picture (H, W, 4) of a depth camera."""
    ahead = np.minimum(view.range_m, np.float32(1e9))
    ahead = ahead * view.lens.directions()[0]
    ahead *= np.float32(_FINEST / FAR_M)
    np.minimum(ahead, np.float32(_FINEST), out=ahead)
    word = np.rint(ahead, out=ahead).astype(np.uint32)
    np.minimum(word, _FINEST, out=word)
    word.byteswap(inplace=True)  # the highest of three bytes comes first: it is blue
    word >>= np.uint32(8)
    word |= _OPAQUE
    return _pixels(view, word)


def semantic(view: View) -> Pixels:
    """The picture (H, W, 4) of a semantic camera."""
    return _pixels(view, _labels(view))


def instance(scene: Scene, view: View) -> Pixels:
    """The picture (H, W, 4) of an instance camera."""
    word = _labels(view)
    actors = view.look.actors
    if actors is not None:
        actor_id = scene.placed.actor_id[actors.place].astype(np.uint32)
        word[actors.rows] |= ((actor_id & np.uint32(0xFF)) << np.uint32(8)) | (
            (actor_id >> np.uint32(8)) & np.uint32(0xFF)
        )
    return _pixels(view, word)


def control(view: View) -> Pixels:
    """The picture (H, W, 4) of a camera that shows only what matters to traffic."""
    return _pixels(view, _CONTROL_WORDS[(_labels(view) >> np.uint32(16)) & np.uint32(0xFF)])


def normals(scene: Scene, view: View) -> Pixels:
    """The picture (H, W, 4) of a normals camera."""
    face = view.look.face.astype(np.int64)
    oriented = view.faces.normal * view.facing
    word = _normal_words(oriented)
    word[-1] = _NOWHERE
    picture = word.take(face)
    actors = view.look.actors
    if actors is not None:
        picture[actors.rows] = _normal_words(body_normals(scene, view, actors))
    return _pixels(view, picture)


def _labels(view: View) -> Words:
    word = view.faces.label.take(view.look.face)
    actors = view.look.actors
    if actors is not None:
        word[actors.rows] = TAG[actors.bodies.material[actors.face]].astype(np.uint32) << np.uint32(16) | _OPAQUE
    return word


def _normal_words(normal: NDArray[np.float32]) -> Words:
    """Pixels (K,) of unit normals (3, K)."""
    x, y, z = np.rint((normal + np.float32(1)) * np.float32(127.5)).astype(np.uint32)
    return np.asarray((x << np.uint32(16)) | (y << np.uint32(8)) | z | _OPAQUE)


def _control_words() -> Words:
    words = np.full(256, _OPAQUE)
    for tag, (red, green, blue) in CONTROL.items():
        words[tag] |= np.uint32(red << 16 | green << 8 | blue)
    return words


_CONTROL_WORDS = _control_words()


def _pixels(view: View, word: Words) -> Pixels:
    return word.astype("<u4", copy=False).view(np.uint8).reshape(view.lens.height, view.lens.width, 4)
