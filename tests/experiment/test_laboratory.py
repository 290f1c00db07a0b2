"""What arms say together: matrix, mixing curve and equivalents are those of the runs, and reach the report."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from scanyard.detect import Source, TrainRecipe
from scanyard.experiment import load_findings, load_recipe, publish, run
from scanyard.view import Findings
from tests.experiment.test_experiment_run import NoisyLabels, here

Write = Callable[..., Path]
CHANGES = (
    ("{share: 0.5, seed: 0}", "{folds: 2, seed: 0}"),
    ("seeds: [0]", "seeds: [0, 1]"),
    ("test: [real_test]", "test: [real_test, harbour_test]"),
    ("synthetic: synthetic,", "synthetic: synthetic, harbour: harbour,"),
    ("  real_test:", "  harbour_test: {dataset: harbour}\n  real_test:"),
    (
        "protocol: kitti_r40\n",
        "curves:\n  labels: {split: real_train, frames: [2, 4]}\nsweeps:\n"
        "  ratio: {real: real_train, synthetic: synthetic_train, shares: [0.5, 1], fixed: real}\n"
        "notes: [the shapes were tuned on these drives]\nprotocol: kitti_r40\n",
    ),
)


@dataclass
class SkilledTrainer:
    """Its detectors shake labels less the more they were trained on; a synthetic frame counts a quarter."""

    def __call__(
        self,
        sources: Sequence[Source],
        recipe: TrainRecipe,
        *,
        start_from: NoisyLabels | None = None,
        threads: int | None = None,
        on_progress: Callable[[int, int, float], None],
    ) -> NoisyLabels:
        on_progress(recipe.steps, recipe.steps, 1.0)
        frames = sum(
            len(sequence) * (0.25 if sequence.info.domain == "synthetic" else 1.0)
            for source in sources
            for sequence in source.sequences
        )
        return NoisyLabels(0.3 / np.sqrt(frames) * (1 + 0.1 * (recipe.seed % 1000)))


@pytest.fixture(scope="module")
def finished(datasets: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Path, str]:
    from tests.experiment.conftest import RECIPE, write_dataset

    root = tmp_path_factory.mktemp("laboratory")
    write_dataset(root / "harbour", "stand-in", 5, frames=1, prefix="harbour")
    text = RECIPE
    for old, new in CHANGES:
        assert old in text
        text = text.replace(old, new)
    (root / "recipe.yaml").write_text(text)
    recipe = load_recipe(root / "recipe.yaml")
    given = {"synthetic": datasets / "synthetic", "real": datasets / "real", "harbour": root / "harbour"}
    run(recipe, root / "out", datasets=given, execute=here(SkilledTrainer()))  # type: ignore[arg-type]
    report, _ = publish(recipe, root / "out", datasets=given)
    return load_findings(root / "out"), root / "out", report.read_text(encoding="utf-8")


def test_the_matrix_holds_every_arm_on_every_test_as_the_mean_of_its_entries(
    finished: tuple[Findings, Path, str],
) -> None:
    findings, out, _ = finished
    entries = json.loads((out / "entries.json").read_text())
    assert {(cell.arm, cell.evaluated_on) for cell in findings.matrix} == {
        (entry["arm"], entry["evaluated_on"]) for entry in entries
    }
    for cell in findings.matrix:
        mine = [e for e in entries if (e["arm"], e["evaluated_on"]) == (cell.arm, cell.evaluated_on)]
        values = [
            score["value"]
            for entry in mine
            for score in entry["evaluation"]["scores"]
            if (score["metric"], score["category"], score["iou"], score["difficulty"])
            == (cell.metric, cell.category, cell.iou, "moderate")
        ]
        assert len(values) == 2
        assert cell.value == pytest.approx(np.mean(values))
        assert cell.low is not None
        assert cell.high is not None
        assert cell.low <= cell.value <= cell.high


def test_the_mixing_curve_runs_over_the_shares(finished: tuple[Findings, Path, str]) -> None:
    findings, _, _ = finished
    curve = next(c for c in findings.mixing if (c.evaluated_on, c.metric) == ("real_test", "bev"))
    assert [(point.share, point.arm) for point in curve.points] == [
        (0.5, "ratio_50"), (1.0, "ratio_100"),
    ]  # fmt: skip
    assert curve.fixed == "real"


def test_every_arm_with_synthetic_frames_is_read_off_the_curve_of_the_others(
    finished: tuple[Findings, Path, str],
) -> None:
    findings, _, _ = finished
    mine = {e.arm: e for e in findings.equivalents if (e.evaluated_on, e.metric) == ("real_test", "bev")}
    assert set(mine) == {"synthetic", "mixed", "ratio_50", "ratio_100"}
    for one in mine.values():
        assert [(point.frames, point.arm) for point in one.sizes] == [(2, "labels_2"), (4, "labels_4"), (10, "real")]
        assert one.low <= one.frames <= one.high
        assert one.seeds == 2
    assert mine["synthetic"].real_frames == 0
    assert mine["mixed"].real_frames == 10
    assert mine["synthetic"].frames < mine["ratio_50"].frames  # 4 synthetic frames count as one, beside ten


def test_the_report_shows_all_of_it_with_what_to_know_of_the_data(finished: tuple[Findings, Path, str]) -> None:
    findings, _, text = finished
    assert "the shapes were tuned on these drives" in text
    assert text.count("<svg") >= 2 + len({(e.evaluated_on, e.metric) for e in findings.equivalents})
    assert "synthetic, car BEV precision at overlap 0.7 on real_test (stand-in, not real): 4 synthetic frames" in text
    assert "Every arm on every test" in text
    assert any("real_test (stand-in, not real), mean of 2 seeds" in sentence for sentence in findings.sentences)


def test_without_a_curve_the_findings_say_what_is_missing(recipe_with: Write, datasets: Path, tmp_path: Path) -> None:
    given = {name: datasets / name for name in ("synthetic", "real")}
    run(load_recipe(recipe_with()), tmp_path / "out", datasets=given, execute=here(SkilledTrainer()))  # type: ignore[arg-type]
    findings = load_findings(tmp_path / "out")
    assert findings.equivalents == ()
    assert any("needs 3 arms of different numbers of real frames; the recipe has 1" in note for note in findings.notes)
    assert any(note.startswith("Single run") for note in findings.notes)


def test_a_test_of_too_few_drives_bounds_no_equivalent(recipe_with: Write, datasets: Path, tmp_path: Path) -> None:
    given = {name: datasets / name for name in ("synthetic", "real")}
    recipe = recipe_with(
        ("{share: 0.5, seed: 0}", "{share: 0.7, seed: 0}"),
        ("protocol: kitti_r40\n", "curves:\n  labels: {split: real_train, frames: [2, 4]}\nprotocol: kitti_r40\n"),
    )
    run(load_recipe(recipe), tmp_path / "out", datasets=given, execute=here(SkilledTrainer()))  # type: ignore[arg-type]
    for one in load_findings(tmp_path / "out").equivalents:  # three drives
        assert one.interval == "[fewer than 2, more than 14]"
        assert all(score == low == high for _, score, low, high in one.curve)
    assert load_findings(tmp_path / "out").equivalents
