"""What is damaged: files of every format that is read, and what is done with them once read.

A subject is some files, a reader, and what comes of what was read: a score wherever there is one to come.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import sample_results as sample

from scanyard.datasets.kitti import read_sequences
from scanyard.datasets.kitti_tracking import read_tracking
from scanyard.detections import Detections, FrameDetections, write_detections
from scanyard.evaluation import Evaluation, read_evaluation
from scanyard.experiment.scoring import pair_results
from scanyard.frame import Frame
from scanyard.metrics import ScoredFrame, check_claim, evaluate
from scanyard.results import open_results

LABELS = """\
DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10
Car 0.00 0 -1.57 560.00 170.00 640.00 210.00 1.50 1.60 4.00 0.25 1.70 20.00 -1.57
Pedestrian 0.12 1 0.19 330.06 178.74 360.77 238.64 1.87 0.96 0.65 -8.50 2.07 23.02 1.59
Cyclist 0.25 1 2.90 0.00 178.74 60.77 238.64 1.74 0.60 1.80 -9.50 1.60 12.50 2.26
"""
TRACKS = """\
0 0 Car 0 0 -1.57 560.00 170.00 640.00 210.00 1.50 1.60 4.00 0.25 1.70 20.00 -1.57
0 -1 DontCare -1 -1 -10 5.00 229.89 214.12 367.61 -1000 -1000 -1000 -10 -1 -1 -1
1 0 Car 0 1 -1.57 560.00 170.00 640.00 210.00 1.50 1.60 4.00 0.25 1.70 21.00 -1.57
1 3 Person 0 1 0.19 330.06 178.74 360.77 238.64 1.87 0.96 0.65 -8.50 2.07 23.02 1.59
"""
NUMBERS = tuple(float(score) for score in (0.0, 100.0))


@dataclass(frozen=True)
class Subject:
    """Files of one format."""

    name: str
    files: Mapping[str, bytes]
    """Content by path below the root."""
    entry: str
    """What is handed to the reader, below the root."""
    use: Callable[[Path], None]
    """Read it and score it, or raise; AssertionError where a score is no number."""
    kept: tuple[str, ...] = ()
    """Beginnings of paths that are not damaged: scans."""

    @property
    def targets(self) -> list[str]:
        """What may be damaged."""
        return [path for path in self.files if not path.startswith(self.kept or ("\0",))]


@cache
def subjects() -> tuple[Subject, ...]:
    """All of them."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("own", "kitti", "nuscenes", "openpcdet", "mmdet3d", "dumped", "claim", "argoverse2"):
            (root / folder).mkdir()
        sample.write_kitti(root / "kitti" / "data")
        sample.write_predictions(root / "predictions")
        sample.write_json(root / "nuscenes" / "results.json", sample.nuscenes_results())
        sample.write_pickle(root / "openpcdet" / "result.pkl", sample.openpcdet_entries())
        sample.write_pickle(root / "mmdet3d" / "result.pkl", sample.mmdet3d_entries(), protocol=2)
        sample.write_pickle(root / "dumped" / "samples.pkl", _samples())
        write_detections(root / "own" / "found.json", _own())
        sample.write_json(root / "claim" / "claim.json", _claim().to_dict())
        sample.write_feather(root / "argoverse2" / "found.feather", sample.argoverse2_rows(), "uncompressed")
        files = {folder.name: _below(folder) for folder in root.iterdir()}
    scan, calibration = np.ones((4, 4), dtype="<f4").tobytes(), sample.CALIBRATION.to_text().encode()
    objects = {
        "training/velodyne/000000.bin": scan, "training/velodyne/000001.bin": scan,
        "training/label_2/000000.txt": LABELS.encode(), "training/label_2/000001.txt": LABELS.encode(),
        "training/calib/000000.txt": calibration, "training/calib/000001.txt": calibration,
    }  # fmt: skip
    table = b"subset,id,drive,raw_frame,width,height\ntraining,000000,a,3,1242,375\ntraining,000001,b,4,1242,375\n"
    mapping = b"2011_09_26 drive_0001 0000000003\n2011_09_26 drive_0002 0000000007\n"
    tracks = {
        "velodyne/0000/000000.bin": scan, "velodyne/0000/000001.bin": scan,
        "calib/0000.txt": calibration, "label_02/0000.txt": TRACKS.encode(),
    }  # fmt: skip
    return (
        Subject("own JSON", files["own"], "found.json", _use_results),
        Subject("KITTI text", files["kitti"], "data", _use_results),
        Subject("nuScenes JSON", files["nuscenes"], "results.json", _use_results),
        Subject("OpenPCDet pickle", files["openpcdet"], "result.pkl", _use_results),
        Subject("MMDetection3D pickle", files["mmdet3d"], "result.pkl", _use_results),
        Subject("MMDetection3D samples", files["dumped"], "samples.pkl", _use_results),
        Subject("MMDetection3D JSON", files["predictions"], ".", _use_results),
        Subject("Argoverse 2 Feather", files["argoverse2"], "found.feather", _use_results),
        Subject("claimed numbers", files["claim"], "claim.json", _use_claim),
        Subject("KITTI objects", objects | {"frames.csv": table}, ".", _use_objects, ("training/velodyne",)),
        Subject(
            "KITTI drives",
            objects | {"mapping/train_mapping.txt": mapping, "mapping/train_rand.txt": b"2,1\n"},
            ".",
            _use_objects,
            ("training",),
        ),
        Subject("KITTI tracks", tracks, ".", _use_tracks, ("velodyne",)),
    )


