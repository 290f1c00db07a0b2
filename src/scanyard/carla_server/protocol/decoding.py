"""From what msgpack unpacked to structs: decoders made from the annotations of ``wire``.

Strict, as the client is: an integer passes for a float, and nothing else passes for anything else.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

from scanyard.carla_server.protocol.wire import Command, WireError

Decoder = Callable[[Any], Any]


def decode(kind: Any, wire: Any) -> Any:
    """Build a ``kind`` (a struct, number, string, bytes, ``tuple[kind, ...]`` or list) from what msgpack unpacked.

    Raises WireError where the form differs.
    """
    return decoder(kind)(wire)


@cache
def decoder(kind: Any) -> Decoder:
    """Return the function that decodes ``kind``, made once per kind."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _command if kind is Command else _struct_decoder(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return _sequence_decoder(arguments[0])
    if origin is tuple:
        return _pair_decoder(tuple(decoder(argument) for argument in arguments))
    raise TypeError(f"no wire form for {kind}")


def _struct_decoder(struct: Any) -> Decoder:
    hints = typing.get_type_hints(struct)
    decoders = [decoder(hints[name]) for name in struct._fields]
    defaults = list(struct._field_defaults.values())
    required = len(decoders) - len(defaults)
    make = struct._make
    only_floats = [float] * len(decoders) if all(one is _float for one in decoders) else None

    def decode_struct(wire: Any) -> Any:
        if type(wire) is not list or len(wire) < required:
            raise WireError(f"{struct.__name__} is an array of {len(decoders)} fields, not {_brief(wire)}")
        if only_floats is not None and [*map(type, wire)] == only_floats:
            return make(wire)  # locations and rotations come by the hundred in every batch
        given = [one(field) for one, field in zip(decoders, wire, strict=False)]
        return make(given + defaults[len(given) - required :] if len(given) < len(decoders) else given)

    return decode_struct


def _sequence_decoder(kind: Any) -> Decoder:
    one = decoder(kind)

    def decode_sequence(wire: Any) -> Any:
        if type(wire) is not list:
            raise WireError(f"expected an array, found {_brief(wire)}")
        return tuple([one(item) for item in wire])

    return decode_sequence


def _pair_decoder(decoders: tuple[Decoder, ...]) -> Decoder:
    def decode_pair(wire: Any) -> Any:
        if type(wire) is not list or len(wire) != len(decoders):
            raise WireError(f"expected an array of {len(decoders)}, found {_brief(wire)}")
        return tuple(one(item) for one, item in zip(decoders, wire, strict=True))

    return decode_pair


def _command(wire: Any) -> Command:
    try:
        ((index, fields),) = wire
    except (TypeError, ValueError):
        raise WireError(f"a command is [[index, fields]], not {_brief(wire)}") from None
    if type(index) is not int or not isinstance(fields, list):
        raise WireError(f"a command is [[index, fields]], not {_brief(wire)}")
    return Command((index, fields))


def _float(wire: Any) -> float:
    if type(wire) is float:
        return wire
    if type(wire) is int:
        return float(wire)
    raise WireError(f"expected a number, found {_brief(wire)}")


def _exactly(kind: type[Any], name: str) -> Decoder:
    def decode_scalar(wire: Any) -> Any:
        if type(wire) is not kind:
            raise WireError(f"expected {name}, found {_brief(wire)}")
        return wire

    return decode_scalar


_SCALARS: dict[Any, Decoder] = {
    float: _float,
    int: _exactly(int, "an integer"),
    bool: _exactly(bool, "a bool"),
    str: _exactly(str, "a string"),
    bytes: _exactly(bytes, "bytes"),
    types.NoneType: _exactly(types.NoneType, "nil"),
}


def _brief(wire: Any) -> str:
    text = repr(wire)
    return text if len(text) <= 80 else text[:77] + "..."
