"""Parked vehicles: part of the map, not actors, and yet a detector must find them.

A server lists them as environment objects.  Those that stand where the scenario needs room are switched off for its
duration, the others become truth like any actor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes, overlap_bev
from scanyard.geometry import FloatArray
from scanyard.roads.client import carla
from scanyard.sim.handedness import from_carla, mirrored

CATEGORY_OF_LABEL = {"Car": "car", "Truck": "truck", "Bus": "bus"}
"""CARLA's labels of parked vehicles; two-wheelers stand without a rider and are no road users to find."""
VAN_HEIGHT_M = 1.9
"""CARLA has no label for vans; KITTI's cars are 1.54 m high (sd 0.14), its vans 2.19 m (sd 0.34)."""
FIRST_TRACK = 2**32
"""Tracks of parked vehicles start here, beyond every actor id."""


@dataclass(frozen=True)
class ParkedVehicles:
    """All parked vehicles of the loaded map."""

    ids: tuple[int, ...]
    """The server's ids, indexed like ``boxes_world``."""
    boxes_world: Boxes

    @classmethod
    def of(cls, world: Any) -> ParkedVehicles:
        """Ask the server for them."""
        ids: list[int] = []
        rows: list[tuple[FloatArray, FloatArray, float, str]] = []
        for label, category in CATEGORY_OF_LABEL.items():
            for thing in world.get_environment_objects(getattr(carla.CityObjectLabel, label)):
                box = thing.bounding_box
                size = 2 * np.array([box.extent.x, box.extent.y, box.extent.z])
                pose = from_carla(carla.Transform(carla.Location(), box.rotation))
                center = mirrored(np.array([box.location.x, box.location.y, box.location.z]))
                ids.append(thing.id)
                van = category == "car" and size[2] > VAN_HEIGHT_M
                rows.append((center, size, pose.yaw_rad, "van" if van else category))
        if not rows:
            return cls((), Boxes.empty())
        order = sorted(range(len(ids)), key=lambda i: ids[i])
        center_, size_, yaw, categories = zip(*(rows[i] for i in order), strict=True)
        boxes = Boxes(
            center=np.array(center_),
            size=np.array(size_),
            yaw_rad=np.array(yaw),
            category=np.array(categories),
            track=FIRST_TRACK + np.arange(len(order)),
            velocity=np.zeros((len(order), 3)),
        )
        return cls(tuple(ids[i] for i in order), boxes)

    def in_the_way(self, moving: list[Boxes]) -> NDArray[np.intp]:
        """Indices (K,) of those that touch any of ``moving`` (world frame), one entry per frame."""
        touched = np.zeros(len(self.ids), dtype=bool)
        for boxes in moving:
            if len(boxes) and len(self.ids):
                touched |= (overlap_bev(self.boxes_world, boxes) > 0).any(axis=1)
        return np.flatnonzero(touched)

    def without(self, indices: NDArray[np.intp]) -> ParkedVehicles:
        """The others."""
        keep = np.setdiff1d(np.arange(len(self.ids)), indices)
        return ParkedVehicles(tuple(self.ids[i] for i in keep), self.boxes_world[keep])

    def near(self, position: FloatArray, reach_m: float) -> Boxes:
        """Those whose centre is within ``reach_m`` of ``position`` (3,), world frame."""
        distance = np.linalg.norm(self.boxes_world.center[:, :2] - position[:2], axis=1)
        return self.boxes_world[distance < reach_m]
