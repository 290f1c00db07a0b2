"""The leaderboard as one HTML file that needs no network: rows in order, each score with its interval drawn.

Names come from people, so the template escapes everything.  Where the frames scored on only play the part of real
ones, "stand-in, not real" stands beside their name.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import jinja2

from scanyard.board.database import read_entries
from scanyard.board.entry import Entry
from scanyard.board.ranking import Ranked, boards, rank, score_range

STAND_IN = "stand-in, not real"

_COLUMNS = (("bev", 0.7), ("3d", 0.7), ("bev", 0.5), ("3d", 0.5))  # KITTI's overlap for cars, and the lenient one


def write_page(db: str | Path, path: str | Path, *, title: str = "Leaderboard", difficulty: str = "moderate") -> Path:
    """Write the page of all entries in ``db`` to ``path`` and return it; StoreError when there is no such board."""
    entries = read_entries(db)
    sections = [
        {
            "split": split,
            "stand_in": domain == "stand-in",
            "domain": domain,
            "protocol": protocol,
            "evaluation": group[0].evaluation,
            "rows": [_row(ranked, difficulty) for ranked in _ranked(group, difficulty)],
        }
        for (split, domain, protocol), group in boards(entries).items()
    ]
    html = _template().render(
        title=title, sections=sections, columns=_COLUMNS, difficulty=difficulty, stand_in=STAND_IN
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


def _ranked(group: list[Entry], difficulty: str) -> list[Ranked]:
    """Ranked by the first column that was scored at this difficulty; EvaluationError when none was."""
    scored = {(score.metric, score.iou) for score in group[0].evaluation.scores if score.difficulty == difficulty}
    metric, iou = next((column for column in _COLUMNS if column in scored), _COLUMNS[0])
    return rank(group, metric, iou=iou, difficulty=difficulty)


def _row(ranked: Ranked, difficulty: str) -> dict[str, object]:
    cells: list[dict[str, float | None] | None] = []
    for metric, iou in _COLUMNS:
        try:
            score = ranked.entry.evaluation.score(metric, iou, difficulty)
        except KeyError:  # a protocol need not have every column
            cells.append(None)
            continue
        low, high = score_range(score)
        cells.append({"value": score.value, "low": score.low, "high": score.high, "from": low, "width": high - low})
    return {"ranked": ranked, "entry": ranked.entry, "cells": cells}
