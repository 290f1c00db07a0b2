"""The choreography's actors on a server: which blueprint plays whom, how they are moved, what boxes they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.errors import ScenarioFault
from scanyard.geometry import FloatArray
from scanyard.randomness import stream
from scanyard.roads.client import carla
from scanyard.scenario.concrete import ConcreteScenario, Kind
from scanyard.sim.choreography import EGO_HEIGHT_M, EGO_LENGTH_M, EGO_WIDTH_M, TYPICAL_SIZE_M, Choreography, Track
from scanyard.sim.handedness import carla_transform, carla_transforms, mirrored
from scanyard.sim.simulator import CATEGORY_OF_KIND

_Id = TypeVar("_Id", np.uint16, np.uint32)
SPAWN_HEIGHT_M = 300.0
"""Actors appear this high, each on its own level, and are moved into place: a spawn point must be free."""

BASE_TYPE_OF_KIND: dict[Kind, str] = {
    "car": "car",
    "van": "van",
    "truck": "truck",
    "bus": "bus",
    "motorcyclist": "motorcycle",
    "cyclist": "bicycle",
}
CARGO_NAMES = ("box0", "mattress", "pallet", "ironplank", "creasedbox", "shoppingcart", "tire", "tyre", "barrel")

CAR_SIZE_M = ((3.882, 0.45), (1.631, 0.106), (1.536, 0.139))
"""Mean and standard deviation of length, width, height: KITTI's car labels (5,485 frames).

Sizes that follow the target data set mattered more for transfer than anything else in the simulator.
"""
VAN_SIZE_M = ((5.006, 0.797), (1.886, 0.170), (2.187, 0.336))
"""The same for KITTI's van labels."""


@dataclass(frozen=True)
class ActorSet:
    """N spawned actors, indexed alike with the tracks they follow."""

    handles: tuple[Any, ...]
    tracks: tuple[Track, ...]
    box_offset: FloatArray
    """(N, 3) centre of the bounding box in the actor's frame, right-handed metres."""
    size: FloatArray
    """(N, 3) length, width, height in metres."""

    def __len__(self) -> int:
        return len(self.handles)

    def numbered(self, ids: NDArray[_Id]) -> NDArray[_Id]:
        """Turn the server's actor ids, of any shape, into ours: 1 to N in the order of the tracks, 0 for all else.

        A server goes on counting from scenario to scenario, so its ids depend on what it played before.  Ids cut to
        16 bits, as in instance images, are understood as long as ``ids`` has that width.
        """
        own = np.array([handle.id for handle in self.handles], dtype=np.int64) & np.iinfo(ids.dtype).max
        numbers = np.zeros(ids.shape, dtype=ids.dtype)
        named = np.nonzero(ids != 0)  # few are: most of what is seen is the static world
        if not len(own) or not len(named[0]):
            return numbers
        order = np.argsort(own)
        place = np.minimum(np.searchsorted(own[order], ids[named]), len(own) - 1)
        numbers[named] = np.where(own[order][place] == ids[named], order[place] + 1, 0)
        return numbers

    def placement(self, index: int) -> list[Any]:
        """Commands that put every actor where frame ``index`` has it."""
        if not self.handles:
            return []
        pose = self._world_from_actor[index].copy()
        # Vehicles have their origin on the ground, walkers in their middle: the box's offset tells.
        lift = self.size[:, 2] / 2 - self.box_offset[:, 2]
        pose[:, :3, 3] += pose[:, :3, 2] * lift[:, None]
        return [carla.command.ApplyTransform(*pair) for pair in zip(self.handles, carla_transforms(pose), strict=True)]

    def lamps_on(self) -> list[Any]:
        """Commands that switch on the low beam of all vehicles, whoever else keeps walking in the dark."""
        flags = int(carla.VehicleLightState.Position | carla.VehicleLightState.LowBeam)
        vehicles = [handle.id for handle in self.handles if handle.type_id.startswith("vehicle.")]
        # By id: given an actor, the client takes the flags for a truth value and sends a 1.
        return [carla.command.SetVehicleLightState(actor_id, flags) for actor_id in vehicles]

    def boxes_world(self, index: int) -> Boxes:
        """What stands where in frame ``index``, world frame; ``track`` counts from 1 in the order of the tracks."""
        if not self.handles:
            return Boxes.empty()
        pose = self._world_from_actor[index]
        # Tracks have their origin on the ground; the box stands on it, whatever the server calls the origin.
        offset = self.box_offset.copy()
        offset[:, 2] = self.size[:, 2] / 2
        return Boxes(
            center=pose[:, :3, 3] + np.einsum("nij,nj->ni", pose[:, :3, :3], offset),
            size=self.size,
            yaw_rad=np.arctan2(pose[:, 1, 0], pose[:, 0, 0]),
            category=np.array([CATEGORY_OF_KIND[track.kind] for track in self.tracks]),
            track=np.arange(1, len(self.handles) + 1),
            velocity=np.array([track.velocity_mps[index] for track in self.tracks]),
        )

    def vertical_speed_mps(self) -> FloatArray:
        """(V,) how fast each vehicle rises, as of the last tick."""
        vehicles = [handle for handle in self.handles if handle.type_id.startswith("vehicle.")]
        return np.array([handle.get_velocity().z for handle in vehicles], dtype=np.float64)

    @cached_property
    def _world_from_actor(self) -> FloatArray:
        """(T, N, 4, 4) where every track is in every frame."""
        return np.stack([track.world_from_actor for track in self.tracks], axis=1)


