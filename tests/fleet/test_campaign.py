"""A campaign loses nothing: workers and servers are killed, one scenario cannot be played, the data come out alike."""

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from scanyard.experiment.scoring import metadata_of
from scanyard.fleet.campaign import Deadlines, Progress, Settings, run_campaign
from scanyard.fleet.faults import Fault
from scanyard.fleet.outcome import Recorded
from scanyard.fleet.plan import campaign_digest, draw_all, missing
from scanyard.fleet.record import realistic, record
from scanyard.roads import RoadMap
from scanyard.scenario import ConcreteScenario, load_scenario
from scanyard.scenario.concrete import Exposure
from scanyard.sim.simulator import FlatWorld
from scanyard.store import create_dataset, open_dataset, seal_dataset, verify
from scanyard.store.seal import read_seal

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "chaos_trials"))  # tools are no package

from tiny import MAPS, tiny_scenarios

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"
SHORT: dict[str, str | float | bool] = {
    "recording.rate_hz": 2.0,
    "recording.duration_s": 1.0,
    "recording.cameras": False,
}


def drawn(name: str, seeds: range) -> list[ConcreteScenario]:
    return draw_all([load_scenario(SCENARIOS / f"{name}.yaml")], seeds, SHORT)


def servers_below() -> list[psutil.Process]:
    return [
        process for process in psutil.Process().children(recursive=True) if "scanyard.carla_server" in _line(process)
    ]


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_a_recording_says_how_often_its_situation_happens_if_the_scenario_does(tmp_path: Path) -> None:
    create_dataset(tmp_path, name="test", licence="CC0-1.0")
    (silent,) = tiny_scenarios([0])
    (stated,) = tiny_scenarios([1])
    stated = replace(stated, exposure=Exposure(0.2, "estimate"))
    for scenario in (silent, stated):
        record(scenario, FlatWorld(RoadMap.load(MAPS / "lane.xodr")), tmp_path, server="flat world")
    provenance = {one.info.provenance["seed"]: one.info.provenance for one in open_dataset(tmp_path).sequences.values()}
    assert {key for key in provenance[1] if key not in provenance[0]} == {"exposure_per_hour", "exposure_source"}
    assert metadata_of(open_dataset(tmp_path).sequences[stated.sequence_name].info)["exposure_per_hour"] == 0.2


def test_a_recording_leads_back_to_the_yaml_file_and_line_it_comes_from(tmp_path: Path) -> None:
    """From seal and log to the file, its bytes and where it begins; and no digest depends on it."""
    digests = []
    for comments in (0, 3):
        copied = tmp_path / f"written_{comments}"
        shutil.copytree(SCENARIOS, copied)
        yaml = copied / "wrong_way_car.yaml"
        yaml.write_text("# a remark\n" * comments + yaml.read_text())
        (scenario,) = draw_all([load_scenario(yaml)], range(1), {**SHORT, "recording.duration_s": 0.5})
        create_dataset(tmp_path / f"data_{comments}", name="test", licence="CC0-1.0")
        digests.append(record_flat(scenario, tmp_path / f"data_{comments}").digest)
        seal_dataset(tmp_path / f"data_{comments}")
        seal = read_seal(tmp_path / f"data_{comments}" / "sequences" / scenario.sequence_name)
        written_in = seal.record["written_in"]
        lines = yaml.read_text().splitlines()
        assert written_in[0]["file"] == "wrong_way_car.yaml"
        assert lines[written_in[0]["line"] - 1].startswith("name: wrong_way_car")
        assert {one["file"] for one in written_in[1:]} >= {"rigs/kitti.yaml", "base/town.yaml"}
        for one in written_in:
            assert hashlib.sha256((copied / one["file"]).read_bytes()).hexdigest() == one["sha256"]
        log = [
            json.loads(line) for line in (tmp_path / f"data_{comments}" / "provenance.jsonl").read_text().splitlines()
        ]
        assert log[0]["body"]["record"]["written_in"] == written_in
    assert digests[0] == digests[1]


def record_flat(scenario: ConcreteScenario, folder: Path) -> Recorded:
    simulator = FlatWorld(RoadMap.load(SCENARIOS / "maps" / f"{scenario.world.map}.xodr"))
    return record(scenario, simulator, folder, server="flat world")


