"""What calls about the street, its lamps, drawings and files do to the world."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from called_world import ORIGIN, World

from scanyard.carla_server.protocol import drawing
from scanyard.carla_server.protocol.drawing import DebugShape, FloatTexture, Point, String, Texture
from scanyard.carla_server.protocol.wire import (
    LightState,
    Refused,
    Vector3D,
    WeatherParameters,
)
from scanyard.carla_server.world.drawings import MAX_SHAPES, Drawings

# --- drawing ----------------------------------------------------------------------------------------------------------


def dot(life_time_s: float) -> DebugShape:
    return DebugShape(Point(ORIGIN), life_time=life_time_s)


def test_debug_shapes_last_as_long_as_they_say() -> None:
    drawings = Drawings()
    once, short, forever = dot(-1.0), dot(0.25), dot(0.0)
    for shape in (once, short, forever):
        drawings.add(shape, 1.0)
    assert drawings.seen_at(1.1) == (once, short, forever)
    assert drawings.seen_at(1.2) == (short, forever)
    assert drawings.seen_at(1.3) == (forever,)
    assert drawings.seen_at(9e9) == (forever,)


def test_texts_and_other_shapes_are_wiped_off_apart(world: World) -> None:
    text, point = DebugShape(String(ORIGIN, "hello"), life_time=0.0), dot(0.0)
    for shape in (text, point):
        world.call("draw_debug_shape", shape)
    world.call("clear_debug_string")
    assert world.episode.drawings.seen_at(0.1) == (point,)
    world.call("draw_debug_shape", text)
    world.call("clear_debug_shape")
    assert world.episode.drawings.seen_at(0.2) == (text,)


def test_who_draws_without_end_loses_the_oldest_shapes() -> None:
    drawings = Drawings()
    for i in range(MAX_SHAPES + 10):
        drawings.add(DebugShape(Point(Vector3D(float(i))), life_time=0.0), 0.0)
    seen = drawings.seen_at(1.0)
    assert len(seen) == MAX_SHAPES
    assert seen[0].primitive.location.x == 10.0  # type: ignore[union-attr]


def test_texture_gives_its_mean_colour_to_the_objects_it_names(world: World) -> None:
    pixels = np.array([[255.0, 0.0, 0.0, 255.0], [0.0, 0.0, 255.0, 255.0], [0.0, 255.0, 0.0, 0.0]])
    world.call("apply_color_texture_to_objects", ("parked_0",), drawing.DIFFUSE, Texture(3, 1, pixels))
    scene: Any = world.episode._scene
    assert scene.painted == {7001: pytest.approx((0.5, 0.0, 0.5))}  # what is transparent does not count
    world.call("apply_color_texture_to_objects", ("parked_0",), drawing.NORMAL, Texture(3, 1, pixels * 0))
    assert scene.painted == {7001: pytest.approx((0.5, 0.0, 0.5))}
    linear = np.array([[0.5, 0.0, 1.0, 1.0]])
    world.call("apply_float_color_texture_to_objects", ("parked_0",), drawing.EMISSIVE, FloatTexture(1, 1, linear))
    assert scene.painted[7001] == pytest.approx((0.5 ** (1 / 2.2), 0.0, 1.0))
    with pytest.raises(Refused, match="no object of this world is called tower"):
        world.call("apply_color_texture_to_objects", ("tower",), drawing.DIFFUSE, Texture(3, 1, pixels))
    with pytest.raises(Refused, match="3 pixels are no picture of 2 by 2"):
        world.call("apply_color_texture_to_objects", ("parked_0",), drawing.DIFFUSE, Texture(2, 2, pixels))


def test_layers_are_hidden_by_call_and_by_loading_without_them(world: World) -> None:
    world.call("unload_map_layer", 0x10)
    scene: Any = world.episode._scene
    assert scene.layers == 0xFFEF
    world.call("load_map_layer", 0x10)
    assert scene.layers == 0xFFFF
    world.call("load_new_episode", "straight", True, 0x8)
    fresh: Any = world.episode._scene
    assert fresh.layers == 0x8


# --- lamps of the street ----------------------------------------------------------------------------------------------


def test_lamps_follow_the_sun_until_they_are_switched_by_hand(world: World) -> None:
    def lit() -> list[bool]:
        return [one.active for one in world.call("query_lights_state", "me")]

    world.frame()
    assert lit() == [False, False]
    world.call("set_weather_parameters", WeatherParameters(sun_altitude_angle=-10.0))
    world.frame()
    assert lit() == [True, True]
    off = world.call("query_lights_state", "me")[0]._replace(active=False, intensity=50.0)
    world.call("update_lights_state", "me", (off, LightState(99, ORIGIN, 1.0, 2, (1, 2, 3), True)), False)
    world.frame()
    assert lit() == [False, True]
    assert world.call("query_lights_state", "me")[0].intensity == 50.0
    assert len(world.episode.street_lights.lamps().position) == 1
    world.call("update_day_night_cycle", "me", False)
    world.call("set_weather_parameters", WeatherParameters(sun_altitude_angle=45.0))
    world.frame()
    assert lit() == [False, True]
    world.call("update_day_night_cycle", "me", True)
    world.frame()
    assert lit() == [False, False]


def test_snapshot_says_when_lamps_were_switched_and_the_map_is_new(world: World) -> None:
    world.frame()
    world.frame()
    world.call("set_weather_parameters", WeatherParameters(sun_altitude_angle=-10.0))
    world.frame()
    world.frame()
    news = [int.from_bytes(one[80:84], "little") for one in world.ear.snapshots]
    assert news == [1 | 2, 0, 2, 0]


# --- files ------------------------------------------------------------------------------------------------------------


def test_only_files_that_were_listed_are_handed_out(world: World) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "straight.xodr", ""):
        with pytest.raises(Refused, match="has no file"):
            world.call("request_file", name)
    for name in world.call("get_required_files", "Nav"):
        assert len(world.call("request_file", name)) > 100
    assert world.call("get_required_files", "TM") == ()
