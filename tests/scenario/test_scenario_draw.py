from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanyard.errors import ScenarioError
from scanyard.randomness import first_uniforms, stream
from scanyard.scenario import (
    concrete,
    draw,
    draw_many,
    draw_parameters,
    load_scenario,
    load_scenarios,
    model,
    sample_table,
)
from scanyard.sensors import Rig

Write = Callable[[str], Path]


def test_same_seed_gives_the_same_scenario_and_another_seed_another(write: Write, scenario_text: str) -> None:
    scenario = load_scenario(write(scenario_text))
    assert draw(scenario, 7).to_dict() == draw(load_scenario(write(scenario_text)), 7).to_dict()
    assert len({draw(scenario, seed).digest for seed in range(50)}) == 50


def test_expressions_and_references_take_the_drawn_values(write: Write, scenario_text: str) -> None:
    drawn = draw(load_scenario(write(scenario_text)), 3)
    (child,) = drawn.actors
    assert child.ahead_m == drawn.parameters["gap_m"]
    assert child.speed_mps == pytest.approx(2 * float(drawn.parameters["speed_mps"]))
    assert child.lateral_to_m == 3.0
    assert child.trigger_gap_m is None


def test_adding_a_parameter_leaves_the_others_draws_unchanged(write: Write, scenario_text: str) -> None:
    before = [draw_parameters(load_scenario(write(scenario_text)), seed).values for seed in range(20)]
    more = scenario_text.replace("parameters:\n", "parameters:\n  aaa: {uniform: {low: 0, high: 1}}\n")
    after = [draw_parameters(load_scenario(write(more)), seed).values for seed in range(20)]
    assert [{name: values[name] for name in old} for old, values in zip(before, after, strict=True)] == before
    assert len({values["aaa"] for values in after}) == 20


def test_listing_another_actor_first_leaves_an_actors_own_draws_unchanged(write: Write, scenario_text: str) -> None:
    text = scenario_text.replace("lateral_m: -3", "lateral_m: {uniform: {low: -4, high: -2}}")
    more = text.replace(
        "actors:\n", "actors:\n  - {name: car, kind: car, behaviour: stand, ahead_m: 9, lateral_m: -3}\n"
    )
    (child,) = draw(load_scenario(write(text)), 5).actors
    assert draw(load_scenario(write(more)), 5).actors[1] == child


def test_same_ranges_in_two_scenarios_give_different_draws(write: Write, scenario_text: str) -> None:
    one = draw_parameters(load_scenario(write(scenario_text)), 1).values
    other = draw_parameters(load_scenario(write(scenario_text.replace("name: example", "name: other"))), 1).values
    assert one["gap_m"] != other["gap_m"]


def test_known_draws(write: Write, scenario_text: str) -> None:
    # These change only when old datasets may no longer be drawn again: say so in the commit that changes them.
    values = draw_parameters(load_scenario(write(scenario_text)), 0).values
    assert values == {"gap_m": 14.500219, "speed_mps": 2.799212}


def test_requirements_hold_and_their_cost_is_reported(write: Write, scenario_text: str) -> None:
    text = scenario_text.replace("ego:", "require: [gap_m > 15, gap_m < 19, speed_mps > 0]\nego:")
    table = sample_table(load_scenario(write(text)), range(200))
    assert all(15 < float(draw.values["gap_m"]) < 19 for draw in table.draws)
    assert table.acceptance_rate == pytest.approx(0.4, abs=0.07)
    assert list(table.rejections) == ["gap_m > 15", "gap_m < 19", "speed_mps > 0"]
    assert table.rejections["speed_mps > 0"] == 0
    assert sum(table.rejections.values()) == table.attempts - 200
    assert table.columns == ("gap_m", "speed_mps")


def test_impossible_requirement_names_itself_and_its_rejections(write: Write, scenario_text: str) -> None:
    text = scenario_text.replace("ego:", "max_draws: 50\nrequire:\n  - gap_m > 12\n  - gap_m > 20.5\nego:")
    scenario = load_scenario(write(text))
    with pytest.raises(ScenarioError) as error:
        draw(scenario, 0)
    message = str(error.value)
    assert f"{scenario.source}:11: require[1]: 'gap_m > 20.5' rejected 50 of 50 draws" in message
    assert re.search(r"\('gap_m > 12' \d+\) with seed 0", message)


def test_requirement_that_is_no_condition_is_refused(write: Write, scenario_text: str) -> None:
    scenario = load_scenario(write(scenario_text.replace("ego:", "require: [gap_m * 2]\nego:")))
    with pytest.raises(
        ScenarioError, match=r"example\.yaml:8: require\[0\]: 'gap_m \* 2' is .*; expected a comparison"
    ):
        draw(scenario, 0)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("speed_mps * 100", r"found \d+.*; expected a number from 0 to 70 \(seed 0: gap_m = "),
        ("speed_mps / (gap_m - gap_m)", "divides by zero"),
        ("gap_m > 3", "is true or false; expected a number"),
    ],
)
def test_expression_without_a_fitting_value_is_refused(
    expression: str, complaint: str, write: Write, scenario_text: str
) -> None:
    scenario = load_scenario(write(scenario_text.replace("speed_mps * 2", expression)))
    with pytest.raises(ScenarioError, match=rf"example\.yaml:11: actors\[0\]\.speed_mps: .*{complaint}"):
        draw(scenario, 0)


