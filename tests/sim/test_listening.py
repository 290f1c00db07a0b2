"""One packet per sensor of exactly the tick asked for, and how much disorder is borne."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from scanyard.errors import ServerError
from scanyard.sim.listening import Regularity, SensorPort


class FakeSensor:
    """A sensor that delivers what it is told to."""

    def __init__(self) -> None:
        self.deliver: Callable[[Any], None] = lambda _: None

    def listen(self, callback: Callable[[Any], None]) -> None:
        self.deliver = callback


def port(*frames: int, borne: int = 10) -> tuple[SensorPort, Regularity]:
    sensor, regularity = FakeSensor(), Regularity(borne)
    listening = SensorPort(sensor, "top", regularity)
    for frame in frames:
        sensor.deliver(SimpleNamespace(frame=frame))
    return listening, regularity


def take(listening: SensorPort, frame: int, *, late_s: float = 1.0) -> int:
    now = time.monotonic()
    return int(listening.packet(frame, deadline=now + 0.05, late_at=now + late_s).frame)


def test_the_packet_of_the_tick_is_taken_and_older_ones_are_counted() -> None:
    listening, regularity = port(5, 6, 7)
    assert take(listening, 7) == 7
    assert regularity.counts == {"stale": 2}


def test_a_packet_that_comes_twice_is_used_once() -> None:
    listening, regularity = port(7, 7, 8)
    assert [take(listening, 7), take(listening, 8)] == [7, 8]
    assert regularity.counts == {"twice": 1}


def test_a_late_packet_is_used_and_counted() -> None:
    listening, regularity = port(7)
    assert take(listening, 7, late_s=-1.0) == 7
    assert regularity.counts == {"late": 1}


def test_a_packet_of_another_tick_is_never_taken_for_this_one() -> None:
    listening, regularity = port(8)
    with pytest.raises(ServerError, match="skipped tick 7") as caught:
        take(listening, 7)
    assert caught.value.name == "sensor_frame_missing"
    assert regularity.counts == {"missing": 1}


def test_a_packet_that_does_not_come_is_waited_for_no_longer_than_the_deadline() -> None:
    listening, _ = port(5)
    with pytest.raises(ServerError, match="sensor top delivered nothing for tick 7"):
        take(listening, 7)


def test_more_disorder_than_the_scene_may_bear_ends_it_under_the_name_of_most_of_it() -> None:
    listening, _ = port(3, 7, 7, 7, 8, borne=2)
    assert take(listening, 7) == 7
    with pytest.raises(ServerError, match=r"at most 2 are borne \(1 stale, 2 twice\)") as caught:
        take(listening, 8)
    assert caught.value.name == "sensor_frames_twice"
