from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from scanyard.metrics.blocks import (
    MIN_BLOCKS,
    block_length,
    block_lengths,
    correlation_time,
    cut_in_blocks,
    resampled_blocks,
)


def drifting(count: int, correlation: float, seed: int = 0) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(size=count)
    steps[1:] *= np.sqrt(1 - correlation**2)
    return lfilter([1.0], [1.0, -correlation], steps)


def time_of(values: np.ndarray) -> float:
    """The correlation time of the mean of a series."""
    lengths = block_lengths(len(values))
    one_drive = np.zeros(len(values), dtype=np.int64)
    spreads = [(resampled_blocks(one_drive, length, 200, 0) @ values).var() for length in lengths]
    return correlation_time(np.array(spreads), lengths, len(values))


@pytest.mark.parametrize("correlation", [0.5, 0.8])
def test_the_correlation_time_of_a_known_process_is_found(correlation: float) -> None:
    found = np.median([time_of(drifting(600, correlation, seed)) for seed in range(5)])
    assert found == pytest.approx((1 + correlation) / (1 - correlation), rel=0.4)


def test_frames_that_do_not_resemble_each_other_are_worth_one_each() -> None:
    assert np.median([time_of(drifting(600, 0.0, seed)) for seed in range(5)]) < 1.6


def test_a_draw_is_made_of_whole_blocks_that_go_round() -> None:
    for row in resampled_blocks(np.zeros(12, dtype=np.int64), 4, 50, 0):
        seen = {tuple(sorted((start + k) % 12 for k in range(4))) for start in range(12)}
        assert row.sum() == 12
        assert any(all(row[list(block)] > 0) for block in seen)
    assert (resampled_blocks(np.zeros(12, dtype=np.int64), 12, 5, 0) == 1).all()


def test_every_drive_is_made_up_of_its_own_frames() -> None:
    drive = np.repeat([0, 1, 2], [7, 1, 12])
    copies = resampled_blocks(drive, 5, 40, 0)
    for index, frames in enumerate((7, 1, 12)):
        assert (copies[:, drive == index].sum(axis=1) == frames).all()


def test_frames_of_drives_that_alternate_are_told_apart() -> None:
    drive = np.tile([0, 1], 30)
    assert (resampled_blocks(drive, 30, 20, 0) == 1).all()  # each block is a whole drive
    assert len(set(cut_in_blocks(drive, 10))) == 6
    for block in range(6):
        assert len(set(drive[cut_in_blocks(drive, 10) == block])) == 1


def test_the_longer_frames_remember_the_longer_blocks_are() -> None:
    lengths = block_lengths(800)
    chosen = [block_length(time, lengths) for time in (1.0, 2.0, 5.0, 15.0)]
    assert chosen[0] in range(10, 15)
    assert chosen[1] in range(20, 29)
    assert chosen[2:] == [64, 100]
    assert block_length(21.0, lengths) is None


def test_too_few_frames_have_no_blocks() -> None:
    assert block_lengths(MIN_BLOCKS - 1) == ()
    assert block_length(1.0, block_lengths(30)) is None
    assert block_length(1.0, block_lengths(40)) == 5
