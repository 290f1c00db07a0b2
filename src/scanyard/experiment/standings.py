"""Arms in order on each test split, as far as its frames allow, by the first score that all of them have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from scanyard.errors import StoreError
from scanyard.experiment.files import write_json
from scanyard.experiment.plan import COMPARED
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.scored import Runs, key_of, of_arm
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
    for test in recipe.test if len(recipe.arms) > 1 else ():
        measured = runs_on[test]
        by = next((by for by in COMPARED if measured.has(list(measured.measured), key_of(*by))), None)
        if by is None:
            continue
        runs = {arm: of_arm(measured, arm, recipe.seeds) for arm in recipe.arms}
        order = order_measured(measured, runs, key_of(*by))
        found += [
            ArmStanding(
                arm=one.name,
                evaluated_on=test,
                domain=splits[test].domain,
                score=f"{by[0].upper()} at IoU {by[1]:g}",
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
