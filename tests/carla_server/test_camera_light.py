"""Light: shadows where they must be, night and fog by their formulas, wet ground, exposure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from camera_street import HEIGHT, HIGH_M, MANUAL, NOBODY, NOON, WIDTH, brightness, depth_m, shoot
from scene_street import bare_street, pose_at, shape_of, standing

from scanyard.carla_server.protocol.wire import WeatherParameters
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.film import MID_GREY, REFERENCE_EV, Film
from scanyard.carla_server.sensors.lamps import BRAKE, LEFT_BLINKER, LOW_BEAM, POSITION
from scanyard.carla_server.sensors.lighting import FOG_PER_M, light_of
from scanyard.carla_server.sensors.street_lighting import SIGNAL_COLORS, Signals, StreetLamps
from scanyard.carla_server.surfaces.materials import Tag

NIGHT = NOON._replace(sun_altitude_angle=-40.0)
LINEAR = MANUAL | {"gamma": "1.0", "enable_postprocess_effects": "false"}
"""Pixels proportional to light, as long as none is at 255."""


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def road_at(x: float, y: float) -> tuple[int, int]:
    """The pixel that looks at a place on the road."""
    return int(HEIGHT / 2 + WIDTH / 2 * HIGH_M / x), int(WIDTH / 2 + WIDTH / 2 * y / x)


@pytest.mark.parametrize("azimuth_deg", [90.0, 270.0, 0.0])
def test_a_shadow_lies_where_the_sun_throws_it(street: Scene, azimuth_deg: float) -> None:
    shape = shape_of("van")
    weather = NOON._replace(sun_altitude_angle=45.0, sun_azimuth_angle=azimuth_deg)
    away = -np.array([np.cos(np.deg2rad(azimuth_deg)), np.sin(np.deg2rad(azimuth_deg))])
    beside = np.array([12.0, 0.0]) + away * [2.5 + 1.0, 0.95 + 1.0]  # a metre from its side
    other = np.array([12.0, 0.0]) + away[::-1] * [2.5 + 1.0, 0.95 + 1.0]
    street.place(*NOBODY)
    before = brightness(shoot(street, "rgb", weather, attributes=MANUAL))
    street.place([8], [shape], [standing(shape, 12.0, 0.0)])
    after = brightness(shoot(street, "rgb", weather, attributes=MANUAL))
    assert after[road_at(*beside)] < 0.72 * before[road_at(*beside)]
    if other[0] <= 12.0:  # else the van hides it
        assert after[road_at(*other)] == pytest.approx(before[road_at(*other)], rel=0.15)


def test_it_is_dim_under_a_van_even_without_a_sun(street: Scene) -> None:
    shape = shape_of("van")
    overcast = NOON._replace(cloudiness=100.0)
    street.place(*NOBODY)
    before = brightness(shoot(street, "rgb", overcast, attributes=MANUAL))
    street.place([8], [shape], [standing(shape, 9.0, 2.2)])
    after = brightness(shoot(street, "rgb", overcast, attributes=MANUAL))
    assert after[road_at(8.0, 1.0)] < 0.93 * before[road_at(8.0, 1.0)]
    assert after[road_at(8.0, -3.0)] == pytest.approx(before[road_at(8.0, -3.0)], rel=0.02)


def test_the_lower_the_sun_the_darker_and_redder_its_light() -> None:
    suns = [np.array(light_of(NOON._replace(sun_altitude_angle=height)).sun) for height in (70.0, 20.0, 5.0, 1.0)]
    assert all((high > low).all() for high, low in pairwise(suns))
    assert all(np.diff([sun[0] / sun[2] for sun in suns]) > 0)
    assert light_of(NIGHT).sun == (0.0, 0.0, 0.0)


def test_night_is_darker_than_dusk_and_dusk_than_noon(street: Scene) -> None:
    street.place(*NOBODY)
    for attributes in ({}, MANUAL):
        suns = [NOON._replace(sun_altitude_angle=height) for height in (60.0, 0.0, -40.0)]
        means = [brightness(shoot(street, "rgb", sun, attributes=attributes)).mean() for sun in suns]
        assert means[0] > 1.2 * means[1] > 1.5 * means[2]


def test_clouds_take_the_sun_and_its_shadows_away(street: Scene) -> None:
    shape = shape_of("van")
    street.place([8], [shape], [standing(shape, 12.0, 0.0)])
    for cloudiness, fewest, most in ((0.0, 0.0, 0.75), (100.0, 0.9, 1.1)):
        weather = NOON._replace(sun_altitude_angle=45.0, cloudiness=cloudiness)
        pixels = brightness(shoot(street, "rgb", weather, attributes=MANUAL))
        assert fewest <= pixels[road_at(12.0, -2.4)] / pixels[road_at(12.0, -4.5)] <= most


def test_fog_hides_by_its_formula(street: Scene) -> None:
    street.place(*NOBODY)
    foggy = NOON._replace(fog_density=60.0, fog_distance=10.0, fog_falloff=0.0, cloudiness=100.0)
    clear = shoot(street, "rgb", foggy._replace(fog_density=0.0), attributes=LINEAR)[..., 1].astype(float)
    veiled = shoot(street, "rgb", foggy, attributes=LINEAR)[..., 1].astype(float)
    depth = depth_m(shoot(street, "depth"))
    veil = 255 * 0.42 * light_of(foggy).fog.color[1]  # NOON_EXPOSURE; manual, linear
    checked = 0
    for row in range(HEIGHT // 2 + 8, HEIGHT, 7):
        column = WIDTH // 2 + 11
        range_m = depth[row, column] * np.sqrt(1 + ((row + 0.5 - HEIGHT / 2) ** 2 + 11.5**2) / (WIDTH / 2) ** 2)
        share = 1 - np.exp(-FOG_PER_M * 0.6**1.5 * max(range_m - 10.0, 0.0))
        expected = clear[row, column] * (1 - share) + veil * share
        assert veiled[row, column] == pytest.approx(expected, abs=2.5)
        checked += 1
    assert checked > 5


def test_fog_that_falls_off_with_height_is_thinner_above() -> None:
    fog = light_of(WeatherParameters(fog_density=50.0, fog_falloff=2.0, fog_distance=0.0)).fog
    distance = np.full(1, 60.0, np.float32)
    level, up, down = (float(fog.veil(distance, np.full(1, rise, np.float32))[0]) for rise in (0.0, 0.5, -0.01))
    assert level == pytest.approx(1 - np.exp(-fog.per_m * 60.0), rel=1e-4)
    # ∫ exp(-falloff · rise · s) ds from 0 to 60
    thinned = (1 - np.exp(-fog.falloff * 0.5 * 60.0)) / (fog.falloff * 0.5)
    assert up == pytest.approx(1 - np.exp(-fog.per_m * thinned), rel=1e-3)
    assert down > level


def test_wet_ground_is_darker_below_and_mirrors_the_sky_far_away(street: Scene) -> None:
    street.place(*NOBODY)
    wet = NOON._replace(wetness=100.0, precipitation_deposits=100.0)
    dry, shiny = (
        brightness(shoot(street, "rgb", weather, pose_at(0, 0, 1.5), attributes=MANUAL)) for weather in (NOON, wet)
    )
    assert shiny[HEIGHT - 8 :, 180:220].mean() < 0.8 * dry[HEIGHT - 8 :, 180:220].mean()
    far = HEIGHT // 2 + 4
    assert shiny[far, 180:220].mean() / dry[far, 180:220].mean() > 1.2 * (
        shiny[HEIGHT - 8 :, 180:220].mean() / dry[HEIGHT - 8 :, 180:220].mean()
    )


def test_rain_falls_anew_in_every_frame_and_the_same_in_the_same(street: Scene) -> None:
    from scanyard.carla_server.sensors.cameras import picture
    from scanyard.carla_server.sensors.context import Context, Tick

    street.place(*NOBODY)
    rainy = NOON._replace(precipitation=80.0)
    size = {"image_size_x": "200", "image_size_y": "80"}
    first, again, later = (
        picture(street, "rgb", size, pose_at(0, 0, 1.5), Context(Tick(frame, 0.1, 0.1), weather=rainy))
        for frame in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != later).any(axis=-1).mean() > 0.02


def test_brake_lamps_and_indicators_shine_by_the_light_state(street: Scene) -> None:
    shape = shape_of("car")
    street.place([8], [shape], [standing(shape, 6.0, 0.0)])
    told = {"attributes": MANUAL, "time_s": 0.1}
    off = shoot(street, "rgb", NIGHT, **told)[..., 2].astype(int)
    # The lenses shine all over, not only where they glow into the camera.
    for flags, columns, fewest in ((BRAKE, slice(0, WIDTH), 180), (LEFT_BLINKER, slice(0, WIDTH // 2), 80)):
        gained = shoot(street, "rgb", NIGHT, lights={8: flags}, **told)[..., 2].astype(int) - off
        assert (gained[:, columns] > 120).sum() > fewest
        rest = gained.copy()
        rest[:, columns] = 0
        assert (rest < 120).all()
    dark = shoot(street, "rgb", NIGHT, lights={8: LEFT_BLINKER}, attributes=MANUAL, time_s=0.5)[..., 2]
    assert (dark.astype(int) - off < 120).all()  # it blinks


def test_head_lamps_light_the_road_ahead_but_not_behind(street: Scene) -> None:
    shape = shape_of("car")
    bright = MANUAL | {"iso": "6400"}
    for yaw_deg, is_lit in ((0.0, True), (180.0, False)):
        street.place([8], [shape], [standing(shape, -2.5, 0.0, yaw_deg=yaw_deg)])
        off, on = (
            brightness(shoot(street, "rgb", NIGHT, lights=lights, attributes=bright))
            for lights in ({}, {8: LOW_BEAM | POSITION})
        )
        place = road_at(9.0, 1.0)
        assert (on[place] > 2 * off[place] + 10) == is_lit


def test_a_street_lamp_lights_what_is_below_it(street: Scene) -> None:
    street.place(*NOBODY)
    lamps = StreetLamps(np.array([[10.0, 0.0, 7.0]]), np.array([[1.0, 0.8, 0.5]]), np.array([1.0]))
    bright = MANUAL | {"iso": "3200"}
    off, on = (
        shoot(street, "rgb", NIGHT, attributes=bright, **told).astype(float) for told in ({}, {"street_lamps": lamps})
    )
    gained = on - off
    assert gained[road_at(10.0, 0.0)][2] > 20
    assert gained[road_at(10.0, 0.0)][2] > 1.15 * gained[road_at(10.0, 0.0)][0]  # it is yellow
    assert np.abs(gained[road_at(5.5, -4.0)]).max() < gained[road_at(10.0, 0.0)].max()


def test_a_traffic_light_glows_in_its_colour_for_those_it_faces(street: Scene) -> None:
    street.place(*NOBODY)
    lamps = np.array([[[12.0, 1.0, 3.2], [12.0, 1.0, 2.9], [12.0, 1.0, 2.6]]])
    row = int(HEIGHT / 2 - WIDTH / 2 * (3.2 - HIGH_M) / 12.0)
    column = int(WIDTH / 2 + WIDTH / 2 * 1.0 / 12.0)
    seen = []
    for state in (0, 2, 3):
        for facing in (-1.0, 1.0):
            signals = Signals.shown(lamps, np.array([[facing, 0.0, 0.0]]), np.array([state], np.uint8))
            seen.append(shoot(street, "rgb", NIGHT, attributes=MANUAL, signals=signals).astype(int))
    dark = seen[-1]
    assert (seen[0] - dark)[row, column, 2] > 100
    assert (seen[0] - dark)[row, column, 0] < 60
    assert np.abs(seen[1] - dark).max() == np.abs(seen[4] - dark).max() == 0
    green = (seen[2] - dark)[:, column - 1 : column + 2].max(axis=1)
    assert green[:, 1].argmax() > row
    assert green[:, 1].max() > 100
    assert SIGNAL_COLORS.shape == (3, 3)


def test_manual_exposure_follows_shutter_aperture_and_sensitivity() -> None:
    usual = Film.of({"exposure_mode": "manual"})
    assert usual.ev == pytest.approx(REFERENCE_EV)
    nothing = np.zeros((3, 1), np.float32)
    for change, factor in (({"iso": "200"}, 2.0), ({"shutter_speed": "100"}, 2.0), ({"fstop": "2.8"}, 0.25),
                           ({"exposure_compensation": "-1"}, 0.5)):  # fmt: skip
        film = Film.of({"exposure_mode": "manual"} | change)
        assert film.exposure(nothing) == pytest.approx(factor * usual.exposure(nothing))


def test_automatic_exposure_evens_out_what_it_meters_and_compensation_adds_stops() -> None:
    grey = np.full((3, 1000), 0.5, np.float32)
    film = Film.of({})
    assert film.exposure(2 * grey) == pytest.approx(film.exposure(grey) / 2, rel=0.05)
    assert Film.of({"exposure_compensation": "1"}).exposure(grey) == pytest.approx(2 * film.exposure(grey))


def test_the_filmic_curve_keeps_mid_grey_and_rises_all_along() -> None:
    curve = Film.of({"gamma": "1.0"}).curve().astype(int)
    step = round(np.sqrt(MID_GREY / 16.0) * (len(curve) - 1))
    assert curve[step] == pytest.approx(MID_GREY * 255, abs=2)
    assert (np.diff(curve) >= 0).all()
    assert (curve[0], curve[-1]) == (0, 255)
    steeper = Film.of({"gamma": "1.0", "slope": "1.2"}).curve().astype(int)
    assert steeper[step * 3 // 2] > curve[step * 3 // 2]


def test_a_larger_gamma_lifts_the_shadows(street: Scene) -> None:
    street.place(*NOBODY)
    dark, bright = (brightness(shoot(street, "rgb", attributes=MANUAL | {"gamma": gamma})) for gamma in ("1.0", "2.2"))
    assert (bright >= dark - 2).mean() > 0.98  # outlines are smoothed differently
    assert bright.mean() > dark.mean() + 20


def test_sky_pixels_are_the_sky_of_the_semantic_picture_and_blue(street: Scene) -> None:
    street.place(*NOBODY)
    pixels = shoot(street, "rgb")[2:40].astype(int)
    sky = shoot(street, "semantic")[2:40, :, 2] == Tag.SKY
    assert sky.mean() > 0.3
    assert (pixels[sky][:, 0] > pixels[sky][:, 2]).mean() > 0.95
