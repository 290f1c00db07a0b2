"""Whatever attributes and weather clients send, a camera sends a picture or refuses."""

from __future__ import annotations

import numpy as np
import pytest
from camera_street import shoot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scene_street import bare_street, shape_of, standing

from scanyard.carla_server.protocol.wire import WeatherParameters
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.lens import Lens

SMALL = {"image_size_x": "24", "image_size_y": "16"}
NAMES = (
    "fov", "gamma", "exposure_compensation", "shutter_speed", "iso", "fstop", "slope", "toe", "shoulder",
    "black_clip", "white_clip", "lens_circle_falloff", "lens_circle_multiplier", "lens_k", "lens_kcube", "lens_x_size",
    "lens_y_size",
)  # fmt: skip
silly = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -1.0, 1.0, 0.8, 0.81, 100.0, 1e-30, 3e38, -3e38]),
)


@pytest.fixture(scope="module")
def street() -> Scene:
    scene, shape = bare_street(), shape_of("car")
    scene.place([8], [shape], [standing(shape, 8.0, 1.0)])
    return scene


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(NAMES), silly, max_size=6), st.sampled_from(["manual", "histogram"]))
def test_any_attributes_give_a_picture(street: Scene, values: dict[str, float], mode: str) -> None:
    attributes = SMALL | {"exposure_mode": mode} | {name: repr(value) for name, value in values.items()}
    for kind in ("rgb", "depth"):
        assert shoot(street, kind, attributes=attributes).shape == (16, 24, 4)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(*[silly] * len(WeatherParameters._fields)))
def test_any_weather_gives_a_picture(street: Scene, values: tuple[float, ...]) -> None:
    pixels = shoot(street, "rgb", WeatherParameters(*values), attributes=SMALL, lights={8: 0x7FF}, time_s=0.1)
    assert pixels.shape == (16, 24, 4)
    assert (pixels[..., 3] == 255).all()


def test_a_picture_too_large_for_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="100000 by 100000 pixels"):
        Lens.of({"image_size_x": "100000", "image_size_y": "100000"})


def test_text_that_is_no_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        Lens.of({"image_size_x": "wide"})


def test_directions_of_a_bent_lens_are_finite() -> None:
    lens = Lens.of(
        SMALL | {"lens_circle_multiplier": "3e38", "lens_k": "-3e38", "lens_kcube": "3e38", "lens_x_size": "-9"}
    )
    assert np.isfinite(lens.directions()).all()
