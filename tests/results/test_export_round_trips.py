"""Export, train elsewhere, evaluate here: results of a detector trained on an export are scored on the right frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scanyard.cli.app import app
from scanyard.frame import Image
from scanyard.geometry import Transform
from scanyard.sensors import Rig
from scanyard.sequence import InMemorySequence
from scanyard.store import create_dataset, write_sequence
from tests.results import trained_elsewhere as trained
from tests.view.street import RIG, street

DRIVES = 3
FRAMES = 2
LEANING = replace(
    RIG.lidars[0], ego_from_sensor=Transform.from_xyz_rpy((0.8, 0.1, 1.73), pitch=np.deg2rad(3), yaw=np.deg2rad(40))
)


def make_dataset(folder: Path, *, named: bool, leaning: bool = False) -> Path:
    """Drives whose frames are named as KITTI's are, in turns, or have no names; a LiDAR that leans and looks aside."""
    create_dataset(folder, name=folder.name, licence="CC0-1.0")
    for drive in range(DRIVES):
        whole, frames = street(f"street-{drive}", frames=FRAMES, seed=drive + 1, image=False), []
        info = replace(whole.info, rig=Rig("leaning", (LEANING,), RIG.cameras)) if leaning else whole.info
        for index, frame in enumerate(whole):
            sweep = frame.sweeps["top"]
            if leaning:
                there = LEANING.ego_from_sensor.inverse() @ RIG.lidars[0].ego_from_sensor
                sweep = sweep.replace(points=there.apply(sweep.points).astype(np.float32))
            name = f"{index * DRIVES + DRIVES - 1 - drive:06d}" if named else ""
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
    metric: tuple[str, str] = ("3d", "moderate")
    numbered: bool = True
    """Whether the export gives frames numbers, so that results do not say which frame is meant without it."""


WAYS = {
    "nuscenes": Way("nuscenes", trained.nuscenes_results, ("--protocol", "nuscenes"), ("ap", "all"), numbered=False),
    "kitti": Way("kitti", trained.kitti_text, numbered=False),
}
DATASETS = {
    "named": {"named": True},
    "unnamed": {"named": False},
    "named, leaning": {"named": True, "leaning": True},
}


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return " ".join(result.output.split())


def scores(dataset: Path, results: Path, way: Way, *options: str | Path) -> list[float]:
    """What ``scanyard evaluate`` says of cars."""
    out = results.with_name(f"{results.name}.scores")
    run("evaluate", dataset, "--detections", results, *way.options, *options, "--out", out)
    return [
        one["value"]
        for one in json.loads(out.read_text())["scores"]
        if (one["metric"], one["difficulty"]) == way.metric and one["category"] == "car"
    ]


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
                run("export", "dataset", ours, "--to", way.layout, "--out", export)
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
        found = scores(dataset, trip.results, way, *told)
        assert found
        assert found == pytest.approx([100.0] * len(found), abs=1e-9)
