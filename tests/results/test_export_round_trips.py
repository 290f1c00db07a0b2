"""Export, train elsewhere, evaluate here: results of a detector that was run on an export meet the right frames."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from scanyard.cli.app import app
from scanyard.datasets import mmdet3d
from scanyard.datasets.kitti_calibration import Calibration
from scanyard.errors import ScanyardError
from scanyard.frame import Image
from scanyard.geometry import Transform
from scanyard.results import known_frames, open_results, read_exported
from scanyard.sensors import Rig
from scanyard.sequence import InMemorySequence
from scanyard.store import create_dataset, open_dataset, write_sequence
from tests.results import trained_elsewhere as trained
from tests.view.street import RIG, street

DRIVES = 3
FRAMES = 2
LEANING = replace(
    RIG.lidars[0], ego_from_sensor=Transform.from_xyz_rpy((0.8, 0.1, 1.73), pitch=np.deg2rad(3), yaw=np.deg2rad(40))
)


def make_dataset(  # a test's knobs
    folder: Path, *, named: bool, leaning: bool = False, drives: int = DRIVES, first: int = 0
) -> Path:
    """Drives whose frames are named as KITTI's are, in turns, or have no names; a LiDAR that leans and looks aside."""
    create_dataset(folder, name=folder.name, licence="CC0-1.0")
    for drive in range(drives):
        whole, frames = street(f"street-{drive}", frames=FRAMES, seed=drive + 1, image=False), []
        info = replace(whole.info, rig=Rig("leaning", (LEANING,), RIG.cameras)) if leaning else whole.info
        for index, frame in enumerate(whole):
            sweep = frame.sweeps["top"]
            if leaning:
                there = LEANING.ego_from_sensor.inverse() @ RIG.lidars[0].ego_from_sensor
                sweep = sweep.replace(points=there.apply(sweep.points).astype(np.float32))
            name = f"{first + index * drives + drives - 1 - drive:06d}" if named else ""
            pose = Transform.from_xyz_rpy((50.0 * drive, 3.0 * index, 0.0), yaw=0.3 * drive)
            images = {"left": Image(np.zeros((188, 620, 3), dtype=np.uint8))}
            frames.append(frame.replace(name=name, sweeps={"top": sweep}, images=images, world_from_ego=pose))
        write_sequence(folder, info, InMemorySequence(info, frames))
    return folder


@dataclass(frozen=True)
class Way:
    """To a framework and back."""

    layout: str
    results: Callable[[Path, Path], Path]
    options: tuple[str, ...] = ()
    numbered: bool = True
    """Whether the export gives frames numbers, so that results do not say which frame is meant without it."""


WAYS = {
    "openpcdet": Way("openpcdet", trained.openpcdet_result),
    "mmdet3d samples": Way("mmdet3d", trained.mmdet3d_samples, ("--classes", ",".join(trained.CLASSES))),
    "mmdet3d json": Way("mmdet3d", trained.mmdet3d_predictions, ("--classes", ",".join(trained.CLASSES))),
    "mmdet3d kitti": Way("mmdet3d", trained.mmdet3d_kitti_pickle),
    "nuscenes": Way("nuscenes", trained.nuscenes_results, numbered=False),
    "mmdet3d on nuscenes": Way(
        "nuscenes", trained.mmdet3d_nuscenes_predictions, ("--classes", ",".join(trained.CLASSES)), numbered=False
    ),
    "kitti": Way("kitti", trained.kitti_text, numbered=False),
}
NUMBERED = [name for name, way in WAYS.items() if way.numbered]
DATASETS = {"named": {"named": True}, "unnamed, leaning": {"named": False, "leaning": True}}


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return " ".join(result.output.split())


def scores(dataset: Path, results: Path, *options: str | Path) -> set[float]:
    """The different values of average precision by Waymo's rules, at overlaps of 0.7."""
    out = results.with_name(f"{results.name}.scores")
    run("evaluate", dataset, "--detections", results, "--protocol", "waymo", *options, "--out", out)
    found = {metric: set[float]() for metric in ("ap", "aph")}
    for one in json.loads(out.read_text())["scores"]:
        found[one["metric"]].add(round(one["value"], 9))  # an area summed of many strips
    assert min(found["aph"]) > min(found["ap"]) - 0.2  # headings to within what KITTI's hundredths leave
    return found["ap"]


def refused(dataset: Path, results: Path, *options: str | Path) -> str:
    """The one line that it is refused with."""
    with pytest.raises(ScanyardError) as error:
        run("evaluate", dataset, "--detections", results, "--protocol", "waymo", *options)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@dataclass(frozen=True)
