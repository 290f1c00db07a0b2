"""Arms in order on each test split, as far as its frames allow: by the first score they all have of a category."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import product
from pathlib import Path

from scanyard.errors import StoreError
from scanyard.experiment.files import write_json
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.scored import Runs, of_arm, yardsticks
from scanyard.metrics import order_measured
from scanyard.split import Split
from scanyard.view import ArmStanding

STANDINGS = "standings.json"


def write_standings(
    recipe: Recipe,
    runs_on: Mapping[str, Runs],
    splits: Mapping[str, Split],
    out: Path,
) -> None:
    """Leave the arms' order on every test split in ``out``; several seeds of an arm stand together."""
    found: list[ArmStanding] = []
    for test, category in product(recipe.test if len(recipe.arms) > 1 else (), recipe.compare_by):
        measured = runs_on[test]
        of_category = [by for by in yardsticks(recipe) if by.category == category]
        by = next((by for by in of_category if measured.has(list(measured.measured), by.key)), None)
        if by is None:
            continue
        runs = {arm: of_arm(measured, arm, recipe.seeds) for arm in recipe.arms}
        order = order_measured(measured, runs, by.key)
        found += [
            ArmStanding(
                arm=one.name,
                evaluated_on=test,
                domain=splits[test].domain,
                category=category,
                score=f"{by.metric.upper()} at IoU {by.iou:g}",
                value=one.value,
                best_rank=one.best_rank,
                worst_rank=one.worst_rank,
                letters=one.letters,
            )
            for one in order.standings
        ]
    write_json(out / STANDINGS, [asdict(one) for one in found])


def load_standings(out: str | Path) -> list[ArmStanding]:
    """The order a finished experiment left in ``out``; StoreError when there is none."""
    path = Path(out) / STANDINGS
    try:
        return [ArmStanding(**data) for data in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, json.JSONDecodeError, TypeError) as error:
        raise StoreError(f"{path}: no order of arms to read ({error}); run the experiment") from error
