"""From scored frames, clean and corrupted, to resilience and corruption error with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from scanyard.corrupt import CORRUPTIONS, Corruption
from scanyard.errors import EvaluationError
from scanyard.geometry import FloatArray
from scanyard.metrics import ScoredFrame, check_contract, load_protocol
from scanyard.metrics.contract import ACCEPTABLE
from scanyard.metrics.intervals import MIN_DRIVES, percentile_interval
from scanyard.robustness.precision import Draws, Target, precision_draws

CLEAN = None
"""The key of the frames as they are, beside the corruptions."""

Run = Mapping[Corruption | None, Sequence[ScoredFrame]]
"""What one detector found, by corruption; ``CLEAN`` for the frames as they are."""


@dataclass(frozen=True)
class Figure:
    """A number with its interval, percent."""

    value: float | None
    """``None`` where it is not defined: a share of nothing."""
    low: float | None
    """``None`` where there are too few drives to say."""
    high: float | None


def figure_text(figure: Figure | None) -> str:
    """A number with its interval in words; nothing where there is none to give."""
    if figure is None:
        return ""
    if figure.value is None:
        return "undefined"
    return f"{figure.value:.1f}" + ("" if figure.low is None else f" [{figure.low:.1f}, {figure.high:.1f}]")


@dataclass(frozen=True)
class CorruptionFigures:
    """One corruption's numbers."""

    name: str
    severities: tuple[int, ...]
    means: tuple[str, ...]
    """What each severity is, in physical units."""
    precision: tuple[Figure, ...]
    """Average precision at each severity."""
    resilience: Figure
    """Mean average precision in percent of the clean one."""
    error: Figure | None = None
    """What average precision leaves to 100, summed over severities, in percent of the reference's; ``None`` alone."""
    reference_precision: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Robustness:
    """A detector's numbers under every corruption."""

    detector: str
    reference: str | None
    split: str
    domain: str
    protocol: str
    score: str
    """Category, difficulty, metric and overlap of the score that is followed."""
    num_frames: int
    num_drives: int
    num_labels: int
    interval_level: float
    seed: int
    """Of the corruptions."""
    clean: Figure
    reference_clean: Figure | None
    corruptions: tuple[CorruptionFigures, ...]
    mean_resilience: Figure
    """mRR."""
    mean_error: Figure | None
    """mCE."""
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self)


def robustness_of(
    run: Run,
    target: Target,
    *,
    detector: str,
    split: str,
    domain: str,
    seed: int,
    reference: Run | None = None,
    reference_name: str | None = None,
    resamples: int = 1000,
    level: float = 0.9,
) -> Robustness:
    """Work out all figures; EvaluationError when there is nothing to find, or the runs are not of the same frames.

    ContractError, which names the detector, when what was found in the clean frames does not fit their labels.  That it
    ends at some range, or lies where no label is, becomes a note: a detector of ours was given these very frames, and
    corrupted ones are to be poor.
    """
    protocol = load_protocol(target.protocol)
    sides = [(detector, run), *([] if reference is None else [(f"{reference_name} (the reference)", reference)])]
    remarks = [
        remark
        for name, of_side in sides
        for remark in check_contract(of_side[CLEAN], protocol, split=split, detector=name, accepted=ACCEPTABLE)
    ]
    mine = _draws(run, target, resamples)
    theirs = None if reference is None else _draws(reference, target, resamples)
    if theirs is not None and theirs.keys() != mine.keys():
        raise EvaluationError(f"detectors {detector} and {reference_name} did not run on the same corruptions")
    clean = mine[CLEAN]
    _require_same_labels([*mine.values(), *(theirs or {}).values()])
    if not clean.labels_by_drive.any():
        raise EvaluationError(f"split {split}: no {target.difficulty} {target.category} is labelled; nothing to score")
    drives = int(np.count_nonzero(clean.labels_by_drive))

    def figure(values: FloatArray) -> Figure:
        low, high = percentile_interval(values[1:], level, clean.labels_by_drive)
        return Figure(None, None, None) if np.isnan(values[0]) else Figure(float(values[0]), low, high)

    rows, resiliences, errors = [], [], []
    for name in dict.fromkeys(how.name for how in mine if how is not None):
        cells = sorted((how for how in mine if how is not None and how.name == name), key=lambda how: how.severity)
        scores = np.array([mine[how].values for how in cells])
        resiliences.append(_percent(scores.mean(axis=0), clean.values))
        others = None if theirs is None else np.array([theirs[how].values for how in cells])
        if others is not None:
            errors.append(_percent((100 - scores).sum(axis=0), (100 - others).sum(axis=0)))
        rows.append(
            CorruptionFigures(
                name=name,
                severities=tuple(how.severity for how in cells),
                means=tuple(CORRUPTIONS[name].at(how.severity) for how in cells),
                precision=tuple(map(figure, scores)),
                resilience=figure(resiliences[-1]),
                error=figure(errors[-1]) if errors else None,
                reference_precision=() if others is None else tuple(map(figure, others)),
            )
        )
    if not rows:
        raise EvaluationError(f"detector {detector}: no corruption to judge by was run")
    found = Robustness(
        detector=detector,
        reference=reference_name,
        split=split,
        domain=domain,
        protocol=target.protocol,
        score=str(target),
        num_frames=len(run[CLEAN]),
        num_drives=len(clean.labels_by_drive),
        num_labels=int(clean.labels_by_drive.sum()),
        interval_level=level,
        seed=seed,
        clean=figure(clean.values),
        reference_clean=None if theirs is None else figure(theirs[CLEAN].values),
        corruptions=tuple(rows),
        mean_resilience=figure(np.mean(resiliences, axis=0)),
        mean_error=figure(np.mean(errors, axis=0)) if errors else None,
    )
    return Robustness(**{**vars(found), "notes": (*_notes(found, drives), *remarks)})


def _draws(run: Run, target: Target, resamples: int) -> dict[Corruption | None, Draws]:
    # the same seed everywhere: draw r is the same drives in every cell
    return {how: precision_draws(frames, target, resamples=resamples, seed=0) for how, frames in run.items()}


def _percent(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part (R,) in percent of whole (R,); NaN of nothing."""
    share: FloatArray = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
    return 100 * share


def _require_same_labels(draws: Sequence[Draws]) -> None:
    for one in draws[1:]:
        if not np.array_equal(one.labels_by_drive, draws[0].labels_by_drive):
            raise EvaluationError(
                f"robustness needs the same frames in every run: labels per drive are "
                f"{draws[0].labels_by_drive.tolist()} and {one.labels_by_drive.tolist()}"
            )


def _notes(found: Robustness, drives: int) -> tuple[str, ...]:
    notes = []
    if drives < MIN_DRIVES:
        notes.append(f"no interval: labels in {drives} drives, fewer than {MIN_DRIVES}")
    if found.clean.value == 0:
        notes.append("no resilience: the detector finds nothing in the clean frames")
    return tuple(notes)
