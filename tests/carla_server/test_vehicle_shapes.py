"""Every vehicle blueprint looks like what it is called, to rays as much as to the eye."""

from __future__ import annotations

import numpy as np
import pytest

from scanyard.carla_server.shapes import catalogue, two_wheelers, vehicles
from scanyard.carla_server.shapes.catalogue import Shape, shape_for
from scanyard.carla_server.surfaces.materials import COLOR, TAG, TRANSPARENT, Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.carla_server.surfaces.raycast import Surface
from scanyard.carla_server.surfaces.reflectance import REFLECTANCE, RETRO, paint_reflectance, reflectance
from scanyard.carla_server.world.blueprints import library

VEHICLES = [name for name in library() if name.startswith("vehicle.")]


def shape_of(name: str) -> Shape:
    blueprint = library()[name]
    assert blueprint.shape is not None
    return shape_for(name, {}, blueprint.shape)


def glass(mesh: Mesh) -> np.ndarray:
    return mesh.vertices[np.unique(mesh.faces[TRANSPARENT[mesh.material]])]


@pytest.mark.parametrize("name", VEHICLES)
def test_a_vehicle_has_the_size_of_the_real_model_and_few_enough_faces(name: str) -> None:
    blueprint = library()[name]
    assert blueprint.shape is not None
    shape = shape_of(name)
    wanted = [blueprint.shape[key] for key in ("length_m", "width_m", "height_m")]
    assert 2 * np.array(shape.extent) == pytest.approx(wanted, abs=1e-5)
    assert 1000 < len(shape.mesh.faces) < 4000
    assert np.isfinite(shape.mesh.vertices).all()
    assert shape.mesh.low[2] == 0.0


@pytest.mark.parametrize("name", VEHICLES)
def test_wheels_are_as_many_as_the_blueprint_says_and_touch_the_ground(name: str) -> None:
    shape = shape_of(name)
    said = int(next(one.value for one in library()[name].definition.attributes if one.id == "number_of_wheels"))
    assert len(shape.wheels) >= said
    assert len(shape.wheels) == said or shape.kind == "truck"  # whose axles are what its length needs
    for wheel in shape.wheels:
        assert wheel.center[2] == pytest.approx(wheel.radius_m, rel=0.02)
    front = [wheel.center[0] for wheel in shape.wheels if wheel.steers]
    assert min(front) > max(wheel.center[0] for wheel in shape.wheels if not wheel.steers)


def test_at_least_forty_vehicles_of_forty_looks() -> None:
    assert len(VEHICLES) >= 40
    looks = {(shape_of(name).mesh.vertices / shape_of(name).extent).round(3).tobytes() for name in VEHICLES}
    assert len(looks) == len(VEHICLES)


def test_emergency_vehicles_carry_beacons_and_taxis_a_sign() -> None:
    beacons = [Material.CAR_BEACON_LAMP, Material.TRUCK_BEACON_LAMP]
    for name in VEHICLES:
        special = next(one.value for one in library()[name].definition.attributes if one.id == "special_type")
        material = shape_of(name).mesh.material
        assert np.isin(beacons, material).any() == (special == "emergency"), name
        assert (Material.TAXI_SIGN in material) == (special == "taxi"), name


def test_a_microlino_has_no_bonnet_and_a_mustang_a_long_one() -> None:
    ahead = {}
    for name in ("vehicle.micro.microlino", "vehicle.tesla.model3", "vehicle.ford.mustang"):
        shape = shape_of(name)
        ahead[name] = (shape.extent[0] - glass(shape.mesh)[:, 0].max()) / (2 * shape.extent[0])
    assert ahead["vehicle.micro.microlino"] < 0.15
    assert 0.2 < ahead["vehicle.tesla.model3"] < 0.3
    assert ahead["vehicle.ford.mustang"] > 0.31


def test_a_cybertruck_is_folded_from_flat_sheets() -> None:
    def bends(name: str) -> int:
        shape = shape_of(name)
        x = np.linspace(-0.42, 0.42, 120) * 2 * shape.extent[0]
        rays = np.stack([x, 0 * x + 0.05, 0 * x + 9, 0 * x, 0 * x, 0 * x - 1], axis=1).astype(np.float32)
        height = 9 - Surface(shape.mesh).cast(rays).range_m
        return int((np.abs(np.diff(height, 2)) > 1e-3).sum())

    assert bends("vehicle.tesla.cybertruck") <= 8 < bends("vehicle.tesla.model3")


