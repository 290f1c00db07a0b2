"""What an episode asks of its surroundings: the scenery, the shapes of actors, and what sensors see.

The real ones live in ``scene`` and ``table`` and need Open3D, which takes a second to import; they are handed to the
episode as a ``Senses``, so that the server answers before they are loaded, and tests stand on a flat plane instead.
Everything is in CARLA's left-handed frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.sensors.context import Sensor
from scanyard.carla_server.street.obstacles import Obstacles


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

    @property
    def lamps(self) -> NDArray[np.float64]:
        """(L, 3) metres, in the world: the lights of all street lamps."""
        ...

    def enable(self, ids: Iterable[int], enabled: bool, /) -> None:
        """Show or hide pieces of scenery."""
        ...

    def paint(self, ids: Iterable[int], color: tuple[float, float, float] | None, /) -> None:
        """Give pieces of scenery another colour, sRGB 0 to 1, or their own again."""
        ...

    def show_layers(self, layers: int, shown: bool, /) -> None:
        """Show or hide all scenery of some of CARLA's map layers, by their bits."""
        ...

    def ground_below(self, points: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Height (M,) of the first ground straight below points (M, 3); -inf where there is none."""
        ...

    @property
    def obstacles(self) -> Obstacles:
        """What is in the way of what moves, hidden or not; made when first asked for."""
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
    """``scene(road_map, style=, parked_share=, without=)`` builds a Scene."""
    shape_for: Callable[[str, Mapping[str, str], Mapping[str, Any]], Any]
    """``shape_for(type_id, attributes, definition)`` is an actor's Shape."""
    sensors: Mapping[str, Sensor]
    """What each kind of sensor does: the blueprints name the kinds."""

    @classmethod
    def real(cls, assets: Path | None = None, kinds: Mapping[str, str] | None = None) -> Senses:
        """The procedural street world and the sensors that look at it.

        Meshes in the folder ``assets`` take the place of the shapes of the blueprints they name; InputError where they
        cannot.  ``kinds`` are the kinds of all blueprints with a shape, by id.
        """
        # Open3D takes a second to import
        from scanyard.carla_server.scene import scene  # noqa: PLC0415
        from scanyard.carla_server.sensors import table  # noqa: PLC0415

        if assets is None:
            return cls(scene.Scene, scene.shape_for, table.SENSORS)
        from scanyard.carla_server.shapes.assets import Assets  # noqa: PLC0415 - reads YAML, for those who bring meshes

        return cls(scene.Scene, Assets(assets, kinds or {}).shape_for, table.SENSORS)


FEEL = frozenset({"gnss", "imu", "collision"})
"""Kinds that feel and do not look: the scene need not be placed for them."""
