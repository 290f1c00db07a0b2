"""One machine that cannot run a server costs time; where none can, the campaign ends and says so."""

import sys
from pathlib import Path

import pytest

from scanyard.errors import EnvironmentFault
from scanyard.fleet.faults import Fault
from scanyard.fleet.fitness import FIRST_REST_S, LONGEST_REST_S, Fitness
from scanyard.fleet.outcome import DISK_FULL, Failed, Recorded, Seat
from tests.fleet.modelled import Clock, Host, play

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "chaos_trials"))  # tools are no package

from tiny import tiny_scenarios

SCENARIOS = tiny_scenarios(range(60))
NAMES = sorted(scenario.sequence_name for scenario in SCENARIOS)
BAD, GOOD = Seat("bad", 1), Seat("good", 2)


def unfit(kind: str = Fault.MACHINE_UNFIT) -> Failed:
    return Failed("tiny", "tiny", 0, "there is no such program", kind, retry=True, counts=False)


def recorded() -> Recorded:
    return Recorded("tiny", "", 1, 1, 1, 1.0)


@pytest.mark.parametrize("scene_s", [3.0, 30.0, 300.0, 3000.0])
@pytest.mark.parametrize(
    ("lacks", "failing_s"),
    [(Fault.MACHINE_UNFIT, 0.1), (Fault.SERVER_EXITED_AT_START, 3.0), (Fault.SERVER_HUNG_AT_START, 90.0)],
)
@pytest.mark.parametrize("healthy", [1, 3])
def test_one_unfit_machine_among_others_costs_only_time(
    healthy: int, lacks: Fault, failing_s: float, scene_s: float
) -> None:
    hosts = [Host(lacks=lacks, failing_s=failing_s), *[Host(scene_s=scene_s)] * healthy]
    ended = play(SCENARIOS, hosts)
    assert ended.error is None
    assert sorted(ended.sealed) == NAMES
    assert ended.seconds < 1.5 * scene_s * len(SCENARIOS) / healthy + 200.0
    assert ended.tries_on["host0"] < 12 + ended.seconds / LONGEST_REST_S


@pytest.mark.parametrize("hosts", [[1], [4], [2, 2], [8, 1, 1]])
@pytest.mark.parametrize("failing_s", [0.1, 3.0, 90.0])
def test_where_no_machine_can_run_a_server_the_campaign_ends_and_sets_nothing_aside(
    hosts: list[int], failing_s: float
) -> None:
    lacking = [Host(workers, Fault.PORT_TAKEN, failing_s) for workers in hosts]
    ended = play(SCENARIOS, lacking)
    assert isinstance(ended.error, EnvironmentFault)
    assert f"{3 * sum(hosts)} tries failed in a row, most recently with port_taken: no" in str(ended.error)
    assert ended.aside == []
    assert ended.seconds < 4 * failing_s + 10.0


def test_a_machine_that_mends_is_used_again() -> None:
    hosts = [Host(lacks=Fault.PORT_TAKEN, failing_s=1.0, mends_at_s=100.0), Host(scene_s=60.0)]
    ended = play(SCENARIOS, hosts)
    assert ended.tries_on["host0"] > len(SCENARIOS) / 2
    assert sorted(ended.sealed) == NAMES


def test_an_unfit_worker_rests_ever_longer_and_is_fit_again_once_a_server_has_run() -> None:
    clock = Clock()
    fitness = Fitness(clock, start_tries=3)
    rests = []
    for tried in range(10):
        fitness.heed(BAD, unfit())
        before_s = clock.now_s
        while not fitness.in_order([BAD]):
            clock.now_s += 1.0
        rests.append(clock.now_s - before_s)
        assert (rests[-1] > 0) == (tried >= 2)
    assert rests[2:5] == [FIRST_REST_S, 2 * FIRST_REST_S, 4 * FIRST_REST_S]
    assert rests[-1] == LONGEST_REST_S
    fitness.heed(BAD, recorded())
    fitness.heed(BAD, unfit())
    assert fitness.in_order([BAD]) == [BAD]


@pytest.mark.parametrize("ran", [recorded(), Failed("a", "a", 0, "full", DISK_FULL, retry=True, counts=False)])
def test_a_server_that_ran_for_anybody_is_reason_to_go_on(ran: Recorded | Failed) -> None:
    fitness = Fitness(Clock(), start_tries=2)
    for _ in range(5):
        fitness.heed(BAD, unfit())
    fitness.heed(GOOD, ran)
    for _ in range(3):
        assert not fitness.none_is_fit([BAD, GOOD])
        fitness.heed(GOOD, unfit())
    assert not fitness.none_is_fit([BAD, GOOD])
    fitness.heed(GOOD, unfit())
    assert fitness.none_is_fit([BAD, GOOD])


def test_who_has_not_been_tried_may_be_fit() -> None:
    fitness = Fitness(Clock(), start_tries=1)
    for _ in range(5):
        fitness.heed(BAD, unfit())
    assert not fitness.none_is_fit([BAD, GOOD])
    assert not fitness.none_is_fit([])
    assert fitness.none_is_fit([BAD])
    fitness.forget(BAD)
    assert not fitness.none_is_fit([BAD])


def test_what_failed_with_one_is_offered_to_another_first() -> None:
    fitness = Fitness(Clock(), start_tries=3)
    fitness.heed(BAD, Failed("a", "a", 0, "it died", Fault.SERVER_CRASHED, retry=True))
    assert fitness.in_order([BAD, GOOD]) == [GOOD, BAD]
    fitness.heed(BAD, recorded())
    assert fitness.in_order([BAD, GOOD]) == [BAD, GOOD]
