"""Running an experiment: what is trained, kept and done again, and that the numbers are those of the files."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanyard.board import Entry
from scanyard.boxes import Boxes
from scanyard.detect import Source, TrainRecipe
from scanyard.errors import EvaluationError, InputError, ScenarioError, StoreError
from scanyard.experiment import (
    Job,
    Progress,
    Recipe,
    evaluate_file,
    load_comparison,
    load_entries,
    load_recipe,
    plan_jobs,
    publish,
    resolve_splits,
    run,
)
from scanyard.experiment.arm import load_result, work
from scanyard.experiment.run import Execute
from scanyard.experiment.standings import load_standings
from scanyard.frame import Frame
from scanyard.sensors import Rig
from scanyard.split import Split
from scanyard.store import open_dataset
from tests.experiment.conftest import RECIPE

Write = Callable[..., Path]


@dataclass(frozen=True)
class NoisyLabels:
    """Plays a trained detector: the labels, shaken by a little for every synthetic frame trained on."""

    shake_m: float
    name: str = "noisy labels"

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        assert frame.boxes is not None
        rng = np.random.default_rng(frame.timestamp_ns)
        boxes = frame.boxes.replace(center=frame.boxes.center + rng.normal(0, self.shake_m, (len(frame.boxes), 3)))
        return boxes.replace(score=rng.uniform(0.3, 1, len(boxes)))

    def save(self, path: str | Path) -> None:
        Path(path).write_text(str(self.shake_m))


@dataclass(frozen=True)
class Astray(NoisyLabels):
    """Plays one that has hardly learned anything: sure of boxes where no label is, and finds no car."""

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        rng = np.random.default_rng(frame.timestamp_ns)
        found = super().detect(frame, rig)[[0] * 12]
        behind = np.c_[rng.uniform(-40, -15, 12), rng.uniform(-4, 4, 12), np.full(12, 0.8)]
        return found.replace(center=behind, score=rng.uniform(0.3, 1, 12))


@dataclass
class CountingTrainer:
    """Notes every call of ``train``; dies in the call whose number is given."""

    dies_in_call: int | None = None
    fails_to_teach: int | None = None
    """The call whose detector learns nothing."""
    calls: list[tuple[int, int, tuple[float, ...], bool]] = field(default_factory=list)

    def __call__(
        self,
        sources: Sequence[Source],
        recipe: TrainRecipe,
        *,
        start_from: NoisyLabels | None = None,
        threads: int | None = None,
        on_progress: Callable[[int, int, float], None],
    ) -> NoisyLabels:
        for step in range(1, recipe.steps + 1):
            on_progress(step, recipe.steps, 1.0 / step)
        self.calls.append((recipe.steps, recipe.seed, tuple(s.weight for s in sources), start_from is not None))
        if len(self.calls) == self.dies_in_call:
            raise KeyboardInterrupt
        if len(self.calls) == self.fails_to_teach:
            return Astray(0.1)
        synthetic = sum(sequence.info.domain == "synthetic" for source in sources for sequence in source.sequences)
        return NoisyLabels(0.1 + 0.1 * synthetic)


def here(trainer: CountingTrainer) -> Execute:
    """Runs jobs in this process with the trainer given."""

    def execute(jobs: Sequence[Job], on_poll: Callable[[], None]) -> None:
        for job in jobs:
            work(job, train=trainer)  # type: ignore[arg-type]
            on_poll()

    return execute


@pytest.fixture(scope="module")
def given(datasets: Path) -> dict[str, Path]:
    return {"synthetic": datasets / "synthetic", "real": datasets / "real"}


@dataclass(frozen=True)
class Finished:
    """An experiment that was run once; tests that change something work on a copy."""

    recipe: Recipe
    out: Path
    entries: list[Entry]
    trainer: CountingTrainer
    progress: list[Progress]

    def copy(self, to: Path) -> Path:
        return shutil.copytree(self.out, to)

    def splits(self, given: dict[str, Path]) -> dict[str, Split]:
        return resolve_splits(self.recipe, {name: open_dataset(path).sequences for name, path in given.items()})

    def jobs(self, given: dict[str, Path], out: Path) -> list[Job]:
        opened = {name: open_dataset(path) for name, path in given.items()}
        return plan_jobs(self.recipe, opened, out)


@pytest.fixture(scope="module")
def finished(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    root = tmp_path_factory.mktemp("finished")
    (root / "recipe.yaml").write_text(RECIPE)
    recipe, trainer = load_recipe(root / "recipe.yaml"), CountingTrainer()
    seen: list[Progress] = []
    entries = run(recipe, root / "out", datasets=given, execute=here(trainer), on_progress=seen.append)
    return Finished(recipe, root / "out", entries, trainer, seen)


def test_every_arm_takes_the_same_steps_and_a_stage_goes_on_from_the_one_before(finished: Finished) -> None:
    assert [(steps, weights, goes_on) for steps, _, weights, goes_on in finished.trainer.calls] == [
        (20, (1.0,), False),
        (20, (1.0,), False),
        (14, (1.0,), False),
        (6, (0.5, 0.5), True),
    ]
    assert [(entry.arm, entry.steps) for entry in finished.entries] == [("synthetic", 20), ("real", 20), ("mixed", 20)]
    assert load_entries(finished.out) == finished.entries


def test_the_entries_say_what_was_trained_on(finished: Finished) -> None:
    synthetic, real, mixed = finished.entries
    assert synthetic.trained_on == {"synthetic_train": "synthetic"}
    assert mixed.trained_on == {"synthetic_train": "synthetic", "real_train": "stand-in"}
    assert [e.declaration.synthetic_share for e in finished.entries] == [1.0, 0.0, 0.85]
    assert [e.declaration.label_budget for e in finished.entries] == [0, 10, 10]
    assert all(entry.domain == "stand-in" and entry.single_run for entry in finished.entries)
    assert set(real.datasets) == {"real"}
    assert set(synthetic.datasets) == {"synthetic", "real"}  # scored on the other


@pytest.mark.parametrize("seeds", [(0, 7), (0, 7, 8)])
def test_every_seed_is_a_row_and_fewer_than_three_are_marked_as_a_single_run(
    recipe_with: Write, given: dict[str, Path], tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    recipe = load_recipe(recipe_with(("seeds: [0]", f"seeds: {list(seeds)}")))
    entries = run(recipe, tmp_path / "out", datasets=given, execute=here(CountingTrainer()))
    assert [entry.seeds for entry in entries if entry.arm == "synthetic"] == [(seed,) for seed in seeds]
    assert all(entry.single_run == (len(seeds) < 3) for entry in entries)


def test_a_budget_of_frames_trains_on_these_alone_and_is_another_run(
    recipe_with: Write, given: dict[str, Path], tmp_path: Path
) -> None:
    opened = {name: open_dataset(path) for name, path in given.items()}
    planned = []
    for frames in (3, 5):
        recipe = load_recipe(recipe_with(("{share: 0.5, seed: 0}}", f"{{share: 0.5, seed: 0}}, frames: {frames}}}")))
        planned.append({job.arm: job for job in plan_jobs(recipe, opened, tmp_path)})
    few, more = planned
    assert [jobs["real"].train["real_train"].open().num_frames for jobs in planned] == [3, 5]
    assert few["real"].digest != more["real"].digest
    assert few["synthetic"].digest == more["synthetic"].digest


def test_several_seeds_are_compared_by_their_means_first(
    recipe_with: Write, given: dict[str, Path], tmp_path: Path
) -> None:
    recipe = load_recipe(recipe_with(("seeds: [0]", "seeds: [0, 7]")))
    entries = run(recipe, tmp_path / "out", datasets=given, execute=here(CountingTrainer()))
    contrasts = [c for c in load_comparison(tmp_path / "out") if (c.arm, c.metric, c.iou) == ("mixed", "3d", 0.7)]
    assert [c.seeds for c in contrasts] == [(0, 7), (0,), (7,)]
    score = {(e.arm, e.seeds[0]): e.evaluation.score("3d", 0.7, "moderate").value for e in entries}
    by_seed = [score["mixed", seed] - score["real", seed] for seed in (0, 7)]
    assert [c.value for c in contrasts] == pytest.approx([np.mean(by_seed), *by_seed])


def test_finished_arms_are_not_trained_again(finished: Finished, given: dict[str, Path]) -> None:
    again = CountingTrainer()
    assert run(finished.recipe, finished.out, datasets=given, execute=here(again)) == finished.entries
    assert again.calls == []


def test_an_interrupted_arm_is_done_again_and_the_finished_one_is_not(
    finished: Finished, given: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(finished.recipe, tmp_path / "out", datasets=given, execute=here(CountingTrainer(dies_in_call=2)))
    rest = CountingTrainer()
    entries = run(finished.recipe, tmp_path / "out", datasets=given, execute=here(rest))
    assert len(rest.calls) == 3  # real, and both stages of mixed
    assert [entry.digest for entry in entries] == [entry.digest for entry in finished.entries]


@pytest.mark.parametrize(
    "pattern", ["detections-real_test.json", "checkpoint.safetensors", "losses.json", "result.json"]
)
def test_a_run_whose_file_was_cut_or_is_gone_does_not_count(
    finished: Finished, given: dict[str, Path], tmp_path: Path, pattern: str
) -> None:
    job = finished.jobs(given, finished.copy(tmp_path / "out"))[1]
    assert load_result(job) is not None
    whole = (job.folder / pattern).read_bytes()
    (job.folder / pattern).write_bytes(whole[:-5])
    assert load_result(job) is None
    (job.folder / pattern).unlink()
    assert load_result(job) is None


def test_changing_one_arm_trains_only_that_arm(
    finished: Finished, recipe_with: Write, given: dict[str, Path], tmp_path: Path
) -> None:
    out = finished.copy(tmp_path / "out")
    changed = recipe_with(("synthetic_train: 0.5, real_train: 0.5", "synthetic_train: 0.4, real_train: 0.6"))
    again = CountingTrainer()
    run(load_recipe(changed), out, datasets=given, execute=here(again))
    assert [weights for _, _, weights, _ in again.calls] == [(1.0,), (0.4, 0.6)]


def test_the_numbers_are_those_of_the_saved_detections(finished: Finished, given: dict[str, Path]) -> None:
    split = finished.splits(given)["real_test"]
    for entry in finished.entries:
        (saved,) = (finished.out / "runs").glob(f"{entry.arm}-*/detections-real_test.json")
        assert evaluate_file(saved, split, protocol="kitti_r40") == entry.evaluation


def test_detections_of_another_scan_or_too_few_are_refused(
    finished: Finished, given: dict[str, Path], tmp_path: Path
) -> None:
    split = finished.splits(given)["real_test"]
    (saved,) = (finished.out / "runs").glob("real-*/detections-real_test.json")
    for change, value, says in (("cloud", "0" * 16, "another scan"), ("index", 99, "missing frame")):
        damaged: dict[str, Any] = json.loads(saved.read_text())
        damaged["frames"][0][change] = value
        (tmp_path / "damaged.json").write_text(json.dumps(damaged))
        with pytest.raises(EvaluationError, match=says):
            evaluate_file(tmp_path / "damaged.json", split)


def test_differences_are_taken_from_the_arm_with_the_least_synthetic_data(finished: Finished) -> None:
    contrasts = load_comparison(finished.out)
    assert {(c.arm, c.baseline) for c in contrasts} == {("synthetic", "real"), ("mixed", "real")}
    value = {e.arm: e.evaluation.score("bev", 0.7, "moderate").value for e in finished.entries}
    (found,) = (c for c in contrasts if (c.arm, c.metric, c.iou) == ("synthetic", "bev", 0.7))
    assert found.value == pytest.approx(value["synthetic"] - value["real"])
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    assert found.p_value == pytest.approx(2 / 2**5)  # the least there is with five drives to swap
    assert value["real"] > value["synthetic"]  # the fake was shaken more


def test_an_arm_that_has_hardly_learned_is_marked_and_everything_else_scored(
    finished: Finished, given: dict[str, Path], tmp_path: Path
) -> None:
    entries = run(finished.recipe, tmp_path / "out", datasets=given, execute=here(CountingTrainer(fails_to_teach=1)))
    synthetic, real, mixed = (entry.evaluation for entry in entries)
    assert synthetic.astray is not None
    assert "in a sector where no label is" in synthetic.astray
    assert synthetic.score("bev", 0.5, "moderate").value == 0.0
    assert real.astray is mixed.astray is None
    assert [entry.evaluation for entry in entries[1:]] == [entry.evaluation for entry in finished.entries[1:]]
    report, page = publish(finished.recipe, tmp_path / "out", datasets=given)
    text = report.read_text(encoding="utf-8")
    assert text.count("<b>hardly trained</b>") == 1
    assert "<b>Hardly trained:</b> arm synthetic, seed 0," in text
    assert page.read_text(encoding="utf-8").count("<b>hardly trained</b>") == 1


def test_progress_reaches_the_steps_of_all_arms(finished: Finished) -> None:
    assert [progress.step for progress in finished.progress] == [0, 20, 40, 60, 60]
    assert finished.progress[0].left_s is None
    assert finished.progress[-1].left_s == 0
    assert [run.phase for run in finished.progress[1].runs] == ["done", "waiting", "waiting"]


def test_unknown_detector_settings_and_protocols_are_refused_before_training(
    recipe_with: Write, given: dict[str, Path], tmp_path: Path
) -> None:
    trainer = CountingTrainer()
    misspelt = load_recipe(recipe_with(("seeds: [0]", "detector: {learning_rte: 0.1}")))
    with pytest.raises(InputError, match="learning_rate"):
        run(misspelt, tmp_path / "out", datasets=given, execute=here(trainer))
    for protocol, says in (("kitti_r12", "no protocol 'kitti_r12'"), ("nuscenes", "nuscenes: an experiment compares")):
        other = load_recipe(recipe_with(("kitti_r40", protocol)))
        with pytest.raises(EvaluationError, match=says):
            run(other, tmp_path / "out", datasets=given, execute=here(trainer))
    assert trainer.calls == []


def test_publishing_twice_writes_both_pages_and_one_row_per_arm(
    finished: Finished, given: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="run the experiment"):
        publish(finished.recipe, tmp_path / "nothing", datasets=given)
    out = finished.copy(tmp_path / "out")
    publish(finished.recipe, out, datasets=given)
    report, page = publish(finished.recipe, out, datasets=given)
    text = report.read_text(encoding="utf-8")
    assert "mixed \u2212 real" in text
    assert "stand-in, not real" in text
    assert page.read_text(encoding="utf-8").count('<td class="rank">') == 3


def test_the_report_shows_the_slices_that_the_recipe_states(
    finished: Finished, recipe_with: Write, given: dict[str, Path], tmp_path: Path
) -> None:
    recipe = load_recipe(recipe_with(("protocol: kitti_r40", "protocol: kitti_r40\nslices: ['range:0,17,90', drive]")))
    assert recipe.digest == finished.recipe.digest  # nothing is trained again for another view of it
    out = finished.copy(tmp_path / "out")
    report, _ = publish(recipe, out, datasets=given)
    text = report.read_text(encoding="utf-8")
    assert "0 to 17 m" in text
    assert "By drive" in text
    assert "20 to 40 m" not in text
    with pytest.raises(ScenarioError, match=r"slices\[0\]: slice 'range:5'"):
        load_recipe(recipe_with(("protocol: kitti_r40", "protocol: kitti_r40\nslices: ['range:5']")))


def test_arms_are_left_in_order_with_the_ranks_that_stay_open(finished: Finished) -> None:
    standings = load_standings(finished.out)
    assert {one.arm for one in standings} == {"synthetic", "real", "mixed"}
    assert [one.value for one in standings] == sorted((one.value for one in standings), reverse=True)
    assert all(1 <= one.best_rank <= one.worst_rank <= 3 and one.letters for one in standings)