def blueprint_ids(world: Any, scenario: ConcreteScenario, tracks: Sequence[Track]) -> set[str]:
    """The blueprints that ``spawn_actors`` would spawn."""
    library = world.get_blueprint_library()
    return {str(_blueprint(library, scenario, track).id) for track in tracks}


def spawn_actors(client: Any, world: Any, scenario: ConcreteScenario, tracks: Sequence[Track]) -> ActorSet:
    """Spawn one actor per track, high above the map and without physics."""
    library = world.get_blueprint_library()
    blueprints = [_blueprint(library, scenario, track) for track in tracks]
    batch = []
    for level, (blueprint, track) in enumerate(zip(blueprints, tracks, strict=True)):
        pose = track.world_from_actor[0].copy()
        pose[2, 3] += SPAWN_HEIGHT_M + 10.0 * level
        spawn = carla.command.SpawnActor(blueprint, carla_transform(pose))
        batch.append(spawn.then(carla.command.SetSimulatePhysics(carla.command.FutureActor, False)))
    responses = client.apply_batch_sync(batch, True)
    ids = [response.actor_id for response in responses if not response.has_error()]
    failed = [
        f"{track.name} ({blueprint.id}): {response.error}"
        for response, track, blueprint in zip(responses, tracks, blueprints, strict=True)
        if response.has_error()
    ]
    if failed:
        client.apply_batch_sync([carla.command.DestroyActor(i) for i in ids], True)
        raise ScenarioFault(f"{scenario.name} seed {scenario.seed}: cannot spawn {'; '.join(failed)}")
    by_id = {actor.id: actor for actor in world.get_actors(ids)}
    handles = tuple(by_id[i] for i in ids)
    offset, size = [], []
    for handle, track in zip(handles, tracks, strict=True):
        box = handle.bounding_box
        extent = np.array([box.extent.x, box.extent.y, box.extent.z])
        # Released CARLA servers report no extent for two-wheelers.
        known = bool((extent > 0.05).all())
        size.append(2 * extent if known else np.array(TYPICAL_SIZE_M[track.kind]))
        location = np.array([box.location.x, box.location.y, box.location.z])
        offset.append(mirrored(location) if known else np.array([0.0, 0.0, TYPICAL_SIZE_M[track.kind][2] / 2]))
    return ActorSet(handles, tuple(tracks), np.array(offset).reshape(-1, 3), np.array(size).reshape(-1, 3))


