"""What an episode asks of its surroundings: the scenery, the shapes of actors, and what sensors see.

The real ones live in ``scene`` and ``sensing`` and need Open3D, which takes a second to import; they are handed to the
episode as a ``Senses``, so that the server answers before they are loaded, and tests stand on a flat plane instead.
Everything is in CARLA's left-handed frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.protocol.wire import WeatherParameters


class Tick(NamedTuple):
    """The frame being sensed, in the sensor's own time.

    A LiDAR begins its first turn when it is spawned: how many frames went by before, while a client was still
    connecting, must not turn its beams, or the same scenario would not give the same points.
    """

    frame: int
    """Frames since the sensor was spawned, beginning with 1."""
    time_s: float
    """Simulation time since the sensor was spawned."""
    delta_s: float
    """Simulation time since the frame before."""


class Shape(Protocol):
    """An actor's body in its own frame."""

    @property
    def center(self) -> Any:
        """(3,) metres: the bounding box's centre in the actor's frame."""
        ...

    @property
    def extent(self) -> Any:
        """(3,) metres: the bounding box's half sizes."""
        ...


class Scenery(Protocol):
    """A piece of scenery that clients may list and hide."""

    @property
    def id(self) -> int:
        """What clients name it by."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def label(self) -> int:
        """Semantic label."""
        ...

    @property
    def transform(self) -> Sequence[float]:
        """(6,) x, y, z in metres, pitch, yaw, roll in degrees."""
        ...

    @property
    def box_center(self) -> Any:
        """(3,) metres, in the world."""
        ...

    @property
    def extent(self) -> Any:
        """(3,) metres: the box's half sizes along its own axes."""
        ...


class Hits(Protocol):
    """What M rays hit."""

    @property
    def range_m(self) -> NDArray[np.floating]:
        """(M,) metres along each ray, infinite where nothing was hit."""
        ...

    @property
    def tag(self) -> NDArray[np.integer]:
        """(M,) semantic label of what was hit."""
        ...


class Scene(Protocol):
    """Scenery, and the actors placed in it."""

    @property
    def environment_objects(self) -> Sequence[Scenery]:
        """All pieces of scenery, hidden ones too."""
        ...

    def enable(self, ids: Iterable[int], enabled: bool, /) -> None:
        """Show or hide pieces of scenery."""
        ...

    def place(self, actor_ids: Any, shapes: Sequence[Any], world_from_actor: Any, /) -> None:
        """Put the actors where they are in this frame; those not named are gone."""
        ...

    def cast(self, origins: ArrayLike, directions: ArrayLike, /) -> Hits:
        """Return what M rays meet first: origins (M, 3) and unit directions (M, 3)."""
        ...


@dataclass(frozen=True)
class Senses:
    """The functions behind the seam."""

    scene: Callable[..., Any]
    """``scene(road_map, style=, parked_share=)`` builds a Scene."""
    shape_for: Callable[[str, Mapping[str, str], Mapping[str, Any]], Any]
    """``shape_for(type_id, attributes, definition)`` is an actor's Shape."""
    semantic_lidar: Callable[..., Any]
    lidar: Callable[..., Any]
    """Both: ``(scene, attributes, world_from_sensor, parent_id=, tick=)`` gives counts (C,) and points (M,)."""
    camera: Callable[..., Any]
    """``(scene, kind, attributes, world_from_sensor, weather, parent_id=, tick=)`` gives (H, W, 4) uint8, BGRA."""

    @classmethod
    def real(cls) -> Senses:
        """The procedural street world and the sensors that look at it."""
        # Open3D takes a second to import
        from scanyard.carla_server.scene import scene  # noqa: PLC0415
        from scanyard.carla_server.sensors import lidar  # noqa: PLC0415

        return cls(
            scene.Scene,
            scene.shape_for,
            lidar.semantic_lidar,
            lidar.lidar,
            lidar.camera,
        )


CAMERAS = {
    "rgb": packets.RGB_CAMERA,
    "depth": packets.DEPTH_CAMERA,
    "semantic": packets.SEMANTIC_CAMERA,
    "instance": packets.INSTANCE_CAMERA,
}
LIDARS = {"semantic_lidar": packets.SEMANTIC_LIDAR, "lidar": packets.LIDAR}
MESSAGE_TYPES = CAMERAS | LIDARS
"""Type id of a sensor's messages, by what it senses."""


def sense(
    senses: Senses,
    scene: Scene,
    kind: str,
    attributes: Mapping[str, str],
    world_from_sensor: NDArray[np.float64],
    *,
    opening: bytes,
    parent_id: int,
    weather: WeatherParameters,
    tick: Tick,
) -> Chunks:
    """Return one sensor's message of one frame; ``opening`` is its header, ``world_from_sensor`` (4, 4)."""
    if kind in CAMERAS:
        pixels = senses.camera(scene, kind, attributes, world_from_sensor, weather, parent_id=parent_id, tick=tick)
        return packets.image(opening, pixels, fov_deg=float(attributes["fov"]))
    cast = senses.semantic_lidar if kind == "semantic_lidar" else senses.lidar
    counts, points = cast(scene, attributes, world_from_sensor, parent_id=parent_id, tick=tick)
    turned = math.tau * ((float(attributes["rotation_frequency"]) * tick.time_s) % 1.0)
    return packets.sweep(opening, counts, points, horizontal_angle_rad=turned)
