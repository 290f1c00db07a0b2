"""The parts of an actor that scripts ask after by name: components, bones and sockets, and where they are.

Names are those of CARLA's assets where scripts are known to use them (a component with Mesh in its name, bones
``Wheel_Front_Left``).  A vehicle's bones are its base and its wheels, turned as they steer; its sockets are where its
lamps, seats and plates are, by the proportions of its box.  Whatever else exists is a single component.

Frame: everything is a (4, 4) ``actor_from_part``, left-handed, metres.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scanyard.carla_server.protocol.poses import Floats, matrices
from scanyard.carla_server.sensors.senses import Shape
from scanyard.carla_server.world import skeletons
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.vehicles import Vehicle
from scanyard.carla_server.world.walkers import Walker

Parts = Mapping[str, Floats]
"""(4, 4) ``actor_from_part`` by name, in a fixed order."""

_WHEELS = ("Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right")
_TWO_WHEELS = ("Wheel_Front", "Wheel_Rear")

# Shares of the box: from its middle to the front (x) and the right (y), from the ground up (z).
_CAR_SOCKETS = {
    "headlight_left": (0.97, -0.72, 0.45),
    "headlight_right": (0.97, 0.72, 0.45),
    "taillight_left": (-0.97, -0.78, 0.52),
    "taillight_right": (-0.97, 0.78, 0.52),
    "license_plate_front": (1.0, 0.0, 0.28),
    "license_plate_rear": (-1.0, 0.0, 0.42),
    "seat_front_left": (0.05, -0.40, 0.40),
    "seat_front_right": (0.05, 0.40, 0.40),
    "seat_rear_left": (-0.35, -0.40, 0.42),
    "seat_rear_right": (-0.35, 0.40, 0.42),
    "roof": (-0.10, 0.0, 1.0),
}
_CYCLE_SOCKETS = {
    "headlight": (0.75, 0.0, 0.50),
    "taillight": (-0.85, 0.0, 0.45),
    "license_plate_rear": (-0.95, 0.0, 0.35),
    "seat": (-0.20, 0.0, 0.50),
}


def components(actor: Actor) -> Parts:
    """The components of an actor; every actor has one."""
    if actor.is_vehicle:
        return {"VehicleMesh": np.eye(4), "BoundingBox": _box_middle(actor.shape)}
    if actor.is_walker:
        feet = np.eye(4)
        if actor.shape is not None:
            feet[2, 3] = float(actor.shape.center[2]) - float(actor.shape.extent[2])
        return {"CapsuleComponent": np.eye(4), "CharacterMesh0": feet}
    return {"StaticMeshComponent" if actor.shape is not None else "RootComponent": np.eye(4)}


def vehicle_bones(vehicle: Vehicle) -> Parts:
    """The base of a vehicle and its wheels, each turned as it steers and as scripts pitched it."""
    assert vehicle.shape is not None
    wheels = getattr(vehicle.shape, "wheels", ())
    found: dict[str, Floats] = {"Vehicle_Base": np.eye(4)}
    names, steers_as = (_TWO_WHEELS, (0, 2)) if len(wheels) == 2 else (_WHEELS, (0, 1, 2, 3))
    for number, (name, axle, wheel) in enumerate(zip(names, steers_as, wheels, strict=False)):
        x, y, z = (float(value) for value in wheel.center)
        pitch, yaw = vehicle.wheel_pitch_deg.get(number, 0.0), vehicle.wheel_steer_deg(axle)
        found[name] = matrices((x, y, z, pitch, yaw, 0.0))
    return found


def walker_bones(walker: Walker) -> Parts:
    """The bones of a walker as it now holds itself."""
    actor_from_component = components(walker)["CharacterMesh0"]
    placed = actor_from_component @ skeletons.in_component(walker.skeleton())
    return dict(zip(skeletons.NAMES, placed, strict=True))


def sockets(actor: Actor) -> Parts:
    """Where lamps, seats and plates of a vehicle are; others have none."""
    if not actor.is_vehicle or actor.shape is None:
        return {}
    x, y, z = (float(value) for value in actor.shape.extent)
    middle = _box_middle(actor.shape)
    shares = _CYCLE_SOCKETS if len(getattr(actor.shape, "wheels", ())) == 2 else _CAR_SOCKETS
    found = {}
    for name, (ahead, right, up) in shares.items():
        found[name] = middle @ matrices((ahead * x, right * y, (2.0 * up - 1.0) * z, 0.0, 180.0 * (ahead < -0.8), 0.0))
    return found


def _box_middle(shape: Shape | None) -> Floats:
    middle = np.eye(4)
    if shape is not None:
        middle[:3, 3] = shape.center
    return middle
