"""People and animals, standing and in every phase of a stride."""

from __future__ import annotations

import numpy as np
import pytest
from scene_street import SIZES, shape_of

from scanyard.carla_server.scene.scene import shape_for
from scanyard.carla_server.shapes import animals, gait, people
from scanyard.carla_server.shapes.catalogue import Shape
from scanyard.carla_server.shapes.catalogue import gait as strides_of
from scanyard.carla_server.surfaces.materials import TAG, Material, Tag

WORDS = (
    "man", "woman skirt handbag", "woman coat umbrella", "man stout hat", "child backpack", "child shorts",
    "elderly man stick", "woman pram", "man suitcase", "man shopping", "woman wheelchair",
)  # fmt: skip
MANNER = gait.Manner()


def walker(body: str, *, number: int = 1, **attributes: str) -> Shape:
    length, width, height = people.natural_size(body, 1, 1.75)
    definition = {"kind": "adult", "length_m": length, "width_m": width, "height_m": height, "body": body}
    return shape_for(f"walker.pedestrian.{number:04d}", attributes, definition)


@pytest.mark.parametrize("kind", ["adult", "child"])
@pytest.mark.parametrize("number", range(4))
def test_the_phases_of_a_stride_together_fill_one_box(kind: str, number: int) -> None:
    shape = shape_of(kind, type_id=f"test.{kind}.{number}")
    phases = strides_of(shape)
    assert phases[0] is shape
    assert len(phases) == 1 + gait.PHASES
    np.testing.assert_allclose(2 * np.array(shape.extent), SIZES[kind], atol=1e-6)
    assert shape.center == (0.0, 0.0, 0.0)
    low = np.min([one.mesh.low for one in phases], axis=0)
    high = np.max([one.mesh.high for one in phases], axis=0)
    np.testing.assert_allclose([*low, *high], [*-np.array(shape.extent), *shape.extent], atol=1e-6)
    assert {(one.center, one.extent, one.color, one.seed) for one in phases} == {
        (shape.center, shape.extent, shape.color, shape.seed)
    }


@pytest.mark.parametrize("body", WORDS)
def test_people_have_about_a_thousand_triangles_and_one_label(body: str) -> None:
    for phase in strides_of(walker(body)):
        assert 600 < len(phase.mesh.faces) < 2200
        assert set(TAG[phase.mesh.material]) == {Tag.PEDESTRIANS}
        assert np.isfinite(phase.mesh.vertices).all()
        assert phase.mesh.low[2] == pytest.approx(-phase.extent[2], abs=0.03)


def test_phases_differ_and_come_back_to_the_first() -> None:
    phases = strides_of(walker("man"))
    assert len({one.mesh.vertices.tobytes() for one in phases}) == len(phases)
    np.testing.assert_allclose(gait.striding(MANNER, 0.0).legs, gait.striding(MANNER, 1.0).legs, atol=1e-9)


def test_left_and_right_change_places_half_a_stride_later() -> None:
    early, late = gait.striding(MANNER, 0.1), gait.striding(MANNER, 0.6)
    mirrored = np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(early.legs[0], late.legs[1] * mirrored, atol=1e-9)
    np.testing.assert_allclose(early.arms[1], late.arms[0] * mirrored, atol=1e-9)


@pytest.mark.parametrize("phase", np.arange(8) / 8)
def test_somebody_who_walks_has_a_foot_on_the_ground_and_bones_of_one_length(phase: float) -> None:
    joints = gait.striding(MANNER, float(phase))
    soles = [leg[2, 2] - gait.FOOT_HEIGHT for leg in joints.legs]
    toes = [leg[3, 2] - gait.FOOT_HEIGHT / 2 for leg in joints.legs]
    assert min(*soles, *toes) == pytest.approx(0.0, abs=1e-9)
    for leg in joints.legs:
        assert np.linalg.norm(leg[1] - leg[0]) == pytest.approx(gait.THIGH)
        assert np.linalg.norm(leg[2] - leg[1]) == pytest.approx(gait.SHIN)


def test_a_planted_foot_goes_back_under_the_body_as_fast_as_the_body_goes_forward() -> None:
    # The left foot is on the ground from 0 to about 0.5; there it moves back by half a stride.
    at = [gait.striding(MANNER, phase).legs[0][2, 0] for phase in (0.05, 0.45)]
    assert at[0] - at[1] == pytest.approx(0.4 * gait.stride_m(1.0), rel=0.25)


def test_arms_swing_against_legs() -> None:
    joints = gait.striding(MANNER, 0.0)  # left heel in front
    assert joints.legs[0][2, 0] > joints.legs[1][2, 0]
    assert joints.arms[0][2, 0] < joints.arms[1][2, 0]


def test_knees_bend_backwards_and_elbows_forwards() -> None:
    for phase in np.arange(0, 1, 0.05):
        joints = gait.striding(MANNER, float(phase))
        for hip, knee, ankle, _ in joints.legs:
            assert np.cross(knee - hip, ankle - knee)[1] > -1e-9
        for shoulder, elbow, wrist in joints.arms:
            assert np.cross(elbow - shoulder, wrist - elbow)[1] < 1e-9


def test_what_is_carried_makes_somebody_wider_or_longer() -> None:
    plain = people.natural_size("woman", 1, 1.7)
    assert people.natural_size("woman pram", 1, 1.7)[0] > plain[0] + 0.4
    assert people.natural_size("woman umbrella", 1, 1.7)[1] > plain[1] + 0.2


def test_a_walker_sits_in_a_wheelchair_when_asked_to() -> None:
    standing, sitting = walker("woman"), walker("woman", use_wheelchair="true")
    assert 2 * np.array(sitting.extent) == pytest.approx(people.WHEELCHAIR_SIZE_M, abs=1e-6)
    assert sitting.extent[2] < 0.8 * standing.extent[2]
    assert strides_of(sitting) == (sitting,)
    assert Material.CHROME in sitting.mesh.material
    assert walker("woman", use_wheelchair="false") is standing


def test_what_does_not_walk_has_no_stride() -> None:
    car = shape_of("car")
    assert strides_of(car) == (car,)


@pytest.mark.parametrize("species", animals.KINDS)
def test_animals_walk_on_four_legs_in_one_box(species: str) -> None:
    size = animals.natural_size(species)
    for number in range(4):
        definition = {"kind": "animal", "body": species} | dict(
            zip(("length_m", "width_m", "height_m"), size, strict=True)
        )
        shape = shape_for(f"walker.animal.{species}{number}", {}, definition)
        phases = strides_of(shape)
        assert len(phases) == 1 + gait.PHASES
        assert 2 * np.array(shape.extent) == pytest.approx(size, abs=1e-6)
        for phase in phases:
            assert 400 < len(phase.mesh.faces) < 1200
            assert set(TAG[phase.mesh.material]) == {Tag.DYNAMIC}
            assert (np.abs(phase.mesh.vertices) <= np.array(shape.extent) + 1e-5).all()
        hoofs = shape.mesh.vertices[shape.mesh.vertices[:, 2] < -shape.extent[2] + 0.02]
        assert {(x > 0, y > 0) for x, y, _ in hoofs.tolist()} == {
            (True, True),
            (True, False),
            (False, True),
            (False, False),
        }
