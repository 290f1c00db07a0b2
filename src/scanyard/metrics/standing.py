"""Several detectors on the same frames, put in order as far as the frames allow.

Every two are compared by the permutation test, p is corrected for all the pairs there are (Holm), and only pairs still
told apart narrow a rank or part two letters.  Nobody is first because of a digit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from scanyard.errors import EvaluationError
from scanyard.evaluation import how_sure
from scanyard.metrics.contract import check_runs
from scanyard.metrics.intervals import Difference
from scanyard.metrics.measured import MEANS, Key, needed_for
from scanyard.metrics.multiplicity import holm, letters, rank_ranges
from scanyard.metrics.pool import ScoredFrame
from scanyard.metrics.protocols import KittiProtocol, NuscenesProtocol, WaymoProtocol, class_of, load_protocol
from scanyard.metrics.side_by_side import Run, SideBySide, side_by_side

SHOWN = 0.05
"""Corrected p up to which two are told apart."""


@dataclass(frozen=True)
class Pair:
    """Two detectors, the first less the second."""

    first: str
    second: str
    difference: Difference
    corrected_p: float | None
    """p corrected for all pairs; ``None`` where there is no p."""
    corrected_least: float | None = None
    """The smallest that it could have been, had all pairs differed as much as their drives allow."""

    @property
    def apart(self) -> bool:
        """Whether they were told apart."""
        return self.corrected_p is not None and self.corrected_p <= SHOWN

    @property
    def could_be_told_apart(self) -> bool:
        """Whether any p that these frames could have given would have done it."""
        return self.corrected_least is not None and self.corrected_least <= SHOWN

    @property
    def verdict(self) -> str:
        """What the comparison came to, in words."""
        if self.apart:
            return f"{self.first if self.difference.value > 0 else self.second} is better"
        if self.difference.untested:
            return f"not tested: {self.difference.untested}"
        return "no difference shown" if self.could_be_told_apart else "no difference could be shown"


@dataclass(frozen=True)
class Standing:
    """A detector in its place."""

    name: str
    value: float
    low: float | None
    high: float | None
    best_rank: int
    """One more than the detectors shown to be better."""
    worst_rank: int
    letters: str
    """Two that share one were not told apart, or not tested."""


@dataclass(frozen=True)
class Order:
    """Detectors by their score, best first, and every pair of them."""

    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]
    how_sure: str
    """What the intervals are, in words."""
    notes: tuple[str, ...] = ()
    """What was accepted of detectors whose detections do not quite fit the labels."""

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values, and the verdict of each pair."""
        data = asdict(self)
        for pair, said in zip(data["pairs"], self.pairs, strict=True):
            pair["verdict"] = said.verdict
        return data


def usual_precision(protocol: str, category: str) -> Key:
    """What detectors are ordered by unless something else is asked for: what a benchmark's own table sorts by.

    KITTI: bird's-eye at the strictest overlap, moderate; Waymo: level 2; the others: the mean over distances, and of
    ``all`` categories NDS or the mean CDS.  EvaluationError when the protocol or the category is unknown.
    """
    settings = load_protocol(protocol)
    if category == MEANS:
        if isinstance(settings, KittiProtocol | WaymoProtocol):
            raise EvaluationError(
                f"protocol {protocol}: has no mean over categories, as nuscenes and argoverse2 have; name one of "
                f"{list(settings.categories)}"
            )
        return ("nds" if isinstance(settings, NuscenesProtocol) else "cds", MEANS, "all", None, None)
    name = class_of(settings, category)
    if isinstance(settings, KittiProtocol):
        metric = "bev" if "bev" in settings.metrics else settings.metrics[0]
        return (metric, name, "moderate", max(settings.category(name).overlaps), None)
    if name not in settings.categories:
        raise EvaluationError(
            f"protocol {protocol}: no category {category!r}; it has {list(settings.categories)}, and counts "
            f"{list(settings.counts_as)} among them"
        )
    if isinstance(settings, WaymoProtocol):
        return ("ap", name, "level_2", settings.overlaps[name], None)
    return ("ap", name, "all", None, None)


