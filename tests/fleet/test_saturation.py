"""The simulation of a large campaign obeys the laws that every such system obeys."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "benchmarks"))  # tools are no package

from saturation import Costs, holds_up_to, simulate

COSTS = Costs(
    scene_s=10.0,
    scene_bytes=50e6,
    bytes_per_s=1e9,
    commit_s=0.05,
    driver_s=0.002,
    pulse_s=0.001,
    pulse_every_s=10.0,
    listing_s=0.001,
)


def test_a_few_workers_do_not_meet() -> None:
    assert simulate(COSTS, 4).efficiency == pytest.approx(1.0, abs=0.03)


def test_a_full_store_takes_bytes_and_no_more() -> None:
    result = simulate(COSTS, 1000)
    assert result.scenes_per_s == pytest.approx(COSTS.bytes_per_s / COSTS.scene_bytes, rel=0.01)
    assert result.store == pytest.approx(1.0, abs=0.01)


def test_a_full_driver_hands_out_what_pulses_leave_it_time_for() -> None:
    result = simulate(replace(COSTS, bytes_per_s=1e15, driver_s=0.05), 1000)
    assert result.scenes_per_s == pytest.approx((1 - 1000 * 0.001 / 10.0) / 0.05, rel=0.01)
    assert result.driver == pytest.approx(1.0, abs=0.02)


def test_it_holds_about_as_long_as_the_narrowest_place_allows() -> None:
    full_at = COSTS.alone_s * COSTS.bytes_per_s / COSTS.scene_bytes
    assert 0.7 * full_at < holds_up_to(COSTS) < 1.15 * full_at / 0.9
