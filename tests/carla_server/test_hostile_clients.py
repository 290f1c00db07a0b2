"""A short attack on a server in this process: the long one is ``tools/fuzz_server``."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import psutil
import pytest
from flat_carla_world import flat_server
from hostile import Hostile
from stream_messages import InvalidMessageError, check

from scanyard.carla_server.server import Server

SECONDS = 2.0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    one = flat_server(tmp_path)
    yield one
    one.close()


class Healthy:
    """Calls all the while, on one connection, and reads all snapshots on another."""

    def __init__(self, server: Server) -> None:
        self.calls = self.snapshots = 0
        self.wrong: list[str] = []
        self._rpc = socket.create_connection(("127.0.0.1", server.rpc_port), timeout=10.0)
        self._stream = socket.create_connection(("127.0.0.1", server.streaming_port), timeout=10.0)
        self._stream.sendall((1).to_bytes(4, "little"))

    def call_until(self, deadline_s: float) -> None:
        unpacker = msgpack.Unpacker()
        while time.monotonic() < deadline_s:
            self._rpc.sendall(msgpack.packb([0, self.calls, "get_episode_info", [[False]]]))
            while not (answers := list(unpacker)):
                unpacker.feed(self._rpc.recv(1 << 16))
            [[kind, msgid, error, result]] = answers
            if (kind, msgid, error) != (1, self.calls, None) or result[0][0] != 1:
                self.wrong.append(f"{answers}")
            self.calls += 1
            time.sleep(0.001)
        self._rpc.close()

    def read_until(self, deadline_s: float) -> None:
        with self._stream.makefile("rb") as stream:
            while time.monotonic() < deadline_s:
                size = int.from_bytes(stream.read(4), "little")
                try:
                    assert check(stream.read(size)) == 17
                except InvalidMessageError as error:
                    self.wrong.append(str(error))
                self.snapshots += 1
        self._stream.close()


def attack(server: Server, seed: int, deadline_s: float) -> int:
    sent = 0
    supply, subscriptions = Hostile(seed).messages(), Hostile(seed)
    while time.monotonic() < deadline_s:
        with socket.create_connection(("127.0.0.1", server.streaming_port), timeout=10.0) as stream:
            stream.sendall(subscriptions.subscription())
        try:
            with socket.create_connection(("127.0.0.1", server.rpc_port), timeout=10.0) as sock:
                for _ in range(10):
                    sock.sendall(next(supply))
                    sent += 1
        except (BrokenPipeError, ConnectionResetError):
            continue  # thrown out
    return sent


@pytest.mark.slow
def test_hostile_messages_harm_nobody_and_leave_nothing_behind(server: Server) -> None:
    before = sockets()
    deadline_s = time.monotonic() + SECONDS
    healthy = Healthy(server)
    workers = [
        threading.Thread(target=healthy.call_until, args=(deadline_s,)),
        threading.Thread(target=healthy.read_until, args=(deadline_s,)),
    ]
    for worker in workers:
        worker.start()
    sent = attack(server, 1, deadline_s)
    for worker in workers:
        worker.join(20.0)

    assert server.failure is None
    assert healthy.wrong == []
    assert sent > 200
    assert healthy.calls > 50
    assert healthy.snapshots > 20
    deadline_s = time.monotonic() + 10.0
    while sockets() > before:
        assert time.monotonic() < deadline_s, f"{sockets()} sockets, {before} before"
        time.sleep(0.02)


def sockets() -> int:
    return sum(one.status not in ("TIME_WAIT", "NONE") for one in psutil.Process().net_connections("tcp"))


SPOILT = {
    "no bytes": b"",
    "half a header": bytes(47),
    "a collision of nobody": bytes(48),
    "half a snapshot": (17).to_bytes(8, "little") + bytes(40) + bytes(37),
    "an image without pixels": (13).to_bytes(8, "little") + bytes(60),
    "an unknown type": (99).to_bytes(8, "little") + bytes(40),
    "cut msgpack": (4).to_bytes(8, "little") + bytes(40) + b"\x93\xc0",
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_the_judge_of_streams_rejects_what_a_client_would(spoilt: bytes) -> None:
    with pytest.raises(InvalidMessageError):
        check(spoilt)
