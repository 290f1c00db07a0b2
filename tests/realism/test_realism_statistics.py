"""The profile's figures come out again when its effects are applied and measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ideal_returns import BUILDING, CAR, PERSON, RIDER, ROAD, STATS, lidar_of, measured, only, ranges_of, returns_at
from numpy.testing import assert_allclose
from scipy.special import expit

from scanyard.profiles import load_profile
from scanyard.randomness import stream
from scanyard.realism import apply
from scanyard.realism.fit import CAR_DROP_OUT, main

PROFILE = Path(__file__).parents[2] / "src" / "scanyard" / "profiles" / "hdl64e.json"
TOP = lidar_of(load_profile("hdl64e"))
COUNT = 100_000
BINS = np.linspace(0, 1, 21)
needs_stats = pytest.mark.skipif(not STATS.is_file(), reason="the measured statistics are not beside the repository")


def dropped(range_m: float, tag: int, **columns: object) -> float:
    profile = only("drop_out")
    ideal = returns_at(np.full(COUNT, range_m), profile, tag=tag, **columns)
    return 1 - len(apply(ideal, TOP, profile, stream("drop", int(range_m * 10)))) / COUNT


def intensities(tag: int, range_m: float = 15.0) -> np.ndarray:
    """Of many objects seen at all angles."""
    rng = np.random.default_rng(1)
    profile = only("intensity")
    columns = {"tag": tag, "instance": rng.integers(1, 50_000, COUNT), "cos": rng.uniform(0, 1, COUNT)}
    reported = apply(returns_at(np.full(COUNT, range_m), profile, **columns), TOP, profile, stream("shine"))
    return reported.intensity.astype(float)


@pytest.mark.parametrize("index", range(15))
def test_range_noise_is_that_of_the_table(index: int) -> None:
    profile = only("range_noise")
    table = profile.effects["range_noise"]
    range_m = table["range_m"][index]
    reported = apply(returns_at(np.full(COUNT, range_m), profile), TOP, profile, stream("noise"))
    error = ranges_of(reported, profile) - range_m
    assert_allclose(error.std(), table["sd_m"][index], rtol=0.02)
    assert abs(error.mean()) < 1e-4


@pytest.mark.parametrize("range_m", [2.5, 22.5, 42.5, 62.5, 77.5])
def test_drop_out_follows_the_formula_of_the_profile(range_m: float) -> None:
    model = only("drop_out").effects["drop_out"]["groups"]
    for tag, group in ((BUILDING, "other"), (PERSON, "other"), (ROAD, "ground")):
        row, tens = model[group], range_m / 10
        odds = row["intercept"] + row["per_10m"] * tens + row["per_10m_squared"] * tens**2
        expected = expit(odds + row["per_grazing"] * (1 - 0.3))
        assert_allclose(dropped(range_m, tag, cos=0.3), expected, atol=0.0035)


@needs_stats
def test_drop_out_by_range_is_as_measured() -> None:
    table = measured()["dropout_on_surfaces"]["by_range"]
    for index, rate in enumerate(table["rate"]):
        found = dropped((index + 0.5) * table["bin_m"], BUILDING)
        assert_allclose(found, rate, rtol=0.25, atol=0.004)


@needs_stats
def test_ground_by_incidence_is_as_measured() -> None:
    stats = measured()
    table, height = stats["dropout_on_surfaces"]["ground_by_incidence"], stats["mounting"]["sensor_height_m"]["mean"]
    for index in range(7, 12):
        incidence = np.deg2rad(table["first_bin_deg"] + (index + 0.5) * table["bin_deg"])
        found = dropped(min(height / np.cos(incidence), 30.0), ROAD, cos=np.cos(incidence))
        assert_allclose(found, table["rate"][index], atol=0.002)


@pytest.mark.parametrize("range_m", [5.0, 25.0, 40.0, 70.0])
@pytest.mark.parametrize("cos", [1.0, 0.3, 0.0])
def test_drop_out_on_cars_is_a_law_of_return_power(range_m: float, cos: float) -> None:
    paint = np.random.default_rng(0).standard_normal(4000)
    odds = CAR_DROP_OUT["intercept"] + CAR_DROP_OUT["per_log_range"] * np.log(range_m / 10)
    odds -= CAR_DROP_OUT["per_log_cos"] * np.log(max(cos, 0.02))
    expected = expit(odds - CAR_DROP_OUT["per_paint"] * paint).mean()
    instance = np.random.default_rng(1).integers(1, 50_000, COUNT)
    assert_allclose(dropped(range_m, CAR, cos=cos, instance=instance), expected, atol=0.015)


def test_cars_return_all_there_is_near_and_half_of_it_at_forty_metres() -> None:
    rng = np.random.default_rng(0)
    columns = {"instance": rng.integers(1, 50_000, COUNT), "cos": rng.uniform(0.2, 1, COUNT)}
    kept = [1 - dropped(range_m, CAR, **columns) for range_m in (10.0, 20.0, 40.0, 60.0)]
    assert kept[0] > 0.97
    assert kept[1] > 0.85
    assert 0.45 < kept[2] < 0.65
    assert 0.2 < kept[3] < 0.4


@needs_stats
def test_noise_is_that_measured_up_to_50_m() -> None:
    p25 = measured()["range_noise"]["by_range"]["p25_m"]
    assert_allclose(only("range_noise").effects["range_noise"]["sd_m"][:10], p25[:10], atol=1e-5)


@pytest.mark.parametrize(
    ("tag", "group"), [(CAR, "car"), (PERSON, "pedestrian"), (RIDER, "cyclist"), (BUILDING, "other")]
)
def test_intensity_histograms_are_those_of_the_table(tag: int, group: str) -> None:
    share = np.asarray(only("intensity").effects["intensity"]["groups"][group]["share"])
    found = np.histogram(intensities(tag) + 1e-4, BINS)[0] / COUNT
    assert np.abs(found - share / share.sum()).sum() / 2 < 0.03  # total variation


def test_ground_is_as_bright_as_its_histogram_says() -> None:
    share = np.asarray(only("intensity").effects["intensity"]["groups"]["ground"]["share"])
    found = np.histogram(np.concatenate([intensities(ROAD, r) for r in (5.0, 9.0, 12.0, 15.0, 20.0)]) + 1e-4, BINS)[
        0
    ] / (5 * COUNT)
    assert np.abs(found - share / share.sum()).sum() / 2 < 0.1


@needs_stats
def test_ground_brightness_by_range_is_as_measured() -> None:
    table = measured()["intensity"]["mean"]["ground_by_range"]
    for index, value in enumerate(table["value"]):
        if value is not None:
            assert_allclose(intensities(ROAD, (index + 0.5) * table["bin_m"]).mean(), value, atol=0.01)


def test_intensity_is_quantised_and_below_one() -> None:
    values = intensities(CAR)
    assert_allclose(values * 100, np.round(values * 100), atol=1e-4)
    assert 0 <= values.min() <= values.max() < 1.0


@needs_stats
def test_the_shipped_profile_is_what_the_fit_makes(tmp_path: Path) -> None:
    main([str(STATS), "--out", str(tmp_path / "profile.json")])
    made = json.loads((tmp_path / "profile.json").read_text(encoding="utf-8"))
    assert made == json.loads(PROFILE.read_text(encoding="utf-8"))
