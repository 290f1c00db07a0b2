"""A CARLA server that fails on request: python faulty_server.py --fault KIND --ledger FILE --maps DIR [CARLA's flags].

It is our own server in a world without scenery, behind flags like CARLA's, with a log like CARLA's.  The fault is
played ``--times`` times, counted in the ledger over all starts; after that the server is well.  ``FAULTS`` lists the
kinds; those of a tick come once the scene's LiDAR has sent ``SOUND_PACKETS`` packets.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from small_world import small_world

from scanyard.carla_server.calls.table import methods
from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.protocol.rpc import RpcServer
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.protocol.wire import Refused
from scanyard.carla_server.server import Server
from scanyard.carla_server.world.maps import Maps
from scanyard.carla_server.world.simulation import Simulation
from scanyard.fleet.ports import FIRST_PORT, FIRST_TRAFFIC_PORT, PORTS_PER_SERVER

SOUND_PACKETS = 2
"""Of the scene's LiDAR, before a tick's fault comes."""
RIG_CHANNELS = 64
"""The scene's LiDAR; the one that looks whether all is visible has fewer."""
LATE_S = 0.6
SQUATTER_S = 60.0
LEAK_BYTES = 300 * 2**20
NO_SENSOR = 9999
"""A type id that no client knows."""
NO_MSGPACK = b"\xc1"
"""The one byte that means nothing in msgpack, in which an IMU's message is written."""

