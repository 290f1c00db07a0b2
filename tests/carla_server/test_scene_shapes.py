import numpy as np
import pytest
from scene_street import SIZES, shape_of

from scanyard.carla_server.scene.scene import shape_for
from scanyard.carla_server.shapes import vehicles
from scanyard.carla_server.shapes.catalogue import MIRRORS
from scanyard.carla_server.shapes.population import draw_body
from scanyard.carla_server.surfaces.materials import TAG, TRANSPARENT, Material, Tag
from scanyard.carla_server.surfaces.raycast import Surface
from scanyard.randomness import stream

ON_WHEELS_OR_NONE = [kind for kind in SIZES if kind not in ("adult", "child")]  # those that walk fill theirs in strides


@pytest.mark.parametrize("kind", ON_WHEELS_OR_NONE)
@pytest.mark.parametrize("number", range(4))
def test_a_shape_fills_its_box_exactly(kind: str, number: int) -> None:
    shape = shape_of(kind, type_id=f"test.{kind}.{number}")
    low, high = np.subtract(shape.center, shape.extent), np.add(shape.center, shape.extent)
    without_mirrors = shape.mesh.where(~np.isin(shape.mesh.material, MIRRORS))
    np.testing.assert_allclose(without_mirrors.low, low, atol=1e-6)
    np.testing.assert_allclose(without_mirrors.high, high, atol=1e-6)
    np.testing.assert_allclose(2 * np.array(shape.extent), SIZES[kind], atol=1e-5)


@pytest.mark.parametrize("kind", ON_WHEELS_OR_NONE)
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
        within = mesh.where(~np.isin(mesh.material, MIRRORS))
        np.testing.assert_allclose([*within.low, *within.high], [-2, -0.8, 0, 2, 0.8, 1.5], atol=1e-6)


@pytest.mark.parametrize("body", vehicles.PROFILES)
def test_a_coarse_car_has_the_outline_of_the_fine_one_in_a_third_of_the_faces(body: str) -> None:
    size = vehicles.TYPICAL_M[body]
    fine, coarse = (vehicles.car(body, 5, size, coarse=coarse) for coarse in (False, True))
    assert len(coarse.faces) < 0.36 * len(fine.faces)
    np.testing.assert_allclose([*coarse.low, *coarse.high], [*fine.low, *fine.high], atol=1e-6)
    # Rays at the flank and along the middle from above: where they end tells the outlines apart.
    x = np.linspace(-0.42, 0.42, 40) * size[0]
    from_above = np.stack([x, 0 * x + 0.21, 0 * x + 9, 0 * x, 0 * x, 0 * x - 1], axis=1)
    from_aside = np.stack([0.8 * x, 0 * x + 9, 0 * x + 0.52 * size[2], 0 * x, 0 * x - 1, 0 * x], axis=1)
    for rays, worst_m in ((from_above, 0.08), (from_aside, 0.12)):
        apart = np.abs(np.subtract(*[Surface(mesh).cast(rays.astype(np.float32)).range_m for mesh in (fine, coarse)]))
        assert np.median(apart) < 0.025
        assert np.quantile(apart, 0.8) < worst_m


@pytest.mark.parametrize("body", vehicles.PROFILES)
def test_wheels_stay_round_and_where_the_arches_are_whatever_the_size(body: str) -> None:
    size = np.array(vehicles.TYPICAL_M[body]) * (1.15, 0.95, 0.97)
    mesh = vehicles.car(body, 2, size.tolist())
    tyres = mesh.vertices[np.unique(mesh.faces[mesh.material == Material.CAR_TYRE])]
    wheels = vehicles.wheels_of(body, 2, size.tolist())
    assert [wheel.steers for wheel in wheels] == [True, True, False, False]
    for wheel in wheels:
        own = tyres[np.linalg.norm(tyres - wheel.center, axis=1) < 1.3 * wheel.radius_m]
        reach = np.hypot(own[:, 0] - wheel.center[0], own[:, 2] - wheel.center[2])
        assert reach.max() == pytest.approx(wheel.radius_m, rel=1e-3)
        assert own[:, 2].min() == pytest.approx(0.0, abs=1e-5)
        # Nothing of the body stands in the way of whoever looks up at the tyre's top from the side.
        above = wheel.center[2] + 0.9 * wheel.radius_m
        side = np.sign(wheel.center[1])
        ray = np.array([[wheel.center[0], 9.0 * side, above, 0.0, -side, 0.0]], np.float32)
        assert mesh.material[Surface(mesh).cast(ray).face[0]] == Material.CAR_TYRE


def test_a_car_asked_for_at_a_size_its_model_never_had_is_another_model() -> None:
    microlino = {"kind": "car", "length_m": 2.519, "width_m": 1.473, "height_m": 1.501, "body": "bubble"}
    asked = {"length_m": "4.2", "width_m": "1.7", "height_m": "1.5"}
    stretched = vehicles.car("bubble", 0, (4.2, 1.7, 1.5))
    other = shape_for("vehicle.micro.microlino", asked, microlino)
    assert 2 * np.array(other.extent) == pytest.approx((4.2, 1.7, 1.5), abs=1e-5)
    front = [
        mesh.vertices[np.unique(mesh.faces[TRANSPARENT[mesh.material]]), 0].max() for mesh in (other.mesh, stretched)
    ]
    assert front[0] < front[1] - 0.2  # a bonnet in front of the windscreen
    nearly = shape_for("vehicle.micro.microlino", {"length_m": "2.6"}, microlino)
    assert nearly.mesh.material.shape == shape_for("vehicle.micro.microlino", {}, microlino).mesh.material.shape


@pytest.mark.parametrize("kind", ("car", "bus", "truck"))
def test_one_sees_through_the_glass_what_is_inside(kind: str) -> None:
    mesh = shape_of(kind).mesh
    solid = mesh.where(~TRANSPARENT[mesh.material])
    inside = {"car": Material.CAR_INTERIOR, "bus": Material.BUS_INTERIOR, "truck": Material.TRUCK_INTERIOR}[kind]
    spread = np.stack(np.meshgrid(np.linspace(-0.3, 0.3, 25), np.linspace(0.40, 0.80, 25)), axis=-1).reshape(-1, 2)
    size = np.array(SIZES[kind])
    rays = np.zeros((len(spread), 6), np.float32)
    rays[:, 0], rays[:, 1], rays[:, 2], rays[:, 3] = 30.0, spread[:, 0] * size[1], spread[:, 1] * size[2], -1.0
    seen = solid.material[Surface(solid).cast(rays).face.clip(max=len(solid.faces) - 1)]
    assert (seen == inside).mean() > 0.05


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
