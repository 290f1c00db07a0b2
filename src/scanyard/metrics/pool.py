"""All frames' labels and detections side by side, so that compiled loops walk them without a Python object in sight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError
from scanyard.geometry import FloatArray
from scanyard.metrics.overlap import Pairs, image_overlap, overlapping_pairs
from scanyard.metrics.protocols import Protocol, class_of

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Result = TypeVar("Result")
Value = str | float | int | bool


@dataclass(frozen=True)
class ScoredFrame:
    """One frame's labels and what a detector found in it, in the same coordinate frame."""

    labels: Boxes
    """KITTI needs ``truncation``, ``occlusion``, ``image_box``; Waymo ``num_points``; the others use what is there."""
    detections: Boxes
    """With ``score``, for KITTI also ``image_box``."""
    drive: str
    """What is resampled as one."""
    dont_care: FloatArray | None = None
    """(K, 4) image regions without labels; only KITTI's 2-D metrics use them, as in the development kit."""
    name: str = ""
    """Unlike any other of its drive, or empty."""
    viewpoint: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where objects are seen from, in the boxes' coordinate frame: the camera, for KITTI's AOS."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where ranges are measured from, in the boxes' coordinate frame."""
    label_attributes: NDArray[np.str_] | None = field(default=None, compare=False)
    """(N,) nuScenes attributes such as ``vehicle.parked``; empty for a label that has none."""
    detection_attributes: NDArray[np.str_] | None = field(default=None, compare=False)
    """(N,) likewise."""
    metadata: Mapping[str, Value] = field(default_factory=dict)
    """What is known of the frame or its recording and may be sliced by: scenario, weather, speed."""
    label_columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict, compare=False)
    """(N,) each: what else is known of the labels and may be sliced by; no protocol takes notice of it."""
    weight: float = 1.0
    """How often such a frame happens in traffic, over how often it was driven or simulated (target over proposal
    density); only ratios matter.  Scores take no notice of it but where they say so (``weights``)."""


