"""Scoring at the size of whole benchmarks, and nuScenes' beside nuscenes-devkit on the same sets.

nuScenes: 6,000 frames with 100 labels and 100 detections each, ten categories; the devkit scores them from boxes in its
own form, with the interpreter that ``tools/parity`` made for it.  KITTI: 3,769 frames, the size of its usual validation
split.  Times are of the processor, contract check included; what the bootstrap adds is the difference of two runs.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from scanyard.boxes import Boxes
from scanyard.metrics import ScoredFrame, evaluate, load_protocol

DEVKIT = Path("out/parity/nuscenes/bin/python")
DRIVES = 150
"""As many as nuScenes' validation split has scenes."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench metrics", description=__doc__)
    parser.add_argument("--frames", type=int, default=6000, help="frames of nuScenes' kind")
    parser.add_argument("--kitti-frames", type=int, default=3769)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--no-devkit", action="store_true", help="leave nuscenes-devkit out, which takes minutes")
    options = parser.parse_args()
    for protocol in ("nuscenes", "kitti_r40"):  # compile, or load what was compiled
        seconds(frames_of(protocol, 8), protocol, 10)

    kitti = frames_of("kitti_r40", options.kitti_frames)
    kitti_s, kitti_with_s = (seconds(kitti, "kitti_r40", resamples)[0] for resamples in (0, options.resamples))
    del kitti
    nuscenes = frames_of("nuscenes", options.frames)
    nuscenes_s, _ = seconds(nuscenes, "nuscenes", 0)
    nuscenes_with_s, ours = seconds(nuscenes, "nuscenes", options.resamples)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result: dict[str, object] = {
        "bench": "metrics",
        "nuscenes_s": round(nuscenes_s, 2),
        "nuscenes_bootstrap_s": round(nuscenes_with_s - nuscenes_s, 2),
        "kitti_s": round(kitti_s, 2),
        "kitti_bootstrap_s": round(kitti_with_s - kitti_s, 2),
        "peak_mib": round(peak_mib),
    }
    print(f"{'':34}{'scores':>9}{'+ bootstrap':>13}   (processor seconds)")
    print(f"{f'KITTI, {options.kitti_frames} frames':34}{kitti_s:9.2f}{kitti_with_s - kitti_s:13.2f}")
    print(f"{f'nuScenes, {options.frames} frames x 100':34}{nuscenes_s:9.2f}{nuscenes_with_s - nuscenes_s:13.2f}")
    print(f"memory at most {peak_mib:.0f} MiB")
    if not options.no_devkit:
        devkit_s, theirs = devkit_seconds(nuscenes)
        print(f"nuscenes-devkit on the same frames: {devkit_s:.1f} s, {devkit_s / nuscenes_s:.1f} times ours")
        print(f"NDS {ours:.6f}, by nuscenes-devkit {theirs:.6f}")
        if abs(ours - theirs) > 1e-6:
            sys.exit("the two disagree: the comparison means nothing")
        result |= {"nuscenes_devkit_s": round(devkit_s, 1), "nuscenes_speedup": round(devkit_s / nuscenes_s, 1)}
    print(json.dumps(result))


def seconds(frames: list[ScoredFrame], protocol: str, resamples: int) -> tuple[float, float]:
    """Processor time of an evaluation, and NDS where there is one."""
    started = time.process_time()
    evaluation = evaluate(frames, protocol, split="bench", domain="synthetic", resamples=resamples)
    took = time.process_time() - started
    return took, next((score.value / 100 for score in evaluation.scores if score.metric == "nds"), 0.0)


def frames_of(protocol: str, num: int) -> list[ScoredFrame]:
    """Frames as full as the benchmark's, found by a middling detector."""
    rng = np.random.default_rng(0)
    make = nuscenes_frame if protocol == "nuscenes" else kitti_frame
    return [make(rng, index) for index in range(num)]


def nuscenes_frame(rng: np.random.Generator, index: int) -> ScoredFrame:
    names = np.array(load_categories("nuscenes"))
    labels = scattered(rng, 100, names, 50.0).replace(
        velocity=rng.normal(0, 2, (100, 3)), num_points=rng.integers(1, 99, 100)
    )
    found = near(rng, labels, found=0.7, total=100, names=names, reach_m=50.0)
    attributes = np.full(100, "vehicle.moving")
    return ScoredFrame(
        labels, found, f"drive {index % DRIVES}", name=f"{index}", label_attributes=attributes,
        detection_attributes=attributes,
    )  # fmt: skip


