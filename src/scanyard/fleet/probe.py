"""Asking a CARLA server for its version without CARLA's client, which may take its whole process down.

One msgpack-rpc call over a socket of our own: ``[0, id, "version", [[false]]]``, answered by ``[1, id, error, result]``
with the result ``[[1, version]]``.
"""

from __future__ import annotations

import contextlib
import socket
import time

import msgpack

from scanyard.errors import ServerError

CALL = msgpack.packb([0, 1, "version", [[False]]])


def ask_version(host: str, port: int, timeout_s: float) -> str | None:
    """What the server says its version is; None when nobody answers in time.

    ServerError where somebody answers who does not speak CARLA's protocol.
    """
    deadline = time.monotonic() + timeout_s
    received = b""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=timeout_s) as sock:
        sock.sendall(CALL)
        while (left_s := deadline - time.monotonic()) > 0:
            sock.settimeout(left_s)
            more = sock.recv(4096)
            if not more:
                break
            received += more
            with contextlib.suppress(msgpack.OutOfData, ValueError):
                return _version(received, host, port)
    return None


def _version(received: bytes, host: str, port: int) -> str:
    unpacker = msgpack.Unpacker()
    unpacker.feed(received)
    match unpacker.unpack():
        case [1, 1, None, [[1, str(version)]]]:
            return version
        case other:
            raise ServerError(
                f"{host}:{port} answered {str(other)[:80]!r} when asked for its version; expected a CARLA server",
                name="port_taken",
            )
