"""Calls about Traffic Managers: they run in client processes, and the server only keeps their addresses.

An address of a client that was killed stays; whoever finds its port dead starts a Traffic Manager of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import UInt16

Address = tuple[str, UInt16]


class TrafficManagerCalls:
    """The register of addresses, by port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[int, str] = {}

    def by_name(self) -> Mapping[str, Handler]:
        """Every call by its name in the protocol."""
        return {
            "is_traffic_manager_running": self._is_running,
            "get_traffic_manager_running": self._address,
            "add_traffic_manager_running": self._add,
            "destroy_traffic_manager": self._forget,
        }

    def _is_running(self, port: UInt16) -> bool:
        with self._lock:
            return port in self._hosts

    def _address(self, port: UInt16) -> Address:
        with self._lock:
            return self._hosts.get(port, ""), port

    def _add(self, address: Address) -> bool:
        host, port = address
        with self._lock:
            return self._hosts.setdefault(port, host) == host

    def _forget(self, port: UInt16) -> None:
        with self._lock:
            self._hosts.pop(port, None)
