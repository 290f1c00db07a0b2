"""RPC values against hand-built bytes, there and back."""

from __future__ import annotations

import typing
from typing import Any

import msgpack
import pytest

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.decoding import decode
from scanyard.carla_server.protocol.wire import (
    Command,
    EpisodeSettings,
    Rotation,
    SpawnActor,
    Transform,
    Vector3D,
    WireError,
)

STRUCTS = [
    one
    for one in vars(wire).values()
    if isinstance(one, type) and issubclass(one, tuple) and hasattr(one, "_fields") and one is not Command
]


def example_of(kind: Any) -> Any:
    """A value in which no two neighbouring fields are alike."""
    if kind in _EXAMPLES:
        return _EXAMPLES[kind].pop(0)
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        return tuple(example_of(one) for one in (inner[:1] * 2 if inner[1:] == (Ellipsis,) else inner))
    if kind is Command:
        return Command((1, [5]))
    hints = typing.get_type_hints(kind)
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
    [(int, 1.0), (bool, 0), (bool, 1), (float, "1"), (str, b"a"), (bytes, [1, 2]), (Transform, None), (Rotation, 3),
     (tuple[int, ...], 5), (tuple[str, int], ["a"]), (Command, [1, 2]), (wire.Actor, [1, 2])],
)  # fmt: skip
def test_value_of_another_form_is_an_error(kind: Any, value: Any) -> None:
    with pytest.raises(WireError):
        decode(kind, value)


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
