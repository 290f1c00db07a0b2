"""What can be spawned: CARLA's blueprint ids with complete attribute lists, read from ``blueprints.json``.

Complete, because scripts look attributes up before they know whether they need them.  Beyond CARLA's, vehicles and
props take ``length_m``, ``width_m`` and ``height_m`` (0 keeps the blueprint's own size), so that sizes can follow a
data set, and LiDARs take ``beam_table`` (``elevation_deg:z_offset_m;...``, highest first; empty spaces the beams
evenly, as CARLA does), ``firings_per_turn``, ``firing_time`` (true: each ray at its own time, so that a sweep shears as
the car moves) and ``returns`` (2: also what half of ``beam_divergence``, milliradians, off the beam's axis comes back).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.wire import ActorAttribute, ActorAttributeValue, ActorDefinition, ActorDescription

TAG_OF_KIND = {
    "adult": 12, "child": 12, "car": 14, "van": 14, "truck": 15, "bus": 16, "motorcycle": 18, "bicycle": 19,
    "animal": 21,
}  # fmt: skip
"""Semantic label of an actor by the kind of its shape; props say their own, 20, Static, or 21, Dynamic."""
STATIC = 20


@dataclass(frozen=True)
class Blueprint:
    """One thing that can be spawned."""

    definition: ActorDefinition
    shape: Mapping[str, Any] | None = None
    """kind, length_m, width_m, height_m; None for what has no body."""
    senses: str | None = None
    """What a sensor senses: rgb, depth, semantic, instance, lidar or semantic_lidar."""

    @property
    def id(self) -> str:
        """CARLA's name of it, three parts with dots between."""
        return self.definition.id

    @property
    def semantic_tags(self) -> bytes:
        """The labels it shows to sensors, one byte each."""
        return bytes([TAG_OF_KIND.get(self.shape["kind"], self.shape.get("label", STATIC))]) if self.shape else b""

    def attributes(self, description: ActorDescription) -> dict[str, str]:
        """All attributes by name: what the description says of those that may be modified, else its own value."""
        wanted = {attribute.id: attribute.value for attribute in description.attributes}
        return {
            one.id: wanted.get(one.id, one.value) if one.is_modifiable else one.value
            for one in self.definition.attributes
        }

    def description(self, attributes: Mapping[str, str]) -> ActorDescription:
        """What clients are told of an actor with these ``attributes``."""
        values = [ActorAttributeValue(one.id, one.type, attributes[one.id]) for one in self.definition.attributes]
        return ActorDescription(self.definition.uid, self.id, tuple(values))


@cache
def library() -> Mapping[str, Blueprint]:
    """Every blueprint by id."""
    tables = json.loads(resources.files(__package__).joinpath("blueprints.json").read_text("utf-8"))
    groups = {name: [_attribute(**entry) for entry in entries] for name, entries in tables["attributes"].items()}
    found: dict[str, Blueprint] = {}

    def add(entry: Mapping[str, Any], attributes: Iterable[ActorAttribute]) -> None:
        name = entry["id"]
        definition = ActorDefinition(len(found) + 1, name, name.replace(".", ","), tuple(attributes))
        found[name] = Blueprint(definition, entry.get("shape"), entry.get("senses"))

    for entry in tables["vehicles"]:
        add(entry, [*groups["vehicle"], *_vehicle_attributes(entry)])
    for entry in tables["walkers"]:
        add(entry, [*groups["walker"], *_walker_attributes(entry)])
    for entry in tables["props"]:
        add(entry, [*groups["prop"], _fixed("size", "string", entry["size"])])
    for entry in tables["triggers"]:
        add(entry, groups["trigger"])
    for entry in tables["sensors"]:
        add(entry, [attribute for group in entry["attributes"] for attribute in groups[group]])
    for entry in tables["controllers"]:
        add(entry, groups["controller"])
    return found


def _vehicle_attributes(entry: Mapping[str, Any]) -> list[ActorAttribute]:
    # Scripts draw colour and driver from the recommended values, so these must not be empty.
    return [
        _attribute("color", "color", entry["colors"][0], entry["colors"]),
        _attribute("driver_id", "int", "0", ["0", "1"]),
        _fixed("object_type", "string", ""),
        _fixed("base_type", "string", entry["shape"]["kind"]),
        _fixed("special_type", "string", entry["special_type"]),
        _fixed("number_of_wheels", "int", str(entry["number_of_wheels"])),
        _fixed("generation", "int", str(entry["generation"])),
        _fixed("has_dynamic_doors", "bool", str(entry["has_dynamic_doors"]).lower()),
        _fixed("has_lights", "bool", str(entry["has_lights"]).lower()),
    ]


def _walker_attributes(entry: Mapping[str, Any]) -> list[ActorAttribute]:
    return [
        _attribute("speed", "float", entry["speeds"][1], entry["speeds"]),
        _fixed("gender", "string", entry["gender"]),
        _fixed("age", "string", entry["age"]),
        _fixed("generation", "int", str(entry["generation"])),
        _fixed("can_use_wheelchair", "bool", str(entry["can_use_wheelchair"]).lower()),
        _attribute("use_wheelchair", "bool", "false", modifiable=entry["can_use_wheelchair"]),
    ]


def _attribute(
    id: str,  # noqa: A002 - the name it has in the table and on the wire
    type: str,  # noqa: A002
    value: str,
    recommended: Iterable[str] = (),
    *,
    modifiable: bool = True,
    restrict: bool = False,
) -> ActorAttribute:
    return ActorAttribute(id, wire.ATTRIBUTE_TYPES[type], value, tuple(recommended), modifiable, restrict)


def _fixed(name: str, kind: str, value: str) -> ActorAttribute:
    return _attribute(name, kind, value, modifiable=False)
