"""Attack a server for minutes, and see that it stands: it never dies, nothing leaks, nobody else notices.

Three things at once: malformed messages and stream subscriptions from many connections, official clients that are
killed with SIGKILL at random moments, and beside them one client that works as if nothing were, and readers who decode
every byte of the streams.  What is asserted is in ``verdict``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from hostile import Hostile
from stream_messages import InvalidMessageError, check

HERE = Path(__file__).parent
SNAPSHOTS = 1
MEMORY_GROWTH_MIB = 120
"""Between the middle of a campaign, when caches have filled, and its end."""
READ_SENSORS = 4
"""Streams that are decoded besides the snapshots; reading more would only slow the world down."""
SETTLE_S = 60.0
MIN_ROUNDS = 3


class Campaign:
    """One attack on one server."""

    def __init__(self, port: int, server: psutil.Process, *, messages: int, kills: int, seed: int) -> None:
        self.port, self.server = port, server
        self.wanted, self.kills_wanted, self.seed = messages, kills, seed
        self.sent = self.subscriptions = self.kills = self.decoded = self.answers = 0
        self.problems: list[str] = []
        self.types: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    # --- attackers ---------------------------------------------------------------------------------------------------

    def send_messages(self, number: int) -> None:
        """Send messages, a few per connection, reading little of what comes back."""
        pick = random.Random(f"{self.seed} sender {number}")
        supply = Hostile(hash((self.seed, number)) & 0xFFFF).messages()
        while self._take_message() and not self._stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=30.0) as sock:
                    for _ in range(pick.choice((1, 5, 50))):
                        sock.sendall(next(supply))
                        self._read_a_little(sock)
                        if not self._take_message():
                            break
                    if pick.random() < 0.2:
                        sock.shutdown(socket.SHUT_WR)  # half open
                        sock.settimeout(1.0)
                        sock.recv(100)
            except TimeoutError as error:
                if "timed out" not in str(error):
                    self._problem(f"sender {number}: {error}")
            except OSError:
                continue  # thrown out, as is right

    def subscribe(self) -> None:
        """Open stream connections that say nothing, nonsense, or too much, and close them at some time."""
        pick = random.Random(f"{self.seed} subscriber")
        supply = Hostile(self.seed + 77)
        held: list[socket.socket] = []
        while not self._stop.is_set():
            try:
                sock = socket.create_connection(("127.0.0.1", self.port + 1), timeout=30.0)
                sock.sendall(supply.subscription())
                held.append(sock)
                self.subscriptions += 1
            except OSError as error:
                self._problem(f"stream port: {error}")
            while len(held) > 60 or (held and pick.random() < 0.4):
                held.pop(pick.randrange(len(held))).close()
            time.sleep(0.01)
        for sock in held:
            sock.close()

    def kill_clients(self, number: int) -> None:
        """Start official clients and kill them in the middle of what they do."""
        pick = random.Random(f"{self.seed} killer {number}")
        while not self._stop.is_set() and self._take_kill():
            victim = subprocess.Popen(
                [sys.executable, str(HERE / "victim.py"), str(self.port), str(pick.randrange(2**31))],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            assert victim.stdout is not None
            if pick.random() < 0.9:
                select.select([victim.stdout], [], [], 60.0)  # until it says go
            time.sleep(pick.expovariate(1 / 0.4))
            if victim.poll() is not None:
                assert victim.stderr is not None
                last = victim.stderr.read().decode().strip().splitlines()[-1:]
                if victim.returncode < 0 and not self._stop.is_set():
                    self._problem(f"a client died of signal {-victim.returncode} by itself: {last}")
            victim.kill()
            victim.communicate()

    # --- those who must not notice -----------------------------------------------------------------------------------

    def read_streams(self) -> None:
        """Read the snapshots and whichever sensors exist, and decode every message."""
        socks: dict[socket.socket, bytearray] = {}
        until_s = 0.0
        while not self._stop.is_set():
            if time.monotonic() > until_s:  # sensors come and go: begin again with the latest
                for sock in socks:
                    sock.close()
                try:
                    socks = {self._subscribed(one): bytearray() for one in (SNAPSHOTS, *self._sensor_streams())}
                except OSError as error:
                    self._problem(f"no streams to be had: {error}")
                    socks = {}
                until_s = time.monotonic() + 3.0
            ready, _, _ = select.select(list(socks), [], [], 0.5)
            for sock in ready:
                try:
                    received = sock.recv(1 << 20)
                except OSError:
                    received = b""
                if received:
                    self._decode(socks[sock], received)
                else:
                    del socks[sock]
                    sock.close()
                    until_s = 0.0
        for sock in socks:
            sock.close()

    def _decode(self, buffer: bytearray, received: bytes) -> None:
        buffer += received
        while len(buffer) >= 4 and len(buffer) >= 4 + (size := int.from_bytes(buffer[:4], "little")):
            try:
                self.types[check(bytes(buffer[4 : 4 + size]))] += 1
            except InvalidMessageError as error:
                self._problem(f"a stream carried {error}")
            self.decoded += 1
            del buffer[: 4 + size]

    def _subscribed(self, stream_id: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port + 1), timeout=30.0)
        sock.sendall(stream_id.to_bytes(4, "little"))
        return sock

    def _sensor_streams(self) -> list[int]:
        """The streams of the living sensors, learnt from their tokens as any client does."""
        actors = call(self.port, "get_actors_by_id", list(range(1, 40_000)))
        streams = [int.from_bytes(actor[5][:4], "little") for actor in actors if len(actor[5]) == 24]
        return streams[-READ_SENSORS:]

    # --- bookkeeping -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Let all threads end."""
        self._stop.set()

    def is_done(self) -> bool:
        """Whether all was sent and killed."""
        return self.sent >= self.wanted and self.kills >= self.kills_wanted

    def _take_message(self) -> bool:
        """Count one message, or say that all were sent; keeps in step with the kills, which take longer."""
        while self.sent / self.wanted > (self.kills + 1) / (self.kills_wanted + 1) and not self._stop.is_set():
            time.sleep(0.01)
        with self._lock:
            self.sent += self.sent < self.wanted
            return self.sent < self.wanted

    def _take_kill(self) -> bool:
        with self._lock:
            mine = self.kills < self.kills_wanted
            self.kills += mine
            return mine

    def _problem(self, what: str) -> None:
        with self._lock:
            if len(self.problems) < 50:
                self.problems.append(what)

    def _read_a_little(self, sock: socket.socket) -> None:
        ready, _, _ = select.select([sock], [], [], 0.0)
        if ready and sock.recv(1 << 16):
            self.answers += 1


