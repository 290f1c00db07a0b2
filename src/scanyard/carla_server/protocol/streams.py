"""The stream socket: clients connect, name a stream in four bytes, and from then on only read.

Messages are handed over without waiting: small ones go into the socket at once, as far as it takes them, and the rest
is written by a thread that every connection has.  What a stranger would get wrong is who waits for whom.  In
synchronous mode nothing is dropped: ``drain`` holds the next frame until every reader took the last one, and
``await_subscribers`` holds it until those who fetched a token have connected, because ``listen()`` returns before the
stream's connection exists.  In asynchronous mode a reader that is still busy misses messages.  A reader that takes
nothing for ``STUCK_AFTER_S`` is disconnected, so no client can stop the world for good; and so is who connects and does
not say what it wants to read.

Readers of a stream that no longer exists stay connected and receive nothing: were they turned away, their clients would
come back within milliseconds, for ever.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections import deque

from scanyard.carla_server.protocol import packets, sockets
from scanyard.carla_server.protocol.packets import Chunks

logger = logging.getLogger(__name__)

STUCK_AFTER_S = 10.0
EVENTS_WAITING = 1000
"""For a reader who takes nothing while asynchronous."""
AT_ONCE_BYTES = 1 << 18
"""A message up to this size is sent by whoever publishes it: another thread would have to wait for the interpreter."""
SUBSCRIBER_WAIT_S = 1.0
SILENT_FOR_S = 10.0
"""Who has not named a stream so long after connecting is disconnected."""


class StreamServer:
    """Listens on ``host``:``port`` (0: a free one) and sends each stream's messages to all who subscribed to it."""

    def __init__(self, host: str, port: int) -> None:
        self._listener = socket.create_server((host, port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._connections: dict[int, list[_Connection]] = {}
        self._expected: dict[int, int] = {}
        self._kept: dict[int, Chunks] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._accept_and_watch, name="streams", daemon=True)

    def start(self) -> None:
        """Begin accepting connections."""
        self._thread.start()

    def close(self) -> None:
        """Disconnect everyone and free the port."""
        with self._changed:
            self._closing = True
        self.disconnect_all()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)
        self._listener.close()

    def disconnect_all(self) -> int:
        """Cut the connections of all readers, and say how many; official clients come back by themselves."""
        with self._changed:
            connections = [one for many in self._connections.values() for one in many]
        for connection in connections:
            connection.close()
        return len(connections)

    @property
    def connections(self) -> int:
        """How many readers are connected, those of all streams together."""
        with self._changed:
            return sum(map(len, self._connections.values()))

    def token(self, stream_id: int) -> bytes:
        """Return the 24 bytes that lead a client to a stream."""
        return packets.token(stream_id, self.port)

    def expect(self, stream_id: int) -> None:
        """Note that a client fetched this stream's token and is about to connect."""
        with self._changed:
            self._expected[stream_id] = self._expected.get(stream_id, 0) + 1

    def await_subscribers(self, timeout_s: float = SUBSCRIBER_WAIT_S) -> None:
        """Wait until everyone expected has connected; after the time-out, stop expecting them."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closing or not self._expected, timeout_s):
                logger.debug("nobody connected to the streams %s within %g s", list(self._expected), timeout_s)
                self._expected.clear()

    def has_subscribers(self, stream_id: int) -> bool:
        """Whether anyone reads this stream, so that nothing is sensed for nobody."""
        with self._changed:
            return bool(self._connections.get(stream_id))

    def publish(
        self, stream_id: int, message: Chunks, *, drop_if_busy: bool, keep: bool = False, is_event: bool = False
    ) -> None:
        """Hand a message to all subscribers of a stream, without waiting for any; ``keep`` it to greet newcomers.

        Events are not dropped while a reader is busy with the last one: of two contacts in a frame both count.
        """
        size = sum(len(chunk) for chunk in message)
        framed: Chunks = (packets.SIZE.pack(size) + message[0], *message[1:])
        if size <= AT_ONCE_BYTES:
            framed = (b"".join(framed),)
        with self._changed:
            if keep:
                self._kept[stream_id] = framed
            for connection in self._connections.get(stream_id, ()):
                if not (drop_if_busy and len(connection.pending) >= (EVENTS_WAITING if is_event else 1)):
                    connection.take(framed, at_once=size <= AT_ONCE_BYTES)
            self._changed.notify_all()

    def forget(self, stream_id: int) -> None:
        """Keep no message for newcomers to this stream."""
        with self._changed:
            self._kept.pop(stream_id, None)

    def drain(self, timeout_s: float = STUCK_AFTER_S) -> None:
        """Wait until every reader took what was published; disconnect those who take nothing for ``timeout_s``."""
        with self._changed:
            while not self._closing:
                busy = [one for many in self._connections.values() for one in many if one.pending]
                if not busy:
                    return
                now = time.monotonic()
                for connection in busy:
                    if now - connection.last_progress > timeout_s:
                        logger.warning("a reader of stream %d took nothing for %g s: disconnected",
                                       connection.stream_id, timeout_s)  # fmt: skip
                        connection.close()
                self._changed.wait(0.2)

    def _accept_and_watch(self) -> None:
        """Accept, read stream ids, and notice readers that went away while nothing is sent to them."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            newcomers: dict[socket.socket, _Newcomer] = {}
            while not self._closing:
                for key, _ in selector.select(timeout=1.0):
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)
                    if sock is self._listener:
                        if (accepted := self._accept()) is not None:
                            newcomers[accepted] = _Newcomer(time.monotonic())
                            selector.register(accepted, selectors.EVENT_READ)
                        continue
                    received = _receive_now(sock)
                    if received is None:
                        continue
                    if not received:
                        selector.unregister(sock)
                        if newcomers.pop(sock, None) is None:
                            self._disconnected(sock)
                        sock.close()
                    elif sock in newcomers:
                        stream_id = newcomers[sock].asked_for(received)
                        if stream_id is not None:
                            del newcomers[sock]
                            self._subscribe(stream_id, sock)
                for sock in [one for one, newcomer in newcomers.items() if newcomer.is_silent]:
                    logger.debug("someone connected and named no stream within %g s: disconnected", SILENT_FOR_S)
                    selector.unregister(sock)
                    del newcomers[sock]
                    sock.close()
            for key in list(selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket) and key.fileobj is not self._listener:
                    key.fileobj.close()

    def _accept(self) -> socket.socket | None:
        """Return the connection that waits, or None where it cannot be had."""
        try:
            accepted, _ = self._listener.accept()
        except OSError as error:
            if not self._closing:
                logger.warning("cannot accept another reader: %s", error)
                time.sleep(0.1)  # out of file descriptors: let some be closed
            return None
        try:
            sockets.prepare(accepted)
        except OSError:  # gone again already
            accepted.close()
            return None
        return accepted

    def _subscribe(self, stream_id: int, sock: socket.socket) -> None:
        connection = _Connection(stream_id, sock, self._changed)
        with self._changed:
            if self._closing:
                connection.close()
                return
            if stream_id in self._kept:
                connection.pending.append(self._kept[stream_id])
            self._connections.setdefault(stream_id, []).append(connection)
            left = self._expected.get(stream_id, 0) - 1
            if left > 0:
                self._expected[stream_id] = left
            else:
                self._expected.pop(stream_id, None)
            self._changed.notify_all()
        try:
            connection.start()
        except RuntimeError as error:
            logger.warning("cannot serve another reader: %s", error)  # out of threads
            connection.close()

    def _disconnected(self, sock: socket.socket) -> None:
        with self._changed:
            for stream_id, connections in list(self._connections.items()):
                for connection in connections:
                    if connection.sock is sock:
                        connection.close()
                self._connections[stream_id] = [one for one in connections if one.sock is not sock]
                if not self._connections[stream_id]:
                    del self._connections[stream_id]


