"""Bounds hold for every draw; moments agree with those of scipy's distributions of the same name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pydantic import ValidationError
from scipy import stats

from scanyard.scenario.distributions import Choice, Distribution, Integer, LogNormal, TruncatedNormal, Uniform

SHARES = (np.arange(20_000) + 0.5) / 20_000
"""Evenly spread uniform numbers: moments without sampling noise."""


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Uniform(low=-2, high=5), stats.uniform(-2, 7)),
        (TruncatedNormal(mean=18, std=4, low=8, high=30), stats.truncnorm(-2.5, 3, 18, 4)),
        (TruncatedNormal(mean=0, std=1, low=2, high=4), stats.truncnorm(2, 4)),
        (TruncatedNormal(mean=0, std=1, low=-4, high=-2), stats.truncnorm(-4, -2)),
        (LogNormal(median=1.6, sigma=0.2, low=0.01, high=100), stats.lognorm(0.2, scale=1.6)),
    ],
)
def test_moments_and_quantiles_agree_with_scipy(ours: Any, theirs: Any) -> None:
    values = np.array([ours.at(u) for u in SHARES])
    assert_allclose(values.mean(), theirs.mean(), atol=2e-3)
    assert_allclose(values.std(), theirs.std(), rtol=2e-3)
    assert_allclose(values[::999], theirs.ppf(SHARES[::999]), atol=1e-5)


def test_truncated_log_normal_is_cut_in_the_logarithm() -> None:
    values = np.array([LogNormal(median=1.6, sigma=0.5, low=0.8, high=3).at(u) for u in SHARES])
    cut = stats.truncnorm(np.log(0.5) / 0.5, np.log(3 / 1.6) / 0.5, np.log(1.6), 0.5)
    assert_allclose(np.log(values).mean(), cut.mean(), atol=1e-3)
    assert_allclose(np.log(values).std(), cut.std(), rtol=2e-3)


def test_integers_are_equally_likely() -> None:
    counts = Counter(Integer(low=-1, high=3).at(u) for u in SHARES)
    assert counts == dict.fromkeys([-1, 0, 1, 2, 3], 4000)


def test_choices_are_as_likely_as_their_weights() -> None:
    counts = Counter(Choice(values=["left", "right", "both"], weights=[1, 0, 3]).at(u) for u in SHARES)
    assert counts == {"left": 5000, "both": 15_000}
    assert Counter(Choice(values=[1.0, 2.0]).at(u) for u in SHARES) == {1.0: 10_000, 2.0: 10_000}


unit = st.floats(0, 1, exclude_max=True)
finite = st.floats(-1e9, 1e9)


@given(finite, finite, unit)
def test_uniform_stays_within_bounds(low: float, high: float, u: float) -> None:
    assume(low < high)
    assert low <= Uniform(low=low, high=high).at(u) <= high


@given(finite, st.floats(1e-3, 1e6), st.floats(-6, 3), st.floats(0.01, 8), unit)
def test_truncated_normal_stays_within_bounds(mean: float, std: float, below: float, width: float, u: float) -> None:
    low, high = mean + below * std, mean + (below + width) * std
    try:
        shape = TruncatedNormal(mean=mean, std=std, low=low, high=high)
    except ValidationError:
        assume(False)
    assert low <= shape.at(u) <= high


@given(st.floats(1e-3, 1e3), st.floats(0.01, 2), st.floats(0.1, 0.9), st.floats(1.1, 10), unit)
def test_log_normal_stays_within_bounds(median: float, sigma: float, below: float, above: float, u: float) -> None:
    shape = LogNormal(median=median, sigma=sigma, low=median * below, high=median * above)
    assert shape.low <= shape.at(u) <= shape.high


@given(st.integers(-(2**53), 2**53), st.integers(0, 2**54), unit)
def test_integer_stays_within_bounds(low: int, width: int, u: float) -> None:
    assume(low + width <= 2**53)
    assert low <= Integer(low=low, high=low + width).at(u) <= low + width


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=6), unit)
def test_choice_never_takes_a_value_of_weight_zero(weights: list[float], u: float) -> None:
    assume(sum(weights) > 0)
    index = Choice(values=[float(i) for i in range(len(weights))], weights=weights).at(u)
    assert isinstance(index, float)
    assert weights[int(index)] > 0


@given(st.floats(0, 0.999), st.floats(0, 0.999))
def test_larger_shares_give_no_smaller_values(a: float, b: float) -> None:
    shape = Distribution.model_validate({"truncated_normal": {"mean": 3.0, "std": 2.0, "low": 0.0, "high": 9.0}})
    assert shape.limits == (0.0, 9.0)
    first, second = shape.at(min(a, b)), shape.at(max(a, b))
    assert isinstance(first, float)
    assert isinstance(second, float)
    assert first <= second
