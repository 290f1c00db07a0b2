"""``scanyard evaluate``: slices, kinds of error and weights, as tables, JSON and a page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scanyard.boxes import Boxes
from scanyard.cli.app import app
from scanyard.detect import detect_all
from scanyard.detections import Detections, FrameDetections, cloud_digest, read_detections, write_detections
from scanyard.evaluation import Evaluation
from scanyard.metrics import Causes
from scanyard.store import create_dataset, open_dataset, write_sequence
from tests.robustness.known_detectors import CountingDetector, split_of_drives


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of four drives, and detections: the labels, every third one moved, with a false alarm a frame."""
    root = tmp_path_factory.mktemp("evaluate")
    create_dataset(root / "real", name="real", licence="CC0-1.0")
    for sequence in split_of_drives(drives=4, frames=2).sequences:
        write_sequence(root / "real", sequence.info, sequence)
    found = []
    for sequence in open_dataset(root / "real").sequences.values():
        for index, frame in enumerate(sequence):
            moved = np.arange(len(frame.boxes)) % 3 == 0
            right = frame.boxes.replace(center=frame.boxes.center + np.outer(moved, [1.2, 0.0, 0.0]))
            alarm = right[:1].replace(center=right.center[:1] + np.array([0.0, 9.0, 0.0]))
            boxes = Boxes.concatenate([right, alarm])
            boxes = boxes.replace(score=np.linspace(0.9, 0.3, len(boxes)), num_points=None, track=None)
            digest = cloud_digest(frame, sequence.info.rig)
            found.append(FrameDetections(sequence.info.name, index, frame.name, digest, boxes))
    write_detections(root / "found.json", Detections("moved labels", tuple(found)))
    return root


def evaluate(folder: Path, *options: str | Path, code: int = 0) -> str:
    detections = [] if "--detections" in options else ["--detections", folder / "found.json"]
    arguments = ["evaluate", folder / "real", *detections, *options]
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result.output if code == 0 else str(result.exception)


def test_slices_and_errors_are_tables_and_json_and_a_page(folder: Path) -> None:
    out, page = folder / "why.json", folder / "why.html"
    text = evaluate(
        folder, "--slice", "range:0,12,80", "--slice", "points", "--slice", "sequence", "--errors", "--min-objects",
        "5", "--out", out, "--page", page,
    )  # fmt: skip
    for expected in ("0 to 12 m", "12 to 80 m", "101 and more", "street-3", "translation", "background", "(few)"):
        assert expected in text
    causes = Causes.from_dict(json.loads(out.read_text()))
    assert {one.column for one in causes.slices} == {"range", "points", "sequence"}
    assert causes.min_objects == 5
    costs = {cost.kind: cost for cost in causes.breakdowns[0].costs}
    assert costs["translation"].count > 0
    assert costs["translation"].value > 5
    assert costs["background"].count == 8
    html = page.read_text()
    assert "translation" in html
    assert "By range" in html
    assert "<script" not in html


def test_drives_without_detections_are_named_and_left_out_only_when_others_are_chosen(folder: Path) -> None:
    whole = read_detections(folder / "found.json")
    partly = [one for one in whole.frames if one.sequence != "street-3"]
    write_detections(folder / "partly.json", replace(whole, frames=tuple(partly)))
    text = evaluate(folder, "--detections", folder / "partly.json", code=1)
    assert "missing frame: 2 of 8 frames with labels have no detections, the first is '0' of drive 'street-3'" in text
    chosen = [word for number in range(3) for word in ("--drive", f"drive-{number}")]
    said = [evaluate(folder, "--detections", folder / name, *chosen) for name in ("partly.json", "found.json")]
    assert "6 frames, 3 drives" in said[0]
    assert said[0].replace("partly.json", "found.json") == said[1]


def test_detections_in_other_recordings_are_refused_whatever_is_chosen(folder: Path) -> None:
    whole = read_detections(folder / "found.json")
    moved = replace(whole.frames[0], sequence="street-9")
    write_detections(folder / "moved.json", replace(whole, frames=(*whole.frames, moved)))
    for chosen in ((), ("--drive", "drive-0")):
        text = evaluate(folder, "--detections", folder / "moved.json", *chosen, code=1)
        assert "frames with detections have no labels, the first is '0' of drive 'street-9'" in text