def put_in_order(
    runs: Mapping[str, Sequence[Sequence[ScoredFrame]]],
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
    on_progress: Callable[[int, int], None] | None = None,
) -> Order:
    """Order detectors, each with the frames of one or more trainings, by one score in percent.

    EvaluationError when they do not hold the same labels, there is nothing to find, or more is not better;
    ContractError, which names the detector, when its detections and the labels do not fit together (``contract``),
    which ``check=False`` leaves unasked; what is ``accepted`` becomes a note.
    """
    settings = load_protocol(protocol)
    key: Key = (metric, class_of(settings, category), difficulty, iou, distance_m)
    notes = check_runs(runs, settings, accepted=accepted) if check else ()
    sides = {(name, index): frames for name, several in runs.items() for index, frames in enumerate(several)}
    pairs = len(runs) * (len(runs) - 1) // 2

    def report(done: int) -> None:
        if on_progress is not None:
            on_progress(done, len(sides) + pairs)

    measured = side_by_side(
        sides,
        protocol,
        categories=needed_for(key),
        resamples=resamples,
        level=level,
        seed=seed,
        on_run=report,
    )
    order = order_measured(
        measured,
        {name: [run for run in sides if run[0] == name] for name in runs},
        key,
        on_pair=lambda done: report(len(sides) + done),
    )
    return replace(order, notes=notes)


def order_measured(
    measured: SideBySide[Run],
    runs: Mapping[str, Sequence[Run]],
    key: Key,
    *,
    on_pair: Callable[[int], None] = lambda _: None,
) -> Order:
    """As ``put_in_order``, of detectors whose runs were measured already; ``on_pair`` is told how many pairs are done.

    EvaluationError when this number was not measured, or more is not better.
    """
    scores = {name: measured.mean(mine, key) for name, mine in runs.items()}
    if any(score.unit != "percent" for score in scores.values()):
        raise EvaluationError(f"{key[0]} is an error, of which less is better; order detectors by a precision")
    names = sorted(runs, key=lambda name: (-scores[name].value, name))
    compared = list(combinations(names, 2))
    company = sum(len(runs[first]) == len(runs[second]) for first, second in compared)
    differences: list[Difference] = []
    for first, second in compared:
        differences.append(measured.difference(runs[first], runs[second], key, company=max(company, 1)))
        on_pair(len(differences))
    pairs = _corrected(compared, differences)
    better = np.zeros((len(names), len(names)), dtype=bool)
    for pair in pairs:
        i, j = names.index(pair.first), names.index(pair.second)
        better[i, j] = pair.apart and pair.difference.value > 0
    standings = tuple(
        Standing(name, scores[name].value, scores[name].low, scores[name].high, best, worst, shared)
        for name, (best, worst), shared in zip(names, rank_ranges(better), letters(better), strict=True)
    )
    num_drives = len(measured.pools[runs[names[0]][0]].drives)
    return Order(standings, pairs, how_sure(scores.values(), measured.level, num_drives))


def _corrected(compared: Sequence[tuple[str, str]], differences: Sequence[Difference]) -> tuple[Pair, ...]:
    """The pairs, each p corrected for all there are; where none could have shown anything, nothing can be told."""
    corrected = iter(holm([one.p_value for one in differences if one.p_value is not None]))
    least = iter(holm([one.least_p for one in differences if one.least_p is not None]))
    pairs = []
    for (first, second), one in zip(compared, differences, strict=True):
        pair = Pair(first, second, one, None, None)
        if one.p_value is not None:
            pair = replace(pair, corrected_p=next(corrected), corrected_least=next(least))
        if not pair.could_be_told_apart:
            pair = replace(pair, difference=replace(one, detectable=None))
        pairs.append(pair)
    return tuple(pairs)
