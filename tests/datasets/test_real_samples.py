"""Real scans of four sensors through one API, where ``../shared/real`` has them; nothing of them is kept here.

That axes, sizes and headings are right shows in the points: counts inside boxes were published with the data, and every
other way of reading the numbers loses points.
"""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scanyard.boxes import Boxes, points_inside
from scanyard.datasets import (
    argoverse2,
    argoverse2_write,
    mmdet3d,
    nuscenes,
    nuscenes_write,
    openpcdet,
    samples,
)
from scanyard.datasets.classes import VOCABULARY
from scanyard.datasets.kitti_tracking import read_tracking
from scanyard.frame import points_ego
from scanyard.sequence import SensorSequence
from scanyard.store import create_dataset, open_sequence, write_sequence

REAL = Path(__file__).parents[3] / "shared/real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no real frames in ../shared/real")
EXPECTED = {"nuscenes": (1, 69), "argoverse2": (2, 162), "sustech": (2, 42)}
"""Frames and boxes."""


def of(source: str) -> SensorSequence:
    if source == "argoverse2":
        pytest.importorskip("pyarrow", reason="Argoverse's samples need pyarrow")
    (sequence,) = samples.read_sequences(REAL / source)
    return sequence


def clouds(sequence: SensorSequence) -> list[tuple[np.ndarray, Boxes]]:
    found = []
    for frame in sequence:
        parts = [points_ego(frame.sweeps[lidar.name], lidar.ego_from_sensor) for lidar in sequence.info.rig.lidars]
        assert frame.boxes is not None
        found.append((np.concatenate(parts), frame.boxes))
    return found


def held(sequence: SensorSequence, change: Callable[[Boxes], Boxes] = lambda boxes: boxes) -> int:
    return sum(int(points_inside(change(boxes), points).sum()) for points, boxes in clouds(sequence))


@pytest.mark.parametrize("source", EXPECTED)
def test_every_sample_is_read_with_its_domain_and_licence(source: str) -> None:
    sequence = of(source)
    frames, boxes = EXPECTED[source]
    assert len(sequence) == frames
    assert sum(len(frame.boxes or ()) for frame in sequence) == boxes
    assert sequence.info.domain == "real"
    assert sequence.info.licence == ("unknown" if source == "sustech" else "CC-BY-NC-SA-4.0")
    categories = {name for frame in sequence if frame.boxes is not None for name in frame.boxes.category}
    assert categories <= VOCABULARY
    assert {"car", "pedestrian", "truck"} <= categories
    assert [frame.name for frame in pickle.loads(pickle.dumps(sequence))] == [frame.name for frame in sequence]


@pytest.mark.parametrize(("source", "agreeing"), [("nuscenes", 0.98), ("argoverse2", 0.95), ("sustech", 0.6)])
def test_boxes_hold_the_points_that_were_published(source: str, agreeing: float) -> None:
    """SUSTechPOINTS' boxes lean by up to 4 degrees, which ours cannot, so fewer counts agree to the point."""
    close = []
    for points, boxes in clouds(of(source)):
        assert boxes.num_points is not None
        counted = points_inside(boxes, points).sum(axis=1)
        close += (np.abs(counted - boxes.num_points) <= np.maximum(2, 0.1 * boxes.num_points)).tolist()
    assert np.mean(close) >= agreeing


@pytest.mark.parametrize("source", EXPECTED)
def test_every_other_way_to_read_the_numbers_loses_points(source: str) -> None:
    sequence = of(source)
    right = held(sequence)
    wrong = {  # cars stand along the road, so that a heading mirrored in it costs little
        "heading the other way round": (0.99, lambda b: b.replace(yaw_rad=-b.yaw_rad)),
        "bottoms taken for centres": (0.8, lambda b: b.replace(center=b.center + b.size * [0, 0, 0.5])),
        "width first": (0.8, lambda b: b.replace(size=b.size[:, [1, 0, 2]])),
        "mirrored": (0.5, lambda b: b.replace(center=b.center * [1, -1, 1], yaw_rad=-b.yaw_rad)),
        "turned": (
            0.5,
            lambda b: b.replace(center=b.center[:, [1, 0, 2]] * [1, -1, 1], yaw_rad=b.yaw_rad - np.pi / 2),
        ),
    }
    assert right > 500
    for what, (most, change) in wrong.items():
        assert held(sequence, change) < most * right, what


@pytest.mark.parametrize("source", EXPECTED)
def test_the_ground_is_at_the_egos_feet(source: str) -> None:
    for points, _ in clouds(of(source)):
        distance = np.hypot(points[:, 0], points[:, 1])
        near = points[(distance > 3) & (distance < 12) & (np.abs(points[:, 2]) < 1)]
        low, high = np.histogram(near[:, 2], bins=np.arange(-1, 1.01, 0.1))
        assert abs(high[low.argmax()] + 0.05) <= 0.3  # the fullest slice of 10 cm; roads slope


