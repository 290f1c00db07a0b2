"""``scanyard evaluate`` and ``export detections`` on other people's results: what they were taken for, and one line for
what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "malformed"))
# tools are no package

import sample_results as sample

from scanyard.cli.app import app
from scanyard.errors import ScanyardError
from scanyard.frame import Frame, Sweep
from scanyard.sequence import InMemorySequence
from scanyard.store import create_dataset, seal_dataset, write_sequence


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two recordings, and what a detector found in it as every framework writes it."""
    root = tmp_path_factory.mktemp("results")
    create_dataset(root / "data", name="data", licence="CC0-1.0")
    recordings: dict[str, list[Frame]] = {}
    for number, one in enumerate(sample.labelled()):
        sweep = Sweep(np.full((3, 3), number, dtype=np.float32))
        frame = Frame(number, one.known.world_from_ego, {"top": sweep}, boxes=one.labels, name=one.known.name)
        recordings.setdefault(one.known.info.name, []).append(frame)
    infos = {one.known.info.name: one.known.info for one in sample.labelled()}
    for name, frames in recordings.items():
        write_sequence(root / "data", infos[name], InMemorySequence(infos[name], frames))
    seal_dataset(root / "data")
    sample.write_kitti(root / "kitti")
    sample.write_json(root / "nuscenes.json", sample.nuscenes_results())
    sample.write_pickle(root / "result.pkl", sample.openpcdet_entries())
    sample.write_predictions(root / "mm")
    return root


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("kitti", [], "taken for KITTI's text files"),
        ("result.pkl", ["--format", "openpcdet", "--own-names"], "taken for OpenPCDet's result pickle"),
        ("mm", ["--classes", "Pedestrian,Cyclist,Car", "--own-names"], "taken for MMDetection3D's predictions"),
        ("nuscenes.json", ["--protocol", "nuscenes"], "taken for nuScenes' results JSON"),
    ],
)
def test_results_are_recognised_and_score_alike(folder: Path, name: str, options: list[str], said: str) -> None:
    out = folder / f"{name}.scores"
    assert said in run("evaluate", folder / "data", "--detections", folder / name, *options, "--out", out)
    scores = json.loads(out.read_text())["scores"]
    wanted = ("ap", "all") if "nuscenes" in options else ("3d", "moderate")
    values = [
        one["value"] for one in scores if (one["metric"], one["difficulty"]) == wanted and one["category"] == "car"
    ]
    assert values
    assert min(values) > 99.0


def test_a_claim_holds_or_is_named(folder: Path) -> None:
    arguments = ["evaluate", folder / "data", "--detections", folder / "kitti"]
    claim = folder / "claim.json"
    run(*arguments, "--out", claim)
    assert "numbers by kitti_r40 are those of these frames" in run(*arguments, "--claim", claim)
    whole = folder / "new" / "whole.json"
    run(*arguments, "--errors", "--out", whole)  # with what is behind the numbers
    assert "numbers by kitti_r40 are those of these frames" in run(*arguments, "--claim", whole)
    assert refused(*arguments, "--difficulty", "hard")[0].startswith("--difficulty hard is of what --slice")
    data = json.loads(claim.read_text())
    data["scores"][0]["value"] -= 3.0
    claim.write_text(json.dumps(data))
    assert refused(*arguments, "--claim", claim)[0].startswith("other number: ")
    claim.write_text(claim.read_text().replace('"value"', '"valeu"', 1))
    error, printed = refused(*arguments, "--claim", claim)
    assert "score 0: ['valeu', 'value'] are unknown or missing" in error
    assert not printed  # nothing is scored before


def test_detections_are_exported_and_score_the_same(folder: Path) -> None:
    for to, name in (("scanyard", "own.json"), ("kitti", "text")):
        data, pickled = folder / "data", folder / "result.pkl"
        assert "12 detections in 4 frames" in run(
            "export", "detections", data, "--detections", pickled, "--own-names", "--to", to, "--out", folder / name
        )
        run("evaluate", data, "--detections", folder / name, "--out", folder / "a.json")
        run("evaluate", data, "--detections", pickled, "--own-names", "--out", folder / "b.json")
        assert (folder / "a.json").read_text() == (folder / "b.json").read_text()


