"""``scanyard experiment``: its plan, and datasets that a recipe can make."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from scanyard.cli.app import app
from scanyard.cli.compare import print_entries
from scanyard.cli.laboratory import make_datasets, place_of
from scanyard.errors import InputError
from scanyard.experiment import load_recipe
from tests.board.test_board_page import board_entry

LABORATORY = Path(__file__).parents[2] / "scenarios" / "recipes" / "laboratory.yaml"
KITTI = Path(__file__).parents[3] / "shared" / "real" / "kitti"


def test_a_plan_says_what_would_run_and_makes_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["experiment", str(LABORATORY), "--out", str(tmp_path / "out"), "--plan"])
    assert result.exit_code == 0, result.output
    assert "dataset real: not there yet; ['training'] below --real" in result.output
    assert "36 runs of 900 steps, 0 done; 32,400 steps to take" in result.output
    assert not (tmp_path / "out").exists()


def test_a_dataset_that_comes_from_a_folder_asks_for_it(tmp_path: Path) -> None:
    recipe = load_recipe(LABORATORY)
    given = {"synthetic": tmp_path}
    places = place_of(recipe, tmp_path / "out", given)
    assert places == {"synthetic": tmp_path, "real": tmp_path / "out" / "datasets" / "real"}
    with pytest.raises(InputError, match="give --real FOLDER"):
        make_datasets(recipe, places, None, given=given, workers=1)


@pytest.mark.skipif(not KITTI.is_dir(), reason="needs the KITTI samples in ../shared/real, which cannot be shipped")
def test_real_frames_are_imported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = load_recipe(LABORATORY)
    given = {"synthetic": tmp_path}
    places = place_of(recipe, tmp_path / "out", given)
    for _ in range(2):
        make_datasets(recipe, places, KITTI, given=given, workers=1)
    assert "17 drives, 33 real frames" in capsys.readouterr().out
    make_datasets(recipe, places, None, given=given, workers=1)
    assert "33 frames are already there" in capsys.readouterr().out


def test_rows_are_those_of_the_category_at_its_own_overlaps(capsys: pytest.CaptureFixture[str]) -> None:
    entries = [board_entry("sees_people", pedestrian=60.0, car=50.0)]
    for category, shown in (
        ("car", ["car bev@0.7", "car 3d@0.5", "50.0", "60.0 [too few drives]"]),
        ("pedestrian", ["pedestrian bev@0.5", "pedestrian 3d@0.25", "60.0", "70.0 [too few drives]"]),
        ("cyclist", ["cyclist moderate: no labels", "sees_people"]),
    ):
        print_entries(entries, category)
        printed = " ".join(capsys.readouterr().out.split())
        assert [text for text in shown if text not in printed] == []
