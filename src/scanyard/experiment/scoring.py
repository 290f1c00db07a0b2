"""Scores from saved detections: the one way to a number, for an experiment and for ``scanyard evaluate`` alike."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from scanyard.detections import cloud_digest, read_detections, write_detections
from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation
from scanyard.metrics import ScoredFrame, evaluate
from scanyard.sensors import Rig
from scanyard.split import Split

if TYPE_CHECKING:
    from scanyard.detect import Detector


def detect_frames(
    detector: Detector, split: Split, path: Path, *, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Run a detector over every frame of a split and save what it found; the file appears only when complete.

    ``on_progress`` is called with frames done and frames in all.
    """
    from scanyard.detect import detect_all  # noqa: PLC0415  # imports torch

    write_detections(path, detect_all(detector, split.sequences, on_progress))


def scored_frames(path: str | Path, split: Split) -> list[ScoredFrame]:
    """The labels of a split beside the detections of a file, frame by frame in the split's order.

    EvaluationError when a frame has no labels, the file lacks it, or the file was made from another scan.
    """
    found = {(frame.sequence, frame.index): frame for frame in read_detections(path).frames}
    frames = []
    for sequence in split.sequences:
        info = sequence.info
        for index, frame in enumerate(sequence):
            where = f"split {split.name}: sequence {info.name}, frame {index}"
            detected = found.get((info.name, index))
            if detected is None:
                raise EvaluationError(f"{where}: {path} has no detections of it; detect on the whole split first")
            if detected.cloud != cloud_digest(frame, info.rig):
                raise EvaluationError(f"{where}: {path} was made from another scan of that name; detect again")
            if frame.boxes is None:
                raise EvaluationError(f"{where}: it has no labels, so nothing can be scored on it")
            frames.append(
                ScoredFrame(
                    labels=frame.boxes,
                    detections=detected.boxes,
                    drive=info.drive,
                    dont_care=frame.dont_care,
                    name=f"{info.name}/{index}",
                    viewpoint=_camera(info.rig),
                )
            )
    return frames


def _camera(rig: Rig) -> tuple[float, float, float]:
    """Where the first camera, which image boxes are in, stands in the ego frame."""
    if not rig.cameras:
        return (0.0, 0.0, 0.0)
    x, y, z = rig.cameras[0].ego_from_sensor.translation.tolist()
    return (x, y, z)


def evaluate_file(
    path: str | Path, split: Split, *, protocol: str = "kitti_r40", accepted: Collection[str] = ()
) -> Evaluation:
    """Score a detections file on a split under a named protocol; EvaluationError says what does not fit together.

    ``accepted`` names mismatches that are meant (``metrics.contract``).
    """
    return evaluate(scored_frames(path, split), protocol, split=split.name, domain=split.domain, accepted=accepted)
