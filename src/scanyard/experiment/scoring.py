"""Scores from saved detections: the one way to a number, for an experiment and for ``scanyard evaluate`` alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scanyard.boxes import Boxes, IntArray, points_inside
from scanyard.detections import Detections, read_detections, write_detections
from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation
from scanyard.frame import points_ego
from scanyard.geometry import FloatArray
from scanyard.metrics import (
    Causes,
    NamedBoxes,
    ScoredFrame,
    SliceBy,
    evaluate,
    explain,
    has_kinds,
    load_protocol,
    pair_frames,
)
from scanyard.metrics.slices import MAX_VALUES
from scanyard.results import KnownFrame
from scanyard.sensors import Rig
from scanyard.sequence import SequenceInfo
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
    """The labels of a split beside the detections of a file of ours, frame by frame in the split's order.

    EvaluationError when a frame has no labels, the file was made from another scan, or (ContractError) lacks a frame or
    has one twice.
    """
    return pair_results(read_detections(path), labelled_frames(split), str(path))


@dataclass(frozen=True)
class LabelledFrame:
    """A frame's labels, and what is needed to put somebody's detections beside them."""

    known: KnownFrame
    labels: Boxes
    dont_care: FloatArray | None


def labelled_frames(
    split: Split, names: Collection[str] | None = None, *, on_progress: Callable[[int, int], None] | None = None
) -> list[LabelledFrame]:
    """The frames of a split, or of those only the ones called ``names``; EvaluationError when one has no labels.

    ``on_progress`` is called before each, with frames done and frames in all.
    """
    frames: list[LabelledFrame] = []
    wanted = None if names is None else set(names)
    total, done = sum(len(sequence) for sequence in split.sequences), 0
    for sequence in split.sequences:
        info = sequence.info
        for index, frame in enumerate(sequence):
            if on_progress is not None:
                on_progress(done, total)
            done += 1
            known = KnownFrame.of(info, index, frame)
            if wanted is not None and wanted.isdisjoint(known.ids):
                continue
            if frame.boxes is None:
                raise EvaluationError(
                    f"split {split.name}: sequence {info.name}, frame {index}: it has no labels, so nothing can be "
                    "scored on it"
                )
            frames.append(LabelledFrame(known, frame.boxes, frame.dont_care))
    return frames


def pair_results(detections: Detections, frames: Sequence[LabelledFrame], where: str) -> list[ScoredFrame]:
    """Labels and detections of the same frames side by side, in the labels' order.

    EvaluationError where detections were made from another scan; ContractError ``missing_frame`` where a frame lacks
    on either side, ``duplicate_frames`` where one is there twice.
    """
    clouds = {(frame.known.info.name, frame.known.index): frame.known.cloud for frame in frames}
    for found in detections.frames:
        if found.cloud != clouds.get((found.sequence, found.index), found.cloud):
            raise EvaluationError(
                f"sequence {found.sequence}, frame {found.index}: {where} was made from another scan of that name; "
                "detect again"
            )
    labels = [_named(frame.known.info.name, frame.known.index, frame.labels) for frame in frames]
    pairs = pair_frames(labels, [_named(one.sequence, one.index, one.boxes) for one in detections.frames])
    return [
        replace(
            pair,
            drive=frame.known.info.drive,
            dont_care=frame.dont_care,
            name=f"{frame.known.info.name}/{frame.known.index}",
            viewpoint=_camera(frame.known.info.rig),
            metadata=metadata_of(frame.known.info),
            weight=weight_of(frame.known.info),
        )
        for pair, frame in zip(pairs, frames, strict=True)
    ]


def _named(sequence: str, index: int, boxes: Boxes) -> NamedBoxes:
    return NamedBoxes(sequence, str(index), boxes)


def causes_of(frames: Sequence[ScoredFrame], split: Split, *, protocol: str, slices: Sequence[str] = ()) -> Causes:
    """Why detections have their score, as a report shows it: by slices, and by kind of error.

    Without ``slices`` these are range, and scenario and weather where there are several.  EvaluationError where frames
    have nothing of the kind to slice by.
    """
    by = [SliceBy.parse(text) for text in slices]
    if not by:
        known = {column: {frame.metadata.get(column) for frame in frames} for column in ("scenario", "weather")}
        several = [name for name, values in known.items() if None not in values and 2 <= len(values) <= MAX_VALUES]
        by = [SliceBy(column) for column in ("range", *several)]
    if any(one.column == "points" for one in by):
        frames = count_returns(frames, split)
    return explain(
        frames,
        protocol,
        split=split.name,
        domain=split.domain,
        by=by,
        errors=has_kinds(protocol),
        check=False,  # as it was before the score
    )


def count_returns(frames: Sequence[ScoredFrame], split: Split) -> list[ScoredFrame]:
    """The frames with the LiDAR returns on each label, to slice by, from their clouds in the split.

    Only labels that do not say themselves are counted.  What a protocol does with labels without returns stays as it
    is: the count is a column beside the labels (``points``).
    """
    returns = _Returns(split)
    return [replace(frame, label_columns={**frame.label_columns, "points": returns.of(frame)}) for frame in frames]


def with_needed_returns(frames: Sequence[ScoredFrame], split: Split, protocol: str) -> list[ScoredFrame]:
    """The frames, returns counted in the split's clouds where a protocol cannot do without and labels do not say.

    Waymo's levels are made of them; the others count every label that nobody counted returns on, and say so.
    """
    if "num_points" not in load_protocol(protocol).needs:
        return list(frames)
    returns = _Returns(split)
    return [replace(frame, labels=frame.labels.replace(num_points=returns.of(frame))) for frame in frames]


class _Returns:
    """LiDAR returns on labels, from the clouds of a split."""

    def __init__(self, split: Split) -> None:
        self._places = {
            f"{sequence.info.name}/{index}": (sequence, index)
            for sequence in split.sequences
            for index in range(len(sequence))
        }

    def of(self, frame: ScoredFrame) -> IntArray:
        """(N,) what the labels say themselves, or counted."""
        if frame.labels.num_points is not None:
            return frame.labels.num_points
        sequence, index = self._places[frame.name]
        rig, sweeps = sequence.info.rig, sequence[index].sweeps
        cloud = [points_ego(sweeps[lidar.name], lidar.ego_from_sensor) for lidar in rig.lidars if lidar.name in sweeps]
        counted: IntArray = points_inside(frame.labels, np.concatenate(cloud)).sum(axis=1)
        return counted


def metadata_of(info: SequenceInfo) -> dict[str, str | float | int | bool]:
    """What is known of a recording and may be sliced by: its name and domain, and single values of its provenance.

    Of a simulated one these are scenario, seed, weather, tags, and the drawn parameters by their names.
    """
    known: dict[str, Any] = {"sequence": info.name, "domain": info.domain}
    parameters = info.provenance.get("parameters", {})
    for name, value in {**info.provenance, **(parameters if isinstance(parameters, Mapping) else {})}.items():
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            known[name] = ", ".join(value)
        elif isinstance(value, str | float | int | bool):
            known[name] = value
    return known


def weight_of(info: SequenceInfo) -> float:
    """How often such a recording happens in traffic over how often it was made: ``exposure_weight`` of its provenance.

    One where it does not say.  EvaluationError where that is no number.
    """
    weight = info.provenance.get("exposure_weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise EvaluationError(
            f"sequence {info.name}: its exposure_weight is {weight!r}, expected a number, target over proposal density"
        )
    return float(weight)


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
    frames = with_needed_returns(scored_frames(path, split), split, protocol)
    return evaluate(frames, protocol, split=split.name, domain=split.domain, accepted=accepted)
