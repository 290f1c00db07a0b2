"""Line charts as SVG text for the report: loss against steps, points on an object against its distance.

Text stays text, and ink, grid and paper become CSS variables, so one chart suits a light and a dark page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanyard.geometry import FloatArray
from scanyard.view.contents import LossCurve, named
from scanyard.view.palette import ARMS, DOMAIN

_INK, _GRID = "#010203", "#040506"  # never drawn as such: replaced by the page's variables
_SIZE_IN = (6.6, 3.5)
_BIN_M = 5.0
_MIN_PER_BIN = 4  # a median of fewer objects is noise


@dataclass(frozen=True)
class ObjectPoints:
    """Labelled objects of one dataset: how far away each is and how many returns lie in it, indexed alike."""

    name: str
    domain: str
    distance_m: FloatArray
    """(N,)"""
    num_points: FloatArray
    """(N,)"""


def loss_chart(curves: Sequence[LossCurve]) -> str:
    """Loss of every arm against optimiser steps, smoothed over a fiftieth of the run, the raw values faint behind."""
    figure, axes = canvas()
    arms = list(dict.fromkeys(curve.arm for curve in curves))
    for curve in curves:
        color = ARMS[arms.index(curve.arm) % len(ARMS)]
        loss = np.asarray(curve.loss, dtype=np.float64)
        window = max(1, len(loss) // 50)
        smooth = np.convolve(loss, np.ones(window) / window, mode="valid")
        first = curve.arm not in axes.get_legend_handles_labels()[1]
        axes.plot(curve.steps, loss, color=color, alpha=0.18, linewidth=0.8)
        axes.plot(curve.steps[window - 1 :], smooth, color=color, linewidth=1.8, label=curve.arm if first else None)
    axes.set_xlabel("optimiser steps")
    axes.set_ylabel("training loss")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    return svg_text(figure, axes, name="loss")


def points_chart(datasets: Sequence[ObjectPoints]) -> str:
    """Returns per labelled object against distance, log scale: the median line and a band of the middle 80 %."""
    figure, axes = canvas()
    domains = [data.domain for data in datasets]
    for index, data in enumerate(datasets):
        alone = domains.count(data.domain) == 1
        color = DOMAIN.get(data.domain, ARMS[0]) if alone else ARMS[index % len(ARMS)]
        at, low, middle, high = binned(data)
        axes.fill_between(at, low, high, color=color, alpha=0.16, linewidth=0)
        label = f"{named(data.name, data.domain)}: {len(data.distance_m)} objects"
        axes.plot(at, middle, color=color, linewidth=1.8, marker="o", markersize=3, label=label)
    axes.set_xlabel("distance to the object, m")
    axes.set_ylabel("LiDAR returns on it")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.8)
    axes.yaxis.set_major_formatter("{x:g}")
    return svg_text(figure, axes, name="points")


def binned(data: ObjectPoints) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Bin centres in metres, and 10 %, 50 % and 90 % of the returns in each; bins of few objects are left out."""
    bins = np.floor(data.distance_m / _BIN_M).astype(np.int64)
    filled = [b for b in np.unique(bins) if np.sum(bins == b) >= _MIN_PER_BIN]
    quantiles = [np.quantile(np.maximum(data.num_points[bins == b], 0.8), (0.1, 0.5, 0.9)) for b in filled]
    low, middle, high = np.array(quantiles).reshape(-1, 3).T
    return (np.array(filled, dtype=np.float64) + 0.5) * _BIN_M, low, middle, high


def canvas() -> tuple[Any, Any]:
    """A figure and its axes, without frame or ticks."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # costs 0.4 s; not needed to answer --help

    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0, colors=_INK, labelsize=9)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure, axes


def svg_text(figure: Any, axes: Any, *, name: str) -> str:
    """The svg element of a figure; ``name`` sets its ids apart from those of other charts in the page."""
    import matplotlib as mpl  # noqa: PLC0415

    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, labelcolor=_INK)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    text = io.StringIO()
    settings: Mapping[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}
    with mpl.rc_context(dict(settings)):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(text.getvalue())


def _inline(svg: str) -> str:
    """Only the svg element, sized by the page, in the page's colours and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r"xlink:href", "href", svg)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui, sans-serif", svg)
    return svg.replace(_INK, "var(--ink)").replace(_GRID, "var(--line)")
