"""Why a score is what it is: the evaluation, and beside it slices, kinds of error and weighted scores, in one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from scanyard.evaluation import Evaluation, Score
from scanyard.metrics.breakdown import TOTALS, Breakdown, Cost, break_down
from scanyard.metrics.error_kinds import KINDS
from scanyard.metrics.headline import Subject
from scanyard.metrics.pool import ScoredFrame
from scanyard.metrics.scoring import evaluate
from scanyard.metrics.slices import MIN_OBJECTS, SliceBy, SliceScore, score_slices
from scanyard.metrics.weights import Weighted, WeightedScore, weigh


@dataclass(frozen=True)
class Causes:
    """A detector's numbers on a split, and what is behind them; parts that were not asked for are empty."""

    evaluation: Evaluation
    slices: tuple[SliceScore, ...] = ()
    breakdowns: tuple[Breakdown, ...] = ()
    weighted: Weighted | None = None
    min_objects: int = MIN_OBJECTS
    """Slices with fewer labels are grey."""
    undetected: tuple[str, ...] = ()
    """Categories that have labels, and that nothing was detected as: they are in the evaluation alone."""

    def to_dict(self) -> dict[str, Any]:
        """The evaluation's fields as JSON values, and under ``causes`` the rest, if there is any."""
        if not (self.slices or self.breakdowns or self.weighted):
            return self.evaluation.to_dict()
        causes = {
            "min_objects": self.min_objects,
            "slices": [asdict(one) for one in self.slices],
            "breakdowns": [asdict(one) for one in self.breakdowns],
            "weighted": None if self.weighted is None else asdict(self.weighted),
            "undetected": list(self.undetected),
        }
        return {**self.evaluation.to_dict(), "causes": causes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Causes:
        """Undo ``to_dict``; the file of an evaluation alone has no causes."""
        fields = dict(data)
        causes = fields.pop("causes", {})
        weighted = causes.get("weighted")
        return cls(
            evaluation=Evaluation.from_dict(fields),
            slices=tuple(SliceScore(**{**one, "score": Score(**one["score"])}) for one in causes.get("slices", ())),
            breakdowns=tuple(
                Breakdown(Score(**one["score"]), tuple(Cost(**cost) for cost in one["costs"]))
                for one in causes.get("breakdowns", ())
            ),
            weighted=None if weighted is None else _weighted(weighted),
            min_objects=causes.get("min_objects", MIN_OBJECTS),
            undetected=tuple(causes.get("undetected", ())),
        )


def explain(
    frames: Sequence[ScoredFrame],
    protocol: str = "kitti_r40",
    *,
    split: str,
    domain: str,
    by: Sequence[SliceBy] = (),
    errors: bool = False,
    difficulty: str | None = None,
    min_objects: int = MIN_OBJECTS,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
    check: bool = True,
    accepted: Collection[str] = (),
    weights_from: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Causes:
    """``evaluate``, and whatever of slices and kinds of error is asked for; weighted scores where weights differ.

    ``difficulty`` is that of the precision taken apart, not of the evaluation; ``weights_from`` says where weights come
    from.  ``on_progress`` is called with steps
    done and steps in all, which take about equally long.  EvaluationError as by ``evaluate`` and by each part.
    """
    weighed = len({frame.weight for frame in frames}) > 1
    steps = 2 + len(by) + weighed + (len(KINDS) + len(TOTALS) if errors else 0)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, steps)

    evaluation = evaluate(
        frames, protocol, split=split, domain=domain, resamples=resamples, level=level, seed=seed, check=check,
        accepted=accepted,
    )  # fmt: skip
    step()
    if not (by or errors or weighed):
        step()
        return Causes(evaluation, min_objects=min_objects)
    whole = Subject.of(frames, protocol, difficulty=difficulty, resamples=resamples, level=level, seed=seed)
    subject = whole.of_detected()
    step()
    slices: list[SliceScore] = []
    for one in by:
        slices += score_slices(subject, [one], min_objects=min_objects)
        step()
    breakdowns = break_down(subject, on_kind=step) if errors else ()
    weighted = None
    if weighed:
        weighted = replace(weigh(subject), origin=tuple(weights_from))
        step()
    return Causes(evaluation, tuple(slices), breakdowns, weighted, min_objects, whole.undetected)


def _weighted(data: Mapping[str, Any]) -> Weighted:
    scores = [WeightedScore(Score(**one["raw"]), Score(**one["weighted"])) for one in data["scores"]]
    return Weighted(**{**data, "scores": tuple(scores), "origin": tuple(data.get("origin", ()))})
