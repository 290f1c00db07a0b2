from __future__ import annotations

import numpy as np
import pytest

from scanyard.metrics.permutation import least_p, permutation_p, swaps
from scanyard.metrics.power import detectable_difference


def test_the_detectable_difference_is_seen_four_times_in_five() -> None:
    """Drives differ by normal amounts; the true difference is what nine drives were said to tell."""
    random = np.random.default_rng(0)
    errors = random.normal(0.0, 2.0 / 3 * np.sqrt(8 / 9), 100_000)  # what resampling nine drives of spread 2 gives
    least = detectable_difference(errors, 9, least_p(9))
    ways = swaps(9, 0, 0)
    signs = np.where(ways.swapped, -1.0, 1.0)
    seen = []
    for _ in range(400):
        drives = random.normal(least, 2.0, 9)
        seen.append(permutation_p(float(drives.mean()), signs @ drives / 9, exact=True) <= 0.05)
    assert np.mean(seen) == pytest.approx(0.8, abs=0.06)


def test_more_drives_tell_smaller_differences() -> None:
    draws = np.random.default_rng(0).normal(0.0, 1.0, 1000)
    found = [detectable_difference(draws, number, least_p(number)) for number in (6, 9, 20, 100)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(2.8, abs=0.15)


def test_five_drives_can_tell_no_difference_at_this_level() -> None:
    draws = np.random.default_rng(0).normal(0.0, 1.0, 100)
    assert detectable_difference(draws, 5, least_p(5)) is None
    assert detectable_difference(draws, 4.2, least_p(6)) is not None


def test_the_more_comparisons_the_greater_a_difference_has_to_be() -> None:
    draws = np.random.default_rng(0).normal(0.0, 1.0, 1000)
    alone, in_company = (detectable_difference(draws, 20, least_p(20), company=company) for company in (1, 3))
    assert in_company == pytest.approx(detectable_difference(draws, 20, least_p(20), level=0.05 / 3))
    assert in_company > 1.1 * alone


def test_resamples_that_are_all_alike_tell_nothing() -> None:
    assert detectable_difference(np.full(100, 12.5), 20, least_p(20)) is None
