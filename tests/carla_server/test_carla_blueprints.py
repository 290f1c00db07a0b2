"""The blueprint library is as complete as scripts expect."""

from __future__ import annotations

import numpy as np
import pytest

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.wire import ActorAttributeValue, ActorDescription
from scanyard.carla_server.world.blueprints import Blueprint, library

CAMERA = (
    "role_name sensor_tick fov image_size_x image_size_y lens_circle_falloff lens_circle_multiplier lens_k lens_kcube "
    "lens_x_size lens_y_size"
)
RGB = (
    f"{CAMERA} enable_postprocess_effects gamma motion_blur_intensity motion_blur_max_distortion "
    "motion_blur_min_object_screen_size lens_flare_intensity bloom_intensity exposure_mode exposure_compensation "
    "shutter_speed iso fstop min_fstop blade_count focal_distance blur_amount blur_radius exposure_min_bright "
    "exposure_max_bright exposure_speed_up exposure_speed_down calibration_constant slope toe shoulder black_clip "
    "white_clip temp tint chromatic_aberration_intensity chromatic_aberration_offset"
)
SCAN = "role_name sensor_tick channels range points_per_second rotation_frequency upper_fov lower_fov horizontal_fov"
BEAMS = "beam_table firings_per_turn firing_time returns beam_divergence"
ATTRIBUTES = {
    "sensor.camera.rgb": RGB,
    "sensor.camera.depth": CAMERA,
    "sensor.camera.semantic_segmentation": CAMERA,
    "sensor.camera.instance_segmentation": CAMERA,
    "sensor.lidar.ray_cast": f"{SCAN} atmosphere_attenuation_rate dropoff_general_rate dropoff_intensity_limit "
    f"dropoff_zero_intensity noise_seed noise_stddev {BEAMS}",
    "sensor.lidar.ray_cast_semantic": f"{SCAN} {BEAMS}",
    "sensor.other.collision": "role_name",
    "sensor.other.gnss": "role_name sensor_tick noise_seed noise_lat_bias noise_lat_stddev noise_lon_bias "
    "noise_lon_stddev noise_alt_bias noise_alt_stddev",
    "sensor.other.imu": "role_name sensor_tick noise_seed noise_accel_stddev_x noise_accel_stddev_y "
    "noise_accel_stddev_z noise_gyro_stddev_x noise_gyro_stddev_y noise_gyro_stddev_z noise_gyro_bias_x "
    "noise_gyro_bias_y noise_gyro_bias_z",
    "sensor.other.lane_invasion": "role_name",
    "sensor.other.obstacle": "role_name sensor_tick distance hit_radius only_dynamics debug_linetrace",
    "sensor.other.radar": "role_name sensor_tick horizontal_fov vertical_fov range points_per_second noise_seed",
    "vehicle.tesla.model3": "role_name ros_name color driver_id sticky_control terramechanics object_type base_type "
    "special_type number_of_wheels generation has_dynamic_doors has_lights length_m width_m height_m",
    "walker.pedestrian.0001": "role_name speed is_invincible gender age generation can_use_wheelchair use_wheelchair",
    "static.prop.box01": "role_name size length_m width_m height_m",
    "controller.ai.walker": "role_name",
    "util.actor.empty": "role_name",
}


def starting(prefix: str) -> list[Blueprint]:
    return [one for one in library().values() if one.id.startswith(prefix)]


def value(blueprint: Blueprint, name: str) -> str:
    return blueprint.attributes(ActorDescription(0, blueprint.id))[name]


@pytest.mark.parametrize("blueprint_id", ATTRIBUTES)
def test_blueprint_has_every_attribute(blueprint_id: str) -> None:
    offered = {attribute.id for attribute in library()[blueprint_id].definition.attributes}
    assert set(ATTRIBUTES[blueprint_id].split()) <= offered


def test_ids_have_three_parts_and_tags_are_the_same_parts() -> None:
    for blueprint in library().values():
        assert len(blueprint.id.split(".")) == 3
        assert blueprint.definition.tags.split(",") == blueprint.id.split(".")


def test_uids_differ() -> None:
    assert len({one.definition.uid for one in library().values()}) == len(library())


