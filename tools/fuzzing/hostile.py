"""RPC messages that no honest client sends, and honest ones among them: random, but the same for the same seed.

They are made from the server's own table of calls, so a call that is added is attacked unasked.
"""

from __future__ import annotations

import random
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgpack

from scanyard.carla_server.calls.table import methods
from scanyard.carla_server.protocol.drawing import Pixels
from scanyard.carla_server.protocol.wire import ActorDescription, Command, EpisodeSettings, SpawnActor
from scanyard.carla_server.world.blueprints import library
from scanyard.carla_server.world.maps import Maps
from scanyard.carla_server.world.simulation import Simulation

DISRUPTIVE = {
    "load_new_episode", "copy_opendrive_to_file", "set_episode_settings", "tick_cue", "destroy_actor", "replay_file",
    "start_recorder",
}  # fmt: skip
"""Sent broken, but never whole: what an honest client may do to another is no attack."""

NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.05, 1e-30, 100.0, -3000.0, 1e7, 3e38, -3e38)
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"), 1e39, 1e300, -1e308)
INTEGERS = (-(2**63), -(2**31), -1, 0, 1, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1)
TEXTS = ("", "a", "\0", "é" * 50, "x" * 5000, "../../etc/passwd", "%s%n", "1e999", "nan", "-1", "0", "vehicle.audi.a2",
         "sensor.camera.rgb", "/Game/Carla/Maps/none", "Nav", "<OpenDRIVE/>", "<" * 300)  # fmt: skip