class _Newcomer:
    """Someone who connected and has yet to name a stream."""

    def __init__(self, since_s: float) -> None:
        self._since_s = since_s
        self._said = b""

    @property
    def is_silent(self) -> bool:
        """Whether it has had time enough."""
        return time.monotonic() - self._since_s > SILENT_FOR_S

    def asked_for(self, received: bytes) -> int | None:
        """Take some bytes, and return the id of the stream once its four bytes are there."""
        self._said += received
        return int.from_bytes(self._said[:4], "little") if len(self._said) >= 4 else None


class _Connection:
    """One reader of one stream, and the thread that writes to it; ``pending`` is guarded by the server's condition."""

    def __init__(self, stream_id: int, sock: socket.socket, changed: threading.Condition) -> None:
        self.stream_id = stream_id
        self.sock = sock
        self.pending: deque[Chunks] = deque()
        self.last_progress = time.monotonic()
        self._changed = changed
        self._closed = False
        self._thread = threading.Thread(target=self._write, name=f"stream-{stream_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self, message: Chunks, *, at_once: bool) -> None:
        """Send a message, or leave what the socket does not take ``at_once`` to the thread; the condition is held."""
        if at_once and not self.pending and not self._closed:
            try:
                sent = self.sock.send(message[0], socket.MSG_DONTWAIT)
            except OSError:  # full, or gone: the thread waits for the one and finds out about the other
                sent = 0
            if sent == len(message[0]):
                self.last_progress = time.monotonic()
                return
            message = (memoryview(message[0])[sent:],)
        self.pending.append(message)

    def close(self) -> None:
        """Give up this reader; whatever is pending is dropped.

        The socket is only shut down here.  The thread that watches it sees the end, and closes it: were it closed
        while watched, the next connection could get the same file descriptor, which the selector refuses.
        """
        with self._changed:
            self._closed = True
            self.pending.clear()
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.pending or self._closed)
                if self._closed:
                    return
                message = self.pending[0]
                self.last_progress = time.monotonic()
            try:
                self._send(message)
            except OSError as error:
                logger.debug("a reader of stream %d went away: %s", self.stream_id, error)
                self.close()
                return
            with self._changed:
                if self.pending:
                    self.pending.popleft()
                self._changed.notify_all()

    def _send(self, message: Chunks) -> None:
        for chunk in message:
            rest = memoryview(chunk)
            while rest:
                rest = rest[self.sock.send(rest) :]
                self.last_progress = time.monotonic()


def _receive_now(sock: socket.socket) -> bytes | None:
    """Return what has arrived: None when nothing has yet, no bytes when the other side closed."""
    try:
        return sock.recv(4096, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""
