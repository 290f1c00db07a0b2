"""The RPC socket, spoken to byte by byte."""

from __future__ import annotations

import socket
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanyard.carla_server.protocol import rpc
from scanyard.carla_server.protocol.framing import Messages
from scanyard.carla_server.protocol.rpc import Bare, RpcServer
from scanyard.carla_server.protocol.wire import Refused, Vector3D, WireError


def add(a: int, b: float) -> float:
    return a + b


def refuse() -> int:
    raise Refused("not today")


def refuse_quietly() -> None:
    raise Refused("not today")


def nothing() -> None:
    return None


def broken() -> int:
    return 1 // 0


def strange() -> Any:
    return object()


def length(vector: Vector3D) -> float:
    return abs(vector.x)


def blob() -> bytes:
    return bytes(4 << 20)


def bare() -> Bare:
    return Bare([1, 2])


HANDLERS = {one.__name__: one for one in (add, refuse, refuse_quietly, nothing, broken, strange, length, bare)}


class Caller:
    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5.0)
        self.unpacker = msgpack.Unpacker()

    def send(self, *request: Any) -> None:
        self.sock.sendall(msgpack.packb(request))

    def receive(self) -> Any:
        while True:
            for message in self.unpacker:
                return message
            received = self.sock.recv(65536)
            if not received:
                return "disconnected"
            self.unpacker.feed(received)

    def call(self, name: str, *arguments: Any) -> Any:
        self.send(0, 7, name, [[False], *arguments])
        kind, msgid, error, result = self.receive()
        assert (kind, msgid) == (1, 7)
        return error, result


@pytest.fixture
def port() -> Iterator[int]:
    server = RpcServer("127.0.0.1", 0, HANDLERS)
    server.start()
    yield server.port
    server.close()


@pytest.fixture
def caller(port: int) -> Iterator[Caller]:
    one = Caller(port)
    yield one
    one.sock.close()


def test_result_is_wrapped_as_a_response(caller: Caller) -> None:
    assert caller.call("add", 1, 2.5) == (None, [[1, 3.5]])


def test_void_is_a_single_false(caller: Caller) -> None:
    assert caller.call("nothing") == (None, [[False]])


def test_bare_result_is_not_wrapped(caller: Caller) -> None:
    assert caller.call("bare") == (None, [1, 2])


def test_refusal_carries_its_text(caller: Caller) -> None:
    assert caller.call("refuse") == (None, [[0, ["not today"]]])
    assert caller.call("refuse_quietly") == (None, [[True, ["not today"]]])


