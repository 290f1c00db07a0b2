"""``scanyard train``, ``detect`` and ``evaluate`` for several categories, and what a checkpoint is trained on with."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from scanyard.boxes import Boxes
from scanyard.cli.app import app
from scanyard.detect import load_detector
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import SequenceInfo
from scanyard.store import create_dataset, write_sequence

LIDAR = Lidar("top", Transform.from_xyz_rpy((0.8, 0.0, 1.73)), np.zeros(2), np.zeros(2), 1800, 10.0, 1.0, 80.0)
CAMERA = Camera("left", Transform.from_xyz_rpy((1.0, 0.1, 1.65)), 1242, 375, 721.5, (609.6, 172.9))
NAMES = ["car", "pedestrian", "cyclist"]


def scene(seed: int) -> Frame:
    """One of each on a flat road, every return with an intensity."""
    rng = np.random.default_rng(seed)
    center = np.array([[12.0, 2.0, 0.75], [10.0, -3.0, 0.9], [15.0, -1.0, 0.85]])
    size = np.array([[4.0, 1.7, 1.5], [0.8, 0.6, 1.8], [1.75, 0.6, 1.7]])
    boxes = Boxes(center, size, np.zeros(3), np.array(NAMES))
    boxes = boxes.replace(occlusion=np.zeros(3), truncation=np.zeros(3), image_box=[[400.0, 100.0, 500.0, 250.0]] * 3)
    ground = np.c_[rng.uniform(4, 30, 3000), rng.uniform(-10, 10, 3000), np.zeros(3000)]
    shells = [c + s * rng.uniform(-0.49, 0.49, (200, 3)) for c, s in zip(center, size, strict=True)]
    points = np.concatenate([ground, *shells]) - LIDAR.ego_from_sensor.translation
    sweep = Sweep(points.astype(np.float32), intensity=np.full(len(points), 0.3))
    return Frame(0, Transform.identity(), {"top": sweep}, boxes=boxes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two drives."""
    root = tmp_path_factory.mktemp("train")
    create_dataset(root / "data", name="data", licence="CC0-1.0")
    for name in ("a", "b"):
        info = SequenceInfo(name, "synthetic", name, Rig("r", (LIDAR,), (CAMERA,)), "CC0-1.0")
        write_sequence(root / "data", info, [scene(ord(name))])
    return root


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Path:
    """Hardly trained, for three categories and with intensity."""
    asked = [argument for name in NAMES for argument in ("--category", name)]
    run("train", folder / "data", "--out", folder / "three.safetensors", "--steps", "2", "--intensity", *asked)
    return folder / "three.safetensors"


def test_what_is_asked_for_is_in_the_checkpoint(checkpoint: Path) -> None:
    recipe = load_detector(checkpoint).recipe
    assert recipe.categories == tuple(NAMES)
    assert recipe.use_intensity


def test_every_category_is_scored(folder: Path, checkpoint: Path) -> None:
    run("detect", folder / "data", "--checkpoint", checkpoint, "--out", folder / "found.json")
    result = run("evaluate", folder / "data", "--detections", folder / "found.json")
    for name in NAMES:
        assert f" {name} " in result.output, name


def test_training_goes_on_with_the_categories_and_inputs_of_the_checkpoint(folder: Path, checkpoint: Path) -> None:
    out = folder / "on.safetensors"
    run("train", folder / "data", "--out", out, "--steps", "1", "--start-from", checkpoint)
    assert load_detector(out).recipe.categories == tuple(NAMES)
    assert load_detector(out).recipe.use_intensity


def test_cars_alone_are_detected_where_nothing_is_said(folder: Path) -> None:
    run("train", folder / "data", "--out", folder / "cars.safetensors", "--steps", "1")
    recipe = load_detector(folder / "cars.safetensors").recipe
    assert recipe.categories == ("car",)
    assert not recipe.use_intensity
