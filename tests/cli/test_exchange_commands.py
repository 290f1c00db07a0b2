"""Other people's layouts at the front door: in, out, licences said, and one line for whatever is wrong."""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scanyard.boxes import Boxes
from scanyard.cli.app import app
from scanyard.errors import InputError, LicenceError, ScanyardError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import SequenceInfo
from scanyard.store import create_dataset, open_dataset, write_sequence

LIDAR = Lidar("top", Transform.from_xyz_rpy((0.8, 0, 1.7)), np.zeros(4), np.zeros(4), 100, 10.0, 1.0, 100.0)
NC = "CC-BY-NC-SA-3.0"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two drives of three frames, one of them not for commercial use; a lost mattress among the cars."""
    create_dataset(tmp_path / "ours", name="ours", licence=NC)
    rng = np.random.default_rng(0)
    for name, domain, licence in (("a", "synthetic", "CC0-1.0"), ("b", "real", NC)):
        info = SequenceInfo(name, domain, f"drive-{name}", Rig("r", (LIDAR,)), licence, {"format": "kitti-object"})
        frames = []
        for index in range(3):
            boxes = Boxes(
                rng.uniform(5, 30, (12, 3)) * [1, 1, 0.05], np.tile([4.0, 1.8, 1.5], (12, 1)), rng.uniform(-3, 3, 12),
                ["car"] * 11 + ["cargo"], track=np.arange(12),
            )  # fmt: skip
            sweep = Sweep(rng.normal(0, 10, (50, 3)), intensity=rng.random(50))
            pose = Transform.from_xyz_rpy((index, 0, 0))
            frames.append(Frame(index * 10**9, pose, {"top": sweep}, boxes=boxes, name=f"{index:06d}"))
        write_sequence(tmp_path / "ours", info, frames)
    return tmp_path / "ours"


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_an_export_that_a_licence_forbids_is_refused_and_writes_nothing(dataset: Path, tmp_path: Path) -> None:
    to = ["--to", "openpcdet", "--out", tmp_path / "sold"]
    with pytest.raises(LicenceError, match="does not allow commercial use"):
        run("export", "dataset", dataset, *to, "--for", "commercial use")
    with pytest.raises(InputError, match="expected one of own use, passing on, commercial use"):
        run("export", "dataset", dataset, *to, "--for", "fun")
    assert not (tmp_path / "sold").exists()


@pytest.mark.parametrize("layout", ["nuscenes", "openpcdet", "mmdet3d", "argoverse2"])
def test_a_dataset_goes_out_and_comes_back(layout: str, dataset: Path, tmp_path: Path) -> None:
    if layout == "argoverse2":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'scanyard[argoverse2]'")
    drop = ["--drop", "cargo"] if layout == "argoverse2" else []
    said = run("export", "dataset", dataset, "--to", layout, "--out", tmp_path / "theirs", *drop)
    assert "2 sequences, 6 frames" in said
    assert f"licence {NC}: not for commercial use" in said
    assert "licence CC0-1.0\n" in said
    assert "Not for commercial use" in (tmp_path / "theirs/LICENCE.md").read_text()
    back = run("import", "dataset", tmp_path / "theirs", "--from", layout, "--out", tmp_path / "again")
    assert f"licence {NC}: not for commercial use" in back
    ours, again = open_dataset(dataset), open_dataset(tmp_path / "again")
    assert sorted(again.sequences) == ["a", "b"]
    for name, sequence in again.sequences.items():
        assert sequence.info.drive == f"drive-{name}"
        assert sequence.info.licence == ours.sequences[name].info.licence
        for found, expected in zip(sequence, ours.sequences[name], strict=True):
            assert found.boxes is not None
            assert expected.boxes is not None
            kept = expected.boxes[expected.boxes.category != "cargo"] if drop else expected.boxes
            np.testing.assert_allclose(found.boxes.center, kept.center, atol=1e-6)
            assert found.boxes.category.tolist() == kept.category.tolist()


@pytest.mark.parametrize(("layout", "ending"), [("mcap", "mcap"), ("rerun", "rrd")])
def test_a_dataset_goes_out_as_a_recording(layout: str, ending: str, dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip(layout, reason=f"pip install 'scanyard[{layout}]'")
    run("export", "dataset", dataset, "--to", layout, "--out", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["LICENCE.md", f"a.{ending}", f"b.{ending}", "scanyard.json"]


def test_validation_goes_by_drive(dataset: Path, tmp_path: Path) -> None:
    run("export", "dataset", dataset, "--to", "openpcdet", "--out", tmp_path / "o", "--val", "drive-b")
    assert (tmp_path / "o/ImageSets/val.txt").read_text().split() == ["000003", "000004", "000005"]
    with pytest.raises(InputError, match="has no validation set"):
        run("export", "dataset", dataset, "--to", "nuscenes", "--out", tmp_path / "n", "--val", "drive-b")


def test_unknown_layouts_are_said(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--to 'waymo': no such layout; there are nuscenes"):
        run("export", "dataset", dataset, "--to", "waymo", "--out", tmp_path / "w")
    with pytest.raises(InputError, match="--from 'waymo': no such layout"):
        run("import", "dataset", tmp_path, "--from", "waymo", "--out", tmp_path / "w")
    with pytest.raises(InputError, match="leave out --drive and --licence"):
        run("import", "dataset", tmp_path, "--from", "nuscenes", "--out", tmp_path / "w", "--drive", "x")


def test_a_category_without_a_class_says_how_to_go_on(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'scanyard[argoverse2]'")
    with pytest.raises(ScanyardError, match=r"\['cargo'\].*--drop CATEGORY"):
        run("export", "dataset", dataset, "--to", "argoverse2", "--out", tmp_path / "a")


def test_an_import_that_fails_leaves_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "points").mkdir()
    np.save(tmp_path / "points/000000.npy", np.zeros((2, 4), dtype=np.float32))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/000000.txt").write_text("1 2 3\n")
    with pytest.raises(ScanyardError, match="line 1: found 3 columns"):
        run("import", "dataset", tmp_path, "--from", "openpcdet", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_folder_does_not_say_the_caller_can(dataset: Path, tmp_path: Path) -> None:
    run("export", "dataset", dataset, "--to", "openpcdet", "--out", tmp_path / "o")
    (tmp_path / "o/scanyard.json").unlink()
    said = run(
        "import", "dataset", tmp_path / "o", "--from", "openpcdet", "--out", tmp_path / "in", "--drive", "d",
        "--licence", "CC-BY-4.0",
    )  # fmt: skip
    assert "1 sequences, 6 frames" in said
    assert "licence CC-BY-4.0\n" in said


def test_mirrored_labels_and_jumping_tracks_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """OpenPCDet's labels, written by somebody who had y to the right."""
    rng = np.random.default_rng(1)
    (tmp_path / "o/points").mkdir(parents=True)
    (tmp_path / "o/labels").mkdir()
    centers = np.c_[rng.uniform(5, 35, 25), rng.uniform(3, 20, 25)]
    points = np.concatenate([rng.uniform([x - 1, y - 1, -1.2], [x + 1, y + 1, 0], (40, 3)) for x, y in centers])
    np.save(tmp_path / "o/points/000000.npy", np.c_[points, np.zeros(len(points))].astype(np.float32))
    lines = [f"{x} {-y} -0.6 4.2 1.8 1.6 0.3 Car\n" for x, y in centers]
    (tmp_path / "o/labels/000000.txt").write_text("".join(lines))
    run("import", "dataset", tmp_path / "o", "--from", "openpcdet", "--out", tmp_path / "in", "--drive", "d")
    assert "left and right are mirrored? 25 boxes hold" in caplog.text


