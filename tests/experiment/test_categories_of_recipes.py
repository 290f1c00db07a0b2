"""What a recipe's detectors look for, and by which of it arms are compared: each category by itself."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError, InputError, ScenarioError, StoreError
from scanyard.experiment import load_comparison, load_entries, load_findings, load_recipe, plan_jobs, publish, run
from scanyard.experiment.arm import Job, stage_recipe
from scanyard.experiment.scored import yardsticks
from scanyard.experiment.standings import load_standings
from scanyard.frame import Frame
from scanyard.sensors import Rig
from scanyard.sequence import Domain
from scanyard.store import create_dataset, open_dataset, write_sequence
from tests.experiment.conftest import RECIPE
from tests.experiment.test_experiment_run import CountingTrainer, NoisyLabels, here
from tests.view.street import street

Write = Callable[..., Path]
PEOPLE = ("seeds: [0]", "seeds: [0]\ndetector: {categories: [car, pedestrian]}\ncompare_by: [pedestrian]")
BOTH = ("seeds: [0]", "seeds: [0]\ndetector: {categories: [car, pedestrian]}\ncompare_by: [car, pedestrian]")
CARS = ("seeds: [0]", "seeds: [0]\ndetector: {categories: [car, pedestrian]}")


def planned(path: Path, datasets: Path) -> list[Job]:
    return plan_jobs(load_recipe(path), {n: open_dataset(datasets / n) for n in ("synthetic", "real")}, path.parent)


def write_street_with_people(root: Path, domain: Domain, drives: int) -> None:
    """Two of the five cars of every frame are people instead."""
    create_dataset(root, name=root.name, licence="CC0-1.0")
    for index in range(drives):
        sequence = street(f"{domain}_{index}", domain, frames=1, seed=index, image=False)
        frame = sequence[0]
        assert frame.boxes is not None
        size = frame.boxes.size.copy()
        size[[1, 3]] = 0.8, 0.6, 1.75
        boxes = frame.boxes.replace(size=size, category=np.array(["car", "pedestrian", "car", "pedestrian", "car"]))
        write_sequence(root, sequence.info, [frame.replace(boxes=boxes)])


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("people")
    write_street_with_people(root / "synthetic", "synthetic", 2)
    write_street_with_people(root / "real", "stand-in", 10)
    return {"synthetic": root / "synthetic", "real": root / "real"}


@pytest.fixture(scope="module")
def by_both(given: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an experiment that compares its arms by cars and by pedestrians."""
    root = tmp_path_factory.mktemp("both")
    (root / "recipe.yaml").write_text(RECIPE.replace(*BOTH))
    run(load_recipe(root / "recipe.yaml"), root / "out", datasets=given, execute=here(CountingTrainer()))
    return root / "out"


@dataclass(frozen=True)
class CarsAlone(NoisyLabels):
    """Plays a detector that was to look for people as well, and never finds one."""

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        found = super().detect(frame, rig)
        return found[found.category == "car"]


class TeachesCarsAlone(CountingTrainer):
    def __call__(self, *given: Any, **options: Any) -> NoisyLabels:
        return CarsAlone(super().__call__(*given, **options).shake_m)


def read(folder: Path, name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((folder / name).read_text())
    return found


def test_every_stage_is_trained_for_the_categories_of_the_recipe(recipe_with: Write, datasets: Path) -> None:
    path = recipe_with(("seeds: [0]", "seeds: [0]\ndetector: {categories: [car, pedestrian, cyclist]}"))
    for job in planned(path, datasets):
        for index in range(len(job.stages)):
            assert stage_recipe(job, index).categories == ("car", "pedestrian", "cyclist")


def test_a_recipe_that_does_not_detect_what_it_compares_by_is_refused(recipe_with: Write, datasets: Path) -> None:
    path = recipe_with(("seeds: [0]", "seeds: [0]\ndetector: {categories: [pedestrian]}"))
    with pytest.raises(InputError, match=r"recipe demo: detector.categories are \['pedestrian'\], without 'car'"):
        planned(path, datasets)
    path = recipe_with(("seeds: [0]", "seeds: [0]\ncompare_by: [car, cyclist]"))
    with pytest.raises(InputError, match=r"detector.categories are \['car'\], without 'cyclist', by which arms are"):
        planned(path, datasets)


@pytest.mark.parametrize("name", ["truck", "all"])
def test_a_category_that_the_protocol_does_not_score_is_refused(recipe_with: Write, datasets: Path, name: str) -> None:
    changes = f"seeds: [0]\ndetector: {{categories: [car, {name}]}}\ncompare_by: [car, {name}]"
    with pytest.raises(
        EvaluationError, match=f"demo: compare_by has '{name}', which protocol kitti_r40 does not score"
    ):
        planned(recipe_with(("seeds: [0]", changes)), datasets)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("[]", "at least 1"),
        ("[car, car]", "found car, car; expected each category once"),
        ("car", "list"),
        ("[3]", "text"),
    ],
)
def test_compare_by_is_a_list_of_different_names(recipe_with: Write, said: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=rf"recipe\.yaml.*compare_by.*{says}"):
        load_recipe(recipe_with(("seeds: [0]", f"seeds: [0]\ncompare_by: {said}")))


def test_intensity_is_yes_or_no(recipe_with: Write, datasets: Path) -> None:
    path = recipe_with(("seeds: [0]", "seeds: [0]\ndetector: {use_intensity: 1}"))
    with pytest.raises(InputError, match="use_intensity is 1, expected bool"):
        planned(path, datasets)