class Trip:
    """A dataset, its export, what came back of it, and the results of whoever was trained on the export."""

    ours: Path
    export: Path
    again: Path
    results: Path


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Trip]:
    """Datasets, exports and re-imports, each made once."""
    root = tmp_path_factory.mktemp("trips")

    def trip(kind: str, name: str) -> Trip:
        way, place = WAYS[name], root / kind
        ours, export, again = place / "ours", place / way.layout, place / f"{way.layout}-again"
        if not ours.is_dir():
            place.mkdir()
            make_dataset(ours, **DATASETS[kind])
        if not export.is_dir():
            if way.layout == "kitti":
                run("export", "kitti", ours, "--out", export)
                run("import", "kitti", export, "--out", again)
            else:
                said = run("export", "dataset", ours, "--to", way.layout, "--out", export)
                assert (f"evaluate {ours} --detections RESULTS --exported {export}" in said) == way.numbered
                run("import", "dataset", export, "--from", way.layout, "--out", again)
        results = place / f"{name.replace(' ', '-')}-results"
        return Trip(ours, export, again, results if results.exists() else way.results(export, results))

    return trip


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("name", WAYS)
def test_a_perfect_detector_trained_on_an_export_has_a_hundred(
    trips: Callable[[str, str], Trip], name: str, kind: str
) -> None:
    way, trip = WAYS[name], trips(kind, name)
    told = ("--exported", trip.export) if way.numbered else ()
    for dataset in (trip.ours, trip.again):
        assert scores(dataset, trip.results, *way.options, *told) == {100.0}


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("name", NUMBERED)
def test_numbers_that_could_be_other_frames_are_refused_and_the_options_named(
    trips: Callable[[str, str], Trip], name: str, kind: str
) -> None:
    trip = trips(kind, name)
    for dataset in (trip.ours, trip.again):
        error = refused(dataset, trip.results, *WAYS[name].options)
        assert trip.results.name in error
        assert "--exported FOLDER" in error
        if kind == "named":
            assert "frame '000000' is frame 0 of 'street-2' by its own name, and frame 0 of 'street-0' by num" in error
            assert "--own-names" in error
        else:
            assert "frame '000000' is in 3 recordings" in error


def test_results_that_lie_in_the_export_are_read_by_its_numbers(
    trips: Callable[[str, str], Trip], tmp_path: Path
) -> None:
    trip = trips("named", "openpcdet")
    (inside := tmp_path / "export" / "output" / "eval").mkdir(parents=True)
    shutil.copy(trip.export / "scanyard.json", tmp_path / "export")
    shutil.copy(trip.results, inside / "result.pkl")
    assert scores(trip.ours, inside / "result.pkl") == {100.0}
    said = run("evaluate", trip.ours, "--detections", inside / "result.pkl", "--protocol", "waymo")
    assert f"frames are called by the numbers of {tmp_path / 'export'} " in said
    assert max(scores(trip.ours, inside / "result.pkl", "--own-names")) < 50


def test_lists_of_frames_are_read_by_the_same_numbers(trips: Callable[[str, str], Trip], tmp_path: Path) -> None:
    trip, export = trips("named", "openpcdet"), tmp_path / "export"
    run("export", "dataset", trip.ours, "--to", "openpcdet", "--out", export, "--val", "street-1")
    entries = pickle.loads(trip.results.read_bytes())
    results = tmp_path / "val.pkl"
    val = (export / "ImageSets/val.txt").read_text().split()
    results.write_bytes(pickle.dumps([entry for entry in entries if str(entry["frame_id"]) in val]))
    told = ("--exported", export)
    assert scores(trip.ours, results, "--frames", export / "ImageSets/val.txt", *told) == {100.0}
    assert scores(trip.ours, results, "--drive", "street-1", *told) == {100.0}
    assert "--exported FOLDER" in refused(trip.ours, results, "--frames", export / "ImageSets/val.txt")
    assert "missing frame: 4 of 6" in refused(trip.ours, results, *told)
    loose = tmp_path / "val.txt"
    loose.write_text("\n".join(val))
    assert re.search(
        r"val\.txt: frame '00000\d' is .* by its own name, and ", refused(trip.ours, results, "--frames", loose)
    )
    loose.write_text("000017\n")
    assert "['000017'] are none of the 6 numbers" in refused(trip.ours, results, "--frames", loose, *told)


