"""The whole server: two sockets and a simulation between them."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from scanyard.carla_server.calls.table import methods
from scanyard.carla_server.protocol.rpc import RpcServer
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.sensors.senses import Senses
from scanyard.carla_server.world.maps import Maps
from scanyard.carla_server.world.simulation import Simulation

logger = logging.getLogger(__name__)


class Server:
    """Answers clients on ``host`` until it is closed; ports of 0 take free ones.

    Raises OSError where a port cannot be had.  ``ready`` is set once the first map is loaded; calls that need a world
    wait for that.  ``failure`` holds what ended the simulation, if anything did.
    """

    def __init__(
        self,
        maps: Maps,
        *,
        host: str,
        rpc_port: int,
        streaming_port: int,
        senses: Senses | None = None,
        assets: Path | None = None,
        recordings: Path | None = None,
    ) -> None:
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        self._streams = StreamServer(host, streaming_port)
        try:
            self._simulation = Simulation(maps, self._streams, senses, recordings, assets=assets)
            self._rpc = RpcServer(host, rpc_port, methods(self._simulation, self._streams))
        except BaseException:
            self._streams.close()
            raise
        self._thread = threading.Thread(target=self._run, name="simulation", daemon=True)
        self._first_map = ""

    @property
    def rpc_port(self) -> int:
        """Where clients connect."""
        return self._rpc.port

    @property
    def streaming_port(self) -> int:
        """Where sensor data comes from."""
        return self._streams.port

    def start(self, first_map: str) -> None:
        """Begin to answer, and load ``first_map``."""
        self._first_map = first_map
        self._streams.start()
        self._rpc.start()
        self._thread.start()

    def close(self) -> None:
        """Disconnect everyone and free both ports."""
        self._simulation.close()
        self._rpc.close()
        self._streams.close()
        if self._thread.is_alive():
            self._thread.join(timeout=0.5)  # it may be loading a map, which is not worth waiting for

    def _run(self) -> None:
        try:
            self._simulation.load(self._first_map, whole=False)
            self.ready.set()
            self._simulation.run()
        except Exception as error:  # noqa: BLE001 - kept for whoever waits: a server that cannot sense must not look alive
            self.failure = error
            self.ready.set()
