"""The cameras: colour, depth, labels, normals, flow and events, from one cast of the scene.

Cameras at one spot with one lens share the rays of a frame (``view``); the colour camera adds shadow and sky rays
(``shadows``).  Cameras see glass as solid, in truth pictures too: CARLA labels glass as the car it belongs to unless
``set_annotations_traverse_translucency`` says otherwise.

A camera that is inside a car, or within ``NEAR_CARRIER_M`` of its box, does not see it; one that hangs further off
does, so that a chase camera shows the car it follows.  Unreal gets the same by drawing only the outsides of faces.

Attributes that act: ``image_size_x``, ``image_size_y``, ``fov``, all ``lens_*`` (``lens``); of the colour and event
cameras ``gamma``, ``exposure_mode``, ``exposure_compensation``, ``shutter_speed``, ``iso``, ``fstop``, ``slope``,
``toe``, ``shoulder``, ``black_clip``, ``white_clip``, ``enable_postprocess_effects`` (``film``); of the event camera
those of ``events``.  Accepted and without effect, because nothing here blurs by depth or motion, flares or shifts
colours: ``motion_blur_*``, ``lens_flare_intensity``, ``bloom_intensity``, ``min_fstop``, ``blade_count``,
``focal_distance``, ``blur_amount``, ``blur_radius``, ``exposure_min_bright``, ``exposure_max_bright``,
``exposure_speed_*``, ``calibration_constant``, ``temp``, ``tint``, ``chromatic_aberration_*``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors import labels
from scanyard.carla_server.sensors.context import Context, Sensor, noise, number
from scanyard.carla_server.sensors.events import Retina, Thresholds
from scanyard.carla_server.sensors.flow import optical_flow
from scanyard.carla_server.sensors.lens import Lens
from scanyard.carla_server.sensors.photo import photo
from scanyard.carla_server.sensors.view import View, view_from

Floats = NDArray[np.float64]

NEAR_CARRIER_M = 0.3


def picture(
    scene: Scene, kind: str, attributes: Mapping[str, str], world_from_sensor: Floats, context: Context
) -> NDArray[np.uint8]:
    """The picture (H, W, 4) uint8, channels B, G, R, A, of a camera of any kind but flow and events."""
    view = _view(scene, attributes, world_from_sensor, context)
    if kind == "rgb":
        return photo(scene, view, attributes, context)
    if kind == "depth":
        return labels.depth(view)
    if kind == "semantic":
        return labels.semantic(view)
    if kind == "instance":
        return labels.instance(scene, view)
    if kind == "control":
        return labels.control(view)
    return labels.normals(scene, view)


def sends_pictures(kind: str, sensor_type: int, look: Any = picture) -> Sensor:
    """Send what ``look(scene, kind, attributes, world_from_sensor, context)`` paints, (H, W, 4)."""

    def send(
        scene: Any, attributes: Mapping[str, str], world_from_sensor: Floats, context: Context
    ) -> Sequence[Chunks]:
        pixels = look(scene, kind, attributes, world_from_sensor, context)
        return [packets.image(context.opening(sensor_type), pixels, fov_deg=number(attributes, "fov", 90.0))]

    return send


def flow_camera(
    scene: Scene, attributes: Mapping[str, str], world_from_sensor: Floats, context: Context
) -> Sequence[Chunks]:
    """Send how far everything has moved across the picture since the last frame (``flow``)."""
    view = _view(scene, attributes, world_from_sensor, context)
    flow = optical_flow(scene, view, context.motions, context.sensor_id)
    opening = context.opening(packets.OPTICAL_FLOW_CAMERA)
    return [packets.flow(opening, flow, fov_deg=number(attributes, "fov", 90.0))]


def event_camera(
    scene: Scene, attributes: Mapping[str, str], world_from_sensor: Floats, context: Context
) -> Sequence[Chunks]:
    """Send where and when the light has changed since the sensor last looked (``events``)."""
    thresholds = Thresholds.of(attributes)
    pixels = picture(scene, "rgb", attributes, world_from_sensor, context)
    brightness, time_ns = thresholds.brightness(pixels), round(context.time_s * 1e9)
    retina = context.memory.get("retina")
    if retina is None:
        retina = context.memory["retina"] = Retina.opened(brightness, time_ns)
    draw = noise("dvs", attributes, world_from_sensor, context)
    found = retina.events(brightness, time_ns, pixels.shape[1], thresholds, draw)
    opening = context.opening(packets.DVS_CAMERA)
    height, width, _ = pixels.shape
    return [packets.events(opening, found, width=width, height=height, fov_deg=number(attributes, "fov", 90.0))]


def _view(scene: Scene, attributes: Mapping[str, str], world_from_sensor: Floats, context: Context) -> View:
    ignored = context.ignored_ids | _worn(scene, world_from_sensor, context.carrier_ids | {context.parent_id})
    return view_from(scene, Lens.of(attributes), world_from_sensor, ignored_ids=frozenset(ignored))


def _worn(scene: Scene, world_from_sensor: Floats, carrier_ids: frozenset[int]) -> frozenset[int]:
    """Those of the carriers whose boxes the camera is in, or all but in."""
    placed, eye = scene.placed, np.asarray(world_from_sensor)[:3, 3]
    found = []
    for place in np.flatnonzero(np.isin(placed.actor_id, list(carrier_ids))):
        pose, shape = placed.world_from_actor[place], placed.shapes[place]
        local = (eye - pose[:3, 3]) @ pose[:3, :3] - np.asarray(shape.center)
        if (np.abs(local) <= np.asarray(shape.extent) + NEAR_CARRIER_M).all():
            found.append(int(placed.actor_id[place]))
    return frozenset(found)
