"""The laboratory's section of a report: a shaded matrix, mixing and learning curves, and what they say in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from scanyard.view.contents import STAND_IN
from scanyard.view.findings import Cell, Equivalent, Findings, MixingCurve
from scanyard.view.laboratory_charts import learning_chart, mixing_chart
from scanyard.view.pages import rendered

_DARKEST = 45  # percent of the bar's colour: the ink stays readable on it


def laboratory_section(findings: Findings) -> Markup:
    """The section as HTML."""
    html = rendered(
        "laboratory.html",
        findings=findings,
        stand_in=STAND_IN,
        matrices=[
            _matrix([cell for cell in findings.matrix if cell.category == category])
            for category in dict.fromkeys(cell.category for cell in findings.matrix)
        ],
        worths=_worths(findings.equivalents),
        mixings=_mixings(findings.mixing),
    )
    return Markup(html)  # our own template, which escapes what it is given


def _matrix(cells: Sequence[Cell]) -> dict[str, Any]:
    """Rows of arms, a column for each test split and metric of one category; shades are within a column.

    In 3-D at a looser overlap than the strictest says little that the others do not.
    """
    strictest = max(cell.iou for cell in cells)
    columns = list(
        dict.fromkeys(
            (c.evaluated_on, c.domain, c.metric, c.iou) for c in cells if c.metric == "bev" or c.iou == strictest
        )
    )
    by_place = {(c.arm, c.evaluated_on, c.domain, c.metric, c.iou): c for c in cells}
    rows = []
    for arm in dict.fromkeys(cell.arm for cell in cells):
        found = [by_place.get((arm, *column)) for column in columns]
        rows.append(
            {
                "arm": arm,
                "cells": [
                    None
                    if cell is None
                    else {
                        "cell": cell,
                        "shade": _shade(cell, [c for c in cells if (c.evaluated_on, c.domain, c.metric, c.iou) == at]),
                    }
                    for cell, at in zip(found, columns, strict=True)
                ],
            }
        )
    heads = [
        {"split": split, "domain": domain, "what": f"{cells[0].category} {metric.upper()} at {iou:g}"}
        for split, domain, metric, iou in columns
    ]
    return {"columns": heads, "rows": rows}


def _shade(cell: Cell, column: list[Cell]) -> int:
    values = [one.value for one in column]
    spread = max(values) - min(values)
    return round(_DARKEST * (cell.value - min(values)) / spread) if spread > 0 else 0


def _worths(equivalents: tuple[Equivalent, ...]) -> list[dict[str, Any]]:
    """A picture and its sentences for each test split, category and metric."""
    groups: dict[tuple[str, str, str, float], list[Equivalent]] = {}
    for one in equivalents:
        groups.setdefault((one.evaluated_on, one.category, one.metric, one.iou), []).append(one)
    return [
        {
            "title": f"Tested on {split}, {category} {metric.upper()} at {iou:g}",
            "domain": group[0].domain,
            "svg": Markup(learning_chart(group)),  # drawn by us; matplotlib escapes names
            "equivalents": group,
        }
        for (split, category, metric, iou), group in groups.items()
    ]


def _mixings(curves: Iterable[MixingCurve]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str, float], list[MixingCurve]] = {}
    for curve in curves:
        groups.setdefault((curve.evaluated_on, curve.category, curve.metric, curve.iou), []).append(curve)
    return [
        {
            "title": f"Tested on {split}, {category} {metric.upper()} at {iou:g}",
            "domain": group[0].domain,
            "svg": Markup(mixing_chart(group)),  # drawn by us; matplotlib escapes names
        }
        for (split, category, metric, iou), group in groups.items()
    ]
