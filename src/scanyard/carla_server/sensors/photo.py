"""A colour picture, from light to pixels: shade, light lamps, add the air, develop, smooth edges, draw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors import lamps, shading
from scanyard.carla_server.sensors.context import Context
from scanyard.carla_server.sensors.edges import smooth_edges
from scanyard.carla_server.sensors.film import Film
from scanyard.carla_server.sensors.lighting import light_of
from scanyard.carla_server.sensors.rainfall import add_rain
from scanyard.carla_server.sensors.shadows import openness_of
from scanyard.carla_server.sensors.sketches import sketch
from scanyard.carla_server.sensors.view import View


def photo(scene: Scene, view: View, attributes: Mapping[str, str], context: Context) -> NDArray[np.uint8]:
    """The picture (H, W, 4) uint8, B, G, R, A, of a colour camera."""
    light, film = light_of(context.weather), Film.of(attributes)
    color, found = shading.shade(scene, view, light, openness_of(scene, view, light))
    if light.is_dark:
        lamps.add_lamplight(scene, view, found, color, context)
    lamps.add_emission(view, light, found, color, scene=scene, told=context)
    lamps.add_glow(view, light, found, color, lamps.sources(scene, view, context))
    add_rain(view.lens, light, color, view.pose, context.tick.frame)
    picture = film.develop(view.lens, color, film.exposure(color))
    if film.has_effects:
        smooth_edges(picture, view, found)
    sketch(picture, view, context.drawings)
    return picture