AT_START = (
    "hang_at_start", "listen_and_hang", "exit_at_start", "segv_at_start", "abrt_at_start", "squat_calls",
    "squat_streams", "squat_secondary", "squat_traffic", "wrong_version", "software_rendering",
)  # fmt: skip
AT_TICK = (
    "hang_at_tick", "stop_at_tick", "exit_at_tick", "segv_at_tick", "abrt_at_tick", "kill_at_tick", "refuse_tick",
    "no_snapshot", "missing_packet", "late_packets", "packets_twice", "stale_packets", "few_packets_twice",
    "malformed_packet", "unknown_packet", "cut_stream", "cut_calls", "half_answer", "leak",
)  # fmt: skip
AT_END = ("hang_at_shutdown",)
ALWAYS = ("lidar_through_actors",)
FAULTS = (*AT_START, *AT_TICK, *AT_END, *ALWAYS)
SIGNALS = {"segv": signal.SIGSEGV, "abrt": signal.SIGABRT, "kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Plan:
    """Which fault, and whether its time has come."""

    def __init__(self, fault: str, times: int, ledger: Path, cut_after: int) -> None:
        self.fault, self.cut_after = fault, cut_after
        self._ledger = ledger
        self.strangers = ledger.with_name("strangers")
        self._lock = threading.Lock()
        self.rig_packets = 0
        played = len(ledger.read_text().splitlines()) if ledger.exists() else 0
        self.is_ill = bool(fault) and played < times
        """Whether the fault has yet to be played by this server."""

    def strike(self, *faults: str) -> bool:
        """Whether one of ``faults`` is to be played now; it is noted as played."""
        with self._lock:
            if not self.is_ill or self.fault not in faults:
                return False
            self.is_ill = False
            with self._ledger.open("a") as ledger:
                ledger.write(f"{self.fault} {os.getpid()}\n")
            return True

    def strike_at_tick(self, *faults: str) -> bool:
        """The same, once the scene has begun."""
        return self.rig_packets >= SOUND_PACKETS and self.strike(*faults)


class FaultyStreams(StreamServer):
    """Streams whose packets come late, twice, changed, cut short or not at all."""

    def __init__(self, host: str, port: int, plan: Plan) -> None:
        super().__init__(host, port)
        self._plan = plan
        self._episode: str | None = None  # the fault that lasts until the scene ends
        self._oldest: Chunks | None = None

    def publish(
        self, stream_id: int, message: Chunks, *, drop_if_busy: bool, keep: bool = False, is_event: bool = False
    ) -> None:
        def send(what: Chunks) -> None:
            super(FaultyStreams, self).publish(stream_id, what, drop_if_busy=drop_if_busy, keep=keep, is_event=is_event)

        plan = self._plan
        if packets.sensor_type(message) == packets.WORLD_OBSERVER:
            if not plan.strike_at_tick("no_snapshot"):
                send(message)
            return
        if not _is_of_the_rig(message):
            send(message)
            return
        plan.rig_packets += 1
        self._oldest = self._oldest or message
        if plan.strike_at_tick("late_packets", "packets_twice"):
            self._episode = plan.fault
        if plan.rig_packets > SOUND_PACKETS and plan.strike("stale_packets"):  # the first is not the last one by now
            self._episode = plan.fault
        if plan.strike_at_tick("missing_packet"):
            return
        opening = bytes(message[0][8 : packets.HEADER.size])
        if plan.strike_at_tick("malformed_packet"):
            message = (struct.pack("<Q", packets.IMU) + opening + NO_MSGPACK,)
        if plan.strike_at_tick("unknown_packet"):
            message = (struct.pack("<Q", NO_SENSOR) + opening, *message[1:])
        if plan.strike_at_tick("cut_stream"):
            self._cut(stream_id, message, plan.cut_after)
            return
        if self._episode == "late_packets":
            threading.Timer(LATE_S, send, [message]).start()
            return
        if self._episode == "stale_packets":
            send(self._oldest)
        send(message)
        if self._episode == "packets_twice" or plan.strike_at_tick("few_packets_twice"):
            send(message)

    def _cut(self, stream_id: int, message: Chunks, after: int) -> None:
        """Send so many bytes of the message and close the connection."""
        whole = b"".join(bytes(chunk) for chunk in message)
        for connection in list(self._connections.get(stream_id, ())):
            connection.sock.sendall((packets.SIZE.pack(len(whole)) + whole)[:after])
            connection.close()


class FaultyRpc(RpcServer):
    """Calls that are cut off, or answered by half."""

    def __init__(self, host: str, port: int, handlers: Any, plan: Plan) -> None:
        super().__init__(host, port, handlers)
        self._plan = plan

    def answer(self, message: Any) -> bytes:
        answered = super().answer(message)
        if self._plan.strike_at_tick("cut_calls"):
            raise ConnectionResetError("as planned")
        if self._plan.strike_at_tick("half_answer"):
            return answered[: len(answered) // 2]
        return answered


class FaultyServer(Server):
    """Our server, with the plan between it and its clients."""

    def __init__(self, maps: Maps, rpc_port: int, streaming_port: int, plan: Plan) -> None:
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        self._streams = FaultyStreams("127.0.0.1", streaming_port, plan)
        senses = small_world(sees_actors=not plan.strike("lidar_through_actors"))
        self._simulation = Simulation(maps, self._streams, senses)
        handlers = dict(methods(self._simulation, self._streams))
        handlers["tick_cue"] = _ticking(handlers["tick_cue"], plan)
        if plan.strike("wrong_version"):
            handlers["version"] = _old_version
        self._rpc = FaultyRpc("127.0.0.1", rpc_port, handlers, plan)
        self._thread = threading.Thread(target=self._run, name="simulation", daemon=True)
        self._first_map = ""


def main() -> int:
    options = _options()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("4.26.2-0+++UE4+Release-4.26 522 0\nDisabling core dumps.", flush=True)
    plan = Plan(options.fault, options.times, options.ledger, options.cut_after)
    rpc_port, streaming_port = options.carla_rpc_port, options.carla_streaming_port
    device = "llvmpipe (LLVM 15.0.7, 256 bits)" if plan.strike("software_rendering") else "NVIDIA RTX A6000"
    print("LogVulkanRHI: Display: Device 1: llvmpipe (LLVM 15.0.7, 256 bits)", flush=True)
    print(f"LogVulkanRHI: Display: - DeviceName: {device}", flush=True)
    begin_badly(plan, rpc_port)
    try:
        server = FaultyServer(Maps([options.maps]), rpc_port, streaming_port, plan)
    except OSError as error:
        print(f"bind: {os.strerror(error.errno or 0)}", file=sys.stderr, flush=True)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: None if plan.strike("hang_at_shutdown") else os._exit(0))
    server.start(options.map)
    while server.failure is None:
        time.sleep(0.2)
    print(server.failure, file=sys.stderr, flush=True)
    return 1


def begin_badly(plan: Plan, rpc_port: int) -> None:
    """Play the faults that come before the server listens."""
    if plan.strike("hang_at_start"):
        time.sleep(1e6)
    if plan.strike("listen_and_hang"):
        listener = socket.create_server(("127.0.0.1", rpc_port))
        time.sleep(1e6)
        listener.close()
    if plan.strike("exit_at_start"):
        print("no graphics card", file=sys.stderr, flush=True)
        os._exit(3)
    for name in ("segv", "abrt"):
        if plan.strike(f"{name}_at_start"):
            os.kill(os.getpid(), SIGNALS[name])
    squatted = {
        "squat_calls": rpc_port,
        "squat_streams": rpc_port + 1,
        "squat_secondary": rpc_port + 2,
        "squat_traffic": FIRST_TRAFFIC_PORT + (rpc_port - FIRST_PORT) // PORTS_PER_SERVER,
    }
    for fault, port in squatted.items():
        if plan.strike(fault):
            squat(port, plan.strangers)


def squat(port: int, strangers: Path) -> None:
    """Have a stranger, a process of another session, listen on a port for a while; written down in ``strangers``."""
    code = (
        f"import socket, time; s = socket.create_server(('127.0.0.1', {port}));"
        f"print('squatting', flush=True); time.sleep({SQUATTER_S})"
    )
    stranger = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert stranger.stdout is not None
    stranger.stdout.readline()
    with strangers.open("a") as known:
        known.write(f"{stranger.pid} {psutil.Process(stranger.pid).create_time()}\n")


def _ticking(cue: Callable[[], int], plan: Plan) -> Callable[[], int]:
    hoard: list[bytearray] = []

    def ticking() -> int:
        if plan.strike_at_tick("hang_at_tick"):
            threading.Event().wait()
        if plan.strike_at_tick("exit_at_tick"):
            os._exit(5)
        if plan.strike_at_tick("refuse_tick"):
            raise Refused("out of memory on the graphics card")
        if plan.strike_at_tick("leak"):
            hoard.append(bytearray(os.urandom(1) * LEAK_BYTES))
        for name, number in SIGNALS.items():
            if plan.strike_at_tick(f"{name}_at_tick"):
                os.kill(os.getpid(), number)
        return cue()

    return ticking


def _old_version() -> str:
    return "0.9.13"


def _is_of_the_rig(message: Chunks) -> bool:
    if packets.sensor_type(message) != packets.SEMANTIC_LIDAR:
        return False
    _, channels = packets.LIDAR_HEADER.unpack_from(message[0], packets.HEADER.size)
    return bool(channels == RIG_CHANNELS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--fault", choices=(*FAULTS, ""), default="")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--cut-after", type=int, default=100, help="bytes of a message before it is cut")
    parser.add_argument("--maps", type=Path, required=True)
    parser.add_argument("--map", default="city")
    parser.add_argument("-carla-rpc-port", type=int, default=2000)
    parser.add_argument("-carla-streaming-port", type=int, default=2001)
    options, _ = parser.parse_known_args()  # the others are CARLA's
    return options


if __name__ == "__main__":
    sys.exit(main())