def test_vehicles_of_every_base_type() -> None:
    kinds = {value(one, "base_type") for one in starting("vehicle.")}
    assert kinds == {"car", "van", "truck", "bus", "motorcycle", "bicycle"}
    assert len(starting("vehicle.")) >= 20


def test_cars_are_as_long_as_cars_are() -> None:
    lengths = [one.shape["length_m"] for one in starting("vehicle.") if one.shape and one.shape["kind"] == "car"]
    assert 3.9 < float(np.mean(lengths)) < 4.6


def test_scripts_can_draw_colour_driver_and_walking_speed() -> None:
    for vehicle in starting("vehicle."):
        offered = {one.id: one for one in vehicle.definition.attributes}
        assert offered["color"].recommended_values
        assert offered["driver_id"].recommended_values
    for walker in starting("walker."):
        speeds = next(one for one in walker.definition.attributes if one.id == "speed").recommended_values
        assert 0.0 == float(speeds[0]) < float(speeds[1]) < float(speeds[2])


def test_walkers_of_both_generations_and_children() -> None:
    walkers = starting("walker.")
    assert {value(one, "generation") for one in walkers} == {"1", "2"}
    children = [one for one in walkers if value(one, "age") == "child"]
    adults = [one for one in walkers if value(one, "age") == "adult"]
    assert max(one.shape["height_m"] for one in children if one.shape) < min(
        one.shape["height_m"] for one in adults if one.shape
    )


def test_sizes_are_the_blueprints_own_until_asked_for() -> None:
    for blueprint in (*starting("vehicle."), *starting("static.prop.")):
        assert [value(blueprint, name) for name in ("length_m", "width_m", "height_m")] == ["0", "0", "0"]


def test_values_fit_their_types() -> None:
    fits = {
        wire.BOOL: lambda text: text in ("true", "false"),
        wire.INT: lambda text: str(int(text)) == text,
        wire.FLOAT: lambda text: np.isfinite(float(text)),
        wire.STRING: lambda text: True,
        wire.RGB_COLOR: lambda text: all(0 <= int(part) <= 255 for part in text.split(",")) and text.count(",") == 2,
    }
    for blueprint in library().values():
        for attribute in blueprint.definition.attributes:
            for text in (attribute.value, *attribute.recommended_values):
                assert fits[attribute.type](text), (blueprint.id, attribute)


def test_what_the_description_says_wins() -> None:
    model3 = library()["vehicle.tesla.model3"]
    asked = ActorDescription(1, model3.id, (ActorAttributeValue("length_m", wire.FLOAT, "4.1"),))
    assert model3.attributes(asked)["length_m"] == "4.1"
    assert model3.attributes(asked)["width_m"] == "0"


def test_every_body_shows_the_tag_of_its_kind() -> None:
    tags = {one.id: one.semantic_tags for one in library().values()}
    assert tags["vehicle.tesla.model3"] == b"\x0e"
    assert tags["vehicle.mitsubishi.fusorosa"] == b"\x10"
    assert tags["walker.pedestrian.0009"] == b"\x0c"
    assert tags["sensor.camera.rgb"] == b""


def test_sensors_of_events_have_no_tick_and_are_told_apart_by_their_stream() -> None:
    """Scripts expect a sensor with ``sensor_tick`` to speak each time it has passed."""
    for name in ("sensor.other.collision", "sensor.other.lane_invasion"):
        assert "sensor_tick" not in {attribute.id for attribute in library()[name].definition.attributes}
    assert library()["sensor.other.lane_invasion"].senses is None  # clients compute it themselves


def test_every_kind_of_sensor_is_made_by_somebody() -> None:
    from scanyard.carla_server.sensors.table import SENSORS

    kinds = {blueprint.senses for blueprint in starting("sensor.")} - {None}
    assert kinds == set(SENSORS)


@pytest.mark.parametrize("table", ["1;2", "a:b", "1:2:3"])
def test_a_beam_table_that_makes_no_sense_is_refused_when_the_lidar_is_spawned(table: str) -> None:
    from scanyard.carla_server.world.attributes import refuse_impossible

    blueprint = library()["sensor.lidar.ray_cast"]
    wanted = blueprint.attributes(ActorDescription(0, blueprint.id)) | {"beam_table": table}
    with pytest.raises(wire.Refused, match="beam_table"):
        refuse_impossible(blueprint.definition.attributes, wanted)
