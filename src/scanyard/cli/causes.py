"""What ``scanyard evaluate`` says of why a score is what it is: slices, kinds of error, weighted scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli.progress import progress
from scanyard.errors import InputError

if TYPE_CHECKING:
    from scanyard.evaluation import Score
    from scanyard.metrics import Causes, Cost, ScoredFrame
    from scanyard.split import Split

Slices = Annotated[
    list[str] | None,
    typer.Option(
        "--slice",
        help="Also score parts: range:0,20,40,80, or a column alone: range, size, speed, points, occlusion, "
        "truncation, visibility, drive, or what recordings know, such as scenario and weather; repeatable. Or a YAML "
        "file with a list of such.",
    ),
]
Errors = Annotated[bool, typer.Option("--errors", help="Also say what each kind of error costs.")]
EXPOSURE = "exposure"
Weights = Annotated[
    Path | None,
    typer.Option(
        help="YAML, sequence, drive or scenario to weight (target over proposal density), or the word exposure, what "
        "scenarios say of how often they happen: also weighted scores."
    ),
]
Difficulty = Annotated[
    str | None, typer.Option(help="Of what slices, errors and weights take apart; the one that asks for most.")
]
MinObjects = Annotated[int, typer.Option(min=1, help="Slices of fewer objects are grey.")]
Page = Annotated[Path | None, typer.Option(help="Also write all of it as a page (.html).")]


def explain(
    frames: Sequence[ScoredFrame],
    protocol: str,
    *,
    split: Split,
    accepted: Sequence[str],
    slices: Sequence[str],
    errors: bool,
    weights: Path | None,
    difficulty: str | None,
    min_objects: int,
) -> Causes:
    """The score of these frames, and of what is behind it whatever was asked for."""
    from scanyard import metrics
    from scanyard.experiment.scoring import count_returns, with_needed_returns

    if difficulty is not None and not (slices or errors or weights):
        raise InputError(
            f"--difficulty {difficulty} is of what --slice, --errors and --weights take apart; ask for one of them, or "
            "leave it out: the table has every difficulty"
        )
    frames = with_needed_returns(frames, split, protocol)
    by = [metrics.SliceBy.parse(text) for given in slices for text in read_slices(given)]
    if any(one.column == "points" for one in by):
        frames = count_returns(frames, split)
    weights_from: tuple[str, ...] = ()
    if weights is not None and str(weights) == EXPOSURE:
        frames, weights_from = metrics.with_exposure(frames)
    elif weights is not None:
        frames, weights_from = metrics.with_weights(frames, read_weights(weights)), (str(weights),)
    if weights is not None and len({frame.weight for frame in frames}) < 2:
        print(f"note: --weights {weights} weighs all frames alike, so weighted scores are the plain ones")
    with progress(f"evaluate {split.name}") as advance:
        return metrics.explain(
            frames,
            protocol,
            split=split.name,
            domain=split.domain,
            by=by,
            errors=errors,
            difficulty=difficulty,
            min_objects=min_objects,
            accepted=accepted,
            weights_from=weights_from,
            on_progress=lambda done, total: advance(done, total, ""),
        )


def read_slices(given: str) -> list[str]:
    """What ``--slice`` was given, or the list in the YAML file that it names; InputError says what is none."""
    if not given.endswith((".yaml", ".yml")):
        return [given]
    data = _read_yaml(Path(given))
    if isinstance(data, dict) and set(data) == {"slices"}:
        data = data["slices"]
    if not isinstance(data, list) or not data or not all(isinstance(one, str) for one in data):
        raise InputError(f"{given}: expected a list of slices, as in slices: ['range:0,20,40,80', weather]")
    return data


def _read_yaml(path: Path) -> object:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found: object = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as trouble:
        raise InputError(f"{path}: not YAML: {trouble}") from None
    except OSError as trouble:
        raise InputError(f"{path}: cannot be read ({trouble.strerror})") from None
    return found


def read_weights(path: Path) -> dict[str, float]:
    """Weights by name from YAML or JSON; InputError says which is none."""
    data = _read_yaml(path)
    if not isinstance(data, dict) or not data:
        raise InputError(
            f"{path}: expected names of sequences, drives or scenarios with a weight each, as in fog: 0.05"
        )
    for name, weight in data.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise InputError(f"{path}: the weight of {name!r} is {weight!r}, expected a number")
    return {str(name): float(weight) for name, weight in data.items()}


def print_causes(causes: Causes) -> None:
    """Tables of whatever was asked for."""
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False)  # brackets hold intervals
    if causes.slices:
        console.print(f"\nby part of the objects, {causes.slices[0].score.difficulty}")
        table = Table("slice", "category", "AP", "interval", "objects")
        for one in causes.slices:
            table.add_row(
                f"{one.column} {one.name}",
                f"{one.score.category} {_metric(one.score)}",
                f"{one.score.value:.2f}",
                _interval(one.score),
                f"{one.score.num_labels}{' (few)' if one.grey else ''}",
                style="dim" if one.grey else None,
            )
        console.print(table)
        if any(one.grey for one in causes.slices):
            console.print(f"note: few is under {causes.min_objects} objects, from which nothing should be read")
    if causes.undetected:
        console.print(f"\nnothing was detected as {' or '.join(causes.undetected)}: every such label is missed")
    for breakdown in causes.breakdowns:
        score = breakdown.score
        console.print(
            f"\n{score.category}: {_metric(score)} {score.difficulty} is {score.value:.2f}; putting one kind right adds"
        )
        table = Table("error", "how many", "points", "interval")
        for cost in breakdown.costs:
            ends = "no interval" if cost.low is None else f"[{cost.low:+.2f}, {cost.high:+.2f}]{_drawn(cost)}"
            table.add_row(cost.kind, str(cost.count), f"{cost.value:+.2f}", ends)
        console.print(table)
    if causes.weighted is not None:
        weighted = causes.weighted
        console.print("\nas often as it happens")
        table = Table("category", "raw AP", "interval", "weighted AP", "interval")
        for pair in weighted.scores:
            table.add_row(
                pair.raw.category, f"{pair.raw.value:.2f}", _interval(pair.raw), f"{pair.weighted.value:.2f}",
                _interval(pair.weighted),
            )  # fmt: skip
        console.print(table)
        console.print(
            f"note: {weighted.num_drives} drives, {weighted.effective_drives:.1f} effective, the heaviest has "
            f"{weighted.largest_share:.0%} of the weight"
        )
        for line in weighted.origin:
            console.print(f"weights: {line}")
        if weighted.warning:
            console.print(f"warning: {weighted.warning}")
    if any(_drawn(one) for one in _with_intervals(causes)):
        drives = causes.evaluation.num_drives
        these = "this 1 drive" if drives == 1 else f"these {drives} drives"
        console.print(f"note: intervals by blocks of frames are of {these} and say nothing of others")


def _with_intervals(causes: Causes) -> list[Score | Cost]:
    """Everything in the tables that may have an interval."""
    return [
        *(one.score for one in causes.slices),
        *(cost for breakdown in causes.breakdowns for cost in breakdown.costs),
        *(score for pair in (causes.weighted.scores if causes.weighted else ()) for score in (pair.raw, pair.weighted)),
    ]


def _interval(score: Score) -> str:
    if score.low is None or score.high is None:
        return "no interval"
    return f"[{score.low:.1f}, {score.high:.1f}]{_drawn(score)}"


def _drawn(one: Score | Cost) -> str:
    """What was drawn for an interval, if it was not drives."""
    return "" if one.resampled == "drive" else f" by {one.resampled}"


def _metric(score: Score) -> str:
    at = f"@{score.iou:g}" if score.iou is not None else f"@{score.distance_m:g} m" if score.distance_m else ""
    return f"{score.metric}{at}"