def test_kind_may_be_drawn(write: Write, scenario_text: str) -> None:
    text = scenario_text.replace("gap_m: {", "who: {choice: {values: [child, adult]}}\n  gap_m: {")
    scenario = load_scenario(write(text.replace("kind: child", "kind: $who")))
    assert {draw(scenario, seed).actors[0].kind for seed in range(20)} == {"child", "adult"}


def test_whole_numbers_are_ints(write: Write, scenario_text: str) -> None:
    text = scenario_text + "traffic: {vehicles: {integer: {low: 1, high: 3}}, cyclists: 2}\n"
    traffic = [draw(load_scenario(write(text)), seed).traffic for seed in range(20)]
    assert {one.vehicles for one in traffic} == {1, 2, 3}
    assert all(isinstance(one.vehicles, int) and one.cyclists == 2 for one in traffic)


def test_rate_duration_and_rig_can_be_set_from_outside(write: Write, folder: Path, scenario_text: str) -> None:
    scenario = load_scenario(write(scenario_text))
    other = folder / "rigs" / "two.yaml"
    other.write_text((folder / "rigs" / "one.yaml").read_text().replace("name: one", "name: two"))
    drawn = draw(scenario, 1, {"recording.rate_hz": "5", "recording.duration_s": 2.0, "rig": str(other)})
    assert drawn.recording == concrete.Recording(rate_hz=5.0, duration_s=2.0)
    assert drawn.rig.name == "two"
    assert drawn.parameters == draw(scenario, 1).parameters


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("recording.rate", "5", "cannot be set; .*did you mean 'recording.rate_hz'"),
        ("recording.rate_hz", "fast", "recording.rate_hz: found 'fast'; expected a number"),
        ("recording.rate_hz", "nan", "recording.rate_hz: found nan; expected a number from 1 to 40"),
        ("recording.duration_s", 1e9, "expected a number from 0.025 to 120"),
        ("rig", "nowhere.yaml", "nowhere.yaml: no such file"),
    ],
)
def test_wrong_settings_from_outside_are_refused(
    key: str, value: str | float, complaint: str, write: Write, scenario_text: str
) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        draw(load_scenario(write(scenario_text)), 0, {key: value})


def test_recording_of_no_frame_is_refused(write: Write, scenario_text: str) -> None:
    scenario = load_scenario(write(scenario_text + "recording: {rate_hz: 2, duration_s: 0.1}\n"))
    with pytest.raises(ScenarioError, match=r"recording: found 0\.1 s at 2 Hz; expected at least one frame"):
        draw(scenario, 0)