def test_intervals_of_parts_of_one_drive_say_that_they_are_of_blocks(tmp_path: Path) -> None:
    split = split_of_drives(drives=1, frames=48)
    create_dataset(tmp_path / "real", name="real", licence="CC0-1.0")
    write_sequence(tmp_path / "real", split.sequences[0].info, split.sequences[0])
    write_detections(tmp_path / "found.json", detect_all(CountingDetector(100), split.sequences))
    text = evaluate(tmp_path, "--slice", "range:0,80", "--errors")
    assert text.count(" by block of ") > 5
    assert "note: intervals by blocks of frames are of this 1 drive and say nothing of others" in text


def test_slices_may_stand_in_a_file(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "slices.yaml"
    for text in ("slices: ['range:0,12,80', sequence]\n", "['range:0,12,80', sequence]\n"):
        listed.write_text(text)
        evaluate(folder, "--slice", listed, "--slice", "range", "--out", tmp_path / "why.json")
        slices = Causes.from_dict(json.loads((tmp_path / "why.json").read_text())).slices
        assert list(dict.fromkeys(one.column for one in slices)) == ["range", "sequence"]
        assert {"0 to 12 m", "12 to 80 m", "0 to 20 m"} <= {one.name for one in slices}
    listed.write_text("slices: {range: [0, 20]}\n")
    assert "slices.yaml: expected a list of slices" in evaluate(folder, "--slice", listed, code=1)
    assert "cannot be read" in evaluate(folder, "--slice", tmp_path / "no.yaml", code=1)


def test_without_causes_the_file_is_an_evaluation_as_before(folder: Path) -> None:
    out = folder / "plain.json"
    text = evaluate(folder, "--out", out)
    data = json.loads(out.read_text())
    assert "causes" not in data
    assert Evaluation.from_dict(data).num_drives == 4
    assert "translation" not in text


def test_weights_are_read_and_few_drives_warned_of(folder: Path) -> None:
    weights = folder / "weights.yaml"
    weights.write_text("street-0: 50\nstreet-1: 1\nstreet-2: 1\nstreet-3: 1\n")
    out = folder / "weighted.json"
    text = " ".join(evaluate(folder, "--weights", weights, "--out", out).split())
    assert "weighted" in text
    assert "warning: the weights leave 1.1 effective drives of 4" in text
    weighted = Causes.from_dict(json.loads(out.read_text())).weighted
    assert weighted.effective_drives == pytest.approx(53**2 / (2500 + 3))


def test_weights_come_from_what_scenarios_state(folder: Path, tmp_path: Path) -> None:
    create_dataset(tmp_path / "stated", name="stated", licence="CC0-1.0")
    for number, sequence in enumerate(open_dataset(folder / "real").sequences.values()):
        stated = {
            "scenario": f"x{number % 2}",
            "exposure_per_hour": 1.0 + 8 * (number % 2),
            "exposure_source": "estimate",
        }
        write_sequence(tmp_path / "stated", replace(sequence.info, provenance=stated), sequence)
    arguments = ["evaluate", tmp_path / "stated", "--detections", folder / "found.json", "--weights", "exposure"]
    out, page = tmp_path / "weighted.json", tmp_path / "page.html"
    result = CliRunner().invoke(
        app, [*map(str, arguments), "--out", str(out), "--page", str(page)], env={"COLUMNS": "160"}
    )
    assert result.exit_code == 0, result.output
    assert "weights: x1: 9 an hour (estimate), 2 of 4 recordings" in result.output
    weighted = Causes.from_dict(json.loads(out.read_text())).weighted
    assert weighted.effective_drives == pytest.approx(400 / (4 * (81 + 1) / 2))
    assert "x1: 9 an hour (estimate), 2 of 4 recordings" in page.read_text()
    assert "states no exposure; add exposure" in evaluate(folder, "--weights", "exposure", code=1)


def test_what_is_wrong_is_said(folder: Path) -> None:
    weights = folder / "bad.yaml"
    for content, message in (("- 1\n", "expected names"), ("street-0: much\n", "is 'much', expected a number"),
                             ("a: [\n", "not YAML")):  # fmt: skip
        weights.write_text(content)
        assert message in evaluate(folder, "--weights", weights, code=1)
    assert "expected a column" in evaluate(folder, "--slice", "range:5", code=1)
    assert "no frame has it" in evaluate(folder, "--slice", "moonlight", code=1)