def test_unknown_method_is_an_rpc_error_and_logged_once(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        error, result = caller.call("levitate")
        assert "levitate" in error
        assert result is None
    assert sum("levitate" in record.message for record in caplog.records) == 1


def test_wrong_argument_is_an_rpc_error_that_says_what_came(caller: Caller) -> None:
    error, _ = caller.call("add", "one", 2.0)
    assert "expected an integer, found 'one'" in error
    assert caller.call("add", 1, 1.0) == (None, [[1, 2.0]])


def test_missing_argument_is_an_rpc_error(caller: Caller) -> None:
    error, _ = caller.call("add", 1)
    assert "add" in error


def test_bug_in_a_handler_is_an_rpc_error_and_the_connection_lives(caller: Caller) -> None:
    assert caller.call("broken")[0] == "broken failed"
    assert caller.call("strange")[0] == "strange failed"
    assert caller.call("nothing") == (None, [[False]])


def test_requests_cut_anywhere_are_put_together(caller: Caller) -> None:
    request = msgpack.packb([0, 1, "length", [[False], [3.0, 0.0, 0.0]]])
    for i in range(len(request)):
        caller.sock.sendall(request[i : i + 1])
    assert caller.receive() == [1, 1, None, [[1, 3.0]]]


def test_pipelined_calls_are_answered_in_order(caller: Caller) -> None:
    requests = b"".join(msgpack.packb([0, i, "add", [[True], i, 0.5]]) for i in range(100))
    caller.sock.sendall(requests)
    assert [caller.receive()[1] for _ in range(100)] == list(range(100))


GARBAGE = {
    "no msgpack": b"\xc1",
    "no array": b"\xa5hello",
    "too deep": b"\x91" * 100_000,
    "deep": b"\x91" * 900 + b"\xc0",
    "no arguments": msgpack.packb([0, 1, "add", 5]),
    "no meta": msgpack.packb([0, 1, "add", []]),
    "no name": msgpack.packb([0, 1, ["add"], [[False]]]),
    "no msgid": msgpack.packb([0, "1", "add", [[False]]]),
    "a notification": msgpack.packb([2, "add", [[False]]]),
    "keys that cannot be looked up": b"\x81\x90\xc0",
    "an impossible time": b"\xc7\x05\xffabcde",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_disconnects_its_sender_alone(port: int, caller: Caller, garbage: bytes) -> None:
    other = Caller(port)
    other.sock.sendall(garbage)
    try:
        assert other.receive() == "disconnected"
    except ConnectionResetError:
        pass  # closed with bytes of ours unread
    finally:
        other.sock.close()
    assert caller.call("nothing") == (None, [[False]])


@pytest.mark.parametrize("opening", [b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9", b"\x94\x00\x01\xa3add\xdd"])
@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x00\xff\xff\xff"], ids=["4 billion", "16 million"])
def test_announced_length_makes_no_room_before_the_bytes_come(
    port: int, caller: Caller, opening: bytes, length: bytes
) -> None:
    tracemalloc.start()
    try:
        boasters = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for one in boasters:
            one.sendall((opening + length) * 200)
        assert caller.call("nothing") == (None, [[False]])
        for one in boasters:
            one.close()
        assert caller.call("nothing") == (None, [[False]])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20  # one of these arrays alone would have taken 32 GiB, or 128 MiB


def test_message_that_never_ends_is_cut_off() -> None:
    messages = Messages(max_bytes=1 << 20)
    with pytest.raises(WireError, match="a message of more than"):
        for _ in range(100):
            assert list(messages.feed(b"\xc6\xff\xff\xff\xff" + bytes(100_000))) == []


@given(st.lists(st.recursive(st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary() | st.none() | st.booleans(),
                             lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
                             max_leaves=20), max_size=5), st.integers(1, 50))  # fmt: skip
def test_messages_come_out_as_they_went_in_wherever_they_are_cut(sent: list[Any], step: int) -> None:
    packed = b"".join(msgpack.packb(one) for one in sent)
    messages = Messages()
    received = [one for i in range(0, len(packed), step) for one in messages.feed(packed[i : i + step])]
    assert received == sent


def test_number_that_is_not_finite_is_refused_in_words_the_user_sees(caller: Caller) -> None:
    error, result = caller.call("length", [0.0, float("nan"), 0.0])
    assert error is None
    assert result == [[0, ["expected a finite number, found nan"]]]


def test_client_that_takes_no_answers_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "STUCK_AFTER_S", 1)
    server = RpcServer("127.0.0.1", 0, {"blob": blob})
    server.start()
    greedy = Caller(server.port)
    request = msgpack.packb([0, 1, "blob", [[False]]])
    greedy.sock.sendall(request * 20)
    deadline = time.monotonic() + 10.0
    while server.connections and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.connections == 0
    greedy.sock.close()
    server.close()


def test_client_that_vanishes_before_its_answer_harms_no_one(port: int, caller: Caller) -> None:
    gone = Caller(port)
    gone.send(0, 1, "nothing", [[False]])
    gone.sock.close()
    assert caller.call("nothing") == (None, [[False]])


def test_close_frees_the_port_and_disconnects() -> None:
    server = RpcServer("127.0.0.1", 0, HANDLERS)
    server.start()
    caller = Caller(server.port)
    assert caller.call("nothing") == (None, [[False]])
    server.close()
    assert caller.receive() == "disconnected"
    caller.sock.close()
    RpcServer("127.0.0.1", server.port, HANDLERS).close()
