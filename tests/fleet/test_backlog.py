"""What a campaign still has to do: nothing is lost in it, good scenarios survive bad machines, bad ones do not."""

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanyard.errors import SimulationError, StoreError
from scanyard.fleet.backlog import LONGEST_DELAY_S, MAX_FAILURES, Backlog
from scanyard.fleet.faults import Fault
from scanyard.fleet.outcome import DISK_FULL, Failed
from scanyard.scenario import ConcreteScenario
from tests.fleet.modelled import Clock

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "chaos_trials"))

from tiny import tiny_scenarios

SCENARIOS = tiny_scenarios(range(30))


def failure(scenario: ConcreteScenario, kind: str = Fault.WORKER_DIED, *, retry: bool = True) -> Failed:
    return Failed(scenario.sequence_name, scenario.name, scenario.seed, "killed", kind, retry)


def play(backlog: Backlog, clock: Clock, fails: dict[str, float], seed: int) -> tuple[list[str], list[str]]:
    """Hand everything out, each try failing with its scenario's probability; what succeeded, and what was set aside."""
    luck = random.Random(seed)
    succeeded: list[str] = []
    aside: list[str] = []
    while not backlog.is_empty:
        scenario = backlog.take()
        if scenario is None:
            clock.now_s += LONGEST_DELAY_S
        elif luck.random() >= fails.get(scenario.sequence_name, fails["others"]):
            backlog.succeeded(scenario)
            succeeded.append(scenario.sequence_name)
        elif backlog.failed(scenario, failure(scenario)):
            aside.append(scenario.sequence_name)
    return succeeded, aside


@given(st.integers(0, 10**6), st.floats(0, 0.9))
@settings(max_examples=50, deadline=None)
def test_every_scenario_comes_out_exactly_once(seed: int, others: float) -> None:
    clock = Clock()
    succeeded, aside = play(Backlog(SCENARIOS, clock, hands=10**6), clock, {"others": others}, seed)
    assert sorted(succeeded + aside) == sorted(scenario.sequence_name for scenario in SCENARIOS)


def fail_as_often_as_allowed(backlog: Backlog, poison: ConcreteScenario, clock: Clock) -> list[bool]:
    """Take and fail the next scenario, which must be the poison; whether it was set aside, each time."""
    verdicts = []
    for _ in range(MAX_FAILURES):
        assert backlog.take() is poison
        verdicts.append(backlog.failed(poison, failure(poison)))
        clock.now_s += LONGEST_DELAY_S
    return verdicts


def test_a_scenario_that_kills_its_server_is_set_aside_after_three_tries() -> None:
    clock, poison = Clock(), SCENARIOS[7]
    backlog = Backlog([poison], clock)
    assert fail_as_often_as_allowed(backlog, poison, clock) == [False, False, True]
    assert backlog.is_empty


def test_where_every_third_try_dies_no_good_scenario_is_set_aside_but_the_poison_is() -> None:
    poison = SCENARIOS[3].sequence_name
    lost = 0
    for seed in range(40):
        clock = Clock()
        _, aside = play(Backlog(SCENARIOS, clock, hands=10), clock, {"others": 1 / 3, poison: 1.0}, seed)
        assert poison in aside
        lost += len(aside) - 1
    assert lost / (40 * (len(SCENARIOS) - 1)) < 0.01


def test_bad_luck_at_the_beginning_or_among_many_sets_no_good_scenario_aside() -> None:
    """Three of the first tries all failing is no rare thing where every third try dies; nor is it among hundreds."""
    many = tiny_scenarios(range(300))
    aside = [play(Backlog(SCENARIOS, c := Clock(), hands=10), c, {"others": 1 / 3}, seed)[1] for seed in range(100)]
    aside += [play(Backlog(many, c := Clock(), hands=10), c, {"others": 1 / 3}, seed)[1] for seed in range(10)]
    assert sum(map(len, aside)) <= 5


def test_a_poison_among_good_ones_takes_three_tries_once_five_others_were_sealed() -> None:
    clock, poison = Clock(), SCENARIOS[5]
    backlog = Backlog(SCENARIOS[:6], clock)
    for _ in range(5):
        scenario = backlog.take()
        assert scenario is not None
        backlog.succeeded(scenario)
    assert fail_as_often_as_allowed(backlog, poison, clock) == [False, False, True]


def test_what_cannot_be_played_is_set_aside_at_once() -> None:
    backlog = Backlog(SCENARIOS, Clock())
    scenario = backlog.take()
    assert scenario is not None
    assert backlog.failed(scenario, failure(scenario, "ScenarioFault", retry=False))


def test_another_try_waits_ever_longer() -> None:
    clock, scenario = Clock(), SCENARIOS[0]
    backlog = Backlog([scenario], clock)
    waits = []
    for _ in range(2):
        assert backlog.take() is scenario
        backlog.failed(scenario, failure(scenario))
        before = clock.now_s
        while backlog.take() is None:
            clock.now_s += 0.1
        waits.append(clock.now_s - before)
        backlog.failed(scenario, failure(scenario, DISK_FULL))  # hand it back without a further failure of its own
        clock.now_s += 100.0
    assert waits[1] >= 1.8 * waits[0] > 0


def test_a_campaign_in_which_nothing_succeeds_ends_instead_of_setting_everything_aside() -> None:
    clock = Clock()
    backlog = Backlog(tiny_scenarios(range(200)), clock, hands=2)
    with pytest.raises(SimulationError, match=r"the last 30 tries all failed.*worker_died: killed"):
        play(backlog, clock, {"others": 1.0}, 0)


def test_machines_without_servers_set_nothing_aside() -> None:
    clock, scenario = Clock(), SCENARIOS[0]
    backlog = Backlog([scenario], clock)
    for _ in range(50):
        assert backlog.take() is scenario
        assert not backlog.failed(scenario, replace(failure(scenario, Fault.PORT_TAKEN), counts=False))
        clock.now_s += LONGEST_DELAY_S


def test_a_full_disk_stops_everybody_and_blames_nobody() -> None:
    clock = Clock()
    backlog = Backlog(SCENARIOS[:2], clock, disk_patience_s=1000.0)
    for _ in range(10):
        first = backlog.take()
        while first is None:
            clock.now_s += 1.0
            first = backlog.take()
        assert not backlog.failed(first, failure(first, DISK_FULL))
        assert backlog.is_paused
        assert backlog.take() is None
    assert play(backlog, clock, {"others": 0.0}, 0)[1] == []
    assert not backlog.is_paused


def test_a_disk_that_stays_full_ends_the_campaign() -> None:
    clock = Clock()
    backlog = Backlog(SCENARIOS, clock, disk_patience_s=60.0)
    with pytest.raises(StoreError, match="killed"):
        while True:
            scenario = backlog.take()
            if scenario is None:
                clock.now_s += 1.0
            else:
                backlog.failed(scenario, failure(scenario, DISK_FULL))