def call(port: int, name: str, *arguments: Any) -> Any:
    """One call on a connection of its own."""
    import msgpack  # noqa: PLC0415

    with socket.create_connection(("127.0.0.1", port), timeout=60.0) as sock:
        sock.sendall(msgpack.packb([0, 1, name, [[False], *arguments]]))
        unpacker = msgpack.Unpacker(max_buffer_size=1 << 28)
        while received := sock.recv(1 << 20):
            unpacker.feed(received)
            for _, _, error, result in unpacker:
                assert error is None, error
                return result[0][1]
    raise ConnectionError(f"{name} was not answered")


def is_alive(server: psutil.Process) -> bool:
    """Whether a process runs still; one that ended stays until its parent asks."""
    return bool(server.is_running() and server.status() != psutil.STATUS_ZOMBIE)


def figures(server: psutil.Process) -> dict[str, int]:
    """What a server holds."""
    return {
        "rss_mib": server.memory_info().rss >> 20,
        "sockets": len([one for one in server.net_connections("tcp") if one.status != psutil.CONN_LISTEN]),
        "descriptors": server.num_fds(),
        "threads": server.num_threads(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/fuzz_server", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="a tenth of both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=2190)
    parser.add_argument("--map", default="suburb")
    parser.add_argument("--log", type=Path, help="where the server's log goes")
    options = parser.parse_args()
    share = 10 if options.quick else 1
    with tempfile.TemporaryDirectory() as folder:
        log = options.log or Path(folder) / "server.log"
        with log.open("w") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "scanyard.carla_server", f"-carla-rpc-port={options.port}", "--map", options.map,
                 "--die-with-parent"], stdout=subprocess.PIPE, stderr=sink, text=True, cwd=folder,
                env=os.environ | {"XDG_STATE_HOME": folder},
            )  # fmt: skip
            try:
                assert process.stdout is not None
                if not process.stdout.readline().startswith("ready"):
                    print(log.read_text(), file=sys.stderr)
                    return 1
                server = psutil.Process(process.pid)
                campaign = Campaign(
                    options.port, server,
                    messages=options.messages // share, kills=options.kills // share, seed=options.seed,
                )  # fmt: skip
                report = attack(campaign)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20.0)
        report["tracebacks"] = log.read_text().count("Traceback")
    print(json.dumps(report))
    return 0 if not report["problems"] else 1