def test_how_often_it_happens_goes_along_and_changes_nothing_that_is_played(write: Write, scenario_text: str) -> None:
    silent = draw(load_scenario(write(scenario_text)), 3)
    stated = draw(load_scenario(write(scenario_text + "exposure: {per_hour: 0.2, source: estimate}\n")), 3)
    assert silent.exposure is None
    assert stated.exposure == concrete.Exposure(0.2, "estimate")
    assert stated.digest == silent.digest
    assert stated.to_dict() == silent.to_dict()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{per_hour: 0, source: estimate}", r"exposure\.per_hour: found 0; expected .*greater than 0|per_hour: .*0"),
        ("{per_hour: 0.2}", r"exposure\.source"),
        ("{per_hour: {uniform: {low: 1, high: 2}}, source: estimate}", r"exposure\.per_hour"),
        ("{per_day: 3, source: estimate}", r"exposure\.per_day: unknown key; expected per_hour, source"),
    ],
)
def test_an_exposure_is_a_rate_above_zero_and_its_source(
    write: Write, scenario_text: str, text: str, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_scenario(write(scenario_text + f"exposure: {text}\n"))


@pytest.mark.parametrize("name", ["World", "Weather", "Ego", "Actor", "Traffic", "Recording", "Exposure"])
def test_models_and_concrete_classes_have_the_same_fields_and_defaults(name: str) -> None:
    written, fixed = getattr(model, name), getattr(concrete, name)
    assert list(written.model_fields) == [field.name for field in fields(fixed)]
    for field in fields(fixed):
        if isinstance(field.default, int | float) and name != "Traffic":
            assert written.model_fields[field.name].default == field.default, field.name


def test_a_file_adds_to_the_one_it_extends(write: Write, folder: Path, scenario_text: str) -> None:
    (folder / "base").mkdir()
    base = scenario_text.replace("rigs/one", "../rigs/one").replace("name: example\n", "")
    (folder / "base" / "town.yaml").write_text(base)
    path = write(
        "name: more\nextends: base/town.yaml\ndescription: Another.\nworld: {road: curve}\n"
        "parameters: {gap_m: {choice: {values: [5]}}}\ntags: [b]\n"
    )
    drawn = draw(load_scenario(path), 0)
    assert (drawn.name, drawn.world.map, drawn.world.road, drawn.tags) == ("more", "village", "curve", ("b",))
    assert drawn.parameters["gap_m"] == 5.0
    assert drawn.actors[0].ahead_m == 5.0
    assert isinstance(drawn.rig, Rig)
    (folder / "base" / "town.yaml").write_text(base.replace("kind: child", "kind: chidl"))
    with pytest.raises(ScenarioError, match=r"base/town\.yaml:9: actors\[0\]\.kind: found 'chidl'"):
        load_scenario(path)


def test_lists_are_replaced(write: Write, folder: Path, scenario_text: str) -> None:
    (folder / "base.yaml").write_text(scenario_text)
    path = write("name: empty\nextends: base.yaml\nactors: []\n")
    (folder / "base.yaml").rename(folder / "rigs" / "base.yaml")
    (folder / "rigs" / "base.yaml").write_text(scenario_text.replace("rigs/one", "one"))
    path.write_text(path.read_text().replace("base.yaml", "rigs/base.yaml"))
    assert draw(load_scenario(path), 0).actors == ()


def test_circles_and_long_chains_are_refused(write: Write, folder: Path, scenario_text: str) -> None:
    path = write(scenario_text + "extends: a.yaml\n")
    (folder / "a.yaml").write_text("extends: b.yaml\n")
    (folder / "b.yaml").write_text("tags: []\nextends: ../" + folder.name + "/example.yaml\n")
    with pytest.raises(ScenarioError, match=r"b\.yaml:2: extends: goes round in a circle: example.yaml -> a.yaml -> b"):
        load_scenario(path)
    for i in range(20):
        (folder / f"{i}.yaml").write_text(f"extends: {i + 1}.yaml\n")
    with pytest.raises(ScenarioError, match="expected fewer"):
        load_scenario(folder / "0.yaml")


def test_folder_gives_its_own_files_in_order(folder: Path, scenario_text: str) -> None:
    (folder / "b.yaml").write_text(scenario_text)
    (folder / "a.yaml").write_text(scenario_text.replace("name: example", "name: first"))
    assert [scenario.name for scenario in load_scenarios(folder)] == ["first", "example"]
    assert [scenario.name for scenario in load_scenarios(folder / "b.yaml")] == ["example"]
    (folder / "c.yaml").write_text(scenario_text)
    with pytest.raises(ScenarioError, match=r"c\.yaml:1: name: found 'example', also in .*b\.yaml"):
        load_scenarios(folder)
    with pytest.raises(ScenarioError, match=r"maps: no \*\.yaml in this folder"):
        load_scenarios(folder / "maps")


def test_carla_towns_and_absolute_maps_need_no_maps_folder(write: Write, folder: Path, scenario_text: str) -> None:
    assert draw(load_scenario(write(scenario_text.replace("village", "Town04_Opt"))), 0).world.map == "Town04_Opt"
    path = folder / "maps" / "village.xodr"
    assert draw(load_scenario(write(scenario_text.replace("village", str(path)))), 0).world.map == str(path)
    with pytest.raises(ScenarioError, match="which is no file; expected an OpenDRIVE map"):
        load_scenario(write(scenario_text.replace("village", "/nowhere/x.xodr")))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, "clear"),
        ({"fog_density": 30}, "fog"),
        ({"precipitation": 50, "sun_altitude_deg": -5}, "rain, night"),
        ({"fog_density": 9.9, "precipitation": 9.9, "sun_altitude_deg": 0}, "clear"),
    ],
)
def test_weather_has_a_word_for_it(values: dict[str, float], kind: str) -> None:
    assert concrete.Weather(**values).kind == kind


def test_many_seeds_at_once_are_drawn_as_one_by_one() -> None:
    for scenario in load_scenarios(Path(__file__).parents[2] / "scenarios"):
        seeds = [3, 1, 4, 1, *range(100, 120)]
        together = list(draw_many(scenario, seeds))
        assert [one.digest for one in together] == [draw(scenario, seed).digest for seed in seeds]


def test_the_digest_is_that_of_the_whole_as_canonical_json() -> None:
    for scenario in load_scenarios(Path(__file__).parents[2] / "scenarios"):
        drawn = draw(scenario, 5)
        canonical = json.dumps(drawn.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        assert drawn.digest == hashlib.sha256(canonical.encode()).hexdigest()


@given(st.lists(st.integers(0, 2**63), min_size=1, max_size=5), st.text(max_size=5), st.integers())
@settings(max_examples=30)
def test_first_numbers_of_many_streams_are_those_of_each(numbers: list[int], word: str, last: int) -> None:
    together = first_uniforms((word, "x"), numbers, (last,))
    assert together.tolist() == [stream(word, "x", number, last).random() for number in numbers]
