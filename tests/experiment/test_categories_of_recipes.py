"""What a recipe's detectors look for: any categories, but cars among them, by which arms are compared."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scanyard.errors import InputError
from scanyard.experiment import load_recipe, plan_jobs
from scanyard.experiment.arm import Job, stage_recipe
from scanyard.store import open_dataset


def planned(path: Path, datasets: Path) -> list[Job]:
    return plan_jobs(load_recipe(path), {n: open_dataset(datasets / n) for n in ("synthetic", "real")}, path.parent)


def test_every_stage_is_trained_for_the_categories_of_the_recipe(
    recipe_with: Callable[..., Path], datasets: Path
) -> None:
    path = recipe_with(("seeds: [0]", "seeds: [0]\ndetector: {categories: [car, pedestrian, cyclist]}"))
    for job in planned(path, datasets):
        for index in range(len(job.stages)):
            assert stage_recipe(job, index).categories == ("car", "pedestrian", "cyclist")


def test_a_recipe_without_cars_is_refused(recipe_with: Callable[..., Path], datasets: Path) -> None:
    path = recipe_with(("seeds: [0]", "seeds: [0]\ndetector: {categories: [pedestrian]}"))
    with pytest.raises(InputError, match=r"recipe demo: detector.categories are \['pedestrian'\], without 'car'"):
        planned(path, datasets)


def test_intensity_is_yes_or_no(recipe_with: Callable[..., Path], datasets: Path) -> None:
    path = recipe_with(("seeds: [0]", "seeds: [0]\ndetector: {use_intensity: 1}"))
    with pytest.raises(InputError, match="use_intensity is 1, expected bool"):
        planned(path, datasets)
