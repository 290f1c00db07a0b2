"""Props and walkers as blueprints offer them: every one has a shape, and the size that it says."""

from __future__ import annotations

import numpy as np
import pytest

from scanyard.carla_server.protocol.wire import ActorDescription
from scanyard.carla_server.scene.scene import shape_for
from scanyard.carla_server.shapes import people, props
from scanyard.carla_server.shapes.catalogue import Shape, gait
from scanyard.carla_server.surfaces.materials import TAG
from scanyard.carla_server.surfaces.raycast import Surface
from scanyard.carla_server.world.blueprints import Blueprint, library

PROPS = [one for one in library().values() if one.id.startswith("static.prop.")]
WALKERS = [one for one in library().values() if one.id.startswith("walker.")]


def value(blueprint: Blueprint, name: str) -> str:
    return blueprint.attributes(ActorDescription(0, blueprint.id))[name]


def shape_of(blueprint: Blueprint, **attributes: str) -> Shape:
    assert blueprint.shape is not None
    return shape_for(blueprint.id, attributes, blueprint.shape)


@pytest.mark.parametrize("blueprint", PROPS, ids=lambda one: one.id)
def test_a_prop_has_the_size_and_label_that_its_blueprint_says(blueprint: Blueprint) -> None:
    assert blueprint.shape is not None
    mesh = props.drawn(blueprint.shape["body"])
    said = [blueprint.shape[name] for name in ("length_m", "width_m", "height_m")]
    assert (mesh.high - mesh.low).tolist() == pytest.approx(said, abs=1e-3)
    assert mesh.low[2] == 0.0
    assert 5 < len(mesh.faces) < 1300
    shape = shape_of(blueprint)
    assert [2 * half for half in shape.extent] == pytest.approx(said, abs=1e-5)
    assert blueprint.semantic_tags[0] in TAG[shape.mesh.material]
    assert value(blueprint, "size") in {"tiny", "small", "medium", "big"}


@pytest.mark.parametrize("body", props.BODIES)
def test_every_prop_fills_the_box_it_is_asked_for(body: str) -> None:
    for number in range(4):
        mesh = props.prop(f"{body} {number}", 0, (1.0, 0.8, 0.6))
        np.testing.assert_allclose([*mesh.low, *mesh.high], [-0.5, -0.4, 0, 0.5, 0.4, 0.6], atol=1e-6)


def test_an_unknown_body_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"body 'piano'; there are advertisement, bag"):
        props.prop("piano", 0, (1.0, 1.0, 1.0))


def test_one_sees_into_a_shopping_cart_and_not_into_a_carton() -> None:
    def stopped(body: str) -> float:
        mesh = props.drawn(body)
        rng = np.random.default_rng(4)
        z = rng.uniform(0.5, 0.9, 2000) * mesh.high[2]
        y = rng.uniform(0.6 * mesh.low[1], 0.6 * mesh.high[1], 2000)
        rays = np.c_[np.full(2000, -9.0), y, z, np.ones(2000), np.zeros((2000, 2))].astype(np.float32)
        return float(np.isfinite(Surface(mesh).cast(rays).range_m).mean())

    assert stopped("shopping_cart") < 0.5
    assert stopped("carton") == 1.0


def test_carlas_props_are_there() -> None:
    known = {one.id.removeprefix("static.prop.") for one in PROPS}
    for name, numbers in (
        ("plantpot", 8),
        ("trashcan", 5),
        ("garbage", 6),
        ("bench", 3),
        ("dirtdebris", 3),
        ("box", 3),
    ):
        assert {f"{name}{number:02d}" for number in range(1, numbers + 1)} <= known
    assert {
        "trafficcone01",
        "trafficcone02",
        "constructioncone",
        "streetbarrier",
        "vendingmachine",
        "kiosk_01",
    } <= known
    assert len(known) > 100


def test_walkers_are_all_there_in_both_generations_with_wheelchairs() -> None:
    pedestrians = [one for one in WALKERS if one.id.startswith("walker.pedestrian.")]
    assert [one.id[-4:] for one in pedestrians] == [f"{number:04d}" for number in range(1, 52)]
    assert {value(one, "generation") for one in pedestrians} == {"1", "2"}
    assert {value(one, "age") for one in pedestrians} == {"adult", "child", "elderly"}
    assert {value(one, "can_use_wheelchair") for one in pedestrians} == {"true", "false"}
    for one in pedestrians:
        offered = {attribute.id: attribute for attribute in one.definition.attributes}
        assert offered["use_wheelchair"].value == "false"
        assert offered["use_wheelchair"].is_modifiable == (offered["can_use_wheelchair"].value == "true")
        assert len(offered["speed"].recommended_values) == 3


def test_walkers_are_described_in_words_that_are_known() -> None:
    for one in WALKERS:
        assert one.shape is not None
        if one.shape["kind"] != "animal":
            assert set(one.shape["body"].split()) <= people.PersonWords


@pytest.mark.parametrize("number", [1, 9, 16, 19, 26, 45, 51])
def test_a_walkers_blueprint_says_how_much_room_its_strides_take(number: int) -> None:
    blueprint = library()[f"walker.pedestrian.{number:04d}"]
    shape = shape_of(blueprint)
    phases = gait(shape)
    together = np.max([one.mesh.high for one in phases], axis=0) - np.min([one.mesh.low for one in phases], axis=0)
    assert together == pytest.approx(2 * np.array(shape.extent), abs=1e-5)
    assert blueprint.shape is not None
    natural = people.natural_size(blueprint.shape["body"], shape.variant, blueprint.shape["height_m"])
    assert 2 * np.array(shape.extent) == pytest.approx(natural, abs=0.006)