def test_ids_that_are_no_numbers_are_read_beside_an_export_that_numbered(
    trips: Callable[[str, str], Trip], tmp_path: Path
) -> None:
    """Detectors of several frameworks are compared on the same frames; one option is for all."""
    for kind in DATASETS:
        trip, told = trips(kind, "openpcdet"), ("--exported", trips(kind, "openpcdet").export)
        for name in ("nuscenes", "kitti"):
            assert scores(trip.ours, trips(kind, name).results, *told) == {100.0}
        results = own_names_result(trip.ours, tmp_path / f"{kind}.pkl", long_names=True)
        assert scores(trip.ours, results, *told) == {100.0}
        assert scores(trip.ours, results) == {100.0}


def own_names_result(dataset: Path, path: Path, *, long_names: bool = False) -> Path:
    """Of a detector that saw the dataset's own clouds: boxes as the LiDAR looks, frames by their names."""
    entries = []
    for sequence in open_dataset(dataset).sequences.values():
        for index, frame in enumerate(sequence):
            name = frame.name or f"{index:06d}"
            there = frame.boxes.transformed(sequence.info.rig.lidars[0].ego_from_sensor.inverse())
            entries.append(
                {
                    "name": np.array(["Car"] * len(there)),
                    "score": trained.scores(len(there)),
                    "boxes_lidar": np.c_[there.center, there.size, there.yaw_rad],
                    "frame_id": f"{sequence.info.name}/{name}" if long_names else name,
                }
            )
    path.write_bytes(pickle.dumps(entries))
    return path


def test_own_names_are_read_as_such_where_that_is_said(trips: Callable[[str, str], Trip], tmp_path: Path) -> None:
    trip = trips("named", "openpcdet")
    results = own_names_result(trip.ours, tmp_path / "own.pkl")
    assert scores(trip.ours, results, "--own-names") == {100.0}
    assert "--own-names" in refused(trip.ours, results)
    assert "one or the other" in refused(trip.ours, results, "--own-names", "--exported", trip.export)


def test_names_that_no_export_could_have_given_need_no_option(tmp_path: Path) -> None:
    """A few scans of KITTI's 7,481 have larger names than there are frames."""
    results = own_names_result(make_dataset(tmp_path / "some", named=True, first=7000), tmp_path / "own.pkl")
    assert scores(tmp_path / "some", results) == {100.0}


def test_a_turned_lidar_leaves_open_which_frame_boxes_are_in(tmp_path: Path) -> None:
    """One recording: its frames' positions are their numbers, but an export is level and the LiDAR leans."""
    ours = make_dataset(tmp_path / "ours", named=False, leaning=True, drives=1)
    run("export", "dataset", ours, "--to", "openpcdet", "--out", tmp_path / "export")
    theirs = trained.openpcdet_result(tmp_path / "export", tmp_path / "theirs.pkl")
    own = own_names_result(ours, tmp_path / "own.pkl")
    for results, told in ((theirs, ("--exported", tmp_path / "export")), (own, ("--own-names",))):
        assert scores(ours, results, *told) == {100.0}
        error = refused(ours, results)
        assert "with boxes as its lidar looks, which is turned, and" in error
        assert "--exported FOLDER" in error
        assert "--own-names" in error
    upright = make_dataset(tmp_path / "upright", named=False, drives=1)
    assert scores(upright, own_names_result(upright, tmp_path / "upright.pkl")) == {100.0}


def test_boxes_in_an_exports_camera_are_where_they_were(tmp_path: Path) -> None:
    """KITTI's labels are in camera 0; an export to MMDetection3D has camera 2, six centimetres beside it."""
    values = dict(Calibration.of_rig(RIG).values)
    values["P2"] = (*values["P2"][:3], -0.06 * values["P2"][0], *values["P2"][4:])
    calibration = Calibration(values, RIG.lidars[0].ego_from_sensor)
    whole, rig = street("street-0", frames=2), Rig("kitti", RIG.lidars, (calibration.camera(620, 188),))
    assert abs(rig.cameras[0].ego_from_sensor.translation[1] - RIG.cameras[0].ego_from_sensor.translation[1]) > 0.05
    info = replace(whole.info, rig=rig, provenance={"kitti": {"calibration": values}})
    sequence = InMemorySequence(info, list(whole))
    mmdet3d.write_dataset(tmp_path / "export", [sequence])
    results = trained.mmdet3d_kitti_pickle(tmp_path / "export", tmp_path / "results.pkl")
    export = read_exported(tmp_path / "export")
    assert export is not None
    found = open_results(results).detections(export.known(known_frames([(info, sequence)])))
    for one, frame in zip(found.frames, sequence, strict=True):
        assert frame.boxes is not None
        np.testing.assert_allclose(one.boxes.center, frame.boxes.center, atol=1e-5)


