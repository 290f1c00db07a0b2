"""What a campaign still has to do: nothing is lost in it, good scenarios survive bad machines, bad ones do not."""

import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanyard.errors import SimulationError, StoreError
from scanyard.fleet.backlog import LONGEST_DELAY_S, MANY_FAILURES, MAX_FAILURES, Backlog
from scanyard.fleet.faults import Fault
from scanyard.fleet.outcome import DISK_FULL, Failed
from scanyard.scenario import ConcreteScenario
from tests.fleet.modelled import Clock, Host
from tests.fleet.modelled import play as play_on

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


def fail_as_often_as_allowed(backlog: Backlog, poison: ConcreteScenario, clock: Clock, times: int) -> list[bool]:
    """Take and fail the next scenario, which must be the poison; whether it was set aside, each time."""
    verdicts = []
    for _ in range(times):
        assert backlog.take() is poison
        verdicts.append(backlog.failed(poison, failure(poison)))
        clock.now_s += LONGEST_DELAY_S
    return verdicts


def test_a_poison_that_is_all_there_is_takes_eight_tries() -> None:
    """Three kills from outside are bad luck, and there is nobody to compare it with."""
    clock, poison = Clock(), SCENARIOS[7]
    backlog = Backlog([poison], clock)
    assert fail_as_often_as_allowed(backlog, poison, clock, MANY_FAILURES) == [False] * 7 + [True]
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


def test_a_poison_among_good_ones_takes_three_tries_once_twenty_others_were_sealed() -> None:
    clock, poison = Clock(), SCENARIOS[20]
    backlog = Backlog(SCENARIOS[:21], clock)
    for _ in range(20):
        scenario = backlog.take()
        assert scenario is not None
        backlog.succeeded(scenario)
    assert fail_as_often_as_allowed(backlog, poison, clock, MAX_FAILURES) == [False, False, True]


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


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize(
    ("good", "poison"),
    [(0, 1), (0, 2), (0, 5), (0, 20), (1, 1), (1, 2), (5, 1), (5, 2), (5, 20), (30, 1), (30, 5), (30, 20), (100, 10)],
)
@pytest.mark.parametrize("poison_is", ["first", "last", "anywhere"])
def test_what_always_kills_its_server_is_set_aside_after_few_tries(
    poison_is: str, good: int, poison: int, workers: int
) -> None:
    """Also when there is nothing else, as in a campaign that is resumed when all others are sealed."""
    scenarios = tiny_scenarios(range(good + poison))
    if poison_is == "anywhere":
        random.Random(1).shuffle(scenarios)
    poisonous = {one.sequence_name for one in (scenarios[good:] if poison_is == "last" else scenarios[:poison])}
    ended = play_on(scenarios, [Host(workers)], poisonous)
    assert ended.error is None
    assert set(ended.aside) == poisonous
    assert len(ended.sealed) == good
    most = 3 * MANY_FAILURES if good == 1 else MANY_FAILURES  # one that was sealed says little
    assert max(ended.tries[name] for name in poisonous) <= most


@pytest.mark.parametrize("hosts", [[2], [1, 1], [4, 4]])
@pytest.mark.parametrize("dies", [0.2, 1 / 3, 0.5])
def test_however_many_are_killed_from_outside_hardly_a_good_scenario_is_set_aside(
    dies: float, hosts: list[int]
) -> None:
    """Campaigns of 40, killed all along: a hundredth of them may lose one, to be recorded by the next run."""
    forty = tiny_scenarios(range(40))
    ended = [play_on(forty, [Host(workers, dies=dies) for workers in hosts], seed=seed) for seed in range(20)]
    assert not any(one.error for one in ended)
    assert sum(map(len, (one.aside for one in ended))) <= 1


def test_a_poison_is_found_though_others_are_killed_from_outside() -> None:
    poison = SCENARIOS[11].sequence_name
    for seed in range(10):
        ended = play_on(SCENARIOS, [Host(2, dies=1 / 3)], {poison}, seed=seed)
        assert ended.error is None
        assert poison in ended.aside