def _below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _own() -> Detections:
    frames = [
        FrameDetections(one.info.name, one.index, one.name, one.cloud, sample.found(number))
        for number, one in enumerate(sample.known().frames)
    ]
    return Detections("someone", tuple(frames))


def _samples() -> list[dict[str, Any]]:
    entries = []
    for number in range(4):
        one = sample.mmdet3d_prediction(number)
        arrays = {key: np.array(one[key], dtype=np.float32) for key in ("bboxes_3d", "scores_3d")}
        arrays["bboxes_3d"] = arrays["bboxes_3d"].reshape(-1, 7)
        arrays["labels_3d"] = np.array(one["labels_3d"], dtype=np.int64)
        entries.append({"pred_instances_3d": arrays, "sample_idx": number})
    return entries


@cache
def _labelled() -> list[Any]:
    return sample.labelled()


def _use_results(path: Path) -> None:
    found = open_results(path).detections(sample.known(), sample.CLASSES)
    frames = pair_results(found, _labelled(), str(path))
    protocol = "nuscenes" if any("bicycle" in frame.detections.category for frame in frames) else "kitti_r40"
    _require_numbers(evaluate(frames, protocol, split="s", domain="synthetic", resamples=0))


@cache
def _frames() -> list[ScoredFrame]:
    return pair_results(_own(), _labelled(), "own")


def _claim() -> Evaluation:
    return evaluate(_frames(), split="s", domain="synthetic", resamples=0)


def _use_claim(path: Path) -> None:
    assert check_claim(_frames(), read_evaluation(path)) > 0


def _use_objects(root: Path) -> None:
    _use_labels({info.info.name: list(info) for info in read_sequences(root)})


def _use_tracks(root: Path) -> None:
    _use_labels({"tracks": list(read_tracking(root, "0000"))})


def _use_labels(recordings: dict[str, list[Frame]]) -> None:
    """Labels handed in as detections have everything: whatever was read gives numbers."""
    frames = []
    for name, recorded in recordings.items():
        for frame in recorded:
            assert frame.boxes is not None
            labels = frame.boxes.replace(truncation=np.zeros(len(frame.boxes)))
            found = labels.replace(score=np.ones(len(labels)))
            frames.append(ScoredFrame(labels, found, name, frame.dont_care, frame.name))
    _require_numbers(evaluate(frames, split="s", domain="real", resamples=0))


def _require_numbers(evaluation: Evaluation) -> None:
    for score in evaluation.scores:
        assert np.isfinite(score.value), f"{score.metric} is {score.value}"
        low, high = NUMBERS
        assert score.unit != "percent" or low - 1e-6 <= score.value <= high + 1e-6, f"{score.metric} is {score.value}"
    json.dumps(evaluation.to_dict(), allow_nan=False)