@dataclass(frozen=True)
class Pool:
    """G labels and D detections of F frames; frame f holds ``start[f]`` to ``start[f + 1]`` of each."""

    drives: tuple[str, ...]
    """Sorted; the drive columns index it."""
    frame_drive: IntArray
    """(F,)"""
    labels: Boxes
    """G of them."""
    detections: Boxes
    """D of them, with a score."""
    label_start: IntArray
    """(F + 1,)"""
    detection_start: IntArray
    """(F + 1,)"""
    viewpoint: FloatArray
    """(F, 3)"""
    origin: FloatArray
    """(F, 3)"""
    dont_care: FloatArray
    """(K, 4) image regions."""
    dont_care_start: IntArray
    """(F + 1,)"""
    label_attributes: NDArray[np.str_] | None
    """(G,)"""
    detection_attributes: NDArray[np.str_] | None
    """(D,)"""
    metadata: tuple[Mapping[str, Value], ...]
    """(F,)"""
    label_columns: Mapping[str, NDArray[np.generic]]
    """(G,) each."""
    weight: FloatArray
    """(F,)"""
    ignored: BoolArray | None = None
    """(G,) labels that nobody asks for, and whose finding nobody minds, beside those that the protocol ignores."""
    excused: BoolArray | None = None
    """(D,) detections that are no false alarms where they find nothing, beside those that the protocol excuses."""
    done: dict[object, object] = field(default_factory=dict, compare=False, repr=False)
    """What ``once`` has worked out; shared by all pools that only judge the same boxes differently."""

    def judged(self, *, ignored: BoolArray | None, excused: BoolArray | None) -> Pool:
        """The same boxes, matched as they are, with other labels (G,) ignored and other detections (D,) excused."""
        return replace(self, ignored=ignored, excused=excused)

    def once(self, key: object, work: Callable[[], Result]) -> Result:
        """The result of ``work``, which may depend on the boxes and the key, but not on who is ignored or excused."""
        if key not in self.done:
            self.done[key] = work()
        return cast(Result, self.done[key])

    def asked(self, labels: BoolArray) -> BoolArray:
        """Which of the labels (G,) that a protocol counts are asked for here."""
        return labels if self.ignored is None else labels & ~self.ignored

    def kept(self, detections: IntArray, taken: IntArray) -> BoolArray:
        """Which detections (N,) say something, given the labels (N,) they took, -1 for none.

        Whoever took an ignored label, or took none and is excused, is neither right nor wrong.
        """
        kept: BoolArray = np.ones(len(detections), dtype=bool)
        if self.ignored is not None and len(self.ignored):
            kept &= (taken < 0) | ~self.ignored[taken]
        if self.excused is not None:
            kept &= (taken >= 0) | ~self.excused[detections]
        return kept

    @cached_property
    def label_frame(self) -> IntArray:
        """(G,)"""
        return np.repeat(np.arange(len(self.frame_drive)), np.diff(self.label_start))

    @cached_property
    def detection_frame(self) -> IntArray:
        """(D,)"""
        return np.repeat(np.arange(len(self.frame_drive)), np.diff(self.detection_start))

    @property
    def label_drive(self) -> IntArray:
        """(G,)"""
        return self.frame_drive[self.label_frame]

    @property
    def detection_drive(self) -> IntArray:
        """(D,)"""
        return self.frame_drive[self.detection_frame]

    @cached_property
    def score(self) -> FloatArray:
        """(D,)"""
        return np.zeros(0) if self.detections.score is None else self.detections.score

    @property
    def pairs(self) -> Pairs:
        """What overlaps on the ground: most of the work of an evaluation, done once for all categories."""
        return self.once(
            "pairs",
            lambda: overlapping_pairs(self.labels, self.label_start, self.detections, self.detection_start),
        )

    @property
    def image_pairs(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Label (P,), detection (P,) and overlap (P,) of image boxes that share area, by frame, label, detection."""
        return self.once("image_pairs", self._image_pairs)

    def _image_pairs(self) -> tuple[IntArray, IntArray, FloatArray]:
        label, detection = pairs_within_frames(self.label_start, self.detection_start)
        overlap = image_overlap(image_boxes(self.labels)[label], image_boxes(self.detections)[detection])
        near = overlap > 0
        return label[near], detection[near], overlap[near]

    def labels_by_drive(self, wanted: NDArray[np.bool_]) -> IntArray:
        """How many of the labels (G,) that are wanted each drive (D,) has."""
        return np.bincount(self.label_drive[wanted], minlength=len(self.drives)).astype(np.int64)

    def ranges(self, boxes: Boxes, frame: IntArray, axes: int) -> FloatArray:
        """Distance (N,) in metres of box centres from their frame's origin, over 2 or 3 axes."""
        away: FloatArray = np.linalg.norm((boxes.center - self.origin[frame])[:, :axes], axis=1)
        return away


def as_the_protocol_calls_them(frames: Sequence[ScoredFrame], protocol: Protocol) -> list[ScoredFrame]:
    """The same frames, categories of ours that the protocol has another name for by that name."""
    if not protocol.counts_as:
        return list(frames)
    return [
        replace(
            frame,
            labels=_renamed(frame.labels, protocol),
            detections=_renamed(frame.detections, protocol),
        )
        for frame in frames
    ]


def pool_frames(frames: Sequence[ScoredFrame], protocol: Protocol | None = None) -> Pool:
    """Put frames side by side, their categories by the protocol's names.

    EvaluationError when there are no frames, or one lacks a column that the protocol needs.
    """
    if not frames:
        raise EvaluationError("no frames to score")
    columns = () if protocol is None else protocol.needs
    for frame in frames:
        _require_columns(frame, columns)
    if protocol is not None:
        frames = as_the_protocol_calls_them(frames, protocol)
    drives = tuple(sorted({frame.drive for frame in frames}))
    place = {drive: index for index, drive in enumerate(drives)}
    regions = [np.zeros((0, 4)) if frame.dont_care is None else frame.dont_care for frame in frames]
    return Pool(
        drives=drives,
        frame_drive=np.array([place[frame.drive] for frame in frames], dtype=np.int64),
        labels=Boxes.concatenate([frame.labels for frame in frames]),
        detections=Boxes.concatenate([frame.detections for frame in frames]),
        label_start=_starts([len(frame.labels) for frame in frames]),
        detection_start=_starts([len(frame.detections) for frame in frames]),
        viewpoint=np.array([frame.viewpoint for frame in frames], dtype=np.float64),
        origin=np.array([frame.origin for frame in frames], dtype=np.float64),
        dont_care=np.concatenate([np.asarray(region, dtype=np.float64).reshape(-1, 4) for region in regions]),
        dont_care_start=_starts([len(region) for region in regions]),
        label_attributes=_attributes([(f.label_attributes, len(f.labels)) for f in frames]),
        detection_attributes=_attributes([(f.detection_attributes, len(f.detections)) for f in frames]),
        metadata=tuple(frame.metadata for frame in frames),
        label_columns=_label_columns(frames),
        weight=np.array([frame.weight for frame in frames], dtype=np.float64),
    )


def image_boxes(boxes: Boxes) -> FloatArray:
    """(N, 4); zeros where there are none to have one."""
    return np.zeros((len(boxes), 4)) if boxes.image_box is None else boxes.image_box


def height_px(boxes: Boxes) -> FloatArray:
    """Height (N,) of the image boxes."""
    box = image_boxes(boxes)
    height: FloatArray = np.abs(box[:, 3] - box[:, 1])
    return height


def pairs_within_frames(first_start: IntArray, second_start: IntArray) -> tuple[IntArray, IntArray]:
    """First (P,) and second (P,) of every pair within a frame, ordered by the first, then the second."""
    num_first, num_second = np.diff(first_start), np.diff(second_start)
    num_pairs = num_first * num_second
    frame = np.repeat(np.arange(len(num_pairs)), num_pairs)
    within = np.arange(len(frame)) - np.repeat(np.cumsum(num_pairs) - num_pairs, num_pairs)
    first, second = np.divmod(within, np.maximum(num_second, 1)[frame])
    return first_start[frame] + first, second_start[frame] + second


def _renamed(boxes: Boxes, protocol: Protocol) -> Boxes:
    found, code = np.unique(boxes.category, return_inverse=True)
    if not protocol.counts_as.keys() & set(found.tolist()):
        return boxes
    return boxes.replace(category=np.array([class_of(protocol, name) for name in found.tolist()])[code])


def _starts(counts: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(np.array(counts, dtype=np.int64))])


