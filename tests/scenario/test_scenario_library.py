"""Every file in ``scenarios/`` loads, draws, follows the schema, and keeps the rare thing in reach."""

from __future__ import annotations

import json
import os.path
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from scanyard.scenario import draw, json_schema, load_scenario, load_scenarios, sample_table, write_schema
from scanyard.scenario.schema import MODELINE, rig_json_schema, write_rig_schema

FOLDER = Path(__file__).parents[2] / "scenarios"
RARE = sorted(FOLDER.glob("*.yaml"))
STAND_IN = sorted((FOLDER / "stand_in").glob("*.yaml"))
BASE = sorted((FOLDER / "base").glob("*.yaml"))
RIGS = sorted((FOLDER / "rigs").glob("*.yaml"))
SEEDS = range(20)


def _name(path: Path) -> str:
    return path.stem


def test_the_eight_rare_scenarios_are_there() -> None:
    assert [scenario.name for scenario in load_scenarios(FOLDER)] == [
        "child_between_parked_cars",
        "cut_in_short_gap",
        "cyclist_passing_parked_cars",
        "lost_cargo_on_lane",
        "oncoming_turn_across",
        "pedestrian_group_at_night",
        "stopped_truck_behind_crest",
        "wrong_way_car",
    ]


@pytest.mark.parametrize("path", [*RARE, *STAND_IN], ids=_name)
def test_scenario_draws_for_many_seeds(path: Path) -> None:
    scenario = load_scenario(path)
    assert scenario.name == path.stem
    assert scenario.tags
    drawn = [draw(scenario, seed) for seed in SEEDS]
    assert len({one.digest for one in drawn}) == len(drawn)
    assert len({one.world.style for one in drawn}) == len(drawn)
    assert sample_table(scenario, SEEDS).acceptance_rate > 0.2
    for one in drawn:
        assert one.recording.num_frames == 40
        assert 4 <= one.traffic.vehicles <= 18


@pytest.mark.parametrize("path", RARE, ids=_name)
def test_rare_thing_comes_within_reach(path: Path) -> None:
    """At the end of the recording, unless it has braked, the ego is within 45 m of what the scenario is about."""
    scenario = load_scenario(path)
    for seed in SEEDS:
        drawn = draw(scenario, seed)
        rare = drawn.actors[0]
        speeds = {"oncoming": -1, "wrong_way": -1, "turn_across": -1, "drive": 1, "cut_in": 1}
        ends_m = rare.ahead_m + speeds.get(rare.behaviour, 0) * rare.speed_mps * drawn.recording.duration_s
        driven_m = drawn.ego.speed_mps * drawn.recording.duration_s
        assert rare.ahead_m > 8
        assert min(rare.ahead_m, ends_m - driven_m) < 45


@pytest.mark.parametrize("path", [path for path in RARE if "base/town.yaml" in path.read_text()], ids=_name)
def test_streets_in_town_are_lined_with_parked_cars(path: Path) -> None:
    scenario = load_scenario(path)
    assert all(0.4 <= draw(scenario, seed).world.parked_share <= 0.8 for seed in SEEDS)


def test_stand_in_domain_shares_nothing_with_the_rare_scenarios() -> None:
    rare = [draw(scenario, 0) for scenario in load_scenarios(FOLDER)]
    stand_in = [draw(scenario, seed) for scenario in load_scenarios(FOLDER / "stand_in") for seed in SEEDS]
    assert not {one.world.map for one in rare} & {one.world.map for one in stand_in}
    assert not {one.rig.name for one in rare} & {one.rig.name for one in stand_in}
    assert not {one.world.style for one in rare} & {one.world.style for one in stand_in}
    assert all("stand_in" in one.tags for one in stand_in)


def test_schema_files_are_in_step_with_the_models(tmp_path: Path) -> None:
    # Behind? Write them again: python -c "from scanyard.scenario.schema import *; write_schema('scenarios/schema/...')"
    write_schema(tmp_path / "scenario.json")
    write_rig_schema(tmp_path / "rig.json")
    for name in ("scenario.json", "rig.json"):
        assert (FOLDER / "schema" / name).read_text() == (tmp_path / name).read_text()


def test_schemas_are_valid_draft_07_with_a_description_for_every_key() -> None:
    for schema in (json_schema(), rig_json_schema()):
        Draft7Validator.check_schema(schema)
        assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
        for name, part in {"top": schema, **schema["definitions"]}.items():
            for key, value in part.get("properties", {}).items():
                named = schema["definitions"].get(value.get("$ref", "").removeprefix("#/definitions/"), {})
                assert value.get("description") or named.get("description"), f"{name}.{key}"
        assert "$defs" not in json.dumps(schema)


@pytest.mark.parametrize("path", [*RARE, *STAND_IN, *BASE, *RIGS], ids=_name)
def test_file_names_its_schema_and_follows_it(path: Path) -> None:
    schema_path = FOLDER / "schema" / ("rig.json" if path in RIGS else "scenario.json")
    first = path.read_text().splitlines()[0]
    assert first == MODELINE.format(os.path.relpath(schema_path, path.parent))
    content = YAML(typ="safe", pure=True).load(path.read_text())
    errors = [error.message for error in Draft7Validator(json.loads(schema_path.read_text())).iter_errors(content)]
    assert errors == []


@pytest.mark.parametrize(
    "change",
    [
        {"eggo": {}},
        {"ego": {"speed": 3}},
        {"ego": {"speed_mps": True}},
        {"ego": {"speed_mps": {"unifrom": {"low": 1, "high": 2}}}},
        {"ego": {"speed_mps": 71}},
        {"actors": [{"name": "a"}]},
        {"world": {"map": "suburb", "road": "bumpy"}},
        {"name": "Capital"},
    ],
    ids=str,
)
def test_schema_underlines_mistakes(change: dict[str, object]) -> None:
    whole = {
        "name": "a",
        "description": "b",
        "world": {"map": "suburb"},
        "rig": "rigs/kitti.yaml",
        "ego": {"speed_mps": 3},
    }
    validator = Draft7Validator(json_schema())
    assert validator.is_valid(whole)
    assert not validator.is_valid(whole | change)


def test_schema_asks_for_what_a_whole_file_needs() -> None:
    validator = Draft7Validator(json_schema())
    assert not validator.is_valid({"name": "a"})
    assert validator.is_valid({"name": "a", "extends": "base/town.yaml"})
    assert validator.is_valid({"tags": ["a"]})
