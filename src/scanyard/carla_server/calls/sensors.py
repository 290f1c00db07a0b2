"""Calls about sensors: where their data comes from, and their switches."""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.protocol.wire import Refused, StreamId, StreamToken
from scanyard.carla_server.world.simulation import SNAPSHOT_STREAM, Simulation


class SensorCalls:
    """The calls that open streams."""

    def __init__(self, simulation: Simulation, streams: StreamServer) -> None:
        self._simulation = simulation
        self._streams = streams

    def by_name(self) -> Mapping[str, Handler]:
        """Every call by its name in the protocol."""
        return {"get_sensor_token": self._token}

    def _token(self, stream_id: StreamId) -> StreamToken:
        """Where to read a stream; the next frame is held until its reader has come.

        A stream that is gone is refused: nobody would come, and every frame would wait for nobody.
        """
        with self._simulation.world() as episode:
            known = stream_id == SNAPSHOT_STREAM or any(one.stream_id == stream_id for one in episode.actors.values())
        if not known:
            raise Refused(f"unable to find stream {stream_id}: its sensor was destroyed, or never was")
        self._streams.expect(stream_id)
        return StreamToken(self._streams.token(stream_id))
