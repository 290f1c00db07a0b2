"""Where one msgpack message ends and the next begins, in bytes that arrive in pieces.

msgpack-rpc has no length prefix, and a few bytes can announce an array of four billion elements, for which an unpacker
would make room at once.  So every message is walked over first, which builds nothing and remembers where it stopped,
and unpacked once it is there whole: what is built is then never more than what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack

from scanyard.carla_server.protocol.wire import WireError

MAX_MESSAGE_BYTES = 64 << 20
"""The largest legitimate messages are OpenDRIVE texts and textures, of some tens of MB."""


class Messages:
    """Cuts what arrives into messages."""

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._walker = msgpack.Unpacker(max_buffer_size=max_bytes, read_size=1 << 14)  # it makes room for that at once
        self._bytes = bytearray()
        self._taken = 0

    def feed(self, received: bytes) -> Iterator[Any]:
        """Take some bytes and yield what is complete now; WireError where the bytes are no msgpack, or too many.

        After an error nothing can be told about later bytes: end the connection.
        """
        try:
            self._walker.feed(received)
        except msgpack.BufferFull:
            raise WireError(f"a message of more than {MAX_MESSAGE_BYTES >> 20} MiB") from None
        self._bytes += received
        while self._walk():
            end = self._walker.tell()
            packed = bytes(memoryview(self._bytes)[: end - self._taken])
            del self._bytes[: end - self._taken]
            self._taken = end
            yield _unpacked(packed)

    def _walk(self) -> bool:
        """Walk on; whether the end of a message was reached."""
        try:
            self._walker.skip()
        except msgpack.OutOfData:
            return False
        except ValueError as error:  # a byte that means nothing, or arrays in arrays without end
            raise WireError(f"no msgpack: {type(error).__name__}") from error
        return True


def _unpacked(packed: bytes) -> Any:
    try:
        return msgpack.unpackb(packed, raw=False, unicode_errors="replace", strict_map_key=False)
    except (TypeError, ValueError, OverflowError, msgpack.UnpackException) as error:  # a map whose keys are arrays, ...
        raise WireError(f"no msgpack: {error}") from error
