"""Why a score is what it is, as a section of the report and a page of its own: bars of slices, errors, weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from scanyard.evaluation import Score
from scanyard.metrics import Causes
from scanyard.metrics.breakdown import TOTALS
from scanyard.view.contents import STAND_IN, named
from scanyard.view.pages import rendered, style, write_page

_LEAST_REACH = 5.0
"""Points of precision that the axis of costs spans at least, so that tenths of a point look like what they are."""


def causes_section(causes: Mapping[str, Causes]) -> Markup | None:
    """The section for whatever has something behind its score, by its name; nothing if there is none."""
    parts = [_part(name, one) for name, one in causes.items() if one.slices or one.breakdowns or one.weighted]
    if not parts:
        return None
    return Markup(rendered("causes.html", parts=parts, stand_in=STAND_IN))  # our own template, which escapes


def write_causes(path: str | Path, causes: Causes, *, title: str) -> Path:
    """Write a page about one evaluation, everything in one file, and return its path."""
    evaluation = causes.evaluation
    html = rendered(
        "causes_page.html",
        title=title,
        split=named(evaluation.split, evaluation.domain),
        evaluation=evaluation,
        style=style(),
        causes=causes_section({named(evaluation.split, evaluation.domain): causes}) or "",
    )
    return write_page(path, html)


def _part(name: str, causes: Causes) -> dict[str, Any]:
    return {
        "name": name,
        "domain": causes.evaluation.domain,
        "protocol": causes.evaluation.protocol,
        "categories": _categories(causes),
        "undetected": causes.undetected,
        "columns": _columns(causes),
        "any_grey": any(one.grey for one in causes.slices),
        "min_objects": causes.min_objects,
        "weighted": _weighted(causes),
    }


def _categories(causes: Causes) -> list[dict[str, Any]]:
    """Costs of each category on an axis of its own, from 0: one that is never found would dwarf the others."""
    categories = []
    for one in causes.breakdowns:
        ends = [end for cost in one.costs for end in (cost.value, cost.high) if end is not None]
        reach = max([_LEAST_REACH, *ends])
        costs = [
            {
                "kind": cost.kind,
                "count": cost.count,
                "value": cost.value,
                "low": cost.low,
                "high": cost.high,
                "place": _place(cost.value, cost.low, cost.high, reach),
                "total": cost.kind in TOTALS,
            }
            for cost in one.costs
        ]
        name, what = one.score.category, _what(one.score)
        categories.append({"name": name, "what": what, "value": one.score.value, "costs": costs})
    return categories


def _columns(causes: Causes) -> list[dict[str, Any]]:
    columns: dict[str, dict[str, Any]] = {}
    for one in causes.slices:
        column = columns.setdefault(one.column, {"name": one.column, "rows": []})
        column["rows"].append({"name": one.name, "grey": one.grey, "what": _what(one.score), **_bar(one.score)})
    return list(columns.values())


def _weighted(causes: Causes) -> dict[str, Any] | None:
    weighted = causes.weighted
    if weighted is None:
        return None
    return {
        "num_drives": weighted.num_drives,
        "effective_drives": weighted.effective_drives,
        "largest_share": weighted.largest_share,
        "warning": weighted.warning,
        "origin": weighted.origin,
        "rows": [
            {"category": one.raw.category, "scores": [_bar(one.raw), _bar(one.weighted)]} for one in weighted.scores
        ],
    }


def _bar(score: Score) -> dict[str, Any]:
    return {
        "category": score.category,
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "num_labels": score.num_labels,
        "place": _place(score.value, score.low, score.high, 100.0),
    }


def _place(value: float, low: float | None, high: float | None, reach: float) -> dict[str, float | None]:
    """Percent of an axis from 0 to ``reach``."""

    def at(number: float | None) -> float | None:
        return None if number is None else min(max(100 * number / reach, 0.0), 100.0)

    return {"value": at(value), "low": at(low), "high": at(high)}


def _what(score: Score) -> str:
    at = (
        f" at IoU {score.iou:g}" if score.iou is not None else f" at {score.distance_m:g} m" if score.distance_m else ""
    )
    return f"{score.metric.upper()}{at}, {score.difficulty}"
