"""RPC values against hand-built bytes, there and back."""

from __future__ import annotations

import math
import typing
from typing import Any

import msgpack
import pytest

from scanyard.carla_server.protocol import bones, drawing, physics, wire
from scanyard.carla_server.protocol.decoding import decode
from scanyard.carla_server.protocol.wire import (
    Command,
    EpisodeSettings,
    Refused,
    Rotation,
    SpawnActor,
    Transform,
    Vector3D,
    WireError,
)

# These have tests of their own: variants, arrays of numpy, and what is never on the wire.
SPECIAL = (Command, drawing.DebugShape, drawing.Texture, drawing.FloatTexture, drawing.Pixels, wire.Within)
STRUCTS = [
    one
    for module in (wire, physics, drawing, bones)
    for one in vars(module).values()
    if isinstance(one, type)
    and issubclass(one, tuple)
    and hasattr(one, "_fields")
    and one not in SPECIAL
    and one.__module__ == module.__name__
]


def example_of(kind: Any) -> Any:
    """A value in which no two neighbouring fields are alike."""
    if typing.get_origin(kind) is typing.Annotated:
        kind, within = typing.get_args(kind)
        assert within.low < within.high
    if kind in _EXAMPLES:
        return _EXAMPLES[kind].pop(0)
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        return tuple(example_of(one) for one in (inner[:1] * 2 if inner[1:] == (Ellipsis,) else inner))
    if kind is Command:
        return Command((1, [5]))
    hints = typing.get_type_hints(kind, include_extras=True)
    return kind(*[example_of(hints[name]) for name in kind._fields])


_EXAMPLES: dict[Any, list[Any]] = {
    float: [0.5 + i for i in range(400)],
    int: list(range(1, 400)),
    str: [f"text {i}" for i in range(400)],
    bool: [bool(i % 2) for i in range(400)],
    bytes: [bytes([i]) for i in range(200)],
}


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_struct_comes_back_as_it_went(struct: Any) -> None:
    there = example_of(struct)
    back = decode(struct, msgpack.unpackb(msgpack.packb(there)))
    assert (type(back), _as_lists(back)) == (struct, _as_lists(there))


def _as_lists(value: Any) -> Any:
    return [_as_lists(one) for one in value] if isinstance(value, list | tuple) else value


def test_transform_is_location_then_pitch_yaw_roll() -> None:
    packed = msgpack.packb(Transform(Vector3D(1, 2, 3), Rotation(4, 5, 6)))
    assert packed == bytes([0x92, 0x93, 1, 2, 3, 0x93, 4, 5, 6])


def test_missing_fixed_step_travels_as_false_and_never_as_nil() -> None:
    packed = msgpack.unpackb(msgpack.packb(EpisodeSettings()))
    assert packed[2][0] is False
    assert decode(EpisodeSettings, [True, False, [False]]).fixed_delta_s is None
    assert decode(EpisodeSettings, [True, False, [True, 0.05]]).fixed_delta_s == 0.05
    assert decode(EpisodeSettings, [True, False, [True, 0.0]]).fixed_delta_s is None


def test_weather_has_fog_falloff_before_wetness() -> None:
    names = wire.WeatherParameters._fields
    assert names.index("fog_falloff") + 1 == names.index("wetness")


def test_missing_trailing_fields_keep_their_defaults() -> None:
    assert decode(EpisodeSettings, [True]) == EpisodeSettings(synchronous_mode=True)
    assert decode(Transform, [[1.0, 2.0, 3.0]]) == Transform(Vector3D(1.0, 2.0, 3.0))


def test_fields_of_a_newer_client_are_ignored() -> None:
    assert decode(Rotation, [1.0, 2.0, 3.0, "new"]) == Rotation(1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(str, "a\0b"), (int, 1.0), (bool, 0), (bool, 1), (float, "1"), (str, b"a"), (bytes, [1, 2]), (Transform, None),
     (Rotation, 3), (tuple[int, ...], 5), (tuple[str, int], ["a"]), (Command, [1, 2]), (wire.Actor, [1, 2])],
)  # fmt: skip
def test_value_of_another_form_is_an_error(kind: Any, value: Any) -> None:
    with pytest.raises(WireError):
        decode(kind, value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e300, -1e39, 2**63])
