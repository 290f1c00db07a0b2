"""From what msgpack unpacked to structs: decoders made from the annotations of ``wire``.

Strict, as the client is: an integer passes for a float, and nothing else passes for anything else.  Numbers are finite
and fit in single precision, because whatever one client sets is sent on to the others, and a pose that is not a number
would end their processes.
"""

from __future__ import annotations

import math
import reprlib
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.drawing import Pixels
from scanyard.carla_server.protocol.wire import FLOAT32_MAX, Command, Refused, WireError, Within

Decoder = Callable[[Any], Any]


def decode(kind: Any, wire: Any) -> Any:
    """Build a ``kind`` (a struct, number, string, bytes, ``tuple[kind, ...]`` or union) from what msgpack unpacked.

    A union of structs is a variant on the wire, ``[index, fields]``.  Raises WireError where the form differs, and
    Refused, which the user can read, where a number is not finite.
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
    if origin is Annotated:
        return _pixels_decoder(arguments[1]) if isinstance(arguments[1], Pixels) else _integer_decoder(arguments[1])
    if origin is types.UnionType:
        return _variant_decoder(tuple(decoder(argument) for argument in arguments))
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return _sequence_decoder(arguments[0])
    if origin is tuple:
        return _pair_decoder(tuple(decoder(argument) for argument in arguments))
    raise TypeError(f"no wire form for {kind}")


def _struct_decoder(struct: Any) -> Decoder:
    hints = typing.get_type_hints(struct, include_extras=True)
    decoders = [decoder(hints[name]) for name in struct._fields]
    defaults = list(struct._field_defaults.values())
    required = len(decoders) - len(defaults)
    make = struct._make
    only_floats = [float] * len(decoders) if all(one is _float for one in decoders) else None

    def decode_struct(wire: Any) -> Any:
        if type(wire) is not list or len(wire) < required:
            raise WireError(f"{struct.__name__} is an array of {len(decoders)} fields, not {brief(wire)}")
        if only_floats is not None and [*map(type, wire)] == only_floats and math.hypot(*wire) <= FLOAT32_MAX:
            return make(wire)  # locations and rotations come by the hundred in every batch
        given = [one(field) for one, field in zip(decoders, wire, strict=False)]
        return make(given + defaults[len(given) - required :] if len(given) < len(decoders) else given)

    return decode_struct


def _sequence_decoder(kind: Any) -> Decoder:
    one = decoder(kind)

    def decode_sequence(wire: Any) -> Any:
        if type(wire) is not list:
            raise WireError(f"expected an array, found {brief(wire)}")
        return tuple([one(item) for item in wire])

    return decode_sequence


def _pair_decoder(decoders: tuple[Decoder, ...]) -> Decoder:
    def decode_pair(wire: Any) -> Any:
        if type(wire) is not list or len(wire) != len(decoders):
            raise WireError(f"expected an array of {len(decoders)}, found {brief(wire)}")
        return tuple(one(item) for one, item in zip(decoders, wire, strict=True))

    return decode_pair


def _variant_decoder(decoders: tuple[Decoder, ...]) -> Decoder:
    def decode_variant(wire: Any) -> Any:
        if type(wire) is not list or len(wire) != 2 or type(wire[0]) is not int or not 0 <= wire[0] < len(decoders):
            raise WireError(f"expected [0 to {len(decoders) - 1}, value], found {brief(wire)}")
        return decoders[wire[0]](wire[1])

    return decode_variant


def _command(wire: Any) -> Command:
    try:
        ((index, fields),) = wire
    except (TypeError, ValueError):
        raise WireError(f"a command is [[index, fields]], not {brief(wire)}") from None
    if type(index) is not int or not isinstance(fields, list):
        raise WireError(f"a command is [[index, fields]], not {brief(wire)}")
    return Command((index, fields))


def _float(wire: Any) -> float:
    if type(wire) is float or type(wire) is int:
        if not -FLOAT32_MAX <= wire <= FLOAT32_MAX:
            raise Refused(f"expected a finite number, found {wire}")
        return float(wire)
    raise WireError(f"expected a number, found {brief(wire)}")


def _integer_decoder(within: Within) -> Decoder:
    low, high = within

    def decode_integer(wire: Any) -> int:
        if type(wire) is not int or not low <= wire <= high:
            raise WireError(f"expected an integer from {low} to {high}, found {brief(wire)}")
        return wire

    return decode_integer


def _pixels_decoder(pixels: Pixels) -> Decoder:
    low, high = pixels

    def decode_pixels(wire: Any) -> NDArray[np.float64]:
        try:
            found = np.array(wire, dtype=np.float64).reshape(len(wire), 4)
        except (TypeError, ValueError) as error:
            raise WireError(f"expected pixels of four numbers, found {brief(wire)}") from error
        if not ((found >= low) & (found <= high)).all():
            raise WireError(f"expected pixels between {low:g} and {high:g}")
        return found

    return decode_pixels


def _text(wire: Any) -> str:
    if type(wire) is not str or "\0" in wire:  # which no system takes in a file's name, and no script means
        raise WireError(f"expected a string without NUL, found {brief(wire)}")
    return wire


def _exactly(kind: type[Any], name: str) -> Decoder:
    def decode_scalar(wire: Any) -> Any:
        if type(wire) is not kind:
            raise WireError(f"expected {name}, found {brief(wire)}")
        return wire

    return decode_scalar


_SCALARS: dict[Any, Decoder] = {
    float: _float,
    int: _exactly(int, "an integer"),
    bool: _exactly(bool, "a bool"),
    str: _text,
    bytes: _exactly(bytes, "bytes"),
    types.NoneType: _exactly(types.NoneType, "nil"),
}

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 60, 60  # whatever a client sent, however deep and long


def brief(wire: Any) -> str:
    """What came, in so few words that it can stand in an error message."""
    text = _SHORT.repr(wire)
    return text if len(text) <= 80 else text[:77] + "..."
