"""Bad files: one message with file, line and key, and no other exception whatever the text."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from scanyard.errors import ScenarioError
from scanyard.scenario import load_scenario
from scanyard.scenario.document import MAX_NODES, parse_document

Write = Callable[[str], Path]

CHANGED = {
    # what: (text in the scenario, text instead, line, beginning of the message, end of the message)
    "unknown key": (
        "ego:",
        "eggo:",
        8,
        "eggo: unknown key",
        "did you mean 'ego'?",
    ),
    "unknown key inside": (
        "road: s",
        "rode: s",
        6,
        "world.rode: unknown key",
        "did you mean 'road'?",
    ),
    "unknown key in a list": (
        "ahead_m",
        "ahed_m",
        10,
        "actors[0].ahed_m: unknown key",
        "did you mean 'ahead_m'?",
    ),
    "missing key": (
        "description: A child crosses.\n",
        "",
        1,
        "description: missing",
        "sentence or two",
    ),
    "list for a number": (
        "_mps: 8",
        "_mps: [8]",
        8,
        "ego.speed_mps: found a list",
        "or an expression",
    ),
    "boolean for a number": (
        "_mps: 8",
        "_mps: true",
        8,
        "ego.speed_mps: found true",
        "or an expression",
    ),
    "text for a number": (
        "_mps: 8",
        "_mps: '8!'",
        8,
        "ego.speed_mps: found '8!', which uses '!'",
        "",
    ),
    "number for text": (
        "name: example",
        "name: 3",
        1,
        "name: found 3",
        "expected text",
    ),
    "capitals in a name": (
        "name: example",
        "name: Ex",
        1,
        "name: found 'Ex'",
        "a letter first",
    ),
    "out of bounds": (
        "_mps: 8",
        "_mps: 71",
        8,
        "ego.speed_mps: found 71",
        "a number from 0 to 70",
    ),
    "draws out of bounds": (
        "_mps: 8",
        "_mps: {uniform: {low: 5, high: 99}}",
        8,
        "ego.speed_mps: found a distribution from 5 to 99",
        "0 to 70",
    ),
    "broken number for a count": (
        "ego:",
        "traffic: {vehicles: 2.5}\nego:",
        8,
        "traffic.vehicles: found 2.5",
        "a whole number from 0 to 100",
    ),
    "broken draws for a count": (
        "ego:",
        "traffic: {vehicles: {uniform: {low: 1, high: 2}}}\nego:",
        8,
        "traffic.vehicles: found a dist",
        "use integer",
    ),
    "empty range": (
        "low: 10, high: 20",
        "low: 20, high: 10",
        4,
        "parameters.gap_m.uniform: the range from 20 to 10 is",
        "",
    ),
    "half a range": (
        "low: 10, high: 20",
        "low: 10",
        4,
        "parameters.gap_m.uniform.high: missing",
        "",
    ),
    "unlikely range": (
        "uniform: {low: 10, high: 20}",
        "truncated_normal: {mean: 0, std: 1, low: 6, high: 9}",
        4,
        "parameters.gap_m.truncated_normal: only 9.9e-10 of the bell curve",
        "",
    ),
    "unknown distribution": (
        "uniform",
        "unifrom",
        4,
        "parameters.gap_m.unifrom: unknown key",
        "did you mean 'uniform'?",
    ),
    "two distributions": (
        "high: 20}}",
        "high: 20}, choice: {values: [1]}}",
        4,
        "parameters.gap_m: found uniform and choice",
        "",
    ),
    "choice of nothing": (
        "uniform: {low: 10, high: 20}",
        "choice: {values: []}",
        4,
        "parameters.gap_m.choice.values: f",
        "",
    ),
    "numbers and words": (
        "uniform: {low: 10, high: 20}",
        "choice: {values: [1, a]}",
        4,
        "parameters.gap_m.choice.values",
        "",
    ),
    "weights too few": (
        "uniform: {low: 10, high: 20}",
        "choice: {values: [1, 2], weights: [1]}",
        4,
        "parameters.gap_m.choice: 1 weights",
        "",
    ),
    "unknown behaviour": (
        "behaviour: cross",
        "behaviour: cros",
        10,
        "actors[0].behaviour: found",
        "did you mean 'cross'?",
    ),
    "unknown kind": (
        "kind: child",
        "kind: chidl",
        10,
        "actors[0].kind: found 'chidl'",
        "did you mean 'child'?",
    ),
    "kind from no parameter": (
        "kind: child",
        "kind: $gap",
        10,
        "actors[0].kind: found '$gap'",
        "did you mean 'gap_m'?",
    ),
    "kind from numbers": (
        "kind: child",
        "kind: $gap_m",
        10,
        "actors[0].kind: $gap_m may be numbers",
        "",
    ),
    "unknown parameter": (
        "$gap_m",
        "$gap",
        10,
        "actors[0].ahead_m: found 'gap'",
        "did you mean 'gap_m'?",
    ),
    "unknown parameter in require": (
        "ego:",
        "require: [gp_m > 3]\nego:",
        8,
        "require[0]: found 'gp_m'",
        "mean 'gap_m'?",
    ),
    "reserved parameter": (
        "gap_m: {",
        "max: 3\n  gap_m: {",
        4,
        "parameters.max: found a name that means something",
        "",
    ),
    "power": (
        "speed_mps * 2",
        "speed_mps ** 2",
        11,
        "actors[0].speed_mps: found 'speed_mps ** 2', which uses",
        "",
    ),
    "attribute": (
        "speed_mps * 2",
        "speed_mps.real",
        11,
        "actors[0].speed_mps: found",
        "",
    ),
    "foreign call": (
        "speed_mps * 2",
        "open(1)",
        11,
        "actors[0].speed_mps: found 'open(1)', which calls open",
        "",
    ),
    "no end to cross to": (
        ", lateral_to_m: 3",
        "",
        10,
        "actors[0]: cross has no lateral_to_m",
        "where it ends",
    ),
    "missing map": (
        "village",
        "vilage",
        6,
        "world.map: found 'vilage', which is no map",
        "did you mean 'village'?",
    ),
    "map by relative path": (
        "village",
        "../x.xodr",
        6,
        "world.map: found '../x.xodr'",
        "",
    ),
    "missing rig": (
        "rigs/one",
        "rigs/on",
        7,
        "rig: found 'rigs/on.yaml', which is no file",
        "did you mean 'one.yaml'?",
    ),
    "NaN": (
        "_mps: 8",
        "_mps: .nan",
        8,
        "ego.speed_mps: found '.nan'",
        "a finite number",
    ),
    "infinity": (
        "_mps: 8",
        "_mps: -.inf",
        8,
        "ego.speed_mps: found '-.inf'",
        "a finite number",
    ),
    "overflow": (
        "_mps: 8",
        "_mps: 1e400",
        8,
        "ego.speed_mps: found '1e400'",
        "a finite number",
    ),
    "5,000 digits": (
        "_mps: 8",
        "_mps: " + "9" * 5000,
        8,
        "ego.speed_mps: found a number of 5000 digits",
        "",
    ),
    "yes is no boolean": (
        "_mps: 8",
        "_mps: yes",
        8,
        "ego.speed_mps: found 'yes', which is no parameter",
        "",
    ),
    "duplicate key": (
        "ego:",
        "name: again\nego:",
        8,
        "name: found this key again; it is already on line 1",
        "",
    ),
    "tab": (
        "  gap_m",
        "\tgap_m",
        4,
        "not YAML: found character '\\t'",
        "expected spaces where there is a tab",
    ),
    "second document": (
        "ego:",
        "---\nego:",
        8,
        "found a second document",
        "one per file",
    ),
    "older YAML": (
        "name: example",
        "%YAML 1.1\n---\nname: example",
        2,
        "found a % directive",
        "",
    ),
    "tag": (
        "_mps: 8",
        "_mps: !!python/object/apply:os.system [ls]",
        8,
        "ego.speed_mps: found the tag",
        "plain values",
    ),
    "list as key": (
        "ego:",
        "? [1]\n: 2\nego:",
        8,
        "found a key that is not plain text",
        "",
    ),
    "half a surrogate": (
        "A child crosses.",
        '"\\ud800"',
        2,
        "description: found half a surrogate pair",
        "",
    ),
    "impossible escape": (
        "A child crosses.",
        '"\\UFFFFFFFF"',
        2,
        "not YAML",
        "",
    ),
    "control character": (
        "A child crosses.",
        "\x01",
        2,
        "not YAML",
        "",
    ),
    "open quote": (
        "name: example",
        "name: 'example",
        1,
        "not YAML",
        "",
    ),
    "unknown anchor": (
        "_mps: 8",
        "_mps: *fast",
        8,
        "ego.speed_mps: found alias *fast",
        "",
    ),
    "anchor within itself": (
        "_mps: 8",
        "_mps: &a [*a]",
        8,
        "ego.speed_mps[0]: found alias *a",
        "",
    ),
    "second anchor": (
        "ego: {speed_mps: 8}",
        "ego: {speed_mps: &a 8}\nmax_draws: &a 5",
        9,
        "max_draws: found a second anchor &a",
        "",
    ),
    "extends nothing": (
        "ego:",
        "extends: bas.yaml\nego:",
        8,
        "extends: found 'bas.yaml', which is no file",
        "",
    ),
    "extends anything": (
        "ego:",
        "extends: /etc/passwd.yaml\nego:",
        8,
        "extends: found the absolute path",
        "",
    ),
    "extends a list": (
        "ego:",
        "extends: [a]\nego:",
        8,
        "extends: found a list",
        "",
    ),
    "extends itself": (
        "ego:",
        "extends: example.yaml\nego:",
        8,
        "extends: goes round in a circle",
        "",
    ),
    "two of one name": (
        "actors:",
        "actors:\n  - {name: child, kind: car, behaviour: stand, ahead_m: 1, lateral_m: 2}",
        11,
        "actors[1].name: found 'child'",
        "",
    ),
}


@pytest.mark.parametrize("case", CHANGED)
def test_bad_file_gives_one_message_with_file_line_and_key(case: str, write: Write, scenario_text: str) -> None:
    old, new, line, begin, end = CHANGED[case]
    assert old in scenario_text
    path = write(scenario_text.replace(old, new, 1))
    with pytest.raises(ScenarioError) as error:
        load_scenario(path)
    message = str(error.value)
    assert message.startswith(f"{path}:{line}: {begin}"), message
    assert end in message
    assert "\n" not in message
    assert len(message) < 600


def test_unchanged_file_loads(write: Write, scenario_text: str) -> None:
    assert load_scenario(write(scenario_text)).name == "example"


ENCODED = {
    "byte order mark": ("utf-8-sig", "byte order mark"),
    "UTF-16": ("utf-16", "UTF-16"),
    "UTF-16 without a mark": ("utf-16-le", "found byte 0xe9; expected UTF-8"),
    "Latin-1": ("latin-1", "found byte 0xe9; expected UTF-8"),
}


@pytest.mark.parametrize("case", ENCODED)
def test_other_encodings_are_named(case: str, write: Write, scenario_text: str) -> None:
    encoding, what = ENCODED[case]
    path = write("")
    path.write_bytes(scenario_text.replace("A child", "Andr\u00e9").encode(encoding))
    with pytest.raises(ScenarioError, match=rf"example\.yaml:\d+: .*{what}"):
        load_scenario(path)


BOMBS = {
    "100,000 deep": "name: " + "[" * 100_000,
    "30,000 deep": "name: " + "[" * 30_000,
    "mappings in mappings": "? " * 30_000,
    "lists in lists": "name:\n  " + "- " * 3_000,
    "values in values": "{a: " * 3_000,
    "many aliases": "a: &a 1\nb: [" + "*a, " * 100 + "]",
    "aliases of aliases": "a: &a [1, 1]\n"
    + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24)),
    "deep by aliases": "a: &a [[[[[[[[[1]]]]]]]]]\nb: &b [[[[[[[[[[[*a]]]]]]]]]]]\nc: [[[[[[[[[[[*b]]]]]]]]]]]",
    "a megabyte": "# " + "x" * 1_000_000,
}


@pytest.mark.parametrize("case", BOMBS)
def test_bomb_is_refused_within_half_a_second(case: str, write: Write) -> None:
    path = write(BOMBS[case])
    begin = time.process_time()
    with pytest.raises(ScenarioError, match=r"more than|expand to|nested|not plain text"):
        load_scenario(path)
    assert time.process_time() - begin < 0.5


def test_aliases_within_limits_stand_for_what_they_name() -> None:
    root = parse_document(b"a: &a {x: [1, 2]}\nb: *a\nc: [*a, *a]\n", "t.yaml")
    assert root.plain() == {"a": {"x": [1, 2]}, "b": {"x": [1, 2]}, "c": [{"x": [1, 2]}] * 2}
    assert root.nodes == 1 + 4 + 4 + 9 < MAX_NODES


def test_plain_scalars_follow_yaml_1_2() -> None:
    text = b"[no, 0777, 1:30:00, 1e3, 0x1F, 0o17, ~, True, 2020-01-01, 1_000, '8', .5, -7, +1.]"
    root = parse_document(b"v: " + text, "t.yaml").plain()
    expected = ["no", 777, "1:30:00", 1000.0, 31, 15, None, True, "2020-01-01", "1_000", "8", 0.5, -7, 1.0]
    assert root == {"v": expected}
    assert [type(value) for value in root["v"]] == [type(value) for value in expected]  # type: ignore[index]


def test_missing_file_and_folder_are_named(folder: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.yaml: no such file"):
        load_scenario(folder / "nowhere.yaml")
    with pytest.raises(ScenarioError, match="a folder; expected a YAML file"):
        load_scenario(folder)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["$gap_m", "gap_m * 2", "cross", "village", "rigs/one.yaml", "../x.yaml", "child"])
)  # fmt: skip
KEYS = """name description extends parameters world map rig ego speed_mps actors require uniform low high choice values
weights traffic vehicles kind behaviour count"""
keys = st.sampled_from(KEYS.split()) | st.text(max_size=6)
trees = st.recursive(scalars, lambda t: st.lists(t, max_size=3) | st.dictionaries(keys, t, max_size=5), max_leaves=12)
yaml_ish = st.text(alphabet=st.sampled_from("ab:-?[]{}&*!|>'\"%@`#,. \n\t019~<=\\x$\u00e9\u2028\ufeff"), max_size=80)


def _only_our_error(raw: bytes, folder: Path) -> None:
    path = folder / "fuzz.yaml"
    path.write_bytes(raw)
    try:
        load_scenario(path)
    except ScenarioError as error:
        message = str(error)
        assert message.startswith(str(path))
        assert "\n" not in message
        message.encode("utf-8")


fuzz = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(st.one_of(yaml_ish.map(str.encode), st.binary(max_size=60)))
def test_random_text_raises_only_our_error(folder: Path, raw: bytes) -> None:
    _only_our_error(raw, folder)


@fuzz
@given(st.data())
def test_spoilt_scenario_raises_only_our_error(folder: Path, scenario_text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(scenario_text)))
    end = data.draw(st.integers(begin, min(begin + 12, len(scenario_text))))
    _only_our_error((scenario_text[:begin] + data.draw(yaml_ish) + scenario_text[end:]).encode(), folder)


@fuzz
@given(keys, trees)
def test_wrong_values_raise_only_our_error(folder: Path, scenario_text: str, key: str, value: object) -> None:
    lines = [line for line in scenario_text.splitlines() if not line.startswith(f"{key}:")]
    path = folder / "tree.yaml"
    with path.open("w", encoding="utf-8", errors="replace") as file:
        YAML(typ="safe", pure=True).dump({key: value}, file)
    _only_our_error("\n".join(lines).encode() + b"\n" + path.read_bytes(), folder)
