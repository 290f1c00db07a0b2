"""Mirrored labels are noticed by the points they miss, and riders joined with what they ride."""

from pathlib import Path

import numpy as np
import pytest

from scanyard.boxes import Boxes, corners, points_inside
from scanyard.datasets import kitti, samples
from scanyard.datasets.axes import MISTAKES, axes_findings
from scanyard.datasets.riders import join_riders
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Lidar, Rig

REAL = Path(__file__).parents[3] / "shared/real"
LIDAR = Lidar("top", Transform.from_xyz_rpy((0.8, 0, 1.7)), np.zeros(1), np.zeros(1), 10, 10.0, 1.0, 100.0)
RIG = Rig("one", (LIDAR,))
EXCHANGED = "width and length are exchanged, or headings a quarter turn off"
SPOILS = {
    "left and right are mirrored": lambda b: b.replace(center=b.center * [1, -1, 1], yaw_rad=-b.yaw_rad),
    "headings turn the other way round": lambda b: b.replace(yaw_rad=-b.yaw_rad),
    "front and rear are mirrored": lambda b: b.replace(center=b.center * [-1, 1, 1], yaw_rad=np.pi - b.yaw_rad),
    "x and y are exchanged": lambda b: b.replace(center=b.center[:, [1, 0, 2]], yaw_rad=np.pi / 2 - b.yaw_rad),
    "bottoms were taken for centres": lambda b: b.replace(center=b.center - [0, 0, 0.5] * b.size),
    "centres were taken for bottoms": lambda b: b.replace(center=b.center + [0, 0, 0.5] * b.size),
    EXCHANGED: lambda b: b.replace(size=b.size[:, [1, 0, 2]]),
}
"""What somebody with each misconception would have read."""


def street(count: int = 30) -> Frame:
    """Cars that stand at all angles, each filled with points, on a road of points."""
    rng = np.random.default_rng(0)
    boxes = Boxes(
        np.c_[rng.uniform(5, 35, count), rng.uniform(-25, 12, count), np.full(count, 0.8)],
        np.tile([4.2, 1.8, 1.6], (count, 1)),
        rng.uniform(-1.2, 1.2, count),
        np.full(count, "car"),
    )
    inside = [
        Transform.from_xyz_rpy(boxes.center[i], yaw=float(boxes.yaw_rad[i])).apply(
            rng.uniform(-0.5, 0.5, (60, 3)) * boxes.size[i]
        )
        for i in range(count)
    ]
    road = np.c_[rng.uniform(-40, 40, (5000, 2)), rng.normal(0, 0.02, 5000)]
    points = LIDAR.ego_from_sensor.inverse().apply(np.concatenate([road, *inside]))
    return Frame(0, Transform.identity(), {"top": Sweep(points)}, boxes=boxes)


def test_right_labels_raise_no_suspicion() -> None:
    assert axes_findings([street()], RIG) == []


@pytest.mark.parametrize("mistake", SPOILS)
def test_each_mistake_is_named(mistake: str) -> None:
    frame = street()
    assert frame.boxes is not None
    findings = axes_findings([frame.replace(boxes=SPOILS[mistake](frame.boxes))], RIG)
    assert findings[0].mistake == mistake
    assert "look at a frame from above" in str(findings[0])
    assert set(SPOILS) == set(MISTAKES)


def test_of_few_boxes_nothing_is_said() -> None:
    frame = street(9)
    assert frame.boxes is not None
    assert axes_findings([frame.replace(boxes=SPOILS["left and right are mirrored"](frame.boxes))], RIG) == []
    assert axes_findings([frame.replace(boxes=None)], RIG) == []


@pytest.mark.skipif(not REAL.is_dir(), reason="no real frames in ../shared/real")
@pytest.mark.parametrize("source", ["kitti", "nuscenes", "argoverse2", "sustech"])
def test_real_labels_raise_no_suspicion_and_mirrored_ones_do(source: str) -> None:
    if source == "argoverse2":
        pytest.importorskip("pyarrow", reason="Argoverse's samples need pyarrow")
    if source == "kitti":
        drives = kitti.read_sequences(REAL / "kitti", "training")[::4]
        frames, rig = [sequence[0].replace(images={}) for sequence in drives], drives[0].info.rig
    else:
        (sequence,) = samples.read_sequences(REAL / source)
        frames, rig = [frame.replace(images={}) for frame in sequence], sequence.info.rig
    assert axes_findings(frames, rig) == []
    for mistake in ("left and right are mirrored", EXCHANGED, "bottoms were taken for centres"):
        spoilt = [frame.replace(boxes=SPOILS[mistake](frame.boxes)) for frame in frames if frame.boxes is not None]
        assert axes_findings(spoilt, rig)[0].mistake == mistake


def rider_on_bicycle() -> Boxes:
    """A rider and the bicycle below, both at 30 degrees, a bicycle that leans on a wall, and a walker."""
    return Boxes(
        center=[[10.0, 2.0, 1.2], [10.1, 2.0, 0.55], [20.0, -4.0, 0.55], [11.5, 2.0, 0.9]],
        size=[[0.8, 0.6, 1.4], [1.7, 0.5, 1.1], [1.7, 0.5, 1.1], [0.6, 0.6, 1.8]],
        yaw_rad=[0.5, np.pi / 6, 0.0, 0.0],
        category=["cyclist", "bicycle", "bicycle", "pedestrian"],
        track=[1, 2, 3, 4],
        num_points=[50, 30, 20, 40],
    )


def test_a_rider_and_a_bicycle_become_one_box_that_holds_both() -> None:
    boxes = rider_on_bicycle()
    joined = join_riders(boxes)
    assert joined.category.tolist() == ["cyclist", "bicycle", "pedestrian"]
    assert joined.track is not None
    assert joined.num_points is not None
    assert joined.track.tolist() == [1, 3, 4]
    assert joined.num_points.tolist() == [80, 20, 40]
    assert joined.yaw_rad[0] == pytest.approx(np.pi / 6)  # the bicycle says where it goes
    parts = corners(boxes[[0, 1]]).reshape(-1, 3)
    assert points_inside(joined[:1], parts, margin_m=1e-9).all()
    assert not points_inside(joined[:1].replace(size=joined.size[:1] * 0.99), parts).all()  # and no larger
    assert joined.center[0, 2] - joined.size[0, 2] / 2 == pytest.approx(0.0)  # down to the wheels


def test_one_bicycle_carries_one_rider() -> None:
    boxes = rider_on_bicycle()
    two = Boxes.concatenate([boxes, boxes[[0]].replace(track=[9])])
    joined = join_riders(two)
    assert sorted(joined.category.tolist()) == ["bicycle", "cyclist", "cyclist", "pedestrian"]


def test_nothing_to_join_changes_nothing() -> None:
    boxes = rider_on_bicycle()[[2, 3]]
    np.testing.assert_array_equal(join_riders(boxes).center, boxes.center)
    assert len(join_riders(Boxes.empty())) == 0
