"""Reading a score off a learning curve: the known answer is found, as often as promised, and nothing is guessed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from scanyard.errors import EvaluationError
from scanyard.experiment.learning_curve import Worth, fit_power_laws, seed_noise, worth
from scanyard.metrics.intervals import widened_tail
from tests.experiment.score_world import World

TRIALS = 250


def judged(world: World, trial: int) -> Worth:
    real, arm = world.play(trial)
    return worth(real, arm, labels_by_drive=world.labels(trial), key=(trial,))


def steady(score: float, seeds: int = 1) -> NDArray[np.float64]:
    """Scores that neither drives nor seeds change."""
    return np.full((seeds, 5), score)


@pytest.mark.parametrize(
    "world",
    [World(), World(worth=25.0), World(sizes=(4, 8, 16), worth=10.0), World(seed_sd=5.0, seed_drive_sd=2.0)],
    ids=["middle", "near the end", "three sizes", "restless seeds"],
)
def test_the_interval_holds_the_known_answer_as_often_as_it_promises(world: World) -> None:
    found = [judged(world, trial) for trial in range(TRIALS)]
    held = np.mean([one.low <= world.worth <= one.high for one in found])
    assert 0.88 <= held <= 0.97
    assert np.mean([one.low > one.least or one.high < one.most for one in found]) > 0.75  # and rules something out


def test_without_noise_the_answer_is_exact() -> None:
    world = World(drive_sd=0.0, arm_drive_sd=0.0, seed_sd=0.0, seed_drive_sd=0.0)
    for frames in (4.1, 5.5, 12.0, 31.0):
        found = judged(replace(world, worth=frames), 0)
        assert (found.frames, found.low, found.high) == pytest.approx((frames, frames, frames), rel=0.02)


def test_beyond_the_curve_it_says_so_and_gives_no_number() -> None:
    better, worse = judged(World(worth=300.0, plateau=99.0), 1), judged(World(worth=1.2), 1)
    assert (better.frames, better.high) == (math.inf, math.inf)
    assert (worse.frames, worse.low) == (-math.inf, -math.inf)
    found = [judged(World(worth=40.0), trial) for trial in range(100)]
    assert np.mean([one.high == math.inf for one in found]) > 0.9
    assert all(one.least <= end <= one.most for one in found for end in (one.low, one.high) if math.isfinite(end))


def test_a_curve_never_falls() -> None:
    falling = fit_power_laws(np.array([4.0, 8.0, 16.0]), np.array([[60.0, 50.0, 40.0]]))
    assert falling.b == 0
    found = worth({4.0: steady(60), 8.0: steady(50), 16.0: steady(40)}, steady(55), labels_by_drive=np.full(9, 4))
    assert found.frames == math.inf
    assert found.curve == pytest.approx(np.full(len(found.curve), 50.0))


def test_two_numbers_of_frames_are_no_curve() -> None:
    with pytest.raises(EvaluationError, match="2 numbers of real frames; expected at least 3"):
        worth({4.0: steady(50), 8.0: steady(60)}, steady(55), labels_by_drive=np.full(9, 4))


def test_one_seed_adds_nothing_and_several_add_their_spread() -> None:
    assert not seed_noise([steady(50), steady(60)], 200).any()
    apart = [np.repeat([[50.0], [53.0], [56.0]], 5, axis=1) for _ in range(4)]
    noise = seed_noise(apart, 4000)
    assert noise.std() == pytest.approx(3 / math.sqrt(3), rel=0.25)
    assert np.corrcoef(noise[:, 0], noise[:, 1])[0, 1] == pytest.approx(0, abs=0.1)


def test_what_seeds_do_to_drives_is_not_counted_twice() -> None:
    """Trainings that differ on single drives only differ under resampled drives as well."""
    world = World(seed_sd=0.0, seed_drive_sd=10.0, seeds=30)
    real, _ = world.play(0)
    noise = seed_noise(list(real.values()), 400)
    between = np.mean([arm[:, 0].std() for arm in real.values()]) / math.sqrt(30)
    assert noise.std() < 0.7 * between


def test_labels_in_too_few_drives_give_no_interval() -> None:
    """One drive's resamples are all alike, and would give an interval as wide as the seeds' spread, or none at all."""
    real = {4.0: steady(50), 8.0: steady(60), 16.0: steady(70)}
    for labels in ([30, 0, 0, 0, 0, 0], [30, 20, 30, 20]):
        found = worth(real, steady(65), labels_by_drive=np.array(labels))
        assert 8 < found.frames < 16
        assert (found.low, found.high) == (None, None)
        assert (found.curve_low == found.curve).all()
    found = worth(real, steady(65), labels_by_drive=np.array([30, 20, 30, 20, 30]))
    assert found.low == found.high == pytest.approx(found.frames)


def test_drives_that_hold_most_labels_widen_the_interval() -> None:
    world = World(drives=9)
    real, arm = world.play(3)
    even, uneven = (
        worth(real, arm, labels_by_drive=np.array(labels)) for labels in ([10] * 9, [200, 10, 10, 5, 5, 5, 5, 5, 5])
    )
    assert uneven.low < even.low <= even.high < uneven.high


def test_few_drives_widen_the_interval() -> None:
    tails = [widened_tail(0.05, drives) for drives in (4, 17, 1000)]
    assert tails == sorted(tails)
    assert tails[0] < 0.01
    assert tails[1] == pytest.approx(0.036, abs=0.001)
    assert tails[2] == pytest.approx(0.05, abs=0.001)