def test_overlaps_are_those_of_the_protocol_for_the_category(recipe_with: Write) -> None:
    by = yardsticks(load_recipe(recipe_with(BOTH)))
    assert [(one.category, one.metric, one.iou, one.strict) for one in by] == [
        ("car", "bev", 0.7, True), ("car", "3d", 0.7, True), ("car", "bev", 0.5, False), ("car", "3d", 0.5, False),
        ("pedestrian", "bev", 0.5, True), ("pedestrian", "3d", 0.5, True),
        ("pedestrian", "bev", 0.25, False), ("pedestrian", "3d", 0.25, False),
    ]  # fmt: skip


def test_differences_of_a_category_are_those_of_its_scores(by_both: Path) -> None:
    score = {entry.arm: entry.evaluation.score for entry in load_entries(by_both)}
    contrasts = load_comparison(by_both)
    assert [(c.category, c.metric, c.iou) for c in contrasts if c.arm == "mixed"] == [
        ("car", "bev", 0.7), ("car", "3d", 0.7), ("car", "bev", 0.5), ("car", "3d", 0.5),
        ("pedestrian", "bev", 0.5), ("pedestrian", "3d", 0.5), ("pedestrian", "bev", 0.25), ("pedestrian", "3d", 0.25),
    ]  # fmt: skip
    for c in contrasts:
        at = c.metric, c.iou, "moderate", c.category
        assert c.value == pytest.approx(score[c.arm](*at).value - score[c.baseline](*at).value)
        assert c.compared == 2  # the other arm, and not the other category
    strict = {(c.arm, c.category): c.value for c in contrasts if (c.metric, c.iou) in (("bev", 0.7), ("3d", 0.5))}
    assert strict["synthetic", "car"] != strict["synthetic", "pedestrian"]


def test_a_category_among_others_is_compared_as_it_is_alone_and_nothing_is_trained_for_it(
    by_both: Path, given: dict[str, Path], recipe_with: Write, tmp_path: Path
) -> None:
    for change, category in ((CARS, "car"), (PEOPLE, "pedestrian")):
        out = shutil.copytree(by_both, tmp_path / category)
        trainer = CountingTrainer()
        run(load_recipe(recipe_with(change)), out, datasets=given, execute=here(trainer))
        assert trainer.calls == []
        for name in ("comparison.json", "standings.json"):
            alone = read(out, name)
            assert alone == [one for one in read(by_both, name) if one["category"] == category]
            assert alone
        both = load_findings(by_both)
        assert load_findings(out) == replace(
            both,
            matrix=tuple(cell for cell in both.matrix if cell.category == category),
            sentences=tuple(sentence for sentence in both.sentences if f" {category} " in sentence),
        )


def test_labels_that_never_find_anything_have_no_worth_and_the_findings_say_so(
    recipe_with: Write, given: dict[str, Path], tmp_path: Path
) -> None:
    curve = ("protocol: kitti_r40", "curves: {labels: {split: real_train, frames: [2, 4]}}\nprotocol: kitti_r40")
    run(load_recipe(recipe_with(BOTH, curve)), tmp_path / "out", datasets=given, execute=here(TeachesCarsAlone()))
    findings = load_findings(tmp_path / "out")
    assert {(one.category, one.metric) for one in findings.equivalents} == {("car", "bev"), ("car", "3d")}
    assert [note for note in findings.notes if "cannot be said" in note] == [
        f"What synthetic frames are worth by pedestrian {metric} at overlap 0.5 on real_test (stand-in, not real) "
        "cannot be said: nothing is labelled that counts, or no arm of real frames alone scores above 0."
        for metric in ("BEV", "3D")
    ]


def test_arms_stand_in_an_order_for_each_category(by_both: Path) -> None:
    standings = load_standings(by_both)
    assert [(one.category, one.score) for one in standings] == [
        *[("car", "BEV at IoU 0.7")] * 3, *[("pedestrian", "BEV at IoU 0.5")] * 3,
    ]  # fmt: skip


def test_the_pages_of_an_experiment_about_pedestrians_speak_of_pedestrians(
    by_both: Path, given: dict[str, Path], recipe_with: Write, tmp_path: Path
) -> None:
    recipe = load_recipe(recipe_with(PEOPLE))
    out = shutil.copytree(by_both, tmp_path / "out")
    with pytest.raises(StoreError, match="holds an experiment of another recipe"):
        publish(recipe, out, datasets=given)  # it was compared by cars too
    run(recipe, out, datasets=given, execute=here(CountingTrainer()))
    report, page = (path.read_text(encoding="utf-8") for path in publish(recipe, out, datasets=given))
    arms = report[report.index("<header>") : report.index("<details><summary>Every number")]
    arms += report[report.index('<section id="differences">') : report.index('<section id="causes">')]
    said = set(re.findall(r"(\w+) (?:BEV|3D) (?:precision )?at (?:IoU |overlap )?([\d.]+\d)", arms))
    assert said == {("pedestrian", "0.5"), ("pedestrian", "0.25")}
    assert not re.search(r"\bcars?\b", arms)
    assert re.findall(r"<h3>(.*)</h3>", page) == ["car", "pedestrian"]  # the entries hold both


def test_what_was_compared_before_categories_were_said_is_refused(by_both: Path, tmp_path: Path) -> None:
    for name, load in (("comparison", load_comparison), ("standings", load_standings), ("findings", load_findings)):
        text = (by_both / f"{name}.json").read_text()
        (tmp_path / f"{name}.json").write_text(re.sub(r'"category": "\w+",', "", text))
        with pytest.raises(StoreError, match=rf"{name}\.json: no .*category.*run the experiment"):
            load(tmp_path)
