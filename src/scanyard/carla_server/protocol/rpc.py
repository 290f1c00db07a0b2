"""The RPC socket: msgpack-rpc without length prefixes, one connection per client, calls answered in arrival order.

A request is ``[0, msgid, method, [meta, arguments...]]``; calls the client does not wait for look the same and are
answered too.  Clients pipeline, and several of their threads share one connection, so bytes are parsed as a stream.
A failure the user should read is ``Refused`` and travels inside the response; a method or argument that is not
understood is an rpc error, of which the user sees only that the call failed.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import socket
import threading
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.decoding import Decoder, decoder
from scanyard.carla_server.protocol.wire import Refused

logger = logging.getLogger(__name__)

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Bare:
    """A result that travels without the response wrapper: what ``apply_batch`` returns."""

    result: Any


@dataclass(frozen=True)
class _Method:
    call: Handler
    decoders: tuple[Decoder, ...]
    returns_nothing: bool


class RpcServer:
    """Serves ``handlers`` by method name; their annotations say how arguments are decoded and whether they return.

    Handlers run on the thread of their connection: they lock what they share.
    """

    def __init__(self, host: str, port: int, handlers: Mapping[str, Handler]) -> None:
        self._methods = {name: _method(handler) for name, handler in handlers.items()}
        self._listener = socket.create_server((host, port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._unknown: set[str] = set()
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name="rpc", daemon=True)

    def start(self) -> None:
        """Begin accepting connections."""
        self._thread.start()

    def close(self) -> None:
        """Disconnect everyone and free the port."""
        with self._lock:
            self._closing = True
            clients = list(self._clients)
        for sock in (self._listener, *clients):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing:
            try:
                sock, address = self._listener.accept()
            except OSError:
                if self._closing:
                    return
                logger.exception("cannot accept another client")
                threading.Event().wait(0.1)  # out of file descriptors: let some be closed
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._clients.add(sock)
            logger.debug("client %s:%d connected", *address[:2])
            threading.Thread(target=self._serve, args=(sock,), name="rpc-client", daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        unpacker = msgpack.Unpacker(raw=False, unicode_errors="replace", strict_map_key=False, max_buffer_size=0)
        try:
            with sock:
                while received := sock.recv(1 << 18):
                    unpacker.feed(received)
                    for message in unpacker:
                        sock.sendall(self.answer(message))
        except OSError as error:
            logger.debug("a client went away: %s", error)
        except (ValueError, msgpack.UnpackException) as error:
            logger.warning("a client sent what is no msgpack-rpc request (%s): disconnected", error)
        finally:
            with self._lock:
                self._clients.discard(sock)

    def answer(self, message: Any) -> bytes:
        """Return the packed response to one unpacked request; ValueError where it is none."""
        if not (isinstance(message, list) and len(message) == 4 and message[0] == 0 and isinstance(message[3], list)):
            raise ValueError(f"not [0, msgid, method, arguments]: {str(message)[:80]}")
        _, msgid, name, arguments = message
        error, result = self._call(str(name), arguments[1:])
        try:
            packed: bytes = msgpack.packb((1, msgid, error, result))
        except (TypeError, ValueError, OverflowError):
            logger.exception("%s returned what has no wire form", name)
            packed = msgpack.packb((1, msgid, f"{name} failed", None))
        return packed

    def _call(self, name: str, arguments: list[Any]) -> tuple[str | None, Any]:
        method = self._methods.get(name)
        if method is None:
            if name not in self._unknown:
                self._unknown.add(name)
                logger.warning("a client called %s, which this server does not offer", name)
            return f"unknown method {name}", None
        try:
            decoded = [decode(argument) for decode, argument in zip(method.decoders, arguments, strict=True)]
        except ValueError as error:
            logger.warning("%s: %s", name, error)
            return f"{name}: {error}", None
        try:
            result = method.call(*decoded)
        except Refused as refusal:
            logger.info("%s refused: %s", name, refusal)
            return None, wire.refusal(str(refusal), void=method.returns_nothing)
        except Exception:
            logger.exception("%s failed", name)  # a bug here must not take the other clients down
            return f"{name} failed", None
        if isinstance(result, Bare):
            return None, result.result
        return None, wire.DONE if method.returns_nothing else wire.value(result)


def _method(handler: Handler) -> _Method:
    hints = typing.get_type_hints(handler)
    decoders = tuple(decoder(hints[name]) for name in inspect.signature(handler).parameters)
    return _Method(handler, decoders, hints["return"] is type(None))