@pytest.mark.parametrize("scene_s", [5.0, 300.0])
def test_a_host_on_which_everything_dies_costs_only_time(scene_s: float) -> None:
    """Its failures say nothing of the scenarios, however often the same ones come to it."""
    for seed in range(5):
        ended = play_on(SCENARIOS, [Host(dies=1.0), *[Host(scene_s=scene_s)] * 3], seed=seed)
        assert ended.error is None
        assert ended.aside == []
        assert len(ended.sealed) == len(SCENARIOS)


def failures_until_set_aside(backlog: Backlog, clock: Clock, host: Callable[[int], str], at_most: int) -> int:
    """How often the scenario that is taken next fails, each time on another host, before it is set aside."""
    for tried in range(at_most):
        scenario = backlog.take()
        assert scenario is not None
        if backlog.failed(scenario, failure(scenario), host(tried)):
            return tried + 1
        clock.now_s += LONGEST_DELAY_S
    return at_most + 1


@pytest.mark.parametrize(("host", "tries"), [("good", range(3, 4)), ("never seen", range(9, 10))])
def test_failures_speak_against_a_scenario_where_others_were_sealed(host: str, tries: range) -> None:
    clock = Clock()
    backlog = Backlog(SCENARIOS[:21], clock)
    for _ in range(20):
        scenario = backlog.take()
        assert scenario is not None
        backlog.succeeded(scenario, "good")
    assert failures_until_set_aside(backlog, clock, lambda _: host, 8) in tries


def test_good_luck_of_others_on_a_few_hosts_is_no_proof_where_many_tries_die() -> None:
    clock, seen = Clock(), set[int]()
    scenarios = tiny_scenarios(range(41))
    backlog = Backlog(scenarios, clock)
    unlucky = backlog.take()
    assert unlucky is scenarios[0]
    while not backlog.is_empty:
        if (scenario := backlog.take()) is None:
            clock.now_s += LONGEST_DELAY_S
        elif scenario.seed % 10 >= 5 and scenario.seed not in seen:
            backlog.failed(scenario, failure(scenario), f"host{scenario.seed % 10}")
            seen.add(scenario.seed)
        else:
            backlog.succeeded(scenario, f"host{scenario.seed % 10}")
    assert not backlog.failed(unlucky, failure(unlucky), "host0")
    clock.now_s += LONGEST_DELAY_S
    assert failures_until_set_aside(backlog, clock, lambda tried: f"host{tried + 1}", 2) > 2


def test_nobody_is_set_aside_while_another_is_at_work_on_what_has_not_failed() -> None:
    """A host on which everything dies has tried one of two eight times before the other is sealed elsewhere."""
    ended = play_on(SCENARIOS[:2], [Host(dies=1.0), Host(scene_s=500.0)])
    assert ended.error is None
    assert len(ended.sealed) == 2
    assert ended.tries_on["host0"] > MANY_FAILURES


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_a_machine_on_which_everything_dies_ends_a_campaign_of_many(workers: int) -> None:
    ended = play_on(tiny_scenarios(range(200)), [Host(workers, dies=1.0)])
    assert isinstance(ended.error, SimulationError)
    assert ended.aside == []
    assert ended.tries.total() < 10 * max(workers, MAX_FAILURES) + workers


def test_workers_that_are_stopped_again_and_again_under_a_scenario_do_not_speak_against_it() -> None:
    clock = Clock()
    backlog = Backlog(SCENARIOS, clock, hands=2)
    struck = backlog.take()
    assert struck is not None
    for _ in range(25):
        silent = failure(struck, Fault.WORKER_SILENT)
        assert not backlog.failed(struck, replace(silent, counts=False))
        other = backlog.take()
        assert other is not None
        assert other != struck
        backlog.succeeded(other)
        clock.now_s += LONGEST_DELAY_S
        assert backlog.take() == struck
    backlog.succeeded(struck)


def test_a_campaign_whose_workers_never_answer_ends() -> None:
    clock = Clock()
    backlog = Backlog(SCENARIOS[:4], clock, hands=2)
    with pytest.raises(SimulationError, match=r"the last 30 tries all failed.*worker_silent: killed"):
        while True:
            while (scenario := backlog.take()) is None:
                clock.now_s += LONGEST_DELAY_S
            backlog.failed(scenario, replace(failure(scenario, Fault.WORKER_SILENT), counts=False))


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
