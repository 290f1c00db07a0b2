"""Rows of arrays that grow and shrink together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scanyard.carla_server.motion.columns import Columns


class Pairs(Columns):
    BLANK = {"number": np.array(-1, np.int64), "place": np.full(2, 0.5)}  # noqa: RUF012 - as in the house
    number: np.ndarray
    place: np.ndarray


@given(st.lists(st.integers(-40, 40), max_size=200))
def test_rows_are_those_that_came_less_those_that_went_in_the_order_of_coming(changes: list[int]) -> None:
    columns, expected = Pairs(), list[int]()
    for change in changes:
        if change < 0 and expected:
            columns.remove(-change % len(expected))
            del expected[-change % len(expected)]
        elif change >= 0:
            assert columns.append(number=change) == len(expected)
            expected.append(change)
        assert columns.number.tolist() == expected
        assert (columns.place == 0.5).all()
        columns.place[:] = 0.5


def test_a_row_that_was_taken_out_alone_changes_no_more() -> None:
    columns = Pairs()
    for number in range(5):
        columns.append(number=number, place=(number, 0.0))
    kept = columns.alone(3)
    columns.place[3] = 9.0
    columns.remove(3)
    assert (kept.number.tolist(), kept.place.tolist(), len(kept)) == ([3], [[3.0, 0.0]], 1)


def test_a_thousand_rows_are_added_without_copying_all_of_them_a_thousand_times() -> None:
    columns, moves, before = Pairs(), 0, 0
    for number in range(1000):
        columns.append(number=number)
        address = columns.number.__array_interface__["data"][0]
        moves, before = moves + (address != before), address
    assert moves < 20
