"""A campaign on a cluster of several Ray nodes: they come late, some vanish, and no cloud travels between them."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from scanyard.cluster import import_ray
from scanyard.errors import EnvironmentFault
from scanyard.fleet.campaign import Deadlines, Progress, Settings, run_campaign
from scanyard.store import create_dataset, open_dataset, verify

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "chaos_trials"))  # tools are no package

from tiny import MAPS, tiny_scenarios

SMALL_STORE: dict[str, Any] = {"object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray head without cores; nodes are added by the tests."""
    import_ray()
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    patiently(lambda: cluster.add_node(num_cpus=0, include_dashboard=False, **SMALL_STORE))
    yield cluster
    cluster.shutdown()


def patiently(start: Callable[[], Any]) -> Any:
    """Start a node, again if need be: Ray allows it 30 s, too little on a machine at work."""
    for _ in range(4):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
        with warnings.catch_warnings():  # Ray leaves the processes of a node that was too slow unwaited for
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    return start()


def shared_kib() -> int:
    """Memory of the nodes' object stores that was ever written to: each is a mapping of the node's own process."""
    raylets = [one for one in psutil.Process().children(recursive=True) if one.name() == "raylet"]
    assert raylets
    status = [Path(f"/proc/{one.pid}/status").read_text() for one in raylets]
    return sum(int(line.split()[1]) for text in status for line in text.splitlines() if line.startswith("RssShmem"))


@pytest.mark.slow
def test_nodes_may_come_late_and_vanish_and_no_cloud_travels(cluster: Any, tmp_path: Path) -> None:
    scenarios = tiny_scenarios(range(12), frames=2)
    nodes: list[Any] = []
    story: list[str] = []
    travelled: list[int] = []

    def add_node() -> None:
        nodes.append(patiently(lambda: cluster.add_node(num_cpus=1, resources={"simulator": 1}, **SMALL_STORE)))

    def watch(progress: Progress) -> None:
        match story:
            case [] if not progress.workers:
                story.append("waited for nodes")
            case ["waited for nodes"]:
                add_node()
                story.append("one came")
            case [*_, "one came"] if progress.recorded:
                add_node()
                story.append("another came")
            case [*_, "another came"] if progress.workers == 2:
                travelled.append(shared_kib())
                cluster.remove_node(nodes[0], allow_graceful=False)
                story.append("the first vanished")

    create_dataset(tmp_path / "data", name="test", licence="CC0-1.0")
    settings = Settings(
        dataset=str(tmp_path / "data"),
        maps=str(MAPS),
        workers=2,
        address=cluster.address,
        logs=str(tmp_path / "logs"),
        resources={"simulator": 1},
    )
    outcome = run_campaign(scenarios, settings, watch)

    assert story[-1] == "the first vanished"
    assert sorted(open_dataset(tmp_path / "data").sequences) == sorted(one.sequence_name for one in scenarios)
    assert not outcome.quarantined
    assert verify(tmp_path / "data") == []
    assert max(travelled) < 4096, "scenarios and results are small, clouds are not"
    cluster.remove_node(nodes[1], allow_graceful=False)


@pytest.mark.slow
def test_what_no_node_offers_is_named(cluster: Any, tmp_path: Path) -> None:
    create_dataset(tmp_path / "data", name="test", licence="CC0-1.0")
    settings = Settings(
        dataset=str(tmp_path / "data"),
        maps=str(MAPS),
        address=cluster.address,
        resources={"unicorn": 2},
        deadlines=Deadlines(placement_s=1.0),
    )
    with pytest.raises(EnvironmentFault, match=r"each needs 1 CPU, 2 unicorn, and the cluster offers .*memory"):
        run_campaign(tiny_scenarios(range(1)), settings)
