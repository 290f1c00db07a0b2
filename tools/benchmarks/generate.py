"""How fast labelled frames are made, beside how fast Open3D alone could cast the same rays at the same scene.

Everything is included: choreography, the official client, the server, realism, labels, the sealed store.  The rate is
that of the steady state: from the moment every worker has sealed its first sequence, to the last seal, so that starting
Ray and loading Open3D are not in it but loading a world for every further sequence is.  The reference is one Open3D
scene that holds all triangles, built beforehand, into which nothing but the rays of one sweep is cast.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from reference import Rate, frozen_scene, lidar_rays, open3d_alone

from scanyard.fleet.campaign import Progress, Settings, run_campaign
from scanyard.roads import RoadMap
from scanyard.scenario import ConcreteScenario, draw, load_scenario
from scanyard.scenario.concrete import Recording, Traffic
from scanyard.sim.choreography import choreograph
from scanyard.store import create_dataset, seal_dataset, verify

SCENARIOS = Path("scenarios")
CROWD = Traffic(vehicles=50, pedestrians=30, cyclists=8)
"""What is asked for; what finds room is at least ``MIN_ACTORS``."""
MIN_ACTORS = 40


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench generate", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sequences", type=int, default=2, help="measured sequences per worker, after one to warm up")
    parser.add_argument(
        "--frames", type=int, default=100, help="frames per sequence, LiDAR alone: ten seconds of driving"
    )
    parser.add_argument("--camera-frames", type=int, default=6, help="frames per sequence with the camera")
    options = parser.parse_args()

    lidar = measure("kitti_lidar.yaml", options.workers, options.sequences, options.frames)
    camera = measure("kitti.yaml", options.workers, 1, options.camera_frames)
    reference, standing = cast_alone(crowded("kitti_lidar.yaml", 1, options.frames))
    ratio = lidar["frames_per_s"] / reference.sweeps_per_s

    print(f"{'':34}{'frames/s':>10}{'points/s':>12}{'actors':>8}{'MB/worker':>11}")
    for name, row in (("HDL-64E", lidar), ("HDL-64E and 1242x375 camera", camera)):
        print(
            f"{name:34}{row['frames_per_s']:10.2f}{row['points_per_s']:12.3g}{row['actors']:8d}{row['worker_mb']:11.0f}"
        )
    print(
        f"{'Open3D alone, same rays and scene':34}{reference.sweeps_per_s:10.2f}{reference.rays_per_s:12.3g}"
        f"{standing:8d}   ({reference.triangles} triangles)"
    )
    print(f"labelled and sealed, against casting alone: {ratio:.2f}")
    print(
        json.dumps(
            {
                "bench": "generate",
                "lidar_ratio": round(ratio, 3),
                "lidar_frames_per_s": round(lidar["frames_per_s"], 2),
                "camera_frames_per_s": round(camera["frames_per_s"], 3),
                "open3d_sweeps_per_s": round(reference.sweeps_per_s, 2),
                "actors": lidar["actors"],
                "worker_mb": round(max(lidar["worker_mb"], camera["worker_mb"])),
                "workers": options.workers,
                "intact": lidar["intact"] and camera["intact"],
            }
        )
    )


def crowded(rig: str, seed: int, frames: int) -> ConcreteScenario:
    """A city street with at least ``MIN_ACTORS`` moving."""
    base = load_scenario(SCENARIOS / "cut_in_short_gap.yaml")
    scenario = draw(base, seed, {"rig": str(SCENARIOS / "rigs" / rig)})
    return replace(scenario, traffic=CROWD, recording=Recording(10.0, frames / 10.0))


def measure(rig: str, workers: int, sequences: int, frames: int) -> dict[str, Any]:
    """Frames per second of a whole campaign in its steady state."""
    wanted = [crowded(rig, seed, frames) for seed in range(workers * (sequences + 1))]
    sealed_at: list[tuple[float, int, int]] = []
    peak_mb = 0.0

    def watch(progress: Progress) -> None:
        nonlocal peak_mb
        for recorded in progress.recorded[len(sealed_at) :]:
            sealed_at.append((time.perf_counter(), recorded.frames, recorded.points))
        peak_mb = max(peak_mb, _memory_mb() / workers)

    with tempfile.TemporaryDirectory(prefix="scanyard-bench-") as folder:
        create_dataset(folder, name="bench", licence="CC0-1.0")
        settings = Settings(dataset=folder, maps=str((SCENARIOS / "maps").resolve()), workers=workers)
        outcome = run_campaign(wanted, settings, watch)
        seal_dataset(folder)
        intact = not outcome.failures and not verify(folder)
    (began, _, _), measured = sealed_at[workers - 1], sealed_at[workers:]
    seconds = measured[-1][0] - began
    road_map = RoadMap.load(SCENARIOS / "maps" / f"{wanted[0].world.map}.xodr")
    actors = min(len(choreograph(scenario, road_map).tracks) for scenario in wanted)
    assert actors >= MIN_ACTORS, f"only {actors} actors found room, {MIN_ACTORS} are promised"
    return {
        "frames_per_s": sum(frames for _, frames, _ in measured) / seconds,
        "points_per_s": sum(points for _, _, points in measured) / seconds,
        "actors": actors,
        "worker_mb": peak_mb,
        "intact": intact,
    }


def cast_alone(scenario: ConcreteScenario) -> tuple[Rate, int]:
    """Open3D's rate at the same street with the same actors, and how many these are."""
    road_map = RoadMap.load(SCENARIOS / "maps" / f"{scenario.world.map}.xodr")
    choreography = choreograph(scenario, road_map)
    lidar = scenario.rig.lidars[0]
    rays = lidar_rays(lidar, choreography.world_from_ego[0])
    scene = frozen_scene(scenario, road_map, choreography)
    return open3d_alone(scene, rays, lidar.max_range_m), len(choreography.tracks)


def _memory_mb() -> float:
    """Resident memory of all Ray workers, clients and servers below this process."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline())
            ours = ("scanyard.carla_server", "scanyard.fleet.client")
            if any(module in command for module in ours) or command.startswith("ray::Worker"):
                total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


if __name__ == "__main__":
    main()
