from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanyard.metrics.multiplicity import holm, letters, rank_ranges

p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=9)


def literally_rejected(p: list[float], level: float) -> set[int]:
    """Holm's procedure as he wrote it down: on through the sorted p until one is above level / (how many are left)."""
    rejected: set[int] = set()
    for step, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[index] > level / (len(p) - step):
            break
        rejected.add(index)
    return rejected


@given(p_lists, st.sampled_from([0.01, 0.05, 0.2]))
def test_what_is_below_the_level_after_correction_is_what_holm_rejects(p: list[float], level: float) -> None:
    near = any(abs(one * (len(p) - k) - level) < 1e-12 for one in p for k in range(len(p)))  # rounding decides there
    if not near:
        assert {i for i, one in enumerate(holm(p)) if one <= level} == literally_rejected(p, level)


def test_holm_of_known_numbers() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(p_lists)
def test_correction_lowers_no_p_and_keeps_their_order(p: list[float]) -> None:
    corrected = np.array(holm(p))
    assert (corrected >= np.array(p)).all()
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()


def test_families_of_equals_are_wrong_no_more_often_than_promised() -> None:
    random = np.random.default_rng(0)
    wrong = np.mean([min(holm(list(random.random(7)))) <= 0.05 for _ in range(4000)])
    assert wrong < 0.06  # some 30 in 100 without the correction


def shown(count: int, *pairs: tuple[int, int]) -> np.ndarray:
    better = np.zeros((count, count), dtype=bool)
    for winner, loser in pairs:
        better[winner, loser] = True
    return better


def test_who_beats_nobody_and_is_beaten_by_nobody_may_have_any_rank() -> None:
    assert rank_ranges(shown(4, (0, 2), (0, 3), (1, 3))) == [(1, 2), (1, 3), (2, 4), (3, 4)]
    assert rank_ranges(shown(3)) == [(1, 3)] * 3


def test_equals_share_a_letter() -> None:
    assert letters(shown(4, (0, 2), (0, 3), (1, 3))) == ["a", "ab", "bc", "c"]
    assert letters(shown(3)) == ["a", "a", "a"]
    assert letters(shown(3, (0, 1), (0, 2), (1, 2))) == ["a", "b", "c"]


@given(st.integers(1, 7), st.integers(0, 2**21))
def test_two_share_a_letter_exactly_if_they_were_not_told_apart(count: int, bits: int) -> None:
    pairs = [(i, j) for i in range(count) for j in range(i)]
    apart = shown(count, *(pair for k, pair in enumerate(pairs) if bits >> k & 1))
    found = letters(apart)
    for i, j in pairs:
        assert bool(set(found[i]) & set(found[j])) == (not apart[i, j])