@pytest.mark.parametrize("kind", [float, Vector3D, Transform])
def test_number_that_single_precision_cannot_hold_is_refused(kind: Any, number: float) -> None:
    holds = {float: number, Vector3D: [1.0, number, 2.0], Transform: [[0.0, 0.0, number]]}[kind]
    if number == 2**63:
        assert decode(kind, holds)
    else:
        with pytest.raises(Refused, match="expected a finite number"):
            decode(kind, holds)


@pytest.mark.parametrize("cancelling", [[1e300, -1e300, 0.0], [math.inf, -math.inf, 0.0], [1.0, 2.0, math.nan]])
def test_numbers_that_cancel_are_refused_all_the_same(cancelling: list[float]) -> None:
    with pytest.raises(Refused):
        decode(Vector3D, cancelling)


@pytest.mark.parametrize("value", [-1, 2**32, 1.0, True])
def test_integer_that_does_not_fit_its_field_is_an_error(value: Any) -> None:
    with pytest.raises(WireError, match="from 0 to 4294967295"):
        decode(wire.ActorId, value)


def test_debug_shape_is_a_variant_and_its_look() -> None:
    line = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], 0.25]
    seen = decode(drawing.DebugShape, [[1, line], [1, 2, 3], 0.5, False])
    assert seen.primitive == drawing.Line(Vector3D(0.0, 1.0, 2.0), Vector3D(3.0, 4.0, 5.0), 0.25)
    assert (seen.color, seen.life_time, seen.persistent_lines) == ((1, 2, 3), 0.5, False)
    assert type(decode(drawing.DebugShape, [[7, [line, 0.1]]]).primitive) is drawing.HudArrow
    for nonsense in ([9, line], [-1, line], ["1", line], [1], line):
        with pytest.raises(WireError):
            decode(drawing.DebugShape, [nonsense])


def test_pixels_become_one_array() -> None:
    texture = decode(drawing.Texture, [2, 1, [[255, 0, 1, 255], [3, 4, 5, 0]]])
    assert (texture.width, texture.height) == (2, 1)
    assert texture.pixels.tolist() == [[255, 0, 1, 255], [3, 4, 5, 0]]
    assert decode(drawing.FloatTexture, [1, 1, [[0.5, -2.0, 3, 1]]]).pixels.tolist() == [[0.5, -2.0, 3.0, 1.0]]


NO_PIXELS = ([[256, 0, 0, 0]], [[0, 0, 0]], [[0, 0, 0, math.nan]], [["x", 0, 0, 0]], [5], 5, None, [[0] * 4, [0] * 3])


@pytest.mark.parametrize("pixels", NO_PIXELS, ids=repr)
def test_pixels_of_another_form_are_an_error(pixels: Any) -> None:
    with pytest.raises(WireError):
        decode(drawing.Texture, [1, 1, pixels])


def test_what_came_is_told_in_few_words_however_deep_it_is() -> None:
    deep: Any = 0
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(WireError) as error:
        decode(str, deep)
    assert len(str(error.value)) < 150


def test_integer_is_accepted_as_a_float() -> None:
    assert decode(float, 3) == 3.0


def test_spawn_command_with_what_is_done_after() -> None:
    description, pose = [7, "vehicle.a.b", [["color", 5, "1,2,3"]]], [[1, 2, 3], [0, 90, 0]]
    fields = [description, pose, [False], 77, "", [[[16, [0, True]]]]]
    command = decode(SpawnActor, fields)
    assert command.description.attributes[0].value == "1,2,3"
    assert not command.parent.present
    assert command.do_after == (Command((16, [0, True])),)


def test_responses_have_their_documented_bytes() -> None:
    assert msgpack.packb(wire.value(7)) == bytes([0x91, 0x92, 1, 7])
    assert msgpack.packb(wire.DONE) == bytes([0x91, 0x91, 0xC2])
    assert msgpack.packb(wire.refusal("no")) == bytes([0x91, 0x92, 0, 0x91, 0xA2]) + b"no"
    assert msgpack.packb(wire.refusal("no", void=True)) == bytes([0x91, 0x92, 0xC3, 0x91, 0xA2]) + b"no"
