"""The RPC socket, spoken to byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from scanyard.carla_server.protocol.rpc import Bare, RpcServer
from scanyard.carla_server.protocol.wire import Refused, Vector3D


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


@pytest.mark.parametrize("garbage", [b"\xc1", b"\xa5hello", b"\x91" * 100_000, msgpack.packb([0, 1, "add", 5])])
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
