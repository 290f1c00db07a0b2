"""Fog, rain and snow: figures known from the literature, and what follows from them for a sweep."""

from dataclasses import replace

import numpy as np
import pytest

from scanyard.corrupt import CORRUPTIONS, SEVERITIES, Corruption, corrupt_frame
from scanyard.corrupt.medium import Particles, floor_power, fog_of, gunn_marshall, marshall_palmer, precipitation
from scanyard.corrupt.weather import FOG_VISIBILITY_M
from scanyard.frame import Frame, Sweep
from tests.corrupt.street import RIG, street_frame


def spoilt(frame: Frame, name: str, severity: int) -> Sweep:
    return corrupt_frame(frame, RIG, Corruption(name, severity), seed=0, sequence="s", index=0).sweeps["top"]


def kept_share(frame: Frame, name: str, severity: int, near_m: float, far_m: float) -> float:
    """Share of the clean returns between two ranges that are still there."""
    clean = frame.sweeps["top"]
    range_m = np.linalg.norm(clean.points, axis=1)
    sweep = spoilt(frame, name, severity)
    assert clean.instance is not None
    assert sweep.instance is not None
    between = clean.instance[(range_m >= near_m) & (range_m < far_m)]
    return float(np.isin(between, sweep.instance).mean())


def test_fog_of_a_visibility_leaves_5_percent_of_the_contrast_there() -> None:
    for visibility_m in FOG_VISIBILITY_M:
        assert np.exp(-fog_of(visibility_m, 80.0).extinction_per_m * visibility_m) == pytest.approx(0.05)


def test_extinction_of_rain_is_that_measured_by_atlas() -> None:
    # D. Atlas, Optical extinction by rainfall, J. Meteorology 1953: 0.365 R^0.63 per km for Marshall and Palmer's drops
    for rate in (1.0, 10.0, 50.0):
        assert marshall_palmer(rate).extinction_per_m == pytest.approx(0.365e-3 * rate**0.63, rel=0.02)


def test_visibility_in_snow_of_1_mm_per_hour_is_about_a_kilometre() -> None:
    visibility_m = np.log(20) / gunn_marshall(1.0).extinction_per_m
    assert 500 < visibility_m < 1500  # moderate snow, by the weather services' tables


@pytest.mark.parametrize("name", ["fog", "rain", "snow"])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_far_returns_are_lost_first(name: str, severity: int) -> None:
    frame = street_frame()
    shares = [kept_share(frame, name, severity, *span) for span in ((0, 12), (12, 40), (55, 70))]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.85
    assert shares[-1] < 1


def test_dense_fog_hides_the_wall_and_fills_the_first_metres() -> None:
    frame = street_frame()
    assert kept_share(frame, "fog", 5, 55, 70) == 0
    sweep = spoilt(frame, "fog", 5)
    assert sweep.instance is not None
    echoes = np.linalg.norm(sweep.points[sweep.instance == 0], axis=1)
    assert len(echoes) > 1000
    assert np.quantile(echoes, 0.95) < 15


@pytest.mark.parametrize("name", ["fog", "snow"])
def test_harsher_weather_answers_more_often(name: str) -> None:
    frame = street_frame()
    echoes = [np.count_nonzero(spoilt(frame, name, severity).instance == 0) for severity in SEVERITIES]
    assert echoes == sorted(echoes)
    assert echoes[-1] > echoes[0]


def test_returns_stay_on_their_rays() -> None:
    frame = street_frame()
    clean, sweep = frame.sweeps["top"], spoilt(frame, "rain", 5)
    assert sweep.instance is not None
    known = sweep.instance > 0
    before = clean.points[sweep.instance[known] - 1].astype(np.float64)
    origin = np.zeros((len(before), 3))
    assert clean.ring is not None
    origin[:, 2] = RIG.lidars[0].z_offset_m[clean.ring[sweep.instance[known] - 1]]
    after = sweep.points[known] - origin
    way = (before - origin) / np.linalg.norm(before - origin, axis=1, keepdims=True)
    assert np.linalg.norm(np.cross(way, after), axis=1).max() < 1e-3


