import numpy as np
import pytest
from scene_street import SIZES, shape_of

from scanyard.carla_server.scene.scene import shape_for
from scanyard.carla_server.shapes import cargo, vehicles
from scanyard.carla_server.shapes.population import draw_body
from scanyard.carla_server.surfaces.materials import TAG, TRANSPARENT, Material, Tag
from scanyard.randomness import stream

MIRRORS = (Material.CAR_MIRROR, Material.TRUCK_MIRROR, Material.BUS_MIRROR)


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("number", range(4))
def test_a_shape_fills_its_box_exactly(kind: str, number: int) -> None:
    shape = shape_of(kind, type_id=f"test.{kind}.{number}")
    low, high = np.subtract(shape.center, shape.extent), np.add(shape.center, shape.extent)
    without_mirrors = shape.mesh.where(~np.isin(shape.mesh.material, MIRRORS))
    np.testing.assert_allclose(without_mirrors.low, low, atol=1e-6)
    np.testing.assert_allclose(without_mirrors.high, high, atol=1e-6)
    np.testing.assert_allclose(2 * np.array(shape.extent), SIZES[kind], atol=1e-5)


@pytest.mark.parametrize("kind", SIZES)
def test_everything_lies_within_the_hull_and_only_mirrors_outside_the_box(kind: str) -> None:
    shape = shape_of(kind)
    assert shape.hull_corners.min(axis=0) == pytest.approx(shape.mesh.low, abs=1e-6)
    assert shape.hull_corners.max(axis=0) == pytest.approx(shape.mesh.high, abs=1e-6)
    reach = np.abs(shape.mesh.high[1]) - shape.extent[1]
    assert (0.05 < reach < 0.25) == (kind in ("car", "van", "truck", "bus"))


@pytest.mark.parametrize("body", vehicles.PROFILES)
def test_every_variant_of_a_body_fills_its_box(body: str) -> None:
    for variant in range(vehicles.VARIANTS):
        mesh = vehicles.car(body, variant, (4.0, 1.6, 1.5))
        assert 1000 < len(mesh.faces) < 4000
        assert np.isfinite(mesh.vertices).all()
        within = mesh.where(mesh.material != Material.CAR_MIRROR)
        np.testing.assert_allclose([*within.low, *within.high], [-2, -0.8, 0, 2, 0.8, 1.5], atol=1e-6)


@pytest.mark.parametrize("body", cargo.KINDS)
def test_every_kind_of_cargo_fills_its_box(body: str) -> None:
    mesh = cargo.prop(body, 0, (1.0, 0.8, 0.6))
    np.testing.assert_allclose([*mesh.low, *mesh.high], [-0.5, -0.4, 0, 0.5, 0.4, 0.6], atol=1e-6)


def test_vehicles_stand_on_their_origin_and_walkers_are_centred_on_it() -> None:
    assert shape_of("car").center == pytest.approx((0, 0, SIZES["car"][2] / 2), abs=1e-6)
    assert shape_of("adult").center == pytest.approx((0, 0, 0), abs=1e-6)


def test_size_attributes_override_the_blueprint_and_nought_leaves_it() -> None:
    definition = {"kind": "car", "length_m": 4.0, "width_m": 1.7, "height_m": 1.5, "body": "sedan"}
    shape = shape_for("vehicle.a.b", {"length_m": "4.4", "width_m": "0", "height_m": "0"}, definition)
    assert 2 * np.array(shape.extent) == pytest.approx((4.4, 1.7, 1.5), abs=1e-5)


def test_the_same_blueprint_gives_the_same_shape_object() -> None:
    assert shape_of("van") is shape_of("van")


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="'tram'; there are car, van"):
        shape_for("vehicle.x.y", {}, {"kind": "tram", "length_m": 1, "width_m": 1, "height_m": 1})


def test_a_cyclist_is_a_rider_on_a_bicycle() -> None:
    shape = shape_of("bicycle")
    assert set(TAG[shape.mesh.material]) == {Tag.RIDER, Tag.BICYCLE}
    rider = TAG[shape.mesh.material] == Tag.RIDER
    height = shape.mesh.vertices[shape.mesh.faces].mean(axis=1)[:, 2]
    assert height[rider].mean() > height[~rider].mean() + 0.3


def test_a_car_is_longer_in_front_of_its_windscreen_than_behind_its_rear_window() -> None:
    sedan = shape_of("car", body="sedan").mesh
    x = sedan.vertices[sedan.faces[TRANSPARENT[sedan.material]]][..., 0]
    assert 1.95 - x.max() > x.min() + 1.95 + 0.3  # x points forward


def test_the_driver_of_a_car_sits_on_the_left() -> None:
    # What hangs on the steering wheel is handedness: y points right.
    mesh = shape_of("car").mesh
    inside = mesh.vertices[mesh.faces[mesh.material == Material.CAR_INTERIOR]].mean(axis=1)
    assert inside[:, 1].mean() < -0.02


def test_parked_cars_are_as_large_as_kittis() -> None:
    rng = stream("test", "sizes")
    sizes = np.array([draw_body("car", rng)[1] for _ in range(4000)])
    length, width, height = sizes.T
    assert length.mean() == pytest.approx(3.882, abs=0.04)
    assert width.mean() == pytest.approx(1.631, abs=0.02)
    assert height.mean() == pytest.approx(1.536, abs=0.02)
    assert length.std() == pytest.approx(0.45, abs=0.05)
    assert width.std() == pytest.approx(0.106, abs=0.02)
    assert height.std() == pytest.approx(0.139, abs=0.02)
