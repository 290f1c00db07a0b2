"""The recipes that ship with scanyard."""

from pathlib import Path

import pytest

from scanyard.experiment import load_recipe

RECIPES = sorted((Path(__file__).parents[2] / "scenarios" / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_gives_all_arms_the_same_steps(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert {sum(arm.stage_steps(recipe.steps)) for arm in recipe.arms.values()} == {recipe.steps}
    domain = "stand_in" if "stand_in" in recipe.datasets else "real"
    assert list(recipe.arms)[:3] == ["synthetic", domain, "mixed"]


def test_there_are_recipes_to_check() -> None:
    assert [path.stem for path in RECIPES] == ["demo", "demo_stand_in", "thorough"]
