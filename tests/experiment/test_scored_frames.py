"""What is known of frames beside labels and detections, so that scores can be sliced by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scanyard.boxes import Boxes, points_inside
from scanyard.errors import EvaluationError
from scanyard.experiment.scoring import count_returns, metadata_of, weight_of, with_needed_returns
from scanyard.frame import points_ego
from scanyard.metrics import ScoredFrame
from scanyard.split import Split
from tests.corrupt.street import RIG
from tests.robustness.known_detectors import split_of_drives


def scored(split: Split) -> list[ScoredFrame]:
    return [
        ScoredFrame(
            frame.boxes.replace(num_points=None), Boxes.empty(), one.info.drive, name=f"{one.info.name}/{index}"
        )
        for one in split.sequences
        for index, frame in enumerate(one)
    ]


def test_returns_are_counted_where_labels_do_not_say() -> None:
    split = split_of_drives(drives=2, frames=2)
    frames = count_returns(scored(split), split)
    for frame, original in zip(frames, (frame for one in split.sequences for frame in one), strict=True):
        assert frame.labels.num_points is None  # no protocol takes notice
        cloud = points_ego(original.sweeps["top"], RIG.lidars[0].ego_from_sensor)
        assert frame.label_columns["points"].tolist() == points_inside(original.boxes, cloud).sum(axis=1).tolist()
        assert frame.label_columns["points"].max() > 0


def test_returns_that_labels_know_are_taken() -> None:
    split = split_of_drives(drives=1, frames=1)
    (frame,) = scored(split)
    known = replace(frame, labels=frame.labels.replace(num_points=range(len(frame.labels))))
    (counted,) = count_returns([known], split)
    assert counted.label_columns["points"].tolist() == list(range(len(frame.labels)))


def test_a_protocol_that_needs_returns_has_them_counted() -> None:
    split = split_of_drives(drives=2, frames=2)
    by_column = count_returns(scored(split), split)
    for frame, column in zip(with_needed_returns(scored(split), split, "waymo"), by_column, strict=True):
        assert frame.labels.num_points is not None
        assert frame.labels.num_points.tolist() == column.label_columns["points"].tolist()
    for frame in with_needed_returns(scored(split), split, "nuscenes"):
        assert frame.labels.num_points is None


def test_single_values_of_the_provenance_are_known_of_every_frame() -> None:
    info = split_of_drives(drives=1).sequences[0].info
    provenance = {
        "scenario": "fog_bank", "seed": 7, "tags": ["fog", "urban"], "parameters": {"gap_m": 21.5, "kind": "van"},
        "files": {"a": 1}, "frames": [3, 4],
    }  # fmt: skip
    assert metadata_of(replace(info, provenance=provenance)) == {
        "sequence": "street-0", "domain": "synthetic", "scenario": "fog_bank", "seed": 7, "tags": "fog, urban",
        "gap_m": 21.5, "kind": "van",
    }  # fmt: skip


def test_a_recording_may_know_how_often_it_happens() -> None:
    info = split_of_drives(drives=1).sequences[0].info
    assert weight_of(info) == 1.0
    assert weight_of(replace(info, provenance={"exposure_weight": 0.02})) == 0.02
    with pytest.raises(EvaluationError, match="its exposure_weight is 'seldom'"):
        weight_of(replace(info, provenance={"exposure_weight": "seldom"}))
