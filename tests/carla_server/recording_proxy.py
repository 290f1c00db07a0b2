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
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Accept nobody any more, and wait for those who are connected to go."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10.0)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self.said.append(bytearray())
                self._threads.append(threading.Thread(target=_serve, args=(client, server, self.said[-1]), daemon=True))
                self._threads[-1].start()


def _serve(client: socket.socket, server: socket.socket, said: bytearray) -> None:
    with client, server:
        back = threading.Thread(target=_hand_on, args=(server, client, bytearray()), daemon=True)
        back.start()
        _hand_on(client, server, said)
        back.join(10.0)


def _hand_on(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    with contextlib.suppress(OSError):
        while received := source.recv(1 << 16):
            kept += received
            sink.sendall(received)
        sink.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        source.shutdown(socket.SHUT_RD)
