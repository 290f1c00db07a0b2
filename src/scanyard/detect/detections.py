"""Detectors run over recordings, and detections played back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from scanyard.boxes import Boxes
from scanyard.detect.detectors import Detector
from scanyard.detections import Detections, FrameDetections, cloud_digest
from scanyard.errors import EvaluationError
from scanyard.frame import Frame
from scanyard.sensors import Rig
from scanyard.sequence import SensorSequence


@dataclass(frozen=True)
class RecordedDetections:
    """A detector that repeats what was recorded."""

    detections: Detections

    @property
    def name(self) -> str:
        """The name of the detector that was recorded."""
        return self.detections.detector

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        """The boxes recorded for this very scan; EvaluationError where there are none."""
        found = self._by_cloud.get(cloud_digest(frame, rig))
        if found is None:
            raise EvaluationError(
                f"frame {frame.name or frame.timestamp_ns}: detector {self.name} was not recorded on this scan; it was "
                f"on {len(self.detections.frames)} others. Run it on this data first."
            )
        return found

    @cached_property
    def _by_cloud(self) -> dict[str, Boxes]:
        return {frame.cloud: frame.boxes for frame in self.detections.frames}


def detect_all(
    detector: Detector,
    sequences: Sequence[SensorSequence],
    on_progress: Callable[[int, int], None] | None = None,
) -> Detections:
    """Run a detector over every frame; ``on_progress`` is called with frames done and frames in all."""
    total = sum(len(sequence) for sequence in sequences)
    frames: list[FrameDetections] = []
    for sequence in sequences:
        rig = sequence.info.rig
        for index, frame in enumerate(sequence):
            boxes = detector.detect(frame, rig)
            frames.append(FrameDetections(sequence.info.name, index, frame.name, cloud_digest(frame, rig), boxes))
            if on_progress is not None:
                on_progress(len(frames), total)
    return Detections(detector.name, tuple(frames))
