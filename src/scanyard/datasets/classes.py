"""What each data set calls things: a table per target, and an error for a category that has no class there.

The one thing a stranger gets wrong is who sits on the two-wheeler.  KITTI's *Cyclist* and our ``cyclist`` are rider
and bicycle in one box; nuScenes boxes both as ``vehicle.bicycle`` and says in an attribute whether somebody rides;
Argoverse 2 gives the rider (``BICYCLIST``) and the bicycle (``BICYCLE``) a box each: see ``riders``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.errors import FormatError

WITH_RIDER, WITHOUT_RIDER = "cycle.with_rider", "cycle.without_rider"

NUSCENES_OF_CATEGORY = {
    "car": "vehicle.car",
    "van": "vehicle.car",  # nuScenes' instructions count vans among cars
    "truck": "vehicle.truck",
    "bus": "vehicle.bus.rigid",
    "tram": "vehicle.bus.bendy",  # nuScenes has no rails; the longest thing that carries passengers
    "trailer": "vehicle.trailer",
    "construction_vehicle": "vehicle.construction",
    "bicycle": "vehicle.bicycle",
    "cyclist": "vehicle.bicycle",
    "motorcycle": "vehicle.motorcycle",
    "motorcyclist": "vehicle.motorcycle",
    "pedestrian": "human.pedestrian.adult",
    "person_sitting": "human.pedestrian.adult",
    "wheelchair": "human.pedestrian.wheelchair",
    "stroller": "human.pedestrian.stroller",
    "wheeled_rider": "human.pedestrian.personal_mobility",
    "animal": "animal",
    "barrier": "movable_object.barrier",
    "traffic_cone": "movable_object.trafficcone",
    "pushable": "movable_object.pushable_pullable",
    "cargo": "movable_object.debris",
    "misc": "movable_object.debris",
    "bicycle_rack": "static_object.bicycle_rack",
}
CATEGORY_OF_NUSCENES = {
    "vehicle.car": "car",
    "vehicle.truck": "truck",
    "vehicle.bus.rigid": "bus",
    "vehicle.bus.bendy": "bus",
    "vehicle.trailer": "trailer",
    "vehicle.construction": "construction_vehicle",
    "vehicle.emergency.police": "car",
    "vehicle.emergency.ambulance": "van",
    "vehicle.bicycle": "bicycle",
    "vehicle.motorcycle": "motorcycle",
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "human.pedestrian.construction_worker": "pedestrian",
    "human.pedestrian.police_officer": "pedestrian",
    "human.pedestrian.wheelchair": "wheelchair",
    "human.pedestrian.stroller": "stroller",
    "human.pedestrian.personal_mobility": "wheeled_rider",
    "animal": "animal",
    "movable_object.barrier": "barrier",
    "movable_object.trafficcone": "traffic_cone",
    "movable_object.pushable_pullable": "pushable",
    "movable_object.debris": "cargo",
    "static_object.bicycle_rack": "bicycle_rack",
}
RIDDEN = {"bicycle": "cyclist", "motorcycle": "motorcyclist"}
"""What a two-wheeler is called when somebody rides it and both are in one box."""

ARGOVERSE2_OF_CATEGORY = {
    "car": "REGULAR_VEHICLE",
    "van": "REGULAR_VEHICLE",  # Argoverse 2 counts vans and pickups among regular vehicles
    "truck": "TRUCK",
    "bus": "BUS",
    "tram": "RAILED_VEHICLE",
    "trailer": "VEHICULAR_TRAILER",
    "construction_vehicle": "LARGE_VEHICLE",
    "bicycle": "BICYCLE",
    "cyclist": "BICYCLIST",
    "motorcycle": "MOTORCYCLE",
    "motorcyclist": "MOTORCYCLIST",
    "pedestrian": "PEDESTRIAN",
    "person_sitting": "PEDESTRIAN",
    "wheelchair": "WHEELCHAIR",
    "stroller": "STROLLER",
    "wheeled_rider": "WHEELED_RIDER",
    "wheeled_device": "WHEELED_DEVICE",
    "animal": "ANIMAL",
    "traffic_cone": "CONSTRUCTION_CONE",
    "barrel": "CONSTRUCTION_BARREL",
    "bollard": "BOLLARD",
    "sign": "SIGN",
}
CATEGORY_OF_ARGOVERSE2 = {
    **{name: category for category, name in reversed(ARGOVERSE2_OF_CATEGORY.items())},
    "BOX_TRUCK": "truck",
    "TRUCK_CAB": "truck",
    "LARGE_VEHICLE": "truck",
    "ARTICULATED_BUS": "bus",
    "SCHOOL_BUS": "bus",
    "MESSAGE_BOARD_TRAILER": "trailer",
    "TRAFFIC_LIGHT_TRAILER": "trailer",
    "OFFICIAL_SIGNALER": "pedestrian",
    "DOG": "animal",
    "STOP_SIGN": "sign",
    "MOBILE_PEDESTRIAN_CROSSING_SIGN": "sign",
}

SUSTECH_CATEGORIES = {
    "Car": "car",
    "Van": "van",
    "Bus": "bus",
    "Truck": "truck",
    "Pedestrian": "pedestrian",
    "Rider": "cyclist",
    "Bicycle": "bicycle",
    "Motor": "motorcycle",
    "Motorcycle": "motorcycle",
    "Cone": "traffic_cone",
    "Barrier": "barrier",
}

VOCABULARY = frozenset({*NUSCENES_OF_CATEGORY, *ARGOVERSE2_OF_CATEGORY})
"""Every category that has a class somewhere."""


def classes_of(categories: NDArray[np.str_], table: Mapping[str, str], target: str) -> list[str]:
    """The ``target``'s class of each category (N,); FormatError names the categories it has none for."""
    unknown = sorted(set(categories.tolist()) - set(table))
    if unknown:
        raise FormatError(
            f"categories {unknown} have no class in {target}, which knows {sorted(table)}; "
            "leave them out (--drop CATEGORY) or rename them"
        )
    return [table[str(category)] for category in categories]


def categories_of(classes: Collection[str], table: Mapping[str, str], where: str) -> list[str]:
    """Our category of each class; FormatError says where one stands that the table does not know."""
    unknown = sorted(set(classes) - set(table))
    if unknown:
        raise FormatError(f"{where}: found classes {unknown}, expected some of {sorted(table)}")
    return [table[name] for name in classes]


def custom_classes(categories: NDArray[np.str_]) -> list[str]:
    """Names for layouts whose classes are free, in KITTI's manner: ``Car``, ``Person_sitting``."""
    table = {category: category.capitalize() for category in VOCABULARY}
    return classes_of(categories, table, "a free layout")


def without_categories(boxes: Boxes, dropped: Collection[str]) -> Boxes:
    """The boxes that are none of these."""
    return boxes[~np.isin(boxes.category, sorted(dropped))] if dropped else boxes
