"""What a recipe may say, and that a complaint names file, line and key."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scanyard.errors import EvaluationError, InputError, ScenarioError
from scanyard.experiment import load_recipe, resolve_splits
from scanyard.sequence import InMemorySequence
from tests.view.street import street

Write = Callable[..., Path]


def recordings(prefix: str, drives: int) -> dict[str, InMemorySequence]:
    sequences = [street(f"{prefix}_{i}", drive=f"{prefix}_{i}", frames=1, image=False) for i in range(drives)]
    return {sequence.info.name: sequence for sequence in sequences}


def test_a_recipe_reads_back_what_it_says(recipe_with: Write) -> None:
    path = recipe_with()
    recipe = load_recipe(path)
    assert recipe.arms["mixed"].stage_steps(recipe.steps) == [14, 6]
    assert recipe.arms["mixed"].sample_shares() == pytest.approx({"synthetic_train": 0.85, "real_train": 0.15})
    assert recipe.dataset_folders({"real": "/elsewhere"}) == {
        "synthetic": (path.parent / "synthetic").resolve(),
        "real": Path("/elsewhere"),
    }


@pytest.mark.parametrize("shares", [(0.7, 0.3), (1 / 3, 2 / 3), (0.999, 0.001)])
@pytest.mark.parametrize("steps", [1000, 901, 1500])
def test_stage_steps_add_up_to_the_steps_of_every_arm(
    recipe_with: Write, shares: tuple[float, float], steps: int
) -> None:
    path = recipe_with(
        ("steps: 20", f"steps: {steps}"), ("steps: 0.3", f"steps: {shares[1]}"), ("steps: 0.7", f"steps: {shares[0]}")
    )
    recipe = load_recipe(path)
    assert {sum(arm.stage_steps(recipe.steps)) for arm in recipe.arms.values()} == {steps}


@pytest.mark.parametrize(
    ("change", "line", "key", "says"),
    [
        (("steps: 0.3", "steps: 0.2"), 17, "arms.mixed.stages", "18 instead of 20"),
        (("steps: 0.3", "steps: 0.4"), 17, "arms.mixed.stages", "22 instead of 20"),
        (("mix: {real_train: 1.0}", "mix: {real_train: 0.9}"), 15, "arms.real.stages", "add up to 0.9"),
        (("real_train: 1.0", "reel_train: 1.0"), 15, "reel_train", "did you mean 'real_train'"),
        (("test: [real_test]", "test: [real_tset]"), 7, "test", "did you mean 'real_test'"),
        (("rest_of: real_train", "rest_of: real_trian"), 6, "rest_of", "did you mean 'real_train'"),
        (("rest_of: real_train", "rest_of: synthetic_train"), 6, "rest_of", "expected the same dataset"),
        (("share: 0.5, seed: 0", "seed: 0"), 5, "drives", "either share"),
        (("{dataset: synthetic}", "{dataset: sinthetic}"), 4, "dataset", "did you mean 'synthetic'"),
        (("real_train: 1.0", "real_test: 1.0"), 15, "real_test", "is a test split"),
        (("batch_size", "bach_size"), 9, "bach_size", "did you mean 'batch_size'"),
        (("steps: 20", "steps: twenty"), 8, "steps", "whole number"),
        (("steps: 20", "steps: .nan"), 8, "steps", "finite"),
        (("seeds: [0]", "seeds: [1, 1]"), 10, "seeds", "different"),
        (("seeds: [0]", "detector: {steps: 5}"), 10, "detector.steps", "every arm must have the same"),
    ],
)
def test_a_complaint_names_file_line_and_key(
    recipe_with: Write, change: tuple[str, str], line: int, key: str, says: str
) -> None:
    path = recipe_with(change)
    with pytest.raises(ScenarioError) as caught:
        load_recipe(path)
    message = str(caught.value)
    assert f"{path}:{line}" in message
    assert key in message
    assert says in message


def test_an_override_for_a_dataset_that_is_not_there_is_refused(recipe_with: Write) -> None:
    with pytest.raises(InputError, match="did you mean 'real'"):
        load_recipe(recipe_with()).dataset_folders({"reel": "x"})


def test_a_dataset_in_a_bucket_is_to_be_fetched_first(recipe_with: Write) -> None:
    said = r"dataset synthetic: s3://?lab/d is in a bucket, expected a folder: .* Run scanyard fetch first"
    with pytest.raises(InputError, match=said):
        load_recipe(recipe_with()).dataset_folders({"synthetic": Path("s3://lab/d")})  # as the command line has it
    recipe = load_recipe(recipe_with(("synthetic: synthetic", "synthetic: s3://lab/d")))
    with pytest.raises(InputError, match=said):
        recipe.dataset_folders()
    assert recipe.dataset_folders({"synthetic": "/fetched"})["synthetic"] == Path("/fetched")


def test_the_digest_changes_with_the_content_and_not_with_folders(recipe_with: Write) -> None:
    digest = load_recipe(recipe_with()).digest
    assert load_recipe(recipe_with(("synthetic: synthetic", "synthetic: moved"))).digest == digest
    assert load_recipe(recipe_with(("steps: 20", "steps: 30"))).digest != digest


def test_splits_take_whole_drives_and_the_rest_of_them(recipe_with: Write) -> None:
    data = {"synthetic": recordings("s", 2), "real": recordings("r", 7)}
    splits = resolve_splits(load_recipe(recipe_with()), data)
    train, test = splits["real_train"].drives, splits["real_test"].drives
    assert len(train) == 4
    assert train | test == {f"r_{i}" for i in range(7)}
    assert not train & test


def test_the_same_seed_draws_the_same_drives_and_another_seed_others(recipe_with: Write) -> None:
    data = {"synthetic": recordings("s", 2), "real": recordings("r", 30)}
    drawn = [resolve_splits(load_recipe(recipe_with(("seed: 0", f"seed: {seed}"))), data) for seed in (0, 0, 1)]
    first, again, other = (splits["real_train"].drives for splits in drawn)
    assert first == again != other


def test_a_test_split_that_shares_a_drive_with_training_is_refused(recipe_with: Write) -> None:
    shared = recipe_with(("drives: {rest_of: real_train}", "drives: [r_0, r_1, r_2, r_3]"))
    with pytest.raises(EvaluationError, match="measures memory"):
        resolve_splits(load_recipe(shared), {"synthetic": recordings("s", 2), "real": recordings("r", 4)})


def test_a_drive_shared_between_datasets_is_refused_too(recipe_with: Write) -> None:
    data = {"synthetic": recordings("r", 4), "real": recordings("r", 4)}
    with pytest.raises(EvaluationError, match="measures memory"):
        resolve_splits(load_recipe(recipe_with()), data)


def test_an_unknown_drive_and_an_empty_split_are_refused(recipe_with: Write) -> None:
    data = {"synthetic": recordings("s", 2), "real": recordings("r", 4)}
    with pytest.raises(EvaluationError, match="no drive"):
        resolve_splits(load_recipe(recipe_with(("{rest_of: real_train}", "[r_9]"))), data)
    with pytest.raises(EvaluationError, match="holds no frame"):
        resolve_splits(load_recipe(recipe_with()), {**data, "real": recordings("r", 1)})


def budget(recipe_with: Write, frames: int, data: dict[str, dict[str, InMemorySequence]]) -> set[tuple[str, int]]:
    """Which frames, by name and index, a split of so many holds."""
    path = recipe_with(("{share: 0.5, seed: 0}}", f"{{share: 0.5, seed: 0}}, frames: {frames}}}"))
    split = resolve_splits(load_recipe(path), data)["real_train"]
    assert split.num_frames == frames
    assert all(len(list(sequence)) == len(sequence) for sequence in split.sequences)
    return {(sequence.info.name, index) for sequence in split.sequences for index in sequence.indices}


def test_a_budget_of_frames_is_kept_to_and_a_larger_one_adds_to_it(recipe_with: Write) -> None:
    real = {f"r_{i}": street(f"r_{i}", drive=f"r_{i}", frames=5, image=False) for i in range(6)}
    data = {"synthetic": recordings("s", 2), "real": real}
    few, more, every = (budget(recipe_with, frames, data) for frames in (2, 6, 15))
    assert few < more < every
    assert len({name for name, _ in more}) > 1  # not one drive after the other


def test_a_budget_beyond_what_is_there_is_refused(recipe_with: Write) -> None:
    data = {"synthetic": recordings("s", 2), "real": recordings("r", 6)}
    with pytest.raises(EvaluationError, match="split real_train: found 3 frames in its drives, expected at least 4"):
        budget(recipe_with, 4, data)