def _attributes(parts: Sequence[tuple[NDArray[np.str_] | None, int]]) -> NDArray[np.str_] | None:
    """One column of all frames; a frame without the column has empty ones, and there is none if no frame has it."""
    if all(part is None for part, _ in parts):
        return None
    return np.concatenate(
        [np.full(count, "") if part is None else np.asarray(part, dtype=np.str_) for part, count in parts]
    )


def _label_columns(frames: Sequence[ScoredFrame]) -> dict[str, NDArray[np.generic]]:
    """Those that all frames with labels have."""
    labelled = [frame for frame in frames if len(frame.labels)]
    names = set[str]().union(*(frame.label_columns for frame in labelled))
    columns = {}
    for name in sorted(name for name in names if all(name in frame.label_columns for frame in labelled)):
        for frame in labelled:
            if len(frame.label_columns[name]) != len(frame.labels):
                raise EvaluationError(
                    f"frame {frame.name or '?'} of drive {frame.drive}: {len(frame.labels)} labels have "
                    f"{len(frame.label_columns[name])} values of {name}; give one each"
                )
        columns[name] = np.concatenate([frame.label_columns[name] for frame in labelled])
    return columns


def _require_columns(frame: ScoredFrame, columns: Sequence[str]) -> None:
    where = f"frame {frame.name or '?'} of drive {frame.drive}"
    of_detections = ("score", *(column for column in columns if column == "image_box"))
    for role, boxes, needed in (("labels", frame.labels, columns), ("detections", frame.detections, of_detections)):
        absent = [column for column in needed if len(boxes) and getattr(boxes, column) is None]
        if absent:
            raise EvaluationError(
                f"{where}: its {len(boxes)} {role} have no {', '.join(absent)}; the protocol needs every one of "
                f"{', '.join(needed)}, so set them before scoring"
            )
        if not all(np.isfinite(getattr(boxes, column)).all() for column in ("center", "size", "yaw_rad")):
            raise EvaluationError(f"{where}: centre, size or yaw of its {role} are not all finite numbers")
    for role, attributes, boxes in (
        ("labels", frame.label_attributes, frame.labels),
        ("detections", frame.detection_attributes, frame.detections),
    ):
        if attributes is not None and len(attributes) != len(boxes):
            raise EvaluationError(f"{where}: {len(boxes)} {role} have {len(attributes)} attributes; give one each")
    score = frame.detections.score
    if score is not None and not np.isfinite(score).all():
        raise EvaluationError(
            f"{where}: the score of {np.count_nonzero(~np.isfinite(score))} detections is not a finite number; "
            "detections are ranked by it"
        )
