"""Sweeps and learning curves: the arms and splits they stand for, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scanyard.errors import ScenarioError
from scanyard.experiment import Recipe, load_recipe, resolve_splits
from tests.experiment.test_recipe import recordings

Write = Callable[..., Path]

RATIO = "sweeps:\n  ratio: {real: real_train, synthetic: synthetic_train, shares: [0, 0.025, 1], fixed: real}\n"
TOTAL = (
    "sweeps:\n  total: {real: real_train, synthetic: synthetic_train, shares: [0, 0.25, 1], fixed: total, frames: 8}\n"
)
CURRICULUM = "curricula:\n  fading: {real: real_train, synthetic: synthetic_train, shares: [1, 0.5, 0]}\n"
LABELS = "curves:\n  labels: {split: real_train, frames: [2, 5]}\n"


def loaded(recipe_with: Write, families: str, *changes: tuple[str, str]) -> Recipe:
    return load_recipe(recipe_with(("protocol: kitti_r40\n", f"{families}protocol: kitti_r40\n"), *changes))


def mixes(recipe: Recipe, family: str) -> dict[str, dict[str, float]]:
    return {name: arm.stages[0].mix for name, arm in recipe.arms.items() if name.startswith(family)}


def test_with_the_real_frames_fixed_the_share_is_that_of_every_batch(recipe_with: Write) -> None:
    recipe = loaded(recipe_with, RATIO)
    assert mixes(recipe, "ratio") == {
        "ratio_0": {"real_train": 1.0},
        "ratio_2.5": {"synthetic_train": 0.025, "real_train": 0.975},
        "ratio_100": {"synthetic_train": 1.0},
    }
    assert list(recipe.arms)[:3] == ["synthetic", "real", "mixed"]


def test_with_the_total_fixed_synthetic_frames_replace_real_ones(recipe_with: Write) -> None:
    recipe = loaded(recipe_with, TOTAL)
    data = {"synthetic": recordings("s", 12), "real": recordings("r", 20)}
    splits = resolve_splits(recipe, data)
    for arm, synthetic in (("total_0", 0), ("total_25", 2), ("total_100", 8)):
        frames = {recipe.splits[name].dataset: splits[name].num_frames for name in recipe.arms[arm].splits}
        assert frames.get("synthetic", 0) == synthetic
        assert sum(frames.values()) == 8
        shares = {recipe.splits[name].dataset: share for name, share in recipe.arms[arm].sample_shares().items()}
        assert shares.get("synthetic", 0.0) == pytest.approx(synthetic / 8)


def test_a_learning_curve_is_an_arm_for_every_number_of_frames(recipe_with: Write) -> None:
    recipe = loaded(recipe_with, LABELS)
    splits = resolve_splits(recipe, {"synthetic": recordings("s", 2), "real": recordings("r", 20)})
    assert [splits[name].num_frames for arm in ("labels_2", "labels_5") for name in recipe.arms[arm].splits] == [2, 5]


def test_every_arm_of_a_family_takes_the_steps_of_all(recipe_with: Write) -> None:
    recipe = loaded(recipe_with, RATIO + LABELS)
    assert {sum(arm.stage_steps(recipe.steps)) for arm in recipe.arms.values()} == {20}
    assert len(recipe.arms) == 3 + 3 + 2


def test_a_curriculum_changes_its_mixture_within_the_steps_of_all(recipe_with: Write) -> None:
    recipe = loaded(recipe_with, CURRICULUM)
    arm = recipe.arms["fading"]
    assert arm.stage_steps(recipe.steps) == [7, 6, 7]
    assert [stage.mix for stage in arm.stages] == [
        {"synthetic_train": 1.0}, {"synthetic_train": 0.5, "real_train": 0.5}, {"real_train": 1.0},
    ]  # fmt: skip
    assert [stage.learning_rate for stage in arm.stages] == pytest.approx([1.0, 0.625, 0.25])


def test_a_recipe_of_families_alone_will_do(recipe_with: Write) -> None:
    text = recipe_with().read_text()
    path = recipe_with()
    path.write_text(text[: text.index("arms:")] + LABELS)
    assert list(load_recipe(path).arms) == ["labels_2", "labels_5"]
    path.write_text(text[: text.index("arms:")])
    with pytest.raises(ScenarioError, match="found no arm, sweep, curve or curriculum"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("families", "change", "says"),
    [
        (RATIO, ("real: real_train,", "real: reel_train,"), "did you mean 'real_train'"),
        (RATIO, ("real: real_train,", "real: real_test,"), "a test split"),
        (RATIO, ("synthetic: synthetic_train, shares", "synthetic: real_train, shares"), "on both sides"),
        (RATIO, ("0.025", "1"), "expected each once"),
        (RATIO, ("0.025", "1.5"), "sweeps.ratio.shares"),
        (RATIO, ("fixed: real", "fixed: real, frames: 10"), "expected fixed: total"),
        (TOTAL, (", frames: 8", ""), "without saying how many"),
        (TOTAL, ("0.25", "0.01"), "expected different numbers"),
        (TOTAL, ("{share: 0.5, seed: 0}}", "{share: 0.5, seed: 0}, frames: 9}"), "has a number of frames already"),
        (CURRICULUM, ("real: real_train,", "real: real_test,"), "a test split"),
        (CURRICULUM, ("synthetic: synthetic_train, s", "synthetic: real_train, s"), "on both sides"),
        (CURRICULUM, ("steps: 20", "steps: 2"), "3 stages of 2 steps"),
        (CURRICULUM, ("fading", "mixed"), "which the recipe has already"),
        (LABELS, ("[2, 5]", "[5, 5]"), "expected each once"),
        (LABELS, ("[2, 5]", "[0, 5]"), "expected numbers from 1 up"),
        (LABELS, ("split: real_train", "split: real_test"), "a test split"),
        (LABELS, ("  mixed:\n", "  labels_5:\n"), "which the recipe has already"),
    ],
)
def test_a_family_that_makes_no_sense_is_refused(
    recipe_with: Write, families: str, change: tuple[str, str], says: str
) -> None:
    with pytest.raises(ScenarioError, match=says):
        loaded(recipe_with, families, change)
