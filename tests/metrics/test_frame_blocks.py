from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from scanyard.metrics.blocks import (
    MAX_BLOCKS,
    MIN_BLOCKS,
    BlockDraws,
    block_length,
    block_lengths,
    correlation_time,
    cut_in_blocks,
    draw_blocks,
    resampled_blocks,
    share_kept,
    spread_factor,
)


def drifting(count: int, correlation: float, seed: int = 0) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(size=count)
    steps[1:] *= np.sqrt(1 - correlation**2)
    return lfilter([1.0], [1.0, -correlation], steps)


def time_of(values: np.ndarray) -> float:
    """The correlation time of the mean of a series."""
    lengths = block_lengths(len(values))
    one_drive = np.zeros(len(values), dtype=np.int64)
    spreads = [
        (resampled_blocks(one_drive, length, 200, 0) @ values).var() / share_kept(one_drive, length)
        for length in lengths
    ]
    return correlation_time(np.array(spreads))


def drawn_for_mean(values: np.ndarray, frame_drive: np.ndarray, *, resamples: int = 1000) -> BlockDraws | None:
    (drawn,) = draw_blocks(
        lambda copies: (copies @ values / len(values))[None], frame_drive, resamples=resamples, seed=0
    )
    return drawn


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
    chosen = [block_length(time, lengths, least=0) for time in (1.0, 2.0, 5.0, 15.0)]
    assert chosen[0] in range(15, 22)
    assert chosen[1] in range(30, 43)
    assert chosen[2:] == [91, 100]
    assert block_length(21.0, lengths, least=0) is None


def test_frames_without_memory_make_blocks_enough_but_not_short_ones() -> None:
    assert block_length(1.0, block_lengths(8000), least=8000 / MAX_BLOCKS) in range(500, 710)
    assert block_length(1.0, block_lengths(80), least=80 / MAX_BLOCKS) == 10


def test_too_few_frames_have_no_blocks() -> None:
    assert block_lengths(MIN_BLOCKS - 1) == ()
    assert block_length(1.0, block_lengths(30), least=0) is None
    assert block_length(1.0, block_lengths(40), least=0) == 5


def test_several_drives_leave_as_many_independent_blocks_as_one_does() -> None:
    for num_drives in (1, 2, 4):
        longest = block_lengths(500, num_drives)[-1]
        assert 500 / longest - num_drives + 1 >= MIN_BLOCKS


@pytest.mark.parametrize("frames", [(240,), (120, 120), (30, 90, 120)])
def test_draws_keep_the_share_of_the_variance_that_they_are_said_to(frames: tuple[int, ...]) -> None:
    drive = np.repeat(np.arange(len(frames)), frames)
    series = np.random.default_rng(1).normal(size=(60, len(drive)))  # without memory, blocks lose nothing at their ends
    copies = resampled_blocks(drive, 24, 300, 0)
    spread = np.mean([(copies @ values / len(values)).var() for values in series])
    assert spread * len(drive) == pytest.approx(share_kept(drive, 24), rel=0.08)


def test_what_the_ends_of_blocks_cut_off_is_made_up_for() -> None:
    whole, reach, kept = 3.0, 6.0, (0.875, 0.9375)  # a spread lacks reach / length of the whole, and the drive's mean
    long, short = (whole * (share - reach / length) for length, share in zip((60, 30), kept, strict=True))
    assert spread_factor((long, short), (60, 30), kept) ** 2 * long == pytest.approx(whole)
    assert spread_factor((2.0, 2.5), (60, 30), kept) == pytest.approx(0.875**-0.5)
    assert spread_factor((0.0, 0.0), (60, 30), kept) == pytest.approx(0.875**-0.5)


def test_swapped_blocks_lack_only_what_their_ends_cut_off() -> None:
    nothing_cut = BlockDraws(60, np.zeros(3), 8.0, 0.875, wider=0.875**-0.5)
    assert nothing_cut.cut_off == pytest.approx(1.0)
    long = 1 * (0.875 - 0.1)  # a tenth cut off
    assert BlockDraws(60, np.zeros(3), 8.0, 0.875, wider=long**-0.5).cut_off == pytest.approx(0.9**-0.5)


def expected_spread(covariance: np.ndarray, length: int) -> float:
    """Of the mean over draws of circular blocks of one drive, on average over series with this covariance (F, F)."""
    count = len(covariance)
    blocks = np.array([np.isin(np.arange(count), (start + np.arange(length)) % count) for start in range(count)])
    beside_mean = blocks - length / count
    return float(np.einsum("bi,ij,bj->b", beside_mean, covariance, beside_mean).mean() / length / count)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.85])
def test_both_corrections_together_give_the_spread_of_the_mean(correlation: float) -> None:
    count, length = 320, 40
    covariance = correlation ** np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    true = covariance.mean()
    lengths = length, length // 2
    kept = tuple(share_kept(np.zeros(count, dtype=np.int64), one) for one in lengths)
    spreads = tuple(expected_spread(covariance, one) for one in lengths)
    assert spreads[0] * spread_factor(spreads, lengths, kept) ** 2 == pytest.approx(true, rel=0.06)
    assert spreads[0] / true == pytest.approx(0.875 - 2 * correlation / (1 - correlation**2) / length, abs=0.03)


def test_a_number_that_no_draw_holds_has_no_blocks() -> None:
    nothing = np.full(80, np.nan)
    assert drawn_for_mean(nothing, np.zeros(80, dtype=np.int64), resamples=10) is None
