"""Planning draws no more than it must, gives what drawing everything would, and is quick."""

import time
from pathlib import Path

import pytest

from scanyard.fleet import plan as planning
from scanyard.fleet.plan import draw_all, missing, plan
from scanyard.scenario import load_scenarios

SCENARIOS = load_scenarios(Path(__file__).parents[2] / "scenarios")[:3]
SHORT: dict[str, str | float | bool] = {"recording.duration_s": 1.0}


def test_a_plan_is_what_is_missing_when_everything_is_drawn() -> None:
    wanted = draw_all(SCENARIOS, range(5), SHORT)
    names = [one.sequence_name for one in wanted]
    present = {*names[::3], "somebody-else's", names[1].replace("-", "-0", 1)}
    planned = plan(SCENARIOS, range(5), present, SHORT)
    assert [one.sequence_name for one in planned.todo] == [one.sequence_name for one in missing(present, wanted)]
    assert (planned.wanted, planned.present) == (15, len(names[::3]))
    assert next(iter(planned.todo)).digest == next(iter(planned.todo)).digest
    assert wanted[1] in planned.todo
    assert wanted[0] not in planned.todo


def test_what_was_recorded_under_another_digest_is_done_again() -> None:
    present = {one.sequence_name for one in draw_all(SCENARIOS, range(2))}
    assert plan(SCENARIOS, range(2), present, SHORT).present == 0
    assert plan(SCENARIOS, range(2), present).present == 2 * len(SCENARIOS)


def test_many_are_checked_in_processes_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    present = {one.sequence_name for one in draw_all(SCENARIOS[:2], range(8))}
    alone = plan(SCENARIOS, range(10), present)
    monkeypatch.setattr(planning, "CHECKED_TOGETHER", 5)
    told: list[tuple[int, int]] = []
    together = plan(SCENARIOS, range(10), present, on_progress=lambda done, total: told.append((done, total)))
    assert [one.digest for one in together.todo] == [one.digest for one in alone.todo]
    assert max(told) == (16, 16)


def test_planning_costs_little_per_scenario() -> None:
    """A hundred thousand in ten seconds on two cores is 0.2 ms each; others may be at work here meanwhile."""
    names = {one.sequence_name for one in draw_all(SCENARIOS, range(300))}
    began = time.process_time()
    assert plan(SCENARIOS, range(300), names).present == len(names)
    assert (time.process_time() - began) / len(names) < 0.6e-3


def test_what_is_not_there_is_not_drawn_to_know_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "draw_many", lambda *_: pytest.fail("drawn"))
    assert len(plan(SCENARIOS, range(10**6), set()).todo) == 3 * 10**6
