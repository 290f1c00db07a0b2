"""Stands between a client and a server, hands on all bytes, and remembers what the client said."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Listens on a free port; ``said`` are the bytes of every connection, in the order of connecting."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.said: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self.said.append(bytearray())
                for source, sink, kept in ((client, server, self.said[-1]), (server, client, bytearray())):
                    threading.Thread(target=_hand_on, args=(source, sink, kept), daemon=True).start()


def _hand_on(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    with contextlib.suppress(OSError):
        while received := source.recv(1 << 16):
            kept += received
            sink.sendall(received)
        sink.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)
