"""A campaign's report says what was made, what it cost, and what every fault took."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scanyard.fleet.faults import Fault
from scanyard.fleet.outcome import Failed, Recorded
from scanyard.fleet.report import report
from scanyard.fleet.upkeep import Incident, Recovery, Upkeep

SEALED = Recorded("a", "digest", frames=10, points=1000, boxes=40, seconds=5.0)
HUNG = Failed("b", "b", 0, "silence", Fault.SERVER_HUNG, retry=True, seconds=20.0)


def recovered(fault: Fault, seconds: float) -> Upkeep:
    return Upkeep(recovery=Recovery(fault, seconds))


def test_labels_and_frames_are_set_against_the_time_of_all_workers() -> None:
    told = report([SEALED, SEALED], [], [], seconds=10.0, workers=2)
    assert told.frames_per_s == pytest.approx(2.0)
    assert told.worker_s_per_label == pytest.approx(20.0 / 80)
    assert told.gpu_s_per_label is None
    assert report([SEALED], [], [], seconds=10.0, workers=2, gpus=1).gpu_s_per_label == pytest.approx(10.0 / 40)


def test_a_campaign_without_labels_has_no_cost_per_label() -> None:
    assert report([], [HUNG], [], seconds=10.0, workers=1, gpus=1).worker_s_per_label is None


def test_a_fault_costs_its_attempt_and_the_recovery() -> None:
    sealed = [replace(SEALED, upkeep=recovered(Fault.SERVER_HUNG, seconds)) for seconds in (2.0, 3.0, 7.0)]
    told = report(sealed, [HUNG] * 3, [], seconds=100.0, workers=1)
    (cost,) = told.faults
    assert (cost.name, cost.times, cost.seconds_lost) == ("server_hung", 3, 72.0)
    assert (cost.recovery_median_s, cost.recovery_worst_s) == (3.0, 7.0)
    assert "  server_hung: 3 times, 72.0 s lost, recovery 3.0 s, at worst 7.0 s" in told.lines()


def test_the_most_expensive_fault_comes_first_and_incidents_count() -> None:
    slow_end = Upkeep(incidents=(Incident(Fault.SERVER_HUNG_AT_SHUTDOWN, "ignored SIGTERM", 50.0),))
    told = report([replace(SEALED, upkeep=slow_end)], [HUNG], [], seconds=100.0, workers=1)
    assert [cost.name for cost in told.faults] == ["server_hung_at_shutdown", "server_hung"]


def test_what_was_borne_and_what_was_replaced_is_told(tmp_path: Path) -> None:
    notes = {"warm_up": {"ticks": 7, "settled": False}, "irregular_packets": {"late": 2, "twice": 1}}
    upkeep = Upkeep(replaced="100 scenes, at most 100", server_pid=17, server_mb=800.04)
    told = report([replace(SEALED, notes=notes, upkeep=upkeep)], [], [HUNG], seconds=1.0, workers=1)
    assert told.irregular_packets == {"late": 2, "twice": 1}
    assert (told.warm_up_ticks, told.unsettled) == (7, ("a",))
    assert told.memory_mb == {"17": (800.0,)}
    assert told.quarantined == {"b": "server_hung"}
    told.write(tmp_path / "logs" / "report.json")
    assert json.loads((tmp_path / "logs" / "report.json").read_text())["replaced"] == ["100 scenes, at most 100"]