def test_riders_are_joined_when_asked(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'scanyard[argoverse2]'")
    frame = open_dataset(dataset).sequences["a"][0]
    pair = Boxes([[10, 2, 1.2], [10, 2, 0.5]], [[0.8, 0.6, 1.4], [1.7, 0.5, 1.0]], [0, 0], ["cyclist", "bicycle"])
    create_dataset(tmp_path / "pair", name="pair", licence="CC0-1.0")
    write_sequence(tmp_path / "pair", open_dataset(dataset).sequences["a"].info, [frame.replace(boxes=pair)])
    run("export", "dataset", tmp_path / "pair", "--to", "argoverse2", "--out", tmp_path / "v")
    for flag, expected in (([], ["cyclist", "bicycle"]), (["--join-riders"], ["cyclist"])):
        out = tmp_path / f"in{len(flag)}"
        run("import", "dataset", tmp_path / "v", "--from", "argoverse2", "--out", out, *flag)
        boxes = open_dataset(out).sequences["a"][0].boxes
        assert boxes is not None
        assert boxes.category.tolist() == expected


def test_a_missing_extra_says_what_to_install(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.feather", None)
    with pytest.raises(ScanyardError, match=r"pip install 'scanyard\[argoverse2\]'"):
        run("export", "dataset", dataset, "--to", "argoverse2", "--out", tmp_path / "a", "--drop", "cargo")


@pytest.mark.parametrize("where", [".", ".."])
def test_the_folder_one_stands_in_can_be_imported(
    where: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("export", "dataset", dataset, "--to", "openpcdet", "--out", tmp_path / "theirs")
    (tmp_path / "theirs/scanyard.json").unlink()
    monkeypatch.chdir(tmp_path / "theirs" if where == "." else tmp_path / "theirs/points")
    run("import", "dataset", where, "--from", "openpcdet", "--out", tmp_path / "o", "--drive", "d")
    assert list(open_dataset(tmp_path / "o").sequences) == ["theirs-d"]


def test_nothing_to_import_is_no_dataset(dataset: Path, tmp_path: Path) -> None:
    run("export", "dataset", dataset, "--to", "nuscenes", "--out", tmp_path / "theirs")
    (tmp_path / "theirs/scanyard.json").unlink()
    for table in (tmp_path / "theirs/v1.0-trainval").iterdir():
        table.write_text("[]")
    with pytest.raises(InputError, match="theirs: lists no recording in the layout of nuscenes"):
        run("import", "dataset", tmp_path / "theirs", "--from", "nuscenes", "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("command", [["kitti"], ["dataset", "--to", "nuscenes"]])
def test_nothing_to_export_is_no_export(command: list[str], tmp_path: Path) -> None:
    create_dataset(tmp_path / "d", licence="CC0-1.0")
    with pytest.raises(InputError, match="d: has no sequence to export"):
        run("export", *command, tmp_path / "d", "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_a_renamed_dataset_is_imported_into_again(dataset: Path, tmp_path: Path) -> None:
    run("export", "dataset", dataset, "--to", "openpcdet", "--out", tmp_path / "theirs")
    run("import", "dataset", tmp_path / "theirs", "--from", "openpcdet", "--out", tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "moved")
    assert "2 sequences" in run(
        "import", "dataset", tmp_path / "theirs", "--from", "openpcdet", "--out", tmp_path / "moved"
    )
    assert open_dataset(tmp_path / "moved").name == "first"


def test_an_export_says_what_it_was_made_from(dataset: Path, tmp_path: Path) -> None:
    run("export", "dataset", dataset, "--to", "mmdet3d", "--out", tmp_path / "m")
    body = json.loads((tmp_path / "m/scanyard.json").read_text())
    assert body["non_commercial"] is True
    assert body["licences"] == [NC, "CC0-1.0"]
    assert {one["domain"] for one in body["sequences"]} == {"real", "synthetic"}
    infos = pickle.loads((tmp_path / "m/custom_infos_train.pkl").read_bytes())
    assert len(infos["data_list"]) == 6


def test_an_export_to_kitti_comes_back_as_what_it_was(tmp_path: Path) -> None:
    """Not as real, not as non-commercial, and not with a drive for each frame."""
    camera = Camera("left", Transform.from_xyz_rpy((1.1, 0.0, 1.6)), 1242, 375, 700.0, (600.0, 180.0))
    info = SequenceInfo("a", "synthetic", "world-7", Rig("r", (LIDAR,), (camera,)), "CC0-1.0", {"seed": 7})
    boxes = Boxes(
        [[20.0, 1.0, 0.8]], [[4.0, 1.8, 1.5]], [0.3], ["car"], truncation=[0.0], occlusion=[0],
        image_box=[[500.0, 150.0, 600.0, 220.0]],
    )  # fmt: skip
    frames = [
        Frame(index * 10**8, Transform.identity(), {"top": Sweep(np.ones((5, 3)))}, boxes=boxes) for index in (0, 1)
    ]
    create_dataset(tmp_path / "ours", name="ours", licence="CC0-1.0")
    write_sequence(tmp_path / "ours", info, frames)
    assert "licence CC0-1.0\n" in run("export", "kitti", tmp_path / "ours", "--out", tmp_path / "k")
    assert "CC0-1.0" in (tmp_path / "k/LICENCE.md").read_text()
    said = run("import", "kitti", tmp_path / "k", "--out", tmp_path / "again")
    assert "1 drives, 2 synthetic frames" in said
    assert "commercial" not in said
    (found,) = open_dataset(tmp_path / "again").sequences.values()
    assert (found.info.domain, found.info.drive, found.info.licence) == ("synthetic", "world-7", "CC0-1.0")
    (tmp_path / "k/scanyard.json").unlink()
    assert "not for commercial use" in run("import", "kitti", tmp_path / "k", "--out", tmp_path / "strange")
