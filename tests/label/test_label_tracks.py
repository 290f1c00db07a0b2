"""Tracks that jump, change or lie about their speed are named; ordinary driving is not."""

import numpy as np

from scanyard.boxes import Boxes
from scanyard.frame import Frame
from scanyard.geometry import Transform
from scanyard.label import track_faults


def drive(count: int = 10, speed_mps: float = 12.0) -> list[Frame]:
    """An ego vehicle that turns while a car (track 5) passes straight through the world at ``speed_mps``."""
    frames = []
    for index in range(count):
        seconds = index * 0.1
        world_from_ego = Transform.from_xyz_rpy((8 * seconds, seconds, 0), yaw=0.2 * seconds)
        car = Boxes(
            center=np.array([[20 + speed_mps * seconds, 3.0, 0.8]]),
            size=np.array([[4.0, 1.8, 1.5]]),
            yaw_rad=np.zeros(1),
            category=np.array(["car"]),
            track=np.array([5]),
            velocity=np.array([[speed_mps, 0.0, 0.0]]),
        ).transformed(world_from_ego.inverse())
        frames.append(Frame(index * 100_000_000, world_from_ego, {}, boxes=car))
    return frames


def changed(frames: list[Frame], index: int, **columns: object) -> list[Frame]:
    boxes = frames[index].boxes
    assert boxes is not None
    return [*frames[:index], frames[index].replace(boxes=boxes.replace(**columns)), *frames[index + 1 :]]  # type: ignore[arg-type]


def test_ordinary_driving_has_no_faults() -> None:
    assert track_faults(drive()) == []


def test_a_jump_is_named() -> None:
    frames = drive()
    assert frames[4].boxes is not None
    (there, back) = track_faults(changed(frames, 4, center=frames[4].boxes.center + np.array([3.0, 0, 0])))
    assert (there.track, there.frame, back.frame) == (5, 4, 5)
    assert "moved at" in str(there)


def test_velocities_in_the_wrong_frame_or_from_the_wrong_tick_are_named() -> None:
    frames = [frame.replace(boxes=frame.boxes.replace(velocity=-frame.boxes.velocity)) for frame in drive()]  # type: ignore[union-attr, operator]
    assert len(track_faults(frames)) == 9


def test_a_change_of_size_or_kind_is_named() -> None:
    faults = track_faults(changed(drive(2), 1, size=[[4.0, 1.8, 1.9]], category=["van"]))
    assert [fault.problem.split(" ")[0] for fault in faults] == ["was", "its"]


def test_a_track_seen_twice_in_a_frame_is_named() -> None:
    (frame,) = drive(1)
    assert frame.boxes is not None
    (fault,) = track_faults([frame.replace(boxes=Boxes.concatenate([frame.boxes, frame.boxes]))])
    assert "twice" in fault.problem


def test_long_gaps_and_missing_columns_are_passed_over() -> None:
    frames = drive()
    assert track_faults([frames[0], frames[9].replace(timestamp_ns=5_000_000_000)]) == []
    assert track_faults([frames[0].replace(boxes=None), frames[1]]) == []
    assert track_faults(changed(frames[:2], 1, track=None)) == []