def test_detections_go_out_with_the_tokens_of_an_export(trips: Callable[[str, str], Trip], tmp_path: Path) -> None:
    trip = trips("named", "nuscenes")
    for dataset in (trip.ours, trip.again):
        out = tmp_path / f"{dataset.name}.json"
        run("export", "detections", dataset, "--detections", trip.results, "--to", "nuscenes", "--out", out)
        samples = json.loads((trip.export / "v1.0-trainval/sample.json").read_text())
        assert set(json.loads(out.read_text())["results"]) == {row["token"] for row in samples}
        assert scores(dataset, out) == {100.0}


def test_samples_that_came_from_nuscenes_keep_their_tokens() -> None:
    original = street("street-0", frames=1, image=False)
    info = replace(original.info, provenance={"format": "nuscenes"})
    (frame,) = known_frames([(info, [original[0].replace(name="a" * 32)])]).frames
    assert frame.sample_token == "a" * 32


def test_text_without_folders_says_its_recording_with_its_drive(
    trips: Callable[[str, str], Trip], tmp_path: Path
) -> None:
    """KITTI's developers have one folder for all; of frames without names, an export numbers each drive's."""
    trip = trips("unnamed, leaning", "kitti")
    flat = tmp_path / "flat"
    shutil.copytree(trip.results / "street-1", flat)
    assert "frame '000000' is in 3 recordings" in refused(trip.ours, flat)
    drive = ("--drive", "street-1")
    error = refused(trip.ours, flat, *drive)
    assert "frame '000000' is frame 0 of 'street-1' by its own name, and frame 0 of 'street-0' by number" in error
    assert scores(trip.ours, flat, *drive, "--own-names") == {100.0}
    assert scores(trip.ours, flat, *drive, "--exported", trip.export) == {100.0}


def edited(export: Path, place: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    """The export's note with its first recording changed."""
    note = json.loads((export / "scanyard.json").read_text())
    edit(note["sequences"][0])
    place.mkdir()
    (place / "scanyard.json").write_text(json.dumps(note))
    return place


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda one: one["frames"][1].update(name="000007"), "'name': '000007', .*found {'name': '000005'"),
        (lambda one: one["frames"][1].update(timestamp_ns=7), "'timestamp_ns': 7} as frame 1 of 'street-0', found"),
        (lambda one: one["frames"][1]["world_from_ego"][0].__setitem__(3, 9.0), r"ego of frame 1 of 'street-0' at \[9"),
        (lambda one: one["rig"]["lidars"][0]["ego_from_sensor"][2].__setitem__(3, 2.0), "first lidar of frame 0 of"),
        (lambda one: one["frames"][1].update(cloud="0" * 16), "has another scan as frame 1 of 'street-0': .* is 0000"),
        (lambda one: one["rig"].update(lidars=[]), "has no lidar on the rig of 'street-0'"),
        (lambda one: one["frames"].pop(), "has 1 frames of 'street-0', and frame 1 is to be scored"),
    ],
)  # fmt: skip
def test_an_export_of_other_data_is_refused(
    trips: Callable[[str, str], Trip], tmp_path: Path, edit: Callable[[dict[str, Any]], Any], says: str
) -> None:
    trip = trips("named", "openpcdet")
    error = refused(trip.ours, trip.results, "--exported", edited(trip.export, tmp_path / "other", edit))
    assert re.search(rf"other/scanyard\.json: .*{says}.*; it is an export of other data", error)


def test_exports_of_older_versions_say_nothing_of_scans(trips: Callable[[str, str], Trip], tmp_path: Path) -> None:
    trip = trips("named", "openpcdet")
    note = json.loads((trip.export / "scanyard.json").read_text())
    for frame in (frame for one in note["sequences"] for frame in one["frames"]):
        assert len(frame.pop("cloud")) == 16
    (tmp_path / "scanyard.json").write_text(json.dumps(note))
    assert scores(trip.ours, trip.results, "--exported", tmp_path) == {100.0}


def test_what_is_no_export_is_refused(trips: Callable[[str, str], Trip], tmp_path: Path) -> None:
    trip = trips("named", "openpcdet")
    told = (trip.ours, trip.results, "--exported")
    assert "holds no scanyard.json" in refused(*told, tmp_path)
    note = json.loads((trip.export / "scanyard.json").read_text())
    for change, says in (
        ({"layout": "mcap"}, "is an export to 'mcap', which no detector is run on"),
        ({"format": "other"}, "is no note of an export"),
        ({"sequences": [one | {"name": f"other-{one['name']}"} for one in note["sequences"]]}, "is of recordings"),
    ):
        (tmp_path / "scanyard.json").write_text(json.dumps(note | change))
        assert says in refused(*told, tmp_path)
    (tmp_path / "scanyard.json").write_text("{")
    assert "scanyard.json: damaged" in refused(*told, tmp_path)
