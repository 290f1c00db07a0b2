"""A world is waited for until its vehicles have landed and its pictures are exposed."""

import numpy as np

from scanyard.sim.warm_up import QUIET_TICKS, Settling, luminance


def settled_after(speeds: list[float], means: list[float] | None = None) -> bool:
    settling = Settling()
    for tick, speed in enumerate(speeds):
        settling.add(np.array([0.0, speed]), {} if means is None else {"left": means[tick]})
    return settling.settled


def test_a_world_at_rest_has_settled_after_a_few_ticks() -> None:
    assert not settled_after([0.0] * (QUIET_TICKS - 1))
    assert settled_after([0.0] * QUIET_TICKS)


def test_a_vehicle_that_drops_is_waited_for_until_it_has_been_still_for_some_ticks() -> None:
    falling = [-3.0, -5.0, -0.4, 0.2]
    assert not settled_after(falling)
    assert not settled_after([*falling, *[0.0] * (QUIET_TICKS - 1)])
    assert settled_after([*falling, *[0.0] * QUIET_TICKS])


def test_a_picture_that_still_brightens_is_waited_for() -> None:
    still = [0.0] * QUIET_TICKS
    assert not settled_after(still, [80.0, 85.0, 90.0, 93.0, 95.0])
    assert settled_after(still, [100.0, 100.2, 100.4, 100.5, 100.4])


def test_a_dark_picture_may_flicker_by_a_grey_level() -> None:
    assert settled_after([0.0] * QUIET_TICKS, [2.0, 2.5, 2.9, 2.1, 2.4])


def test_a_world_without_vehicles_and_cameras_settles() -> None:
    settling = Settling()
    for _ in range(QUIET_TICKS):
        settling.add(np.zeros(0), {})
    assert settling.settled


def test_luminance_is_the_mean_of_the_colours_without_alpha() -> None:
    pixels = np.full((32, 32, 4), (10, 20, 60, 255), dtype=np.uint8)
    assert luminance(pixels.tobytes()) == 30.0
