"""The recipes that ship with scanyard."""

from pathlib import Path

import pytest

from scanyard.experiment import load_recipe
from scanyard.experiment.plan import folds_of

RECIPES = sorted((Path(__file__).parents[2] / "scenarios" / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_gives_all_arms_the_same_steps(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert {sum(arm.stage_steps(recipe.steps)) for arm in recipe.arms.values()} == {recipe.steps}
    domain = "stand_in" if "stand_in" in recipe.datasets else "real"
    assert list(recipe.arms)[:3] == ["synthetic", domain, "mixed"]


def test_there_are_recipes_to_check() -> None:
    assert [path.stem for path in RECIPES] == ["demo", "demo_stand_in", "laboratory", "shares", "thorough"]


def test_the_shares_are_asked_for_both_ways() -> None:
    arms = load_recipe(next(path for path in RECIPES if path.stem == "shares")).arms
    for sweep in ("real", "total"):
        shares = ["0", "0.5", "1", "2.5", "5", "10", "25", "50", "100"]
        assert [name for name in arms if name.startswith(f"{sweep}_")] == [f"{sweep}_{share}" for share in shares]


def test_the_laboratory_fits_into_its_hour() -> None:
    """At 0.15 s of a core for a step, two cores take 32,400 steps in 40 minutes and 30 s."""
    recipe = load_recipe(next(path for path in RECIPES if path.stem == "laboratory"))
    runs = sum(len(recipe.seeds) * len(folds_of(recipe, arm)) for arm in recipe.arms)
    assert len(recipe.seeds) == 3
    assert runs * recipe.steps <= 32_400
