import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from toy_street import RIG, SMALL, source, street

from scanyard.detect import PillarDetector, TrainRecipe, load_detector, train
from scanyard.detect.checkpoint import KEY
from scanyard.errors import CheckpointError, InputError


@pytest.fixture(scope="module")
def detector() -> PillarDetector:
    detector = train([source(street())], TrainRecipe.from_dict(SMALL.to_dict() | {"steps": 2}), threads=1)
    detector.net.heat.bias.fill_(0.0)  # so that it finds something after two steps
    return detector


@pytest.fixture
def file(detector: PillarDetector, tmp_path: Path) -> Path:
    detector.save(tmp_path / "detector.safetensors")
    return tmp_path / "detector.safetensors"


def rewritten(file: Path, *, change: dict[str, object] | None = None, metadata: dict[str, str] | None = None) -> Path:
    """The same weights under changed metadata."""
    with safe_open(file, framework="pt") as opened:
        data = json.loads(opened.metadata()[KEY])
    save_file(
        load_file(file), file, metadata={KEY: json.dumps(data | (change or {}))} if metadata is None else metadata
    )
    return file


def test_a_loaded_detector_detects_the_same_boxes(detector: PillarDetector, file: Path) -> None:
    before, after = detector.detect(street(), RIG), load_detector(file).detect(street(), RIG)
    assert len(before) > 0
    for column in ("center", "size", "yaw_rad", "score", "image_box"):
        assert np.array_equal(getattr(before, column), getattr(after, column)), column


def test_recipe_and_training_summary_travel_along(detector: PillarDetector, file: Path) -> None:
    loaded = load_detector(file)
    assert (loaded.recipe, loaded.training, loaded.name) == (detector.recipe, detector.training, detector.name)
    assert loaded.training.licences == ("CC0-1.0",)
    assert loaded.training.frames_by_domain == {"synthetic": 1}


def test_saving_twice_gives_the_same_bytes(detector: PillarDetector, file: Path, tmp_path: Path) -> None:
    detector.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "detector.safetensors"]


def test_a_loaded_detector_can_be_trained_on(file: Path) -> None:
    loaded = load_detector(file)
    assert train([source(street())], loaded.recipe, start_from=loaded, threads=1).training.earlier == (loaded.recipe,)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_detector(tmp_path / "nothing")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_cut_file_is_refused(file: Path, share: float) -> None:
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(CheckpointError, match="damaged"):
        load_detector(file)


def test_another_kind_of_file_is_refused(file: Path) -> None:
    file.write_bytes(b"\x80\x02}q\x00." * 100)
    with pytest.raises(CheckpointError, match="not a detector"):
        load_detector(file)


def test_foreign_weights_are_refused(file: Path) -> None:
    with pytest.raises(CheckpointError, match="not a detector of ours"):
        load_detector(rewritten(file, metadata={"format": "pt"}))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": "scanyard-pillars-9"}, "format is 'scanyard-pillars-9'"),
        ({"recipe": {"stepz": 3}}, "did you mean steps"),
        ({"recipe": {"categories": ["car", "van"]}}, "arrays do not fit"),
        ({"recipe": [1]}, "not a detector of ours"),
        ({"training": {}}, "not a detector of ours"),
    ],
)
def test_odd_metadata_is_refused(file: Path, change: dict[str, object], complaint: str) -> None:
    with pytest.raises(CheckpointError, match=complaint):
        load_detector(rewritten(file, change=change))


def test_weights_that_are_not_numbers_are_refused(file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    weights = load_file(file)
    weights["heat.bias"][0] = float("nan")
    save_file(weights, file, metadata=metadata)
    with pytest.raises(CheckpointError, match=r"heat\.bias holds values that are not finite"):
        load_detector(file)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"learning_rat": 1.0}, "did you mean learning_rate"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": "many"}, "steps is 'many', expected int"),
        ({"steps": True}, "expected int"),
        ({"categories": []}, "must name each class"),
        ({"categories": ["car", "car"]}, "must name each class"),
        ({"categories": "car"}, "a list of str"),
        ({"area_m": [0, 0, 1, 1]}, "multiple of 1.6 m"),
        ({"area_m": [0, 0, 16]}, "has 3 numbers"),
        ({"keep_points": 0.0}, "keep_points is 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(data: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        TrainRecipe.from_dict(data)


def test_a_recipe_survives_json() -> None:
    assert TrainRecipe.from_dict(json.loads(json.dumps(SMALL.to_dict()))) == SMALL
