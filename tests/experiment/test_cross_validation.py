"""Cross-validation: whole drives held out in turn, synthetic frames in training alone, all folds one test."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from scanyard.errors import EvaluationError, ScenarioError
from scanyard.evaluation import Evaluation
from scanyard.experiment import Job, Recipe, load_comparison, load_recipe, plan_jobs, publish, resolve_splits, run
from scanyard.experiment.plan import folds_of
from scanyard.experiment.scored import frames_of_runs
from scanyard.metrics import evaluate
from scanyard.sequence import SensorSequence
from scanyard.store import open_dataset
from tests.experiment.test_experiment_run import CountingTrainer, here
from tests.experiment.test_recipe import recordings

Write = Callable[..., Path]
FOLDS = ("{share: 0.5, seed: 0}", "{folds: 3, seed: 0}")
LABELS = ("protocol: kitti_r40\n", "curves:\n  labels: {split: real_train, frames: [2, 4]}\nprotocol: kitti_r40\n")


@pytest.fixture
def given(datasets: Path) -> dict[str, Path]:
    return {"synthetic": datasets / "synthetic", "real": datasets / "real"}


def planned(recipe: Recipe, given: dict[str, Path], out: Path) -> list[Job]:
    return plan_jobs(recipe, {name: open_dataset(path) for name, path in given.items()}, out)


def frames(sequences: tuple[SensorSequence, ...]) -> list[tuple[str, int]]:
    return [(sequence.info.name, frame.timestamp_ns) for sequence in sequences for frame in sequence]


def test_no_drive_and_no_frame_is_trained_and_tested_on_in_one_run(
    recipe_with: Write, given: dict[str, Path], tmp_path: Path
) -> None:
    jobs = planned(load_recipe(recipe_with(FOLDS, LABELS, ("seeds: [0]", "seeds: [0, 1]"))), given, tmp_path)
    assert {job.fold for job in jobs if job.arm == "real"} == {0, 1, 2}
    for job in jobs:
        test = job.test["real_test"].open()
        trained = [part.open() for part in job.train.values()]
        assert not test.drives & frozenset().union(*(split.drives for split in trained))
        assert not set(frames(test.sequences)) & {one for split in trained for one in frames(split.sequences)}
        assert test.domain == "stand-in"  # synthetic frames are trained on and never tested on


def test_the_folds_together_test_every_frame_once(recipe_with: Write, given: dict[str, Path], tmp_path: Path) -> None:
    jobs = planned(load_recipe(recipe_with(FOLDS)), given, tmp_path)
    everything = Counter(frames(tuple(open_dataset(given["real"]).sequences.values())))
    for arm in ("synthetic", "real", "mixed"):
        mine = [job for job in jobs if job.arm == arm]
        tested = Counter(one for job in mine for one in frames(job.test["real_test"].open().sequences))
        assert tested == everything
        assert set(tested.values()) == {1}
    assert {job.fold for job in jobs if job.arm == "synthetic"} == {None}  # it trains on no drive that is held out


def test_folds_hold_about_as_many_frames_each_however_long_the_drives(recipe_with: Write) -> None:
    real = recordings("r", 9)
    recipe = load_recipe(recipe_with(FOLDS))
    held = [
        resolve_splits(recipe, {"synthetic": recordings("s", 2), "real": real}, fold=fold)["real_test"]
        for fold in range(3)
    ]
    assert [split.num_frames for split in held] == [3, 3, 3]
    assert not held[0].drives & held[1].drives


def test_an_arm_is_one_row_scored_on_all_folds_together(
    recipe_with: Write, given: dict[str, Path], tmp_path: Path
) -> None:
    recipe, trainer = load_recipe(recipe_with(FOLDS)), CountingTrainer()
    entries = run(recipe, tmp_path / "out", datasets=given, execute=here(trainer))
    assert len(trainer.calls) == 1 + 3 + 2 * 3  # synthetic once; real, and both stages of mixed, for each fold
    assert [(entry.arm, entry.evaluation.num_drives) for entry in entries] == [
        ("synthetic", 10), ("real", 10), ("mixed", 10),
    ]  # fmt: skip
    of_real = [job for job in planned(recipe, given, tmp_path / "out") if job.arm == "real"]
    (together,) = frames_of_runs(of_real, "real_test").values()
    expected: Evaluation = evaluate(together, split="real_test", domain="stand-in", accepted=("range_mismatch",))
    assert entries[1].evaluation == expected
    assert entries[1].declaration.label_budget == max(job.train["real_train"].open().num_frames for job in of_real)
    assert {c.arm for c in load_comparison(tmp_path / "out")} == {"synthetic", "mixed"}
    described = json.loads((tmp_path / "out" / "experiment.json").read_text())
    assert len(described["folds"]) == 3
    report, _ = publish(recipe, tmp_path / "out", datasets=given)
    assert "3 folds of whole drives" in report.read_text(encoding="utf-8")
    again = CountingTrainer()
    assert run(recipe, tmp_path / "out", datasets=given, execute=here(again)) == entries
    assert again.calls == []


def test_a_leak_in_any_fold_is_refused(recipe_with: Write) -> None:
    data = {"synthetic": recordings("r", 1), "real": recordings("r", 6)}  # a drive of the same name in both
    with pytest.raises(EvaluationError, match="measures memory"):
        resolve_splits(load_recipe(recipe_with(FOLDS)), data)


def test_every_seed_draws_its_labelled_frames_anew_and_more_adds_to_less(recipe_with: Write) -> None:
    data = {"synthetic": recordings("s", 2), "real": recordings("r", 12)}
    recipe = load_recipe(recipe_with(FOLDS, LABELS))
    assert list(folds_of(recipe, "labels_2")) == [0, 1, 2]

    def drawn(seed: int) -> list[set[tuple[str, int]]]:
        splits = resolve_splits(recipe, data, fold=1, seed=seed)
        return [set(frames(splits[f"labels_{number}_frames"].sequences)) for number in (2, 4)]

    (few, more), (other, _) = drawn(0), drawn(5)
    assert few < more
    assert few != other


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ((FOLDS, ("{rest_of: real_train}", "{folds: 3, seed: 0}")), "is a test split; expected folds on the training"),
        (
            (FOLDS, ("  real_test:", "  more: {dataset: real, drives: {folds: 4, seed: 0}}\n  real_test:")),
            "expected the same dataset, folds and seed",
        ),
        ((("{share: 0.5, seed: 0}", "{folds: 1}"),), "greater than or equal to 2"),
        ((("{share: 0.5, seed: 0}", "{folds: 3, share: 0.5}"),), "expected either share"),
    ],
)
def test_folds_that_make_no_sense_are_refused(
    recipe_with: Write, changes: tuple[tuple[str, str], ...], says: str
) -> None:
    with pytest.raises(ScenarioError, match=says):
        load_recipe(recipe_with(*changes))


def test_more_folds_than_drives_are_refused(recipe_with: Write) -> None:
    data = {"synthetic": recordings("s", 2), "real": recordings("r", 2)}
    with pytest.raises(EvaluationError, match="has 2 drives; expected at least one for each of 3 folds"):
        resolve_splits(load_recipe(recipe_with(FOLDS)), data)