def test_scores_our_own_file_cannot_keep_are_not_written(folder: Path) -> None:
    odds = sample.write_kitti(folder / "odds")
    line = sample.kitti_text(0).splitlines()[0].split()
    (odds / "000000.txt").write_text(" ".join([*line[:-1], "3.5"]) + "\n")
    error, _ = refused(
        "export", "detections", folder / "data", "--detections", odds, "--to", "scanyard", "--out", folder / "o.json"
    )
    assert "o.json: frame 0, box 0: found score 3.5, expected 0 to 1" in error
    assert not (folder / "o.json").exists()


def test_a_list_of_frames_narrows_what_is_scored(folder: Path) -> None:
    names, some = folder / "val.txt", folder / "some"
    names.write_text("000000\n000001\n")
    some.mkdir()
    for name in ("000000", "000001"):
        (some / f"{name}.txt").write_text(sample.kitti_text(int(name)))
    assert "2 frames" in run("evaluate", folder / "data", "--detections", some, "--frames", names)
    error, _ = refused("evaluate", folder / "data", "--detections", some)
    assert "missing frame: 2 of 4 frames with labels have no detections" in error


def test_results_of_any_two_formats_are_compared(folder: Path) -> None:
    names, out = folder / "first.txt", folder / "order.json"
    names.write_text("000000\n000001\n000002\n000003\n")
    said = run(
        "compare", folder / "data", "--detections", f"text={folder / 'kitti'}", "--detections",
        f"pickle={folder / 'result.pkl'}", "--detections", f"mm={folder / 'mm'}", "--classes", "Pedestrian,Cyclist,Car",
        "--frames", names, "--category", "pedestrian", "--own-names", "--out", out,
    )  # fmt: skip
    assert "taken for KITTI's text files" in said
    assert "taken for OpenPCDet's result pickle" in said
    order = json.loads(out.read_text())
    assert [one["name"] for one in order["standings"]] == ["mm", "pickle", "text"]
    assert min(one["value"] for one in order["standings"]) > 99.0
    error, _ = refused(
        "compare", folder / "data", "--detections", f"a={folder / 'kitti'}", "--detections",
        f"b={folder / 'result.pkl'}", "--drive", "a", "--own-names",
    )  # fmt: skip
    assert "of more of it than was chosen" in error


def refused(*arguments: str | Path) -> tuple[str, str]:
    """The error that the front door makes one line of, and what was printed before."""
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert isinstance(result.exception, ScanyardError), f"{result.output}\n{result.exception!r}"
    return str(result.exception), result.output


def test_what_is_wrong_is_said_in_one_line(folder: Path) -> None:
    bad = folder / "bad.json"
    bad.write_text(json.dumps(sample.nuscenes_results()).replace('"detection_score": 0', '"detection_score": 7', 1))
    bomb = folder / "bomb.pkl"
    bomb.write_bytes(b"\x80\x04cos\nsystem\n\x8c\x04true\x85R.")
    for arguments, said in (
        ([bad], "bad.json, sample '000000', box 0: found score 7."),
        ([bomb], "names os.system"),
        ([folder / "kitti", "--format", "coco"], "--format 'coco': expected one of"),
    ):
        error, _ = refused("evaluate", folder / "data", "--detections", *arguments)
        assert said in error
        assert len(error.splitlines()) == 1


def test_a_place_that_cannot_be_written_is_one_line_and_exit_code_2(folder: Path) -> None:
    command = ["evaluate", folder / "data", "--detections", folder / "kitti", "--out", folder]
    done = subprocess.run(
        [sys.executable, "-m", "scanyard", *map(str, command)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"scanyard: {folder}: Is a directory"