@pytest.mark.parametrize("source", EXPECTED)
def test_rings_are_ordered_from_the_highest_beam(source: str) -> None:
    sequence = of(source)
    for lidar in sequence.info.rig.lidars:
        sweep = sequence[0].sweeps[lidar.name]
        assert sweep.ring is not None
        assert sweep.intensity is not None
        assert 0 <= sweep.intensity.min() <= sweep.intensity.max() <= 1
        far = np.linalg.norm(sweep.points, axis=1) > 4
        angle = np.arctan2(sweep.points[:, 2], np.hypot(sweep.points[:, 0], sweep.points[:, 1]))
        rings = [ring for ring in range(lidar.channels) if ((sweep.ring == ring) & far).sum() > 50]
        measured = np.array([np.median(angle[(sweep.ring == ring) & far]) for ring in rings])
        assert len(rings) > 20
        np.testing.assert_allclose(measured, lidar.elevation_rad[rings], atol=np.deg2rad(0.5))
        assert (np.diff(lidar.elevation_rad) < 0).all()


def test_nuscenes_centres_fall_where_the_camera_sees_them() -> None:
    """The front camera looks ahead: most cars before us project into it, none behind us does."""
    sequence = of("nuscenes")
    boxes = sequence[0].boxes
    assert boxes is not None
    camera = sequence.info.rig.camera("CAM_FRONT")
    seen = camera.sees(boxes.center)
    assert seen.sum() > 20
    assert boxes.center[seen, 0].min() > 0
    assert sequence[0].images["CAM_FRONT"].rgb.shape == (900, 1600, 3)
    _, depth = camera.project(boxes.center[seen])
    assert np.abs(depth - boxes.center[seen, 0]).max() < 4  # mounted near the middle, looking along x


def test_argoverse_tracks_last_through_both_sweeps() -> None:
    first, second = of("argoverse2")
    assert first.boxes is not None
    assert second.boxes is not None
    assert first.boxes.track is not None
    assert second.boxes.track is not None
    both = np.intersect1d(first.boxes.track, second.boxes.track)
    assert len(both) == 81
    before = first.boxes.center[[np.flatnonzero(first.boxes.track == t)[0] for t in both]]
    after = second.boxes.center[[np.flatnonzero(second.boxes.track == t)[0] for t in both]]
    assert np.linalg.norm(after - before, axis=1).max() < 3.5  # a tenth of a second
    assert second.timestamp_ns - first.timestamp_ns == 100_196_000


def test_the_sustech_car_drives_forward() -> None:
    """What stands still comes nearer from ahead: the truck at the roadside moves towards minus x."""
    first, second = of("sustech")
    assert first.boxes is not None
    assert second.boxes is not None
    assert first.boxes.track is not None
    assert second.boxes.track is not None
    truck = first.boxes.track[first.boxes.category == "truck"][0]
    moved = second.boxes.center[second.boxes.track == truck] - first.boxes.center[first.boxes.track == truck]
    assert -12 < moved[0, 0] < -6
    assert abs(moved[0, 1]) < 3


@pytest.mark.parametrize("source", EXPECTED)
def test_real_samples_survive_the_store_and_another_layout(source: str, tmp_path: Path) -> None:
    sequence = of(source)
    create_dataset(tmp_path / "d", name="d", licence=sequence.info.licence)
    write_sequence(tmp_path / "d", sequence.info, sequence)
    stored = open_sequence(tmp_path / "d", sequence.info.name)
    kept = [frame.replace(images={}) for frame in stored]
    for frame, back in zip(sequence, kept, strict=True):
        assert frame.boxes is not None
        assert back.boxes is not None
        np.testing.assert_array_equal(back.boxes.center, frame.boxes.center)
    # nuScenes has no class for bollards
    write, layout = (argoverse2_write, argoverse2) if source == "argoverse2" else (nuscenes_write, nuscenes)
    write.write_dataset(tmp_path / "n", [stored])
    (again,) = layout.read_sequences(tmp_path / "n")
    assert "Not for commercial use" in (tmp_path / "n/LICENCE.md").read_text()
    for frame, back in zip(sequence, again, strict=True):
        assert frame.boxes is not None
        assert back.boxes is not None
        np.testing.assert_allclose(back.boxes.center, frame.boxes.center, atol=1e-9)
        for name, sweep in frame.sweeps.items():
            np.testing.assert_allclose(back.sweeps[name].points, sweep.points, atol=2e-5)
            np.testing.assert_array_equal(back.sweeps[name].ring, sweep.ring)


@pytest.mark.parametrize("layout", [openpcdet, mmdet3d], ids=["openpcdet", "mmdet3d"])
def test_real_drives_go_through_detectors_layouts(layout: object, tmp_path: Path) -> None:
    assert layout in (openpcdet, mmdet3d)
    kitti = REAL / "kitti/tracking_seq_0000"
    if not kitti.is_dir():
        pytest.skip("no KITTI tracking sequence in ../shared/real/kitti")
    drive = read_tracking(kitti, "0000")
    module = openpcdet if layout is openpcdet else mmdet3d
    module.write_dataset(tmp_path, [drive])
    (found,) = module.read_sequences(tmp_path)
    assert found.info.licence == "CC-BY-NC-SA-3.0"
    for index in (0, 30, 63):
        frame, back = drive[index], found[index]
        assert frame.boxes is not None
        assert back.boxes is not None
        np.testing.assert_allclose(back.boxes.center, frame.boxes.center, atol=1e-9)
        np.testing.assert_array_equal(back.sweeps["top"].points, frame.sweeps["top"].points)  # to the bit


def test_a_folder_without_samples_is_said(tmp_path: Path) -> None:
    with pytest.raises(samples.FormatError, match=r"holds no labels\.json"):
        samples.read_sequences(tmp_path)