def campaign(
    folder: Path, scenarios: list[ConcreteScenario], workers: int, watch: Callable[[Progress], None] = lambda _: None
) -> tuple[str, Progress]:
    create_dataset(folder, name="test", licence="CC0-1.0")
    settings = Settings(
        dataset=str(folder),
        maps=str(MAPS),
        workers=workers,
        logs=str(folder.parent / "logs"),
        deadlines=Deadlines(pulse_s=3.0),
    )
    outcome = run_campaign(scenarios, settings, watch)
    return seal_dataset(folder), outcome


@pytest.mark.slow
def test_kills_change_nothing_but_the_time_it_takes(tmp_path: Path) -> None:
    scenarios = tiny_scenarios(range(6), frames=2)
    unplayable = replace(scenarios[0], name="unplayable", world=replace(scenarios[0].world, map="nowhere"))
    victims: list[str] = []

    def kill(progress: Progress) -> None:
        """One server first, then a worker, and a worker that is stopped, each once something was sealed since."""
        servers = servers_below()
        if len(victims) > len(progress.recorded) or len(victims) == 3 or not servers:
            return
        if not victims:
            os.kill(servers[0].pid, signal.SIGKILL)
        else:
            os.kill(servers[-1].ppid(), signal.SIGKILL if len(victims) == 1 else signal.SIGSTOP)
        victims.append(("server", "worker", "stopped worker")[len(victims)])

    undisturbed, calm = campaign(tmp_path / "calm", scenarios, 1)
    disturbed, rough = campaign(tmp_path / "rough", [*scenarios, unplayable], 2, kill)

    assert len(victims) == 3
    assert not calm.failures
    kinds = {failed.kind for failed in rough.failures}
    assert kinds & {Fault.SERVER_CRASHED, Fault.SERVER_CRASHED_AT_START}  # it is killed as soon as it is seen
    assert {Fault.SCENARIO_UNPLAYABLE, Fault.WORKER_DIED} <= kinds
    assert len(rough.recorded) == len(scenarios)
    assert [failed.scenario for failed in rough.quarantined] == ["unplayable"]
    assert "nowhere" in rough.quarantined[0].reason
    assert disturbed == undisturbed
    assert verify(tmp_path / "rough") == []
    assert not missing(open_dataset(tmp_path / "rough").sequences, scenarios)
    assert any("did not answer" in failed.reason for failed in rough.failures)
    assert not servers_below()


def test_what_is_there_is_not_recorded_again() -> None:
    scenarios = drawn("cut_in_short_gap", range(3))
    present = {scenarios[1].sequence_name}
    assert missing(present, scenarios) == [scenarios[0], scenarios[2]]


def test_a_changed_scenario_is_recorded_again() -> None:
    scenario = drawn("cut_in_short_gap", range(1))[0]
    faster = replace(scenario, ego=replace(scenario.ego, speed_mps=scenario.ego.speed_mps + 1))
    assert len(missing({scenario.sequence_name}, [faster])) == 1


def test_the_order_of_scenarios_does_not_change_the_campaign() -> None:
    scenarios = drawn("cut_in_short_gap", range(3))
    assert campaign_digest(scenarios) == campaign_digest(scenarios[::-1])
    assert campaign_digest(scenarios) != campaign_digest(scenarios[:2])


def test_recording_the_same_scenario_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    scenario = drawn("wrong_way_car", range(1))[0]
    results: list[Recorded] = []
    for name in ("first", "second"):
        create_dataset(tmp_path / name, name="test", licence="CC0-1.0")
        results.append(record_flat(scenario, tmp_path / name))
    assert results[0].digest == results[1].digest
    assert results[0].frames == 2
    assert results[0].boxes > 0


def test_realism_is_drawn_per_frame_not_per_run() -> None:
    scenario = drawn("wrong_way_car", range(1))[0]
    simulator = FlatWorld(RoadMap.load(SCENARIOS / "maps" / f"{scenario.world.map}.xodr"))
    frame = next(simulator.simulate(scenario))
    first, again, next_frame = (realistic(frame, scenario, index).sweeps["top"] for index in (0, 0, 1))
    assert (first.points == again.points).all()
    assert len(first) != len(next_frame) or not (first.points == next_frame.points).all()