def spawn_ego(world: Any, choreography: Choreography) -> Any:
    """Spawn the recording car, high above the map and without physics."""
    library = world.get_blueprint_library()
    candidates = _of_base_type(library, "car")
    if not candidates:
        raise ScenarioFault("the server offers no blueprint of base type car to carry the sensors")
    blueprint = candidates[0]
    blueprint.set_attribute("role_name", "hero")
    _set_size(blueprint, (EGO_LENGTH_M, EGO_WIDTH_M, EGO_HEIGHT_M))
    pose = choreography.world_from_ego[0].copy()
    pose[2, 3] += SPAWN_HEIGHT_M - 20.0
    ego = world.spawn_actor(blueprint, carla_transform(pose))
    ego.set_simulate_physics(False)
    return ego


def _blueprint(library: Any, scenario: ConcreteScenario, track: Track) -> Any:
    rng = stream("blueprint", scenario.name, scenario.seed, track.name)
    candidates = _candidates(library, track.kind)
    if not candidates:
        raise ScenarioFault(
            f"{scenario.name}: the server offers no blueprint for {track.name}, a {track.kind}; "
            "use another kind, or a server that has one"
        )
    blueprint = candidates[0 if "variety" in scenario.world.without else int(rng.integers(len(candidates)))]
    blueprint.set_attribute("role_name", track.name)
    if blueprint.has_attribute("color"):
        blueprint.set_attribute("color", str(rng.choice(blueprint.get_attribute("color").recommended_values)))
    if track.kind in ("car", "van"):
        size_m = _draw_size(rng, CAR_SIZE_M if track.kind == "car" else VAN_SIZE_M)
        if "sizes" in scenario.world.without:
            size_m = tuple(right * wrong for right, wrong in zip(size_m, WRONG_SIZES, strict=True))
        _set_size(blueprint, size_m)
    return blueprint


def _candidates(library: Any, kind: Kind) -> list[Any]:
    if kind in BASE_TYPE_OF_KIND:
        return _of_base_type(library, BASE_TYPE_OF_KIND[kind])
    if kind in ("adult", "child"):
        walkers = _sorted(library.filter("walker.pedestrian.*"))
        return [walker for walker in walkers if (walker.get_attribute("age").as_str() == "child") == (kind == "child")]
    props = _sorted(library.filter("static.prop.*"))
    return [prop for prop in props if any(name in prop.id for name in CARGO_NAMES)]


def _of_base_type(library: Any, base_type: str) -> list[Any]:
    return [
        blueprint
        for blueprint in _sorted(library.filter("vehicle.*"))
        if blueprint.has_attribute("base_type")
        and blueprint.get_attribute("base_type").as_str().lower() == base_type
        and blueprint.get_attribute("special_type").as_str() != "emergency"
    ]


def _sorted(blueprints: Any) -> list[Any]:
    return sorted(blueprints, key=lambda blueprint: str(blueprint.id))


WRONG_SIZES = (1.10, 1.08, 0.98)
"""What lengths, widths and heights are multiplied by without the measured sizes."""


def _draw_size(rng: np.random.Generator, spread: tuple[tuple[float, float], ...]) -> tuple[float, ...]:
    """Draw length, width, height; long cars are also wide, and nothing is further than two deviations out."""
    common = rng.normal()
    own = rng.normal(size=3)
    deviates = np.clip(np.sqrt(0.4) * common * np.array([1.0, 1.0, 0.3]) + np.sqrt(0.6) * own, -2.0, 2.0)
    return tuple(mean + deviation * z for (mean, deviation), z in zip(spread, deviates, strict=True))


def _set_size(blueprint: Any, size_m: Sequence[float]) -> None:
    """Ask for a size where the server can make one; on others the blueprint's own size stands."""
    for name, value in zip(("length_m", "width_m", "height_m"), size_m, strict=True):
        if blueprint.has_attribute(name):
            blueprint.set_attribute(name, f"{value:.3f}")
