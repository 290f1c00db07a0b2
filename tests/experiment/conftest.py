"""Two small stored datasets and a recipe over them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scanyard.sequence import Domain
from scanyard.store import create_dataset, write_sequence
from tests.view.street import street

RECIPE = """\
name: demo
datasets: {synthetic: synthetic, real: real}
splits:
  synthetic_train: {dataset: synthetic}
  real_train: {dataset: real, drives: {share: 0.5, seed: 0}}
  real_test: {dataset: real, drives: {rest_of: real_train}}
test: [real_test]
steps: 20
batch_size: 2
seeds: [0]
arms:
  synthetic:
    stages: [{steps: 1.0, mix: {synthetic_train: 1.0}}]
  real:
    stages: [{steps: 1.0, mix: {real_train: 1.0}}]
  mixed:
    stages:
      - {steps: 0.7, mix: {synthetic_train: 1.0}}
      - {steps: 0.3, mix: {synthetic_train: 0.5, real_train: 0.5}}
protocol: kitti_r40
"""


def write_dataset(root: Path, domain: Domain, drives: int, *, frames: int = 2, prefix: str = "") -> Path:
    create_dataset(root, name=root.name, licence="CC0-1.0")
    for index in range(drives):
        sequence = street(f"{prefix or domain}_{index}", domain, frames=frames, seed=index, image=False)
        write_sequence(root, sequence.info, sequence)
    return root


@pytest.fixture(scope="session")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the datasets ``synthetic`` (2 drives) and ``real`` (10 drives, playing the part)."""
    root = tmp_path_factory.mktemp("data")
    write_dataset(root / "synthetic", "synthetic", 2)
    write_dataset(root / "real", "stand-in", 10)
    return root


@pytest.fixture
def recipe_with(tmp_path: Path) -> Callable[..., Path]:
    """Writes the recipe, with some text in it replaced, and returns its path."""

    def write(*changes: tuple[str, str]) -> Path:
        text = RECIPE
        for old, new in changes:
            assert old in text, f"the recipe has no {old!r}"
            text = text.replace(old, new)
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return write
