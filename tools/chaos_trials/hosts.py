"""Two hosts that share a disk and a cable, cut apart in the middle of a campaign and joined again.

Network namespaces stand for the hosts, a veth pair for the cable: each runs a Ray node of its own, the driver beside
the first.  After a short cut nothing may have happened; in a long one the far node is given up, its scenario done
again, and what its worker seals late is the same sequence, which the store drops.  A node that was given up ends
itself, as Ray's nodes do, and is started again, as a cluster's would be.  After a short cut the driver is killed and
started again: the cluster lives on.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from kills import FRAMES, calm_digest, conclude, outcome_of
from outcome import OnProgress, Outcome
from stage import MARK, Stage, Traces

SCENARIOS = 30
HEAD, FAR = "10.231.77.1", "10.231.77.2"
PORT = 22379
SHORT_S = 2.0
START_S = 300.0
GIVEN_UP_WITHIN_S = 240.0
HEALTH = {  # a node is given up after five seconds, not after Ray's half minute
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "20",
}
PULSE_S = 8.0


class Hosts:
    """Two namespaces, a cable between them, and a Ray node in each; ``mark`` finds all their processes again."""

    def __init__(self, folder: Path) -> None:
        name = uuid.uuid4().hex[:6]
        self.head, self.far = f"scy-{name}-a", f"scy-{name}-b"
        self._cable = f"scy{name}"
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid.uuid4().hex}
        """Of all who belong to the cluster: Ray lets nobody else in."""
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}

    def lay_cable(self) -> None:
        """Make both namespaces and join them."""
        for host in (self.head, self.far):
            _ip("netns", "add", host)
            _ip("-n", host, "link", "set", "lo", "up")
        _ip("link", "add", f"{self._cable}a", "netns", self.head, "type", "veth",
            "peer", "name", f"{self._cable}b", "netns", self.far)  # fmt: skip
        for host, end, address in ((self.head, "a", HEAD), (self.far, "b", FAR)):
            _ip("-n", host, "address", "add", f"{address}/24", "dev", f"{self._cable}{end}")
            _ip("-n", host, "link", "set", f"{self._cable}{end}", "up")

    def cut(self) -> None:
        """Pull the cable out at the far end."""
        _ip("-n", self.far, "link", "set", f"{self._cable}b", "down")

    def join(self) -> None:
        """Put it in again."""
        _ip("-n", self.far, "link", "set", f"{self._cable}b", "up")

    def start_node(self, host: str) -> None:
        """Start the Ray node of a host, in a session of its own."""
        ray = str(Path(sys.executable).with_name("ray"))
        place = ["--head", f"--port={PORT}", f"--node-ip-address={HEAD}", f"--temp-dir={self.folder / 'a'}",
                 "--include-dashboard=false"]  # fmt: skip
        if host == self.far:
            place = [f"--address={HEAD}:{PORT}", f"--node-ip-address={FAR}"]
        with (self.folder / f"{host}.log").open("ab") as log:
            self._nodes[host] = subprocess.Popen(
                ["ip", "netns", "exec", host, ray, "start", *place, "--num-cpus=1", "--block",
                 "--object-store-memory=80000000", "--disable-usage-stats"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | HEALTH | self.environment | {MARK: self.mark},
            )  # fmt: skip

    def wait_until_up(self, host: str, seconds: float = START_S) -> None:
        """Wait until a host's node says that it runs; Ray gives up early on a machine at work, so it may try again."""
        deadline = time.monotonic() + seconds
        while b"Ray runtime started" not in (said := (self.folder / f"{host}.log").read_bytes()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the node of {host} did not come up in {seconds:.0f} s: {said[-500:].decode()}")
            if self._nodes[host].poll() is not None:
                self.start_node(host)
            time.sleep(0.2)

    def restart_far_node_if_gone(self) -> bool:
        """Start the far node again if it has ended."""
        if self._nodes[self.far].poll() is None:
            return False
        self.start_node(self.far)
        return True

    def tear_down(self) -> None:
        """End the nodes and remove the namespaces."""
        for node in self._nodes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGTERM)
        for node in self._nodes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.wait(20.0)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
            node.wait()
        for host in (self.head, self.far):
            subprocess.run(["ip", "netns", "del", host], check=False, stderr=subprocess.DEVNULL)


def cut_hosts(n: int, seed: int, on_progress: OnProgress) -> Outcome:
    """Cut the hosts apart ``n`` times, shortly or until the far one is given up, and join them again."""
    if reason := _cannot_cut():
        return Outcome("two hosts cut apart and joined again", 0, 0, [reason])
    luck = random.Random(f"{seed} hosts")
    traces, given_up, back = Traces(digests={calm_digest(SCENARIOS)}), 0, 0
    for tried in range(1, n + 1):
        long = tried % 2 == 1
        with _hosts() as hosts, Stage(
            range(SCENARIOS), frames=FRAMES, address=f"{HEAD}:{PORT}",
            deadlines={"pulse_s": PULSE_S}, mark=hosts.mark, places=[hosts.folder],
        ) as stage:  # fmt: skip
            stage.start(["ip", "netns", "exec", hosts.head], hosts.environment)
            while stage.is_running and stage.state["workers"] < 2:
                stage.wait(0.2)
            stage.wait_until(stage.state["done"] + 1 + luck.randrange(4))
            before = stage.state["replaced"]
            hosts.cut()
            stage.wait(luck.uniform(0.3, SHORT_S))
            deadline = time.monotonic() + GIVEN_UP_WITHIN_S
            while long and stage.is_running and stage.state["replaced"] == before and time.monotonic() < deadline:
                stage.wait(0.2)
            given_up += long and stage.state["replaced"] > before
            done = stage.state["done"]
            hosts.join()
            if not long and stage.is_running:  # what the driver's death leaves on a cluster that lives on, its jobs end
                stage.kill_driver()
                stage.start(["ip", "netns", "exec", hosts.head], hosts.environment)
            while stage.is_running:
                stage.wait(0.5)
                back += hosts.restart_far_node_if_gone()
            stage.finish()
            hosts.tear_down()
            conclude(stage, traces)
        on_progress(tried, f"{'long' if long else 'short'} cut, joined again after {done} of {SCENARIOS}")
    return outcome_of("two hosts cut apart and joined again", n, traces, given_up=given_up, nodes_back=back)


@contextlib.contextmanager
def _hosts() -> Iterator[Hosts]:
    folder = Path(tempfile.mkdtemp(prefix="scy-", dir="/tmp"))  # short: Ray's sockets lie in it
    hosts = Hosts(folder)
    try:
        hosts.lay_cable()
        for host in (hosts.head, hosts.far):
            hosts.start_node(host)
            hosts.wait_until_up(host)
        yield hosts
    finally:
        hosts.tear_down()
        shutil.rmtree(folder, ignore_errors=True)


def _cannot_cut() -> str:
    if os.geteuid() != 0:
        return "not tried: network namespaces take root"
    if shutil.which("ip") is None:
        return "not tried: the program ip is missing (apt-get install iproute2)"
    probe = Hosts(Path())
    try:
        probe.lay_cable()
    except subprocess.CalledProcessError as error:
        return f"not tried: network namespaces cannot be made here ({error.stderr.decode().strip()})"
    finally:
        probe.tear_down()
    return ""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, stderr=subprocess.PIPE)
