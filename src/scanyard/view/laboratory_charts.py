"""Pictures of the ratio laboratory: scores read off the learning curve, and scores over the synthetic share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scanyard.view.charts import canvas, svg_text
from scanyard.view.findings import Equivalent, MixingCurve
from scanyard.view.palette import ARMS, DOMAIN


def learning_chart(equivalents: Sequence[Equivalent]) -> str:
    """The curve of real labels with its band and arms, and each judged arm at its score with its interval in frames.

    ``equivalents`` share one curve: one test split, category and metric.  An arm beyond the curve ends in an arrow.
    """
    figure, axes = canvas()
    first = equivalents[0]
    real = DOMAIN["stand-in" if first.domain == "stand-in" else "real"]
    place, score, low, high = np.array(first.curve).T
    axes.fill_between(place, low, high, color=real, alpha=0.16, linewidth=0)
    axes.plot(place, score, color=real, linewidth=1.8, label="real labels alone")
    for point in first.sizes:
        if point.low is not None and point.high is not None:
            axes.plot([point.frames] * 2, [point.low, point.high], color=real, alpha=0.5, linewidth=1.2)
        axes.plot([point.frames], [point.value], color=real, marker="o", markersize=5)
    others = [color for color in ARMS if color != real]
    left, right = first.least / 1.25, first.most * 1.25
    for index, one in enumerate(equivalents):
        color = others[index % len(others)]
        ends = [_inside(end, left, right) for end in (one.low, one.high)]
        axes.plot([left, right], [one.score] * 2, color=color, linewidth=0.8, alpha=0.6, linestyle=":")
        axes.plot(ends, [one.score] * 2, color=color, linewidth=3.2, solid_capstyle="butt", label=one.arm)
        if math.isfinite(one.frames):
            axes.plot([one.frames], [one.score], color=color, marker="D", markersize=6)
        for end in (one.low, one.high):
            if math.isinf(end):
                at, arrow = (left, "<") if end < 0 else (right, ">")
                axes.plot([at], [one.score], color=color, marker=arrow, markersize=7)
    axes.set_xscale("log")
    axes.set_xlim(left / 1.04, right * 1.04)
    axes.set_xticks([point.frames for point in first.sizes])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("real labelled frames trained on")
    axes.set_ylabel(f"{first.category} {first.metric.upper()} precision at overlap {first.iou:g}, %")
    return svg_text(figure, axes, name=f"worth-{first.evaluated_on}-{first.category}-{first.metric}")


def mixing_chart(curves: Sequence[MixingCurve]) -> str:
    """Scores over the share of synthetic data, the band that the choice of drives leaves open; one line per sweep."""
    figure, axes = canvas()
    for index, curve in enumerate(curves):
        color = ARMS[index % len(ARMS)]
        share = [100 * point.share for point in curve.points]
        known = [point for point in curve.points if point.low is not None and point.high is not None]
        if known:
            low, high = ([point.low for point in known], [point.high for point in known])
            axes.fill_between([100 * p.share for p in known], low, high, color=color, alpha=0.14, linewidth=0)
        label = f"{curve.sweep}: {curve.fixed} frames fixed"
        axes.plot(share, [p.value for p in curve.points], color=color, linewidth=1.8, marker="o", label=label)
    shares = sorted({100 * point.share for curve in curves for point in curve.points})
    # small shares are where the question is; equal steps would pile them up at the left
    axes.set_xscale("symlog", linthresh=1.0, linscale=0.6)
    axes.set_xlim(left=-0.05)
    axes.set_xticks(shares)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("synthetic share of what is trained on, %")
    first = curves[0]
    axes.set_ylabel(f"{first.category} {first.metric.upper()} precision at overlap {first.iou:g}, %")
    return svg_text(figure, axes, name=f"mixing-{first.evaluated_on}-{first.category}-{first.metric}")


def _inside(frames: float, left: float, right: float) -> float:
    return min(max(frames, left), right)
