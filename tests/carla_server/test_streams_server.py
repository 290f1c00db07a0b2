"""The stream socket: who gets what, who waits for whom."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from scanyard.carla_server.protocol import streams as streams_module
from scanyard.carla_server.protocol.streams import StreamServer

BIG = bytes(16 << 20)  # more than the kernel buffers for a reader that does not read


class Reader:
    def __init__(self, port: int, stream_id: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5.0)
        self.sock.sendall(stream_id.to_bytes(4, "little"))

    def exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            received = self.sock.recv(min(1 << 20, count - len(data)))
            if not received:
                raise EOFError
            data += received
        return data

    def message(self) -> bytes:
        return self.exactly(int.from_bytes(self.exactly(4), "little"))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


@pytest.fixture
def streams() -> Iterator[StreamServer]:
    server = StreamServer("127.0.0.1", 0)
    server.start()
    yield server
    server.close()


@pytest.fixture
def subscribe(streams: StreamServer) -> Iterator[Callable[[int], Reader]]:
    readers: list[Reader] = []

    def subscribe_to(stream_id: int) -> Reader:
        streams.expect(stream_id)
        readers.append(Reader(streams.port, stream_id))
        streams.await_subscribers(5.0)
        return readers[-1]

    yield subscribe_to
    for reader in readers:
        reader.sock.close()


def test_message_is_its_size_and_its_pieces(streams: StreamServer, subscribe: Callable[[int], Reader]) -> None:
    reader = subscribe(5)
    streams.publish(5, (b"ab", memoryview(b"cd")), drop_if_busy=False)
    assert reader.exactly(8) == b"\x04\0\0\0abcd"


def test_each_stream_reaches_all_its_readers_and_no_others(
    streams: StreamServer, subscribe: Callable[[int], Reader]
) -> None:
    first, second, other = subscribe(5), subscribe(5), subscribe(6)
    streams.publish(5, (b"five",), drop_if_busy=False)
    streams.publish(6, (b"six",), drop_if_busy=False)
    assert (first.message(), second.message(), other.message()) == (b"five", b"five", b"six")


def test_newcomer_is_greeted_with_the_message_that_is_kept(
    streams: StreamServer, subscribe: Callable[[int], Reader]
) -> None:
    streams.publish(1, (b"latest",), drop_if_busy=False, keep=True)
    assert subscribe(1).message() == b"latest"
    streams.forget(1)
    streams.publish(2, (b"unrelated",), drop_if_busy=False)
    late = subscribe(1)
    streams.publish(1, (b"next",), drop_if_busy=False)
    assert late.message() == b"next"


def test_busy_reader_misses_no_event(streams: StreamServer, subscribe: Callable[[int], Reader]) -> None:
    reader = subscribe(5)
    streams.publish(5, (BIG,), drop_if_busy=True, is_event=True)
    for k in range(3):
        streams.publish(5, (bytes([k]),), drop_if_busy=True, is_event=True)
    assert len(reader.message()) == len(BIG)
    assert [reader.message() for _ in range(3)] == [b"\0", b"\1", b"\2"]


def test_busy_reader_misses_messages_when_asked_to_drop(
    streams: StreamServer, subscribe: Callable[[int], Reader]
) -> None:
    reader = subscribe(5)
    streams.publish(5, (BIG,), drop_if_busy=True)
    streams.publish(5, (b"dropped",), drop_if_busy=True)
    assert len(reader.message()) == len(BIG)
    streams.drain()
    streams.publish(5, (b"kept",), drop_if_busy=True)
    assert reader.message() == b"kept"


def test_drain_waits_for_a_slow_reader_and_nothing_is_lost(
    streams: StreamServer, subscribe: Callable[[int], Reader]
) -> None:
    reader = subscribe(5)
    streams.publish(5, (BIG,), drop_if_busy=False)
    streams.publish(5, (b"after",), drop_if_busy=False)
    draining = threading.Thread(target=streams.drain)
    draining.start()
    draining.join(0.1)
    assert draining.is_alive()
    assert len(reader.message()) == len(BIG)
    assert reader.message() == b"after"
    draining.join(5.0)
    assert not draining.is_alive()


def test_small_messages_beyond_what_the_socket_takes_stay_whole_and_in_order(
    streams: StreamServer, subscribe: Callable[[int], Reader]
) -> None:
    reader = subscribe(5)
    sizes = [1000 * (number % 200) + 1 for number in range(400)]
    for number, size in enumerate(sizes):
        streams.publish(5, (bytes([number % 251]), bytes([number % 251]) * size), drop_if_busy=False)
    for number, size in enumerate(sizes):
        assert reader.message() == bytes([number % 251]) * (size + 1)
    streams.drain()


def test_reader_that_takes_nothing_is_disconnected(
    streams: StreamServer, subscribe: Callable[[int], Reader], caplog: pytest.LogCaptureFixture
) -> None:
    reader = subscribe(5)
    streams.publish(5, (BIG,), drop_if_busy=False)
    streams.drain(timeout_s=0.3)
    assert "took nothing" in caplog.text
    with pytest.raises((EOFError, ConnectionResetError)):
        reader.message()
    until(lambda: not streams.has_subscribers(5))


def test_reader_that_leaves_is_noticed_without_a_message(
    streams: StreamServer, subscribe: Callable[[int], Reader]
) -> None:
    reader = subscribe(5)
    assert streams.has_subscribers(5)
    reader.sock.close()
    until(lambda: not streams.has_subscribers(5))


def test_reader_that_leaves_in_the_middle_of_a_message_holds_no_one_up(
    streams: StreamServer, subscribe: Callable[[int], Reader]
) -> None:
    gone, stays = subscribe(5), subscribe(5)
    streams.publish(5, (BIG,), drop_if_busy=False)
    gone.exactly(1000)
    gone.sock.close()
    assert len(stays.message()) == len(BIG)
    streams.drain(timeout_s=2.0)
    streams.publish(5, (b"more",), drop_if_busy=False)
    assert stays.message() == b"more"


def test_awaiting_subscribers_ends_when_the_expected_one_comes(streams: StreamServer) -> None:
    streams.expect(9)
    reader: list[Reader] = []
    threading.Timer(0.1, lambda: reader.append(Reader(streams.port, 9))).start()
    began = time.monotonic()
    streams.await_subscribers(5.0)
    assert 0.05 < time.monotonic() - began < 4.0
    assert streams.has_subscribers(9)
    until(lambda: bool(reader))
    reader[0].sock.close()


def test_awaiting_a_subscriber_who_never_comes_is_bounded_and_not_repeated(streams: StreamServer) -> None:
    streams.expect(9)
    began = time.monotonic()
    streams.await_subscribers(0.2)
    streams.await_subscribers(5.0)
    assert 0.15 < time.monotonic() - began < 2.0


def test_stream_id_may_arrive_in_pieces(streams: StreamServer) -> None:
    with socket.create_connection(("127.0.0.1", streams.port), timeout=5.0) as sock:
        sock.sendall(b"\x07\0")
        time.sleep(0.05)
        sock.sendall(b"\0\0")
        until(lambda: streams.has_subscribers(7))


def test_close_ends_a_pending_message(streams: StreamServer, subscribe: Callable[[int], Reader]) -> None:
    subscribe(5)
    streams.publish(5, (BIG,), drop_if_busy=False)
    began = time.monotonic()
    streams.close()
    assert time.monotonic() - began < 2.5


def test_who_names_no_stream_is_disconnected_and_readers_are_not(
    streams: StreamServer, subscribe: Callable[[int], Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "SILENT_FOR_S", 0.2)
    reader = subscribe(5)
    with socket.create_connection(("127.0.0.1", streams.port), timeout=5.0) as silent:
        silent.sendall(b"\x05\0\0")
        assert silent.recv(1) == b""
    streams.publish(5, (b"still here",), drop_if_busy=False)
    assert reader.message() == b"still here"


def test_readers_that_come_and_go_leave_nothing_behind(
    streams: StreamServer, subscribe: Callable[[int], Reader]
) -> None:
    stays = subscribe(5)
    before = len(psutil.Process().net_connections("tcp")), threading.active_count()
    for i in range(100):
        with socket.create_connection(("127.0.0.1", streams.port), timeout=5.0) as sock:
            sock.sendall(i.to_bytes(4, "little") + b"and more than was asked for"[: i % 8])
            streams.publish(i, (b"x" * 1000,), drop_if_busy=False)
    until(lambda: streams.connections == 1)
    until(lambda: threading.active_count() == before[1])
    until(lambda: sum(one.status != "TIME_WAIT" for one in psutil.Process().net_connections("tcp")) <= before[0])
    streams.publish(5, (b"y",), drop_if_busy=False)
    while stays.message() != b"y":
        pass
