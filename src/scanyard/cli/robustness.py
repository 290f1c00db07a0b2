"""``scanyard corrupt`` and ``scanyard robustness``: frames of a worse day, and what they do to a detector."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli.compare import DatasetPath, Drives, domain_label, interval, open_split
from scanyard.cli.progress import progress
from scanyard.errors import InputError

if TYPE_CHECKING:
    from scanyard.robustness import Figure, Robustness
    from scanyard.split import Split

NAMES = "fog, rain, snow, beam_loss, motion_blur, crosstalk, incomplete_echo or miscalibration"


def corrupt(
    dataset: DatasetPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="Dataset folder to write.")],
    corruption: Annotated[str, typer.Option(help=f"What to do to the LiDAR: {NAMES}.")],
    severity: Annotated[int, typer.Option(help="1 (mild) to 5 (harsh).")],
    seed: Annotated[int, typer.Option(min=0, help="What chance depends on.")] = 0,
    drive: Drives = None,
) -> None:
    """Write a dataset whose sweeps have one corruption; labels and images are those of the clean one.

    Example: scanyard corrupt out/real --out out/real-fog --corruption fog --severity 3
    """
    from scanyard.corrupt import corrupted
    from scanyard.corrupt import corruption as named
    from scanyard.store import create_dataset, open_dataset, seal_dataset, sweep_staging, write_sequence

    how = named(corruption, severity)
    split = open_split(dataset, drive)
    spoilt = [corrupted(sequence, how.name, how.severity, seed) for sequence in split.sequences]
    if (out / "dataset.json").is_file():
        other = sorted(set(open_dataset(out).sequences) - {one.info.name for one in spoilt})
        if other:
            raise InputError(
                f"--out {out}: holds {len(other)} sequences that are not {how} of {dataset}, such as {other[0]!r}; "
                "give a folder of its own, or spoilt and clean sweeps would be scored together"
            )
    create_dataset(out, licence=open_dataset(dataset).licence)
    sweep_staging(out)
    done = 0
    with progress(f"corrupt {split.name}: {how}") as advance:
        for one in spoilt:
            write_sequence(out, one.info, one)
            done += len(one)
            advance(done, split.num_frames, one.info.name)
    digest = seal_dataset(out)
    print(f"{out}: {len(split.sequences)} sequences, {split.num_frames} frames, digest {digest[:16]}")


def robustness(
    dataset: DatasetPath,
    checkpoint: Annotated[Path, typer.Option(help="Detector to judge (.safetensors).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for robustness.html, .json and .png.")],
    reference: Annotated[Path | None, typer.Option(help="Detector to compare with: gives corruption errors.")] = None,
    corruption: Annotated[
        list[str] | None, typer.Option(help=f"Only this one; may be given several times: {NAMES}.")
    ] = None,
    severity: Annotated[
        list[int] | None, typer.Option(help="Only this severity, 1 to 5; may be given several times.")
    ] = None,
    metric: Annotated[str, typer.Option(help="Score to follow: 3d or bev.")] = "3d",
    iou: Annotated[
        float | None,
        typer.Option(help="Overlap from which an object counts as found; the category's strictest if not given."),
    ] = None,
    difficulty: Annotated[str, typer.Option(help="easy, moderate or hard.")] = "moderate",
    category: Annotated[str, typer.Option(help="What is looked for.")] = "car",
    seed: Annotated[int, typer.Option(min=0, help="What chance in the corruptions depends on.")] = 0,
    drive: Drives = None,
) -> None:
    """Score a detector under every corruption at every severity, with intervals resampled by drive.

    Example: scanyard robustness out/real --checkpoint out/synthetic.safetensors --out out/robustness
    """
    from scanyard import robustness as room
    from scanyard.corrupt import CORRUPTIONS, SEVERITIES
    from scanyard.corrupt import corruption as named
    from scanyard.detect import load_detector
    from scanyard.metrics import usual_precision

    how = [named(name, one) for name in corruption or CORRUPTIONS for one in sorted(set(severity or SEVERITIES))]
    iou = usual_precision("kitti_r40", category)[3] if iou is None else iou
    assert iou is not None  # every category of KITTI's has one
    target = room.Target(metric, iou, difficulty, category)
    split = open_split(dataset, drive)
    detector = load_detector(checkpoint)
    other = None if reference is None else load_detector(reference)
    for one in (detector, *([other] if other is not None else [])):
        if category not in one.recipe.categories:
            raise InputError(f"--category {category}: {one.name} looks for {', '.join(one.recipe.categories)}")
    notes: tuple[str, ...] = ()
    if not corruption and (without := no_intensity(split)):
        notes = (f"without incomplete_echo, which needs intensity, and {without} has none",)
        print(f"note: {notes[0]}", file=sys.stderr)
        how = [one for one in how if one.name != "incomplete_echo"]
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file; give a folder")
    out.mkdir(parents=True, exist_ok=True)
    with progress(f"robustness on {split.name}") as advance:
        found, runs = room.measure_robustness(
            detector,
            split,
            how,
            target=target,
            reference=other,
            seed=seed,
            on_progress=lambda done, total: advance(done, total, ""),
        )
    _print(found)
    (out / "robustness.json").write_text(json.dumps(found.to_dict(), indent=1, allow_nan=False), encoding="utf-8")
    print(out / "robustness.json")
    picture = room.write_picture(out / "robustness.png", found, split, runs[0])
    print(picture)
    print(room.write_robustness(out / "robustness.html", found, picture, notes=notes))


def no_intensity(split: Split) -> str:
    """The first recording whose first sweep has no intensity; empty where all have."""
    for sequence in split.sequences:
        sweep = sequence[0].sweeps.get(sequence.info.rig.lidars[0].name) if len(sequence) else None
        if sweep is not None and sweep.intensity is None:
            return sequence.info.name
    return ""


def _print(found: Robustness) -> None:
    """A row per corruption: AP at each severity, then resilience and corruption error."""
    from rich.console import Console
    from rich.table import Table

    severities = sorted({severity for one in found.corruptions for severity in one.severities})
    compared = found.mean_error is not None
    table = Table("corruption", *map(str, severities), "resilience", *(["corruption error"] if compared else []))
    for one in found.corruptions:
        scores = dict(zip(one.severities, one.precision, strict=True))
        cells = ["" if severity not in scores else _value(scores[severity]) for severity in severities]
        table.add_row(one.name, *cells, _text(one.resilience), *([_text(one.error)] if one.error else []))
    means = [_text(found.mean_resilience), *([_text(found.mean_error)] if found.mean_error else [])]
    table.add_section()
    table.add_row("mean", *[""] * len(severities), *means)
    console = Console(width=120, markup=False)  # brackets hold intervals
    console.print(
        f"{found.detector} on {found.split} ({domain_label(found.domain)}): {found.num_frames} frames, "
        f"{found.num_drives} drives, {found.num_labels} labels; AP of {found.score} under {found.protocol}, "
        f"{found.interval_level:.0%} intervals"
    )
    console.print(f"clean: {_text(found.clean)}")
    if found.reference_clean is not None:
        console.print(f"reference {found.reference}, clean: {_text(found.reference_clean)}")
    console.print(table)
    for note in found.notes:
        console.print(f"note: {note}")


def _value(figure: Figure) -> str:
    return "undefined" if figure.value is None else f"{figure.value:.1f}"


def _text(figure: Figure) -> str:
    return _value(figure) if figure.value is None else f"{figure.value:.1f} {interval(figure.low, figure.high)}"