LONG_HEADERS = (b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9", b"\xdc", b"\xde", b"\xc5", b"\xda", b"\xc8")


class Hostile:
    """An endless supply of messages."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._calls = _calls()
        self._names = sorted(self._calls)
        self._blueprints = sorted(library())
        self._kinds = (self._noise, self._cut, self._flipped, self._mistyped, self._boastful, self._deep, self._unknown,
                       self._hostile_values, self._no_request, self._miscounted, self._honest)  # fmt: skip

    def messages(self) -> Iterator[bytes]:
        """Messages, some of them several in one."""
        while True:
            yield self._random.choice(self._kinds)()

    def subscription(self) -> bytes:
        """What someone says to the stream port."""
        pick = self._random
        return pick.choice((
            b"", pick.randbytes(pick.randint(1, 3)), pick.randbytes(4), pick.randbytes(400),
            pick.randint(0, 40).to_bytes(4, "little"), (1).to_bytes(4, "little") + b"GET / HTTP/1.1\r\n\r\n",
        ))  # fmt: skip

    # --- kinds of messages -------------------------------------------------------------------------------------------

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.choice((1, 3, 17, 200, 5000)))

    def _cut(self) -> bytes:
        whole = self._packed(self._request())
        return whole[: self._random.randrange(len(whole))]

    def _flipped(self) -> bytes:
        changed = bytearray(self._packed(self._request()))
        for _ in range(self._random.choice((1, 1, 2, 8))):
            place = self._random.randrange(len(changed))
            if self._random.random() < 0.7:
                changed[place] = self._random.randrange(256)
            elif self._random.random() < 0.5:
                changed.insert(place, self._random.randrange(256))
            elif len(changed) > 1:
                del changed[place]
        return bytes(changed)

    def _mistyped(self) -> bytes:
        request = self._request()
        self._replace_somewhere(request[3], start=1)
        return self._packed(request)

    def _boastful(self) -> bytes:
        header = self._random.choice(LONG_HEADERS)
        boast = header + self._random.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\xff\xff\xff"))
        opening = self._random.choice((b"", b"\x94\x00\x07\xa7version", b"\x94\x00\x07\xabapply_batch\x92\x91\xc2"))
        return opening + boast * self._random.choice((1, 2, 300)) + self._random.randbytes(self._random.randint(0, 50))

    def _deep(self) -> bytes:
        depth = self._random.choice((30, 900, 1100, 50_000))
        return b"\x94\x00\x07\xa7version\x92\x91\xc2" + self._random.choice((b"\x91", b"\x81\xc0")) * depth + b"\xc0"

    def _unknown(self) -> bytes:
        name = self._random.choice(("levitate", "", "version\0", "__class__", "x" * 10_000, "get_" * 3))
        return self._packed([0, self._msgid(), f"{name}{self._random.randrange(10**6)}", [[False], 1]])

    def _hostile_values(self) -> bytes:
        return self._packed(self._request(hostile=0.3))

    def _no_request(self) -> bytes:
        what = self._random.choice((
            [2, "version", [[False]]], [1, 7, None, [[1, 2]]], [0], [], {}, None, 5, "hello", [0, 1, "version", []],
            [0, 1, "version", {}], [0, -1, "version", [[False]]], [0, None, "version", [[False]]],
            [0, 1, 2, [[False]]], [0, 2**63, "version", [[False]]], [9, 1, "version", [[False]]],
        ))  # fmt: skip
        return self._packed(what)

    def _miscounted(self) -> bytes:
        request = self._request()
        if self._random.random() < 0.5:
            request[3].extend([1] * self._random.choice((1, 2, 1000)))
        else:
            del request[3][self._random.randrange(len(request[3])) :]
        return self._packed(request)

    def _honest(self) -> bytes:
        """A whole call, or several at once."""
        count = self._random.choice((1, 1, 1, 10))
        return b"".join(self._packed(self._request(disruptive=False)) for _ in range(count))

    # --- what they are made of ---------------------------------------------------------------------------------------

    def _request(self, *, disruptive: bool = True, hostile: float = 0.0) -> list[Any]:
        name = self._random.choice(self._names)
        while not disruptive and name in DISRUPTIVE:
            name = self._random.choice(self._names)
        values = [self._value(kind, hostile) for kind in self._calls[name]]
        return [0, self._msgid(), name, [[self._random.random() < 0.5], *values]]

    def _msgid(self) -> int:
        return self._random.randrange(2**32)

    def _packed(self, value: Any) -> bytes:
        packed: bytes = msgpack.packb(value, use_single_float=False, unicode_errors="surrogatepass")
        return packed

    def _replace_somewhere(self, array: list[Any], start: int = 0) -> None:
        if len(array) <= start:
            array.append(self._anything())
            return
        place = self._random.randrange(start, len(array))
        if isinstance(array[place], list) and array[place] and self._random.random() < 0.6:
            self._replace_somewhere(array[place])
        else:
            array[place] = self._anything()

    def _anything(self) -> Any:
        pick = self._random
        return pick.choice((
            None, True, False, pick.choice(NUMBERS), pick.choice(NO_NUMBERS), pick.choice(INTEGERS), pick.choice(TEXTS),
            b"", pick.randbytes(24), [], [[]], [[[]]], {}, {"a": 1}, [None] * 1000, msgpack.ExtType(5, b"abc"),
        ))  # fmt: skip

    def _value(self, kind: Any, hostile: float) -> Any:  # noqa: PLR0911 - a case for each form on the wire
        """A value of this kind, or, with the probability ``hostile``, one its field cannot take."""
        if self._random.random() < hostile:
            return self._anything()
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if kind in (float, int, bool, str, bytes):
            return self._scalar(kind, hostile)
        if origin is Annotated:
            if isinstance(inner[1], Pixels):
                return [[self._random.randrange(256)] * 4 for _ in range(4)]
            low, high = inner[1]
            return self._random.choice((self._actor_id(), self._actor_id(), low, high)) if high > 1000 else low
        if origin is types.UnionType:
            index = self._random.randrange(len(inner))
            return [index, self._value(inner[index], hostile)]
        if origin is tuple and inner[1:] == (Ellipsis,):
            return [self._value(inner[0], hostile) for _ in range(self._random.choice((0, 1, 3)))]
        if origin is tuple:
            return [self._value(one, hostile) for one in inner]
        return self._struct(kind, hostile)

    def _struct(self, kind: Any, hostile: float) -> Any:
        if kind is Command:
            return self._command(hostile)
        if kind is EpisodeSettings:
            return [False, False, [False]]
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = [self._value(hints[name], hostile) for name in kind._fields]
        if kind is ActorDescription:
            name = self._random.choice(self._blueprints)
            attributes = [
                [one.id, one.type, self._random.choice(TEXTS) if self._random.random() < 0.05 else one.value]
                for one in library()[name].definition.attributes
            ]
            fields = [1, name, attributes]
        return fields

    def _command(self, hostile: float) -> Any:
        index = self._random.randrange(-1, 24)
        if index == 0:
            fields = self._struct(SpawnActor, hostile)
            fields[5] = fields[5] if self._random.random() < 0.1 else []
        elif index == 1:
            fields = [10**6]
        else:
            shapes: tuple[Any, ...] = (
                [self._random.random()] * 3, [[1.0, 2.0, 0.5], [0.0, 90.0, 0.0]], True, 5, 0.5, [0.5, 0.0, 0.0, False],
            )  # fmt: skip
            fields = [self._actor_id(), self._random.choice(shapes)]
        return [[index, fields]]

    def _scalar(self, kind: Any, hostile: float) -> Any:
        if kind is float:
            return self._random.choice(NO_NUMBERS if self._random.random() < hostile else NUMBERS)
        if kind is int:
            return self._random.choice((self._actor_id(), *INTEGERS))
        if kind is bool:
            return self._random.random() < 0.5
        return self._random.choice(TEXTS) if kind is str else self._random.randbytes(24)

    def _actor_id(self) -> int:
        return self._random.randrange(400)


def _calls() -> Mapping[str, tuple[Any, ...]]:
    """The kinds of the arguments of every call."""
    nothing: Any = None
    table = methods(Simulation(Maps([]), nothing), nothing)
    found = {}
    for name, handler in table.items():
        hints = typing.get_type_hints(handler, include_extras=True)
        names = handler.__signature__.parameters if hasattr(handler, "__signature__") else hints.keys() - {"return"}
        found[name] = tuple(hints[one] for one in names)
    return found
