from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import kstest

from scanyard.metrics.permutation import EXACT_UNITS, least_p, least_p_of, permutation_p, swaps


def p_of(differences: np.ndarray, *, draws: int = 2000, seed: int = 0) -> float:
    """The p of a mean of paired differences (U,): swapping a pair turns its sign."""
    ways = swaps(len(differences), draws, seed)
    signs = np.where(ways.swapped, -1.0, 1.0)
    return permutation_p(float(differences.mean()), signs @ differences / len(differences), exact=ways.exact)


def literal_p(differences: np.ndarray) -> float:
    """Every way to sign, mirror images included, counted one by one."""
    found = abs(sum(differences))
    ways = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    return sum(way >= found - 1e-9 for way in ways) / len(ways)


def test_few_drives_are_swapped_in_every_way() -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 5, 8):
        differences = random.normal(0.5, 1.0, count)
        assert p_of(differences) == pytest.approx(literal_p(differences))


def test_no_way_to_swap_is_the_mirror_image_of_another() -> None:
    ways = swaps(6, 0, 0).swapped
    assert not ways[0].any()
    assert len({tuple(way) for way in ways} | {tuple(~way) for way in ways}) == 2**6 == 2 * len(ways)


def test_p_is_uniform_where_there_is_no_difference() -> None:
    random = np.random.default_rng(1)
    p = [p_of(random.standard_t(3, 12)) for _ in range(400)]  # heavy tails: no normal theory holds here
    assert kstest(p, "uniform").pvalue > 0.01


def test_p_of_drawn_swaps_is_uniform_too() -> None:
    random = np.random.default_rng(2)
    p = [p_of(random.normal(size=20), draws=499, seed=trial) for trial in range(300)]
    assert kstest(p, "uniform").pvalue > 0.01


def test_drawn_swaps_say_what_all_swaps_say() -> None:
    differences = np.random.default_rng(3).normal(0.4, 1.0, EXACT_UNITS)
    exact = p_of(differences)
    signs = np.where(np.random.default_rng(4).random((20_000, EXACT_UNITS)) < 0.5, -1.0, 1.0)
    drawn = permutation_p(float(differences.mean()), signs @ differences / EXACT_UNITS, exact=False)
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_the_order_of_drives_changes_no_exact_p() -> None:
    differences = np.random.default_rng(5).normal(0.4, 1.0, 9)
    assert {round(p_of(np.random.default_rng(seed).permutation(differences)), 12) for seed in range(5)} == {
        round(p_of(differences), 12)
    }


def test_five_drives_can_show_nothing_at_five_percent() -> None:
    assert p_of(np.full(5, 30.0)) == least_p(5) == 0.0625
    assert p_of(np.full(6, 30.0)) == least_p(6) == 0.03125


def test_drawn_swaps_never_give_zero() -> None:
    assert p_of(np.full(30, 5.0), draws=99) == 0.01


def test_swaps_of_units_that_are_not_independent_count_for_more() -> None:
    swapped = np.array([2.0, -1.9, 1.0, 0.5])
    assert permutation_p(2.0, swapped, exact=True) == 0.25
    assert permutation_p(2.0, swapped, exact=True, greater=1.1) == 0.5
    assert permutation_p(2.0, np.tile(swapped, 25), exact=False, greater=1.1) == 51 / 101


def test_the_same_seed_draws_the_same_swaps() -> None:
    assert np.array_equal(swaps(20, 50, 1).swapped, swaps(20, 50, 1).swapped)
    assert not np.array_equal(swaps(20, 50, 1).swapped, swaps(20, 50, 2).swapped)


def test_drives_that_do_not_differ_make_no_smaller_p_possible() -> None:
    random = np.random.default_rng(6)
    for count, differing in ((8, 8), (12, 5), (20, 5), (7, 0)):
        differences = np.append(random.normal(0.5, 1.0, differing), np.zeros(count - differing))
        ways = swaps(count, 4000, 0)
        swapped = np.where(ways.swapped, -1.0, 1.0) @ differences
        least = least_p_of(float(differences.sum()), swapped, exact=ways.exact)
        assert least == pytest.approx(min(least_p(differing), 1.0), rel=0.1 if not ways.exact else 1e-12)
        assert least <= permutation_p(float(differences.sum()), swapped, exact=ways.exact)
