"""One picture of all of it: average precision over severity for each corruption, and a frame as the detector saw it.

Each corruption is a block: its curve with the interval as a band, the clean score dashed, then the frame from above at
a mild, a middling and a harsh severity, labels green and detections orange.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanyard.boxes import Boxes
from scanyard.corrupt import CORRUPTIONS, SEVERITIES, Corruption, corrupt_frame
from scanyard.frame import Frame
from scanyard.robustness.figures import CLEAN, CorruptionFigures, Figure, Robustness, Run, figure_text
from scanyard.sequence import SequenceInfo
from scanyard.split import Split
from scanyard.view.birdseye import Extent, draw_birdseye
from scanyard.view.palette import ARMS

SHOWN = (1, 3, 5)
"""Severities that the frame is shown at."""
_EXTENT = Extent(ahead_m=(-6.0, 46.0), left_m=(-18.0, 18.0), pixels_per_m=6.0)
_BLOCK_IN = (8.6, 3.3)
_BLOCKS_ABREAST = 2
_INK, _QUIET, _GRID = "#22282c", "#6b757c", "#dfe4e7"


@dataclass(frozen=True)
class _Example:
    """The frame that is shown, as it is, and what the detector found in it by corruption."""

    frame: Frame
    info: SequenceInfo
    index: int
    """Place in its sequence."""
    seed: int
    detections: Mapping[Corruption | None, Boxes]


def write_picture(path: str | Path, found: Robustness, split: Split, run: Run) -> Path:
    """Draw the figures beside the split's frame with most labels; ``run`` is what the detector found there."""
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415  # costs 0.4 s; not needed to answer --help

    rows = -(-len(found.corruptions) // _BLOCKS_ABREAST)
    across = min(len(found.corruptions), _BLOCKS_ABREAST)
    canvas = Canvas(figsize=(_BLOCK_IN[0] * across, _BLOCK_IN[1] * rows + 0.8), dpi=100, layout="constrained")
    canvas.suptitle(_title(found), x=0.01, ha="left", fontsize=11, color=_INK)
    widths = [1.5, *[1.0] * len(SHOWN)] * across
    axes = canvas.subplots(rows, len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})
    example = _example(split, run, found.seed)
    for block, one in enumerate(found.corruptions):
        row, column = divmod(block, _BLOCKS_ABREAST)
        curve, *views = axes[row][column * (1 + len(SHOWN)) :][: 1 + len(SHOWN)]
        _draw_curve(curve, one, found)
        for view, severity in zip(views, SHOWN, strict=True):
            _draw_view(view, Corruption(one.name, severity), example)
    for spare in range(len(found.corruptions), rows * across):
        for empty in axes[spare // across][(spare % across) * (1 + len(SHOWN)) :]:
            empty.set_axis_off()
    canvas.savefig(path)
    return Path(path)


def _title(found: Robustness) -> str:
    domain = "stand-in, not real" if found.domain == "stand-in" else found.domain
    against = "" if found.mean_error is None else f", mCE {figure_text(found.mean_error)} against {found.reference}"
    return (
        f"{found.detector} on {found.split} ({domain}; {found.num_frames} frames, {found.num_drives} drives): "
        f"{found.score}, AP in percent with {found.interval_level:.0%} intervals\n"
        f"clean {figure_text(found.clean)}, mRR {figure_text(found.mean_resilience)}{against}"
    )


def _draw_curve(axes: Any, one: CorruptionFigures, found: Robustness) -> None:
    _draw_line(axes, one.severities, one.precision, ARMS[0], found.detector)
    if one.reference_precision:
        _draw_line(axes, one.severities, one.reference_precision, ARMS[1], "reference")
    if found.clean.value is not None:
        axes.axhline(found.clean.value, color=ARMS[0], linewidth=1.0, linestyle="--")
    if found.reference_clean is not None and found.reference_clean.value is not None:
        axes.axhline(found.reference_clean.value, color=ARMS[1], linewidth=1.0, linestyle="--")
        axes.legend(frameon=False, fontsize=8, labelcolor=_INK)
    axes.set_title(f"{one.name.replace('_', ' ')}: resilience {figure_text(one.resilience)}", fontsize=9, color=_INK)
    axes.set_xlim(SEVERITIES[0] - 0.2, SEVERITIES[-1] + 0.2)
    axes.set_xticks(one.severities, [_tick(one.name, severity) for severity in one.severities], fontsize=7)
    axes.set_xlabel(CORRUPTIONS[one.name].unit, fontsize=8, color=_QUIET)
    axes.set_ylim(0, 100)
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=_QUIET, labelsize=8)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)


def _draw_line(axes: Any, at: Sequence[int], figures: Sequence[Figure], color: str, label: str) -> None:
    known = [(x, one) for x, one in zip(at, figures, strict=True) if one.value is not None]
    axes.plot(
        [x for x, _ in known], [one.value for _, one in known], color=color, marker="o", markersize=4, label=label
    )
    banded = [(x, one.low, one.high) for x, one in known if one.low is not None]
    if banded:
        axes.fill_between(*zip(*banded, strict=True), color=color, alpha=0.16, linewidth=0)


def _draw_view(axes: Any, how: Corruption, example: _Example) -> None:
    frame = corrupt_frame(
        example.frame, example.info.rig, how, seed=example.seed, sequence=example.info.name, index=example.index
    )
    axes.imshow(draw_birdseye(frame, example.info.rig, detections=example.detections.get(how), extent=_EXTENT))
    axes.set_title(CORRUPTIONS[how.name].at(how.severity), fontsize=8, color=_QUIET)
    axes.set_axis_off()


def _tick(name: str, severity: int) -> str:
    return f"{CORRUPTIONS[name].scale[severity - 1]:g}"


def _example(split: Split, run: Run, seed: int) -> _Example:
    """The frame with most labels, by what the detector was scored on."""
    counts = [len(scored.labels) for scored in run[CLEAN]]
    place = index = counts.index(max(counts))
    for sequence in split.sequences:
        if index < len(sequence):
            break
        index -= len(sequence)
    found = {how: frames[place].detections for how, frames in run.items()}
    return _Example(sequence[index], sequence.info, index, seed, found)
