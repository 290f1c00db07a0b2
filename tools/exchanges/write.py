"""Write the recordings in a layout, and beside it what scanyard says of them: boxes per sensor, points per box."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.boxes import corners, points_inside
from scanyard.datasets import argoverse2_write, nuscenes_write
from scanyard.frame import Frame, points_ego
from scanyard.sensors import Rig

sys.path.insert(0, str(Path(__file__).parent))
from recordings import recordings

WRITERS = {"nuscenes": nuscenes_write.write_dataset, "argoverse2": argoverse2_write.write_dataset}

UNKNOWN = {"argoverse2": ("misc", "cargo")}
"""Categories that a layout has no class for."""


def main() -> None:
    layout, root, datasets = sys.argv[1], Path(sys.argv[2]), [Path(place) for place in sys.argv[3:]]
    shutil.rmtree(root, ignore_errors=True)
    sequences = recordings(datasets, without=UNKNOWN.get(layout, ()))
    WRITERS[layout](root, sequences)
    said = {sequence.info.name: [facts(frame, sequence.info.rig) for frame in sequence] for sequence in sequences}
    root.with_suffix(".json").write_text(json.dumps(said), encoding="utf-8")
    print(f"{root}: {sum(map(len, said.values()))} frames of {len(said)} recordings")


def facts(frame: Frame, rig: Rig) -> dict[str, Any]:
    """Corners of the boxes in each sensor's frame, the points in each box, and the cloud's own figures."""
    assert frame.boxes is not None
    lidar = rig.lidars[0]
    cloud = points_ego(frame.sweeps[lidar.name], lidar.ego_from_sensor)
    ego_corners = corners(frame.boxes)
    sensors: list[Any] = [*rig.lidars, *rig.cameras]
    inside = points_inside(frame.boxes, cloud).sum(axis=1)
    return {
        "timestamp_ns": frame.timestamp_ns,
        "points": len(cloud),
        "points_inside": inside.tolist(),
        "num_points": (inside if frame.boxes.num_points is None else frame.boxes.num_points).tolist(),
        "categories": frame.boxes.category.tolist(),
        "corners_ego": ego_corners.tolist(),
        "corners": {s.name: s.ego_from_sensor.inverse().apply(ego_corners).tolist() for s in sensors},
        "pixels": {c.name: c.project(frame.boxes.center)[0].tolist() for c in rig.cameras},
        "world_from_ego": frame.world_from_ego.to_list(),
        "center_world": frame.world_from_ego.apply(frame.boxes.center).tolist(),
        "size": np.asarray(frame.boxes.size).tolist(),
    }


if __name__ == "__main__":
    main()