def test_a_cars_parts_are_labelled_as_its_kind_whatever_they_are() -> None:
    tags = {"car": {Tag.CAR}, "van": {Tag.CAR}, "truck": {Tag.TRUCK}, "bus": {Tag.BUS},
            "motorcycle": {Tag.MOTORCYCLE, Tag.RIDER}, "bicycle": {Tag.BICYCLE, Tag.RIDER}}  # fmt: skip
    for name in VEHICLES:
        shape = shape_of(name)
        assert set(TAG[shape.mesh.material]) == tags[shape.kind], name


def test_somebody_drives_what_drives_and_nobody_sits_in_what_is_parked() -> None:
    assert Material.OCCUPANT in shape_of("vehicle.audi.a2").mesh.material
    assert Material.OCCUPANT not in vehicles.car("hatchback", 3, (3.8, 1.67, 1.55)).material


@pytest.mark.parametrize("name", ["vehicle.bh.crossbike", "vehicle.gazelle.omafiets", "vehicle.diamondback.century"])
def test_most_rays_go_through_a_bicycles_wheel(name: str) -> None:
    shape = shape_of(name)
    front = shape.wheels[0]
    angle, radius = np.meshgrid(np.linspace(0, 2 * np.pi, 90), np.linspace(0.25, 0.8, 12) * front.radius_m)
    rays = np.zeros((angle.size, 6), np.float32)
    rays[:, 0] = front.center[0] + (radius * np.cos(angle)).ravel()
    rays[:, 1], rays[:, 4] = 5.0, -1.0
    rays[:, 2] = front.center[2] + (radius * np.sin(angle)).ravel()
    met = np.isfinite(Surface(shape.mesh).cast(rays).range_m)
    assert 0.02 < met.mean() < 0.35  # fork and spokes


def test_riders_bend_as_their_machines_want_and_their_hands_reach_the_grips() -> None:
    lean = {}
    for kind, bodies in two_wheelers.BODIES.items():
        for body in bodies:
            mesh, _ = two_wheelers.ridden(kind, body, 0, (2.0, 0.75, 1.7))
            shirt = mesh.vertices[np.unique(mesh.faces[mesh.material == Material.RIDER_TOP])]
            shirt = shirt[np.abs(shirt[:, 1]) < 0.12]  # without its sleeves
            lean[body] = np.polyfit(shirt[:, 2], shirt[:, 0], 1)[0]
            machine = mesh.vertices[np.unique(mesh.faces[TAG[mesh.material] != Tag.RIDER])]
            skin = mesh.vertices[np.unique(mesh.faces[mesh.material == Material.RIDER_SKIN])]
            hands = skin[np.abs(skin[:, 1]) > 0.15]
            if len(hands):
                gap = np.linalg.norm(hands[:, None] - machine[None], axis=2).min(axis=1)
                assert gap.min() < 0.05, body
    assert lean["sport"] > lean["scooter"] + 0.2
    assert lean["road"] > lean["dutch"] + 0.2


def test_a_shape_is_the_same_when_made_again() -> None:
    first = shape_of("vehicle.nissan.micra")
    catalogue._shape.cache_clear()
    vehicles.template.cache_clear()
    again = shape_of("vehicle.nissan.micra")
    assert again is not first
    assert again.mesh.vertices.tobytes() == first.mesh.vertices.tobytes()
    assert again.seed == first.seed


def test_every_material_sends_some_light_back_and_plates_send_it_home() -> None:
    assert (REFLECTANCE > 0).all()
    assert REFLECTANCE[Material.CAR_PLATE] > 1
    assert RETRO[[Material.CAR_PLATE, Material.CAR_TAIL_LAMP, Material.SIGN]].all()
    assert not RETRO[[Material.CAR_PAINT, Material.CAR_GLASS, Material.ASPHALT]].any()
    assert (REFLECTANCE[~RETRO] < 1).all()
    assert REFLECTANCE[Material.CAR_TYRE] < REFLECTANCE[Material.ASPHALT] < REFLECTANCE[Material.LEAF]


def test_dark_paint_returns_little_and_glass_does_not_care_for_paint() -> None:
    colors = np.array([[0.0, 0.0, 0.0], [0.5, 0.1, 0.1], [1.0, 1.0, 1.0]])
    assert paint_reflectance(colors) == pytest.approx([0.04, 0.085, 0.80], abs=0.02)
    painted = reflectance(np.full(3, Material.CAR_PAINT, np.uint8), colors)
    assert np.all(np.diff(painted) > 0)
    of_glass = reflectance(np.full(3, Material.CAR_GLASS, np.uint8), colors)
    assert np.all(of_glass == REFLECTANCE[Material.CAR_GLASS])
    assert len(REFLECTANCE) == len(COLOR)
