"""The RPC socket: msgpack-rpc without length prefixes, one connection per client, calls answered in arrival order.

A request is ``[0, msgid, method, [meta, arguments...]]``; calls the client does not wait for look the same and are
answered too.  Clients pipeline, and several of their threads share one connection, so bytes are parsed as a stream.
A failure the user should read is ``Refused`` and travels inside the response; a method or argument that is not
understood is an rpc error, of which the user sees only that the call failed.  What is no request at all ends its
connection, and that one alone.
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

from scanyard.carla_server.protocol import sockets, wire
from scanyard.carla_server.protocol.decoding import Decoder, brief, decoder
from scanyard.carla_server.protocol.framing import Messages
from scanyard.carla_server.protocol.wire import Refused, WireError

logger = logging.getLogger(__name__)

Handler = Callable[..., Any]

STUCK_AFTER_S = 30
"""A client that takes none of its answers for so long is disconnected."""
MAX_UNKNOWN_NAMES = 100
"""So many methods that are not offered are logged, each once; whoever sends garbage shall not fill the log."""


@dataclass(frozen=True)
class Bare:
    """A result that travels without the response wrapper: what ``apply_batch`` returns."""

    result: Any


@dataclass(frozen=True)
class _Method:
    call: Handler
    decoders: tuple[Decoder, ...]
    returns_nothing: bool

    def decoded(self, arguments: list[Any]) -> tuple[Any, ...]:
        """The arguments as the call takes them."""
        if len(arguments) != len(self.decoders):
            raise WireError(f"expected {len(self.decoders)} arguments, found {len(arguments)}")
        return tuple([decode(argument) for decode, argument in zip(self.decoders, arguments, strict=True)])

    def answer(self, arguments: list[Any]) -> Any:
        """Decode, call, and wrap; WireError where the arguments do not fit, Refused where it cannot be done."""
        result = self.call(*self.decoded(arguments))
        if isinstance(result, Bare):
            return result.result
        return wire.DONE if self.returns_nothing else wire.value(result)


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

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        with self._lock:
            return len(self._clients)

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
            with self._lock:
                if self._closing:
                    sock.close()
                    return
                self._clients.add(sock)
            logger.debug("client %s:%d connected", *address[:2])
            try:
                threading.Thread(target=self._serve, args=(sock,), name="rpc-client", daemon=True).start()
            except RuntimeError as error:
                logger.warning("cannot serve another client: %s", error)  # out of threads
                with self._lock:
                    self._clients.discard(sock)
                sock.close()

    def _serve(self, sock: socket.socket) -> None:
        messages = Messages()
        try:
            with sock:
                sockets.prepare(sock)
                sockets.limit_sending(sock, STUCK_AFTER_S)
                while received := sock.recv(1 << 18):
                    for message in messages.feed(received):
                        sock.sendall(self.answer(message))
        except OSError as error:
            logger.debug("a client went away: %s", error)
        except WireError as error:
            logger.info("a client sent what is no request (%s): disconnected", error)
        except MemoryError:
            logger.warning("a client sent more than there is memory for: disconnected")
        finally:
            with self._lock:
                self._clients.discard(sock)

    def answer(self, message: Any) -> bytes:
        """Return the packed response to one unpacked request; WireError where it is none."""
        match message:
            case [0, int(msgid), str(name), [_, *arguments]] if 0 <= msgid < 2**32:
                error, result = self._call(name, arguments)
            case _:
                raise WireError(f"not [0, msgid, method, [meta, arguments...]]: {brief(message)}")
        try:
            packed: bytes = msgpack.packb((1, msgid, error, result))
        except (TypeError, ValueError, OverflowError):
            logger.exception("%s returned what has no wire form", name)
            packed = msgpack.packb((1, msgid, f"{name} failed", None))
        return packed

    def _call(self, name: str, arguments: list[Any]) -> tuple[str | None, Any]:
        """Return the error and the result of one call; errors are for requests that are not understood."""
        method = self._methods.get(name)
        if method is None:
            self._note_unknown(name)
            return f"unknown method {brief(name)}", None
        try:
            return None, method.answer(arguments)
        except WireError as error:
            logger.info("%s: %s", name, error)
            return f"{name}: {error}", None
        except Refused as refusal:
            logger.info("%s refused: %s", name, refusal)
            return None, wire.refusal(str(refusal), void=method.returns_nothing)
        except Exception:
            logger.exception("%s failed", name)  # a bug here must not take the other clients down
            return f"{name} failed", None

    def _note_unknown(self, name: str) -> None:
        named = brief(name)
        if named not in self._unknown and len(self._unknown) < MAX_UNKNOWN_NAMES:
            self._unknown.add(named)
            logger.warning("a client called %s, which this server does not offer", named)


def arguments_of(handler: Handler, arguments: list[Any]) -> tuple[Any, ...]:
    """Decode what a client sent to ``handler``, meta left out; WireError or Refused where it does not fit."""
    return _method(handler).decoded(arguments)


def _method(handler: Handler) -> _Method:
    hints = typing.get_type_hints(handler, include_extras=True)
    decoders = tuple(decoder(hints[name]) for name in inspect.signature(handler).parameters)
    return _Method(handler, decoders, hints["return"] is type(None))
