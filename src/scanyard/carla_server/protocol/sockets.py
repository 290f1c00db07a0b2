"""How accepted connections are set up, calls and streams alike: without delay, and not kept for the dead.

A client whose machine lost its network sends no farewell.  The kernel then asks it now and again whether it is there,
and ends the connection when it stays silent, so that no thread and no socket waits for it for ever.
"""

from __future__ import annotations

import socket
import struct

IDLE_S, PROBE_S, PROBES = 20, 5, 3
"""A silent peer is asked after ``IDLE_S``, then every ``PROBE_S``; it is dead after ``PROBES`` without an answer."""
UNACKNOWLEDGED_S = 30
"""What was sent must be taken by the other side within this time."""


def prepare(sock: socket.socket) -> None:
    """Set up a connection that was accepted just now."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_S * 1000)


def limit_sending(sock: socket.socket, seconds: int) -> None:
    """Let a blocking send raise OSError once nothing was taken for ``seconds``; receiving may wait for ever."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", seconds, 0))
