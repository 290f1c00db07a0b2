"""From scored frames to an ``Evaluation``, and the difference of two detectors on the same frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain

from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation, Score
from scanyard.metrics.contract import check_contract, check_runs
from scanyard.metrics.families import unscored
from scanyard.metrics.intervals import MIN_DRIVES, Difference
from scanyard.metrics.measured import Key, needed_for
from scanyard.metrics.pool import ScoredFrame
from scanyard.metrics.protocols import KittiProtocol, Protocol, class_of, load_protocol
from scanyard.metrics.side_by_side import side_by_side


def evaluate(
    frames: Sequence[ScoredFrame],
    protocol: str = "kitti_r40",
    *,
    split: str,
    domain: str,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
    check: bool = True,
    accepted: Collection[str] = (),
) -> Evaluation:
    """Score detections against labels under a named protocol; ``metrics`` says what the numbers are.

    A category and difficulty without a label to find has no score.  EvaluationError when the protocol is unknown, a
    column it needs is missing, or there is nothing to find at all; ContractError, its kind with a name, when labels
    and detections do not fit together (``contract``), which ``check=False`` leaves unasked; what is ``accepted``
    (range_mismatch, region_mismatch) becomes a note.
    """
    return evaluate_mean(
        [frames],
        protocol,
        split=split,
        domain=domain,
        resamples=resamples,
        level=level,
        seed=seed,
        check=check,
        accepted=accepted,
    )


def evaluate_mean(
    runs: Sequence[Sequence[ScoredFrame]],
    protocol: str = "kitti_r40",
    *,
    split: str,
    domain: str,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
    check: bool = True,
    accepted: Collection[str] = (),
) -> Evaluation:
    """The mean score of several detectors on the same frames, such as one recipe trained with several seeds.

    Drives are resampled for all runs together: the interval is that of the mean over the choice of drives, not over
    the choice of seeds.  EvaluationError also when the runs do not hold the same labels.
    """
    settings = load_protocol(protocol)
    remarks = [check_contract(frames, settings, split=split, accepted=accepted) for frames in runs] if check else []
    measured = side_by_side(dict(enumerate(runs)), protocol, resamples=resamples, level=level, seed=seed)
    if not measured.measured[0]:
        raise EvaluationError(
            f"split {split}: none of its {len(runs[0])} frames has a label of {list(settings.categories)} that counts; "
            "there is nothing to score"
        )
    scores = measured.means(range(len(runs)))
    return Evaluation(
        protocol=settings.name,
        split=split,
        domain=domain,
        num_frames=len(runs[0]),
        num_drives=len(measured.pools[0].drives),
        interval_level=level,
        scores=scores,
        notes=(
            *_notes(scores, settings),
            *_counted_as(runs[0], settings),
            *unscored(measured.pools[0], settings),
            *dict.fromkeys(chain(*remarks)),
        ),
    )


def paired_difference(
    frames_a: Sequence[ScoredFrame],
    frames_b: Sequence[ScoredFrame],
    protocol: str = "kitti_r40",
    *,
    metric: str,
    iou: float | None = None,
    difficulty: str,
    category: str = "car",
    distance_m: float | None = None,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
    check: bool = True,
    accepted: Collection[str] = (),
) -> Difference:
    """One score of detector a less that of b on the same frames, drives resampled together.

    EvaluationError when the two lists do not hold the same labels, or there is nothing to find; ContractError, which
    names the detector a or b, as by ``evaluate``.
    """
    return paired_mean_difference(
        [frames_a],
        [frames_b],
        protocol,
        metric=metric,
        iou=iou,
        difficulty=difficulty,
        category=category,
        distance_m=distance_m,
        resamples=resamples,
        level=level,
        seed=seed,
        check=check,
        accepted=accepted,
    )


def paired_mean_difference(
    runs_a: Sequence[Sequence[ScoredFrame]],
    runs_b: Sequence[Sequence[ScoredFrame]],
    protocol: str = "kitti_r40",
    *,
    metric: str,
    iou: float | None = None,
    difficulty: str,
    category: str = "car",
    distance_m: float | None = None,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
    check: bool = True,
    accepted: Collection[str] = (),
) -> Difference:
    """The mean score of detectors a less that of detectors b, such as two recipes trained with several seeds each.

    Drives are resampled for all together: the interval is over the choice of drives, not over that of seeds.
    EvaluationError when the runs do not hold the same labels, or there is nothing to find; ContractError, which names
    the detector a or b, as by ``evaluate``.
    """
    if check:
        check_runs({"a": runs_a, "b": runs_b}, load_protocol(protocol), accepted=accepted)
    category = class_of(load_protocol(protocol), category)
    key: Key = (metric, category, difficulty, iou, distance_m)
    sides = {("a", index): frames for index, frames in enumerate(runs_a)} | {
        ("b", index): frames for index, frames in enumerate(runs_b)
    }
    measured = side_by_side(sides, protocol, categories=needed_for(key), resamples=resamples, level=level, seed=seed)
    a, b = ([run for run in sides if run[0] == side] for side in "ab")
    return measured.difference(a, b, key)


def _counted_as(frames: Sequence[ScoredFrame], protocol: Protocol) -> list[str]:
    """How many boxes go by another name in this protocol, by ours."""
    labels = Counter(chain.from_iterable(frame.labels.category.tolist() for frame in frames))
    found = Counter(chain.from_iterable(frame.detections.category.tolist() for frame in frames))
    counts = [
        f"{labels[name]} labels and {found[name]} detections of {name} as {other}"
        for name, other in protocol.counts_as.items()
        if labels[name] or found[name]
    ]
    return [f"counted as {protocol.name} calls them: {', '.join(counts)}"] if counts else []


def _notes(scores: Sequence[Score], protocol: Protocol) -> list[str]:
    def names(found: Sequence[Score]) -> str:
        return ", ".join(dict.fromkeys(f"{score.category} {score.difficulty}".strip() for score in found))

    notes = []
    without = [score for score in scores if score.low is None]
    if without:
        notes.append(
            f"no interval, labels in fewer than {MIN_DRIVES} drives and too few frames to draw blocks of them: "
            f"{names(without)}"
        )
    if isinstance(protocol, KittiProtocol):
        few = [score for score in scores if score.num_labels <= protocol.recall_positions]
        if few:
            notes.append(
                f"{protocol.recall_positions} labels or fewer, where the development kit would cap the score: "
                f"{names(few)}"
            )
    return notes
