"""The leaderboard as one HTML file that needs no network: rows in order, each score with its interval drawn.

Names come from people, so the template escapes everything.  Where the frames scored on only play the part of real
ones, "stand-in, not real" stands beside their name.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import jinja2

from scanyard.board.database import read_entries
from scanyard.board.entry import Entry
from scanyard.board.ranking import Ranked, boards, rank, score_range

STAND_IN = "stand-in, not real"


def write_page(db: str | Path, path: str | Path, *, title: str = "Leaderboard", difficulty: str = "moderate") -> Path:
    """Write the page of all entries in ``db`` to ``path`` and return it; StoreError when there is no such board."""
    entries = read_entries(db)
    groups = {board: (group, _categories(group, difficulty)) for board, group in boards(entries).items()}
    shown = dict.fromkeys(category for _, categories in groups.values() for category in categories)
    sections = [
        {
            "split": split,
            "stand_in": domain == "stand-in",
            "domain": domain,
            "protocol": protocol,
            "evaluation": group[0].evaluation,
            "tables": [_table(group, category, difficulty) for category in categories],
        }
        for (split, domain, protocol), (group, categories) in groups.items()
    ]
    html = _template().render(
        title=title,
        sections=sections,
        only_category=next(iter(shown)) if len(shown) == 1 else None,
        difficulty=difficulty,
        stand_in=STAND_IN,
    )
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(html, encoding="utf-8")
    return target


def _template() -> jinja2.Template:
    source = resources.files(__package__).joinpath("leaderboard.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def _categories(group: Sequence[Entry], difficulty: str) -> list[str]:
    """What is scored at this difficulty and any entry of the board has found one of, cars first.

    A category that nobody looks for is scored all the same, 0 for every entry, and orders nothing.
    """
    known = dict.fromkeys(score.category for score in group[0].evaluation.scores)
    scored = [name for name in known if group[0].evaluation.precisions(name, difficulty)]
    scored.sort(key=lambda name: name != "car")
    found = {score.category for entry in group for score in entry.evaluation.scores if score.value > 0}
    return [name for name in scored if name in found] or scored[:1]


def _table(group: Sequence[Entry], category: str, difficulty: str) -> dict[str, object]:
    """Rows ranked by the first column."""
    columns = group[0].evaluation.precisions(category, difficulty)
    metric, iou = columns[0]
    ranked = rank(group, metric, iou=iou, difficulty=difficulty, category=category)
    return {"category": category, "columns": columns, "rows": [_row(one, columns, difficulty) for one in ranked]}


def _row(ranked: Ranked, columns: Sequence[tuple[str, float]], difficulty: str) -> dict[str, object]:
    cells: list[dict[str, float | None]] = []
    for metric, iou in columns:
        score = ranked.entry.evaluation.score(metric, iou, difficulty, ranked.score.category)
        low, high = score_range(score)
        cells.append({"value": score.value, "low": score.low, "high": score.high, "from": low, "width": high - low})
    return {"ranked": ranked, "entry": ranked.entry, "cells": cells}
