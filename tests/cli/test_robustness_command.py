"""``scanyard corrupt`` and ``scanyard robustness``: files that say what was asked, and one line for what is wrong."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from scanyard.cli.app import app
from scanyard.corrupt import corrupted
from scanyard.detect import Source, TrainRecipe, train
from scanyard.sequence import InMemorySequence
from scanyard.store import create_dataset, open_dataset, verify, write_sequence
from tests.robustness.known_detectors import split_of_drives

SMALL = TrainRecipe(steps=2, batch_size=2, area_m=(2.0, -12.8, 27.6, 12.8), paste_boxes=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of three drives, and a detector that has hardly learned anything."""
    root = tmp_path_factory.mktemp("robustness")
    split = split_of_drives(drives=3, frames=1)
    create_dataset(root / "clean", name="clean", licence="CC0-1.0")
    for sequence in split.sequences:
        write_sequence(root / "clean", sequence.info, sequence)
    train([Source(split.sequences, 1.0)], SMALL).save(root / "detector.safetensors")
    return root


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scanyard", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_corrupt_writes_a_dataset_that_verifies(folder: Path) -> None:
    out = folder / "foggy"
    arguments = ["corrupt", folder / "clean", "--out", out, "--corruption", "fog", "--severity", "3", "--seed", "2"]
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "3 sequences, 3 frames" in result.output
    again = CliRunner().invoke(app, [*map(str, arguments)])  # as after an interruption
    assert again.exit_code == 0, again.output
    assert verify(out) == []
    clean, found = open_dataset(folder / "clean"), open_dataset(out)
    assert found.licence == clean.licence
    expected = corrupted(clean.sequences["street-0"], "fog", 3, seed=2)[0].sweeps["top"]
    assert (found.sequences["street-0-fog-3"][0].sweeps["top"].points == expected.points).all()


def test_robustness_prints_a_table_and_writes_numbers_and_a_picture(folder: Path) -> None:
    out, checkpoint = folder / "result", folder / "detector.safetensors"
    arguments = ["robustness", folder / "clean", "--checkpoint", checkpoint, "--reference", checkpoint, "--out", out]
    arguments += ["--corruption", "fog", "--corruption", "beam_loss", "--severity", "2", "--severity", "5"]
    result = CliRunner().invoke(app, [*map(str, arguments), "--metric", "bev"])
    assert result.exit_code == 0, result.output
    assert "beam_loss" in result.output
    assert "corruption error" in result.output
    found = json.loads((out / "robustness.json").read_text())
    assert [one["name"] for one in found["corruptions"]] == ["fog", "beam_loss"]
    assert [one["severities"] for one in found["corruptions"]] == [[2, 5], [2, 5]]
    assert found["score"] == "car moderate bev@0.7"
    assert found["num_frames"] == 3
    assert found["mean_error"]["value"] == pytest.approx(100)
    with Image.open(out / "robustness.png") as picture:
        assert picture.width > 600
    page = (out / "robustness.html").read_text(encoding="utf-8")
    assert "Severity 5" in page
    assert "beam loss" in page
    assert base64.b64encode((out / "robustness.png").read_bytes()).decode() in page
    assert "src=" not in page.replace('src="data:image/png', "")  # nothing from elsewhere


def test_what_cannot_be_done_without_intensity_is_left_out_and_said(folder: Path, tmp_path: Path) -> None:
    create_dataset(tmp_path / "dark", name="dark", licence="CC0-1.0")
    for sequence in split_of_drives(drives=2, frames=1).sequences:
        frames = [
            frame.replace(sweeps={name: replace(sweep, intensity=None) for name, sweep in frame.sweeps.items()})
            for frame in sequence
        ]
        write_sequence(tmp_path / "dark", sequence.info, InMemorySequence(sequence.info, frames))
    done = run(
        "robustness", tmp_path / "dark", "--checkpoint", folder / "detector.safetensors", "--out", tmp_path / "out",
        "--severity", "2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "note: without incomplete_echo, which needs intensity, and street-0 has none" in done.stderr
    assert "[too few drives]" in done.stdout
    assert "without incomplete_echo" in (tmp_path / "out" / "robustness.html").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert "incomplete_echo" not in [one["name"] for one in found["corruptions"]]
    assert len(found["corruptions"]) == 7


def test_what_is_wrong_is_one_line_and_exit_code_2(folder: Path) -> None:
    clean, checkpoint = folder / "clean", folder / "detector.safetensors"
    cases = [
        (["corrupt", clean, "--out", folder / "x", "--corruption", "smog", "--severity", "3"], "no corruption 'smog'"),
        (["corrupt", clean, "--out", folder / "x", "--corruption", "fog", "--severity", "0"], "severity 0 is none of"),
        (["robustness", clean, "--checkpoint", folder / "no", "--out", folder / "x"], "no such file"),
        (
            ["robustness", clean, "--checkpoint", checkpoint, "--out", folder / "x", "--category", "pedestrian"],
            "--category pedestrian: pillars looks for car",
        ),
        (
            ["corrupt", clean, "--out", clean, "--corruption", "fog", "--severity", "3"],
            "holds 3 sequences that are not fog 3 of",
        ),
    ]
    for arguments, said in cases:
        done = run(*arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (folder / "x").exists()


def test_a_score_the_protocol_lacks_is_refused_before_anything_is_detected(folder: Path) -> None:
    done = run(
        "robustness", folder / "clean", "--checkpoint", folder / "detector.safetensors", "--out", folder / "y",
        "--iou", "0.6",
    )  # fmt: skip
    assert done.returncode == 2
    assert "3d@0.6" in done.stderr
    assert not (folder / "y").exists()