def test_weak_returns_are_noisier_and_noise_grows_with_rain() -> None:
    frame = street_frame()
    clean = frame.sweeps["top"]

    def error_m(severity: int, near_m: float, far_m: float) -> float:
        sweep = spoilt(frame, "rain", severity)
        assert sweep.instance is not None
        known = sweep.instance > 0
        before = np.linalg.norm(clean.points[sweep.instance[known] - 1], axis=1)
        after = np.linalg.norm(sweep.points[known], axis=1)
        between = (before >= near_m) & (before < far_m)
        return float(np.std((after - before)[between]))

    assert error_m(1, 55, 70) < error_m(5, 55, 70)
    assert error_m(5, 0, 8) < error_m(5, 55, 70)
    assert 0.02 < error_m(5, 55, 70) < 0.2


def test_a_sweep_cropped_to_the_front_gets_no_echoes_at_the_rear() -> None:
    frame = street_frame()
    clean = frame.sweeps["top"]
    ahead = np.abs(np.arctan2(clean.points[:, 1], clean.points[:, 0])) < 0.7
    sweep = spoilt(frame.replace(sweeps={"top": clean[ahead]}), "snow", 5)
    azimuth = np.arctan2(sweep.points[:, 1], sweep.points[:, 0])
    assert len(sweep) > ahead.sum() * 0.8
    assert np.abs(azimuth).max() < 0.7 + np.deg2rad(2.5)


def test_echoes_belong_to_no_object_and_carry_all_columns() -> None:
    sweep = spoilt(street_frame(), "snow", 5)
    assert sweep.instance is not None
    assert sweep.semantic is not None
    assert (sweep.semantic[sweep.instance == 0] == 0).all()
    assert sweep.time_offset_ns is not None
    assert sweep.ring is not None


@pytest.mark.parametrize("name", ["fog", "rain", "snow"])
def test_echoes_are_timed_where_every_return_is_lost(name: str) -> None:
    frame = street_frame()
    clean = frame.sweeps["top"]
    far = int(np.argmax(np.linalg.norm(clean.points, axis=1)))
    alone = frame.replace(sweeps={"top": replace(clean[np.array([far])], intensity=np.zeros(1, dtype=np.float32))})
    lost = 0
    for index in range(40):
        sweep = corrupt_frame(alone, RIG, Corruption(name, 5), seed=0, sequence="s", index=index).sweeps["top"]
        assert sweep.time_offset_ns is not None
        assert len(sweep.time_offset_ns) == len(sweep)
        assert sweep.instance is not None
        lost += len(sweep) > 0 and not np.isin(clean.instance[far], sweep.instance)
    assert lost > 0


def test_chances_rise_with_range_and_fall_with_the_power_to_outdo() -> None:
    for medium in (
        fog_of(100.0, 80.0),
        precipitation(gunn_marshall(2.5), 80.0),
        precipitation(Particles(1, 1, 1, 1), 80.0),
    ):
        assert medium.floor == floor_power(80.0)
        assert (np.diff(medium.chance, axis=1) >= 0).all()
        assert (np.diff(medium.chance, axis=0) <= 1e-15).all()
        assert medium.chance.min() >= 0
        assert medium.chance.max() <= 1


def test_weather_is_the_only_family_that_dims() -> None:
    frame = street_frame()
    clean = frame.sweeps["top"]
    assert clean.intensity is not None
    for name in CORRUPTIONS:
        sweep = spoilt(frame, name, 3)
        assert sweep.instance is not None
        assert sweep.intensity is not None
        known = sweep.instance > 0
        before, after = clean.intensity[sweep.instance[known] - 1], sweep.intensity[known]
        if name in ("fog", "rain", "snow"):
            assert (after <= before).all()
            assert (after < before).mean() > 0.9
        else:
            np.testing.assert_array_equal(after, before)
