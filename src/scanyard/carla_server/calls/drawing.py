"""Calls that draw: debug shapes in the world, and textures put on its objects.

A texture's pixels are not mapped onto triangles, which carry one colour each: an object takes the mean colour of a
diffuse or emissive texture, transparent pixels counting less.  Normals and roughness have no colour and change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.calls.addressing import refusal
from scanyard.carla_server.protocol.drawing import (
    DIFFUSE,
    EMISSIVE,
    DebugShape,
    FloatTexture,
    Texture,
)
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import UInt8
from scanyard.carla_server.world.episode import Episode


def draw(episode: Episode, shape: DebugShape) -> None:
    """Draw a shape for a while."""
    episode.drawings.add(shape, episode.time_s)


def clear(episode: Episode) -> None:
    """Wipe the shapes off."""
    episode.drawings.clear()


def clear_texts(episode: Episode) -> None:
    """Wipe the texts off."""
    episode.drawings.clear_texts()


def paint(episode: Episode, names: tuple[str, ...], parameter: UInt8, texture: Texture) -> None:
    """Put a picture on the objects with these names."""
    _refuse_ill_sized(texture, "apply_color_texture_to_objects")
    _paint(episode, names, parameter, texture.pixels / 255.0)


def paint_floats(episode: Episode, names: tuple[str, ...], parameter: UInt8, texture: FloatTexture) -> None:
    """Put a picture of linear colours on the objects with these names."""
    _refuse_ill_sized(texture, "apply_float_color_texture_to_objects")
    linear = np.clip(texture.pixels, 0.0, 1.0)
    _paint(episode, names, parameter, linear ** (1 / 2.2, 1 / 2.2, 1 / 2.2, 1.0))  # sRGB, near enough for a mean


def _paint(episode: Episode, names: Collection[str], parameter: int, pixels: NDArray[np.float64]) -> None:
    if parameter in (DIFFUSE, EMISSIVE):
        weight = pixels[:, 3]
        mean = np.average(pixels[:, :3], axis=0, weights=weight if weight.any() else None)
        red, green, blue = np.clip(mean, 0.0, 1.0).tolist()
        episode.paint(names, (red, green, blue))


def _refuse_ill_sized(texture: Texture | FloatTexture, call: str) -> None:
    if not len(texture.pixels) or len(texture.pixels) != texture.width * texture.height:
        raise refusal(call, f"{len(texture.pixels)} pixels are no picture of {texture.width} by {texture.height}")


CALLS: Mapping[str, Handler] = {
    "draw_debug_shape": draw,
    "clear_debug_shape": clear,
    "clear_debug_string": clear_texts,
    "apply_color_texture_to_objects": paint,
    "apply_float_color_texture_to_objects": paint_floats,
}