def kitti_frame(rng: np.random.Generator, index: int) -> ScoredFrame:
    names = np.array(["car", "car", "car", "car", "van", "pedestrian", "cyclist"])
    labels = scattered(rng, int(rng.integers(2, 16)), names, 60.0)
    labels = labels.replace(
        center=ahead(labels.center),
        truncation=rng.choice([0.0, 0.1, 0.4], len(labels)),
        occlusion=rng.integers(0, 3, len(labels)),
        image_box=image_boxes(rng, len(labels)),
    )
    found = near(rng, labels, found=0.8, total=30, names=names, reach_m=60.0)
    found = found.replace(center=ahead(found.center), image_box=image_boxes(rng, len(found)))
    return ScoredFrame(labels, found, f"drive {index % DRIVES}", name=f"{index}")


def ahead(center: np.ndarray) -> np.ndarray:
    """In front, where KITTI labels."""
    return np.c_[np.abs(center[:, 0]) + 3.0, center[:, 1:]]


def load_categories(protocol: str) -> tuple[str, ...]:
    return load_protocol(protocol).categories


def image_boxes(rng: np.random.Generator, num: int) -> np.ndarray:
    corner = rng.uniform([0, 100], [1000, 200], (num, 2))
    return np.c_[corner, corner + rng.uniform(15, 120, (num, 2))]


def scattered(rng: np.random.Generator, num: int, names: np.ndarray, reach_m: float) -> Boxes:
    return Boxes(
        center=rng.uniform(-reach_m, reach_m, (num, 3)) * [0.7, 0.7, 0.02],
        size=np.array([4.0, 1.8, 1.6]) * rng.uniform(0.8, 1.2, (num, 3)),
        yaw_rad=rng.uniform(-np.pi, np.pi, num),
        category=rng.choice(names, num),
    )


def near(
    rng: np.random.Generator, labels: Boxes, *, found: float, total: int, names: np.ndarray, reach_m: float
) -> Boxes:
    """Most labels a little off, then false alarms up to ``total``."""
    seen = labels[rng.random(len(labels)) < found][:total]
    seen = seen.replace(
        center=seen.center + rng.normal(0, 0.25, (len(seen), 3)),
        yaw_rad=seen.yaw_rad + rng.normal(0, 0.1, len(seen)),
        velocity=None if seen.velocity is None else seen.velocity + rng.normal(0, 0.3, (len(seen), 3)),
        num_points=None, truncation=None, occlusion=None, image_box=None,
    )  # fmt: skip
    false = scattered(rng, total - len(seen), names, reach_m)
    if labels.velocity is not None:
        false = false.replace(velocity=np.zeros((len(false), 3)))
    score = np.concatenate([rng.beta(4, 2, len(seen)), rng.beta(2, 4, len(false))])
    return Boxes.concatenate([seen, false]).replace(score=score)


def devkit_seconds(frames: list[ScoredFrame]) -> tuple[float, float]:
    """Processor time of nuscenes-devkit's ``evaluate`` on the same frames, and its NDS."""
    if not DEVKIT.is_file():
        sys.exit(f"{DEVKIT} is not there: run tools/parity once, which makes it, or give --no-devkit")
    with tempfile.TemporaryDirectory(prefix="scanyard-bench-") as folder:
        given, answer = Path(folder) / "sets.json", Path(folder) / "official.json"
        given.write_text(json.dumps([[devkit_frame(frame) for frame in frames]]), encoding="utf-8")
        script = Path(__file__).parents[1] / "parities" / "official_nuscenes.py"
        subprocess.run([DEVKIT, script, given, answer], check=True)
        official = json.loads(answer.read_text(encoding="utf-8"))
    return official["seconds"][0], official["scores"][0]["nds"]


def devkit_frame(frame: ScoredFrame) -> dict[str, list[dict[str, object]]]:
    sides = {}
    for side, attributes in (("labels", frame.label_attributes), ("detections", frame.detection_attributes)):
        boxes: Boxes = getattr(frame, side)
        assert attributes is not None
        assert boxes.velocity is not None
        columns = {
            "center": boxes.center.tolist(),
            "size": boxes.size.tolist(),
            "yaw": boxes.yaw_rad.tolist(),
            "category": boxes.category.tolist(),
            "velocity": boxes.velocity[:, :2].tolist(),
            "attribute": attributes.tolist(),
        }
        if boxes.score is not None:
            columns["score"] = boxes.score.tolist()
        if boxes.num_points is not None:
            columns["num_points"] = boxes.num_points.tolist()
        sides[side] = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return sides


if __name__ == "__main__":
    main()
