"""``scanyard compare``: detectors on the same labels, in order only as far as the frames allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli.compare import DatasetPath, Drives, domain_label, interval
from scanyard.cli.progress import progress
from scanyard.cli.results import Classes, Exported, Names, OwnNames, Wanted
from scanyard.errors import InputError

if TYPE_CHECKING:
    from scanyard.metrics import Order, ScoredFrame
    from scanyard.results import Results


def compare(
    dataset: DatasetPath,
    detections: Annotated[
        list[str], typer.Option(help="NAME=FILE; one for each detector, or for each training under the same name.")
    ],
    protocol: Annotated[str, typer.Option(help="Named, frozen scoring settings.")] = "kitti_r40",
    metric: Annotated[
        str | None, typer.Option(help="What is compared; a precision. KITTI's is bev unless given, the others' ap.")
    ] = None,
    iou: Annotated[
        float | None,
        typer.Option(help="Overlap from which a detection counts as found; the category's strictest unless given."),
    ] = None,
    difficulty: Annotated[
        str | None, typer.Option(help="KITTI's is moderate unless given, Waymo's level_2, the others' all.")
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(help="car unless given; all for the mean over a protocol's categories: NDS, mAP, the mean CDS."),
    ] = None,
    drive: Drives = None,
    frames: Names = None,
    exported: Exported = None,
    own_names: OwnNames = False,
    classes: Classes = None,
    accept: Annotated[
        list[str] | None, typer.Option(help="A mismatch that is meant: range_mismatch or region_mismatch.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write the numbers as JSON.")] = None,
) -> None:
    """Compare detectors on the same labels: paired differences, corrected p, ranges of ranks.

    Reads every format that evaluate reads, told by the content.

    Example: scanyard compare out/real --detections real=out/a.json --detections mixed=out/b.json
    """
    from scanyard.experiment.scoring import pair_results, with_needed_returns
    from scanyard.metrics import put_in_order, usual_precision
    from scanyard.results import open_results

    category = category or ("all" if metric == "nds" else "car")  # which no category has alone
    usual_metric, category, usual_difficulty, usual_iou, _ = usual_precision(protocol, category)
    metric, difficulty = metric or usual_metric, difficulty or usual_difficulty
    iou = usual_iou if iou is None else iou
    files: dict[str, list[Path]] = {}
    for item in detections:
        name, equals, path = item.partition("=")
        if not equals or not name:
            raise InputError(f"--detections {item!r}: expected NAME=FILE, such as mixed=out/found.json")
        files.setdefault(name, []).append(Path(path))
    if len(files) < 2:
        raise InputError(f"--detections: {len(files)} detector named; name two or more to compare")
    results = {name: [open_results(path) for path in of_name] for name, of_name in files.items()}
    wanted = Wanted(dataset, drive, frames, classes, exported, own_names)
    split, labelled = wanted.labels()

    def scored(of: Results) -> list[ScoredFrame]:
        found = wanted.found(of, split, labelled)
        return with_needed_returns(pair_results(found, labelled, str(of.path)), split, protocol)

    runs = {name: [scored(one) for one in of_name] for name, of_name in results.items()}
    with progress(f"compare on {split.name}") as advance:
        order = put_in_order(
            runs,
            protocol,
            metric=metric,
            iou=iou,
            difficulty=difficulty,
            category=category,
            accepted=accept or (),
            on_progress=lambda done, total: advance(done, total, ""),
        )
    at = "" if iou is None else f"@{iou:g}"
    print_order(order, f"{category} {difficulty} {metric}{at} on {split.name} ({domain_label(split.domain)})")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(order.to_dict(), indent=1), encoding="utf-8")


def print_order(order: Order, title: str) -> None:
    """Detectors with ranks and letters, every pair, and what these frames could have told apart."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=120, markup=False)  # brackets hold intervals
    console.print(f"{title}: {order.how_sure}")
    table = Table("rank", "detector", "score", "interval", "letters")
    for one in order.standings:
        ranks = f"{one.best_rank}" if one.best_rank == one.worst_rank else f"{one.best_rank}-{one.worst_rank}"
        table.add_row(ranks, one.name, f"{one.value:.1f}", interval(one.low, one.high), one.letters)
    console.print(table)
    untested = sum(bool(pair.difference.untested) for pair in order.pairs)
    pairs = Table("pair", "difference", "interval", "p", f"p of {len(order.pairs) - untested}", "verdict")
    for pair in order.pairs:
        found = pair.difference
        pairs.add_row(
            f"{pair.first} less {pair.second}",
            f"{found.value:+.1f}",
            interval(found.low, found.high),
            "none" if found.p_value is None else f"{found.p_value:.3f}",
            "none" if pair.corrected_p is None else f"{pair.corrected_p:.3f}",
            pair.verdict,
        )
    console.print(pairs)
    if untested:
        console.print(f"{untested} of {len(order.pairs)} pairs were not tested: whether they differ is not known.")
    console.print("Detectors that share a letter were not told apart; the last p is corrected for all tested (Holm).")
    if untested < len(order.pairs):
        console.print(what_can_be_told(order))
    for note in order.notes:
        console.print(f"note: {note}")


def what_can_be_told(order: Order) -> str:
    """What these frames could have told apart, of all pairs that were tested, in words."""
    tested = [pair for pair in order.pairs if not pair.difference.untested]
    telling = [pair for pair in tested if pair.could_be_told_apart]
    company = "" if len(tested) == 1 else f", corrected for {len(tested)} pairs"
    if not telling:
        return (
            f"This holdout can show no difference at the 5 % level{company}: in too few of its drives do these "
            "detectors differ."
        )
    known = sorted(pair.difference.detectable for pair in telling if pair.difference.detectable is not None)
    if known:
        span = f"{known[0]:.1f}" if len(known) == 1 else f"{known[0]:.1f} to {known[-1]:.1f}"
        said = f"This holdout can tell differences of at least {span} points (power 0.8 at the 5 % level{company})"
    else:
        said = "What this holdout can tell is not known: drawn anew, its drives give the same differences again"
    silent = len(tested) - len(telling)
    return said + (f"; of {silent} of the pairs it could show nothing." if silent else ".")
