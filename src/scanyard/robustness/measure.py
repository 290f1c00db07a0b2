"""Detectors over a split, clean and corrupted.

Frames are the outer loop: each is read once, spoilt in every way in turn, and forgotten; what is kept is boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from scanyard.corrupt import Corruption, corrupt_frame
from scanyard.errors import EvaluationError
from scanyard.metrics import ScoredFrame
from scanyard.robustness.figures import CLEAN, Robustness, Run, robustness_of
from scanyard.robustness.precision import Target
from scanyard.split import Split

if TYPE_CHECKING:
    from scanyard.detect import Detector

OnProgress = Callable[[int, int], None]
"""Called with detections done and detections in all."""


def run_detectors(
    detectors: Sequence[Detector],
    split: Split,
    how: Sequence[Corruption],
    *,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> tuple[Run, ...]:
    """Run every detector on every frame as it is and under every corruption: one ``Run`` per detector.

    EvaluationError for a frame that nobody labelled.
    """
    cells: list[Corruption | None] = list(dict.fromkeys([CLEAN, *how]))  # asked for twice is run once
    found: list[dict[Corruption | None, list[ScoredFrame]]] = [{cell: [] for cell in cells} for _ in detectors]
    total, done = split.num_frames * len(cells) * len(detectors), 0
    for sequence in split.sequences:
        info = sequence.info
        for index, frame in enumerate(sequence):
            if frame.boxes is None:
                raise EvaluationError(
                    f"split {split.name}: sequence {info.name}, frame {index}: it has no labels, so nothing can be "
                    "scored on it"
                )
            for cell in cells:
                seen = frame
                if cell is not None:
                    seen = corrupt_frame(frame, info.rig, cell, seed=seed, sequence=info.name, index=index)
                for detector, scored in zip(detectors, found, strict=True):
                    scored[cell].append(
                        ScoredFrame(
                            labels=frame.boxes,
                            detections=detector.detect(seen, info.rig),
                            drive=info.drive,
                            dont_care=frame.dont_care,
                            name=f"{info.name}/{index}",
                        )
                    )
                    done += 1
                    if on_progress is not None:
                        on_progress(done, total)
    return tuple(found)


def measure_robustness(
    detector: Detector,
    split: Split,
    how: Sequence[Corruption],
    *,
    target: Target | None = None,
    reference: Detector | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> tuple[Robustness, tuple[Run, ...]]:
    """All figures of a detector on a split, and what they were worked out from."""
    detectors = [detector] if reference is None else [detector, reference]
    runs = run_detectors(detectors, split, how, seed=seed, on_progress=on_progress)
    figures = robustness_of(
        runs[0],
        target or Target(),
        detector=detector.name,
        split=split.name,
        domain=split.domain,
        seed=seed,
        reference=None if reference is None else runs[1],
        reference_name=None if reference is None else reference.name,
    )
    return figures, runs