def attack(campaign: Campaign) -> dict[str, Any]:
    """Run a campaign to its end and return its figures."""
    server, began_s = campaign.server, time.monotonic()
    call(campaign.port, "version")
    before = figures(server)
    healthy = subprocess.Popen(
        [sys.executable, str(HERE / "healthy.py"), str(campaign.port), "1e6"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    rounds: list[dict[str, Any]] = []
    attackers = [threading.Thread(target=campaign.send_messages, args=(i,)) for i in range(2)]
    attackers += [threading.Thread(target=campaign.kill_clients, args=(i,)) for i in range(2)]
    others = [threading.Thread(target=campaign.subscribe), threading.Thread(target=campaign.read_streams)]
    others.append(threading.Thread(target=_collect, args=(healthy, rounds)))
    for thread in (*attackers, *others):
        thread.daemon = True
        thread.start()
    warm: dict[str, int] | None = None
    while any(thread.is_alive() for thread in attackers) and is_alive(server) and healthy.poll() is None:
        time.sleep(2.0)
        share = _share(campaign)
        now = figures(server)
        warm = now if warm is None and share > 0.5 else warm
        left_s = (time.monotonic() - began_s) * (1 - share) / max(share, 1e-3)
        columns = {
            "messages": campaign.sent, "subscriptions": campaign.subscriptions, "kills": campaign.kills,
            "decoded": campaign.decoded, "rounds": len(rounds), "MiB": now["rss_mib"], "sockets": now["sockets"],
            "s left": round(left_s),
        }  # fmt: skip
        print(f"{share:4.0%}", "".join(f"{value:8} {name}" for name, value in columns.items()), flush=True)
    seconds = round(time.monotonic() - began_s)
    return verdict(campaign, healthy, rounds, before=before, warm=warm or before) | {"seconds": seconds}


def verdict(
    campaign: Campaign,
    healthy: subprocess.Popen[str],
    rounds: list[dict[str, Any]],
    *,
    before: dict[str, int],
    warm: dict[str, int],
) -> dict[str, Any]:
    """End everything, and say whether the server stood it."""
    problems = campaign.problems
    if healthy.poll() is not None:
        assert healthy.stderr is not None
        problems.append(f"the healthy client ended: {healthy.stderr.read()[-500:]}")
    healthy.kill()
    campaign.stop()
    done = [one for one in rounds if "round" in one]
    if len(done) < MIN_ROUNDS:
        problems.append(f"the healthy client got no more than {len(done)} rounds done")
    after = before
    try:
        if not is_alive(campaign.server):
            raise ConnectionError("it ended")
        deadline_s = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline_s:
            time.sleep(1.0)
            after = figures(campaign.server)
            if after["sockets"] <= before["sockets"] and after["threads"] <= before["threads"] + 2:
                break
        else:
            problems.append(f"sockets or threads were left behind: {after}, before {before}")
        call(campaign.port, "version")
    except (psutil.Error, OSError) as error:
        problems.append(f"the server is gone: {error}")
    if after["rss_mib"] - warm["rss_mib"] > MEMORY_GROWTH_MIB:
        problems.append(f"memory grew from {warm['rss_mib']} to {after['rss_mib']} MiB")
    return {
        "bench": "fuzz_server",
        "messages": campaign.sent,
        "answers_read": campaign.answers,
        "subscriptions": campaign.subscriptions,
        "kills": campaign.kills,
        "stream_messages_decoded": campaign.decoded,
        "stream_types": sorted(campaign.types),
        "healthy_rounds": len(done),
        "healthy_rounds_spoilt": len(rounds) - len(done),
        "healthy_slowest_s": round(max((one["seconds"] for one in done), default=0.0), 2),
        "before": before,
        "warm": warm,
        "after": after,
        "problems": problems,
    }


def _share(campaign: Campaign) -> float:
    """How much of the campaign is done: the part that is furthest behind."""
    return min(campaign.sent / campaign.wanted, campaign.kills / max(campaign.kills_wanted, 1))


def _collect(healthy: subprocess.Popen[str], rounds: list[dict[str, Any]]) -> None:
    assert healthy.stdout is not None
    for line in healthy.stdout:
        rounds.append(json.loads(line))  # one by one: they are counted meanwhile


if __name__ == "__main__":
    sys.exit(main())
