"""MCAP and Rerun recordings, read back with those projects' own readers: messages, points and boxes are counted."""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from exchanged import CAMERA, TURNED_LIDAR, recording

from scanyard.datasets import mcap_recording, rerun_recording
from scanyard.errors import EnvironmentFault, FormatError, StoreError
from scanyard.frame import Sweep
from scanyard.sensors import Rig
from scanyard.sequence import InMemorySequence

TURNED = Rig("turned", (TURNED_LIDAR,), (CAMERA,))
TOPICS = {"/tf", "/lidar/top", "/camera/left", "/camera/left/calibration", "/labels"}


def messages(path: Path) -> dict[str, list[dict]]:
    reader = pytest.importorskip("mcap.reader", reason="mcap is not installed: pip install 'scanyard[mcap]'")
    found: dict[str, list[dict]] = {}
    with path.open("rb") as stream:
        for schema, channel, message in reader.make_reader(stream).iter_messages():
            assert channel.message_encoding == "json"
            body = json.loads(message.data)
            jsonschema = pytest.importorskip("jsonschema")
            jsonschema.validate(body, json.loads(schema.data))
            found.setdefault(channel.topic, []).append({"time": message.log_time, "schema": schema.name, **body})
    return found


def points_of(cloud: dict) -> np.ndarray:
    """What a reader of foxglove.PointCloud makes of it."""
    types = {1: "u1", 6: "<i4", 7: "<f4"}
    record = np.dtype(
        {
            "names": [one["name"] for one in cloud["fields"]],
            "formats": [types[one["type"]] for one in cloud["fields"]],
            "offsets": [one["offset"] for one in cloud["fields"]],
            "itemsize": cloud["point_stride"],
        }
    )
    return np.frombuffer(base64.b64decode(cloud["data"]), dtype=record)


def test_boxes_of_a_labelled_frame_are_gone_where_nobody_labelled(tmp_path: Path) -> None:
    labelled, other = recording(1, rig=TURNED, frames=2)
    mixed = InMemorySequence(recording(1, rig=TURNED).info, [labelled, other.replace(boxes=None)])
    mcap_recording.write_dataset(tmp_path / "out", [mixed])
    scenes = messages(tmp_path / "out/walk.mcap")["/labels"]
    assert [bool(scene["entities"]) for scene in scenes] == [True, False]
    assert [len(scene["deletions"]) for scene in scenes] == [1, 1]


def test_an_mcap_recording_holds_every_point_image_and_box(tmp_path: Path) -> None:
    pytest.importorskip("mcap", reason="mcap is not installed: pip install 'scanyard[mcap]'")
    sequence = recording(1, rig=TURNED, lean=0.1, frames=4)
    mcap_recording.write_dataset(tmp_path / "out", [sequence])
    found = messages(tmp_path / "out/walk.mcap")
    assert set(found) == TOPICS
    assert {topic: len(one) for topic, one in found.items()} == dict.fromkeys(TOPICS, 4)
    for frame, cloud, scene, image in zip(
        sequence, found["/lidar/top"], found["/labels"], found["/camera/left"], strict=True
    ):
        assert cloud["time"] == frame.timestamp_ns == cloud["timestamp"]["sec"] * 10**9 + cloud["timestamp"]["nsec"]
        assert cloud["frame_id"] == "top"
        rows = points_of(cloud)
        sweep = frame.sweeps["top"]
        np.testing.assert_array_equal(np.stack([rows[axis] for axis in "xyz"], axis=1), sweep.points)
        np.testing.assert_array_equal(rows["intensity"], sweep.intensity)
        np.testing.assert_array_equal(rows["ring"], sweep.ring)
        assert base64.b64decode(image["data"])[:2] == b"\xff\xd8"  # a JPEG
        assert frame.boxes is not None
        assert len(scene["entities"]) == len(frame.boxes)
        for i, entity in enumerate(scene["entities"]):
            (cube,) = entity["cubes"]
            assert entity["frame_id"] == "ego"
            np.testing.assert_allclose([cube["pose"]["position"][axis] for axis in "xyz"], frame.boxes.center[i])
            np.testing.assert_allclose([cube["size"][axis] for axis in "xyz"], frame.boxes.size[i])
            q = cube["pose"]["orientation"]
            yaw = 2 * np.arctan2(q["z"], q["w"])
            np.testing.assert_allclose(np.cos(yaw - frame.boxes.yaw_rad[i]), 1.0)
    assert sum(len(scene["entities"]) for scene in found["/labels"]) > 5


def test_mcap_transforms_lead_from_a_sensor_to_the_world(tmp_path: Path) -> None:
    pytest.importorskip("mcap", reason="mcap is not installed: pip install 'scanyard[mcap]'")
    from pyquaternion import Quaternion

    sequence = recording(2, rig=TURNED, lean=0.1, frames=1)
    mcap_recording.write_recording(tmp_path / "one.mcap", sequence)
    (tf,) = messages(tmp_path / "one.mcap")["/tf"]
    edges = {one["child_frame_id"]: one for one in tf["transforms"]}
    assert {name: one["parent_frame_id"] for name, one in edges.items()} == {
        "ego": "world",
        "top": "ego",
        "left": "ego",
    }

    def up(name: str, point: np.ndarray) -> np.ndarray:
        q, t = edges[name]["rotation"], edges[name]["translation"]
        return Quaternion(q["w"], q["x"], q["y"], q["z"]).rotate(point) + np.array([t["x"], t["y"], t["z"]])

    point = np.array([10.0, 2.0, -1.0])
    frame = sequence.frames[0]
    expected = (frame.world_from_ego @ TURNED_LIDAR.ego_from_sensor).apply(point)
    np.testing.assert_allclose(up("ego", up("top", point)), expected, atol=1e-9)
    optical = up("left", np.array([0.0, 0.0, 5.0]))  # 5 m along the optical axis
    np.testing.assert_allclose(optical, CAMERA.ego_from_sensor.apply([5.0, 0.0, 0.0]), atol=1e-9)


def test_an_mcap_recording_carries_its_licence(tmp_path: Path) -> None:
    reader = pytest.importorskip("mcap.reader", reason="mcap is not installed: pip install 'scanyard[mcap]'")
    real = recording(3, frames=1, domain="real", licence="CC-BY-NC-SA-3.0")
    mcap_recording.write_dataset(tmp_path / "out", [real])
    with (tmp_path / "out/walk.mcap").open("rb") as stream:
        opened = reader.make_reader(stream)
        (metadata,) = opened.iter_metadata()
        (attachment,) = opened.iter_attachments()
    assert metadata.metadata["licence"] == "CC-BY-NC-SA-3.0"
    assert metadata.metadata["non_commercial"] == "true"
    assert b"Not for commercial use" in attachment.data
    assert "Not for commercial use" in (tmp_path / "out/LICENCE.md").read_text()


def test_mcap_leaves_out_what_is_not_known(tmp_path: Path) -> None:
    pytest.importorskip("mcap", reason="mcap is not installed: pip install 'scanyard[mcap]'")
    base = recording(4, frames=1)
    bare = base.frames[0].replace(boxes=None, images={}, sweeps={"top": Sweep(np.ones((3, 3)))})
    mcap_recording.write_recording(tmp_path / "one.mcap", InMemorySequence(base.info, [bare]))
    found = messages(tmp_path / "one.mcap")
    assert set(found) == {"/tf", "/lidar/top"}
    assert [one["name"] for one in found["/lidar/top"][0]["fields"]] == ["x", "y", "z"]
    early = base.frames[0].replace(timestamp_ns=-1)
    with pytest.raises(FormatError, match="negative"):
        mcap_recording.write_recording(tmp_path / "two.mcap", InMemorySequence(base.info, [early]))


def components(path: Path) -> dict[str, dict[str, list]]:
    """Values by entity and component, row by row, as Rerun's own reader finds them."""
    chunk = pytest.importorskip("rerun.chunk", reason="rerun-sdk is not installed: pip install 'scanyard[rerun]'")
    found: dict[str, dict[str, list]] = {}
    for one in chunk.RrdReader(str(path)).stream():
        table = one.to_record_batch()
        for name in (name for name in table.schema.names if ":" in name):  # the others are times
            rows = [value for value in table.column(name).to_pylist() if value is not None]
            found.setdefault(one.entity_path, {}).setdefault(name, []).extend(rows)
    return found


def test_a_rerun_recording_holds_every_point_image_and_box(tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="rerun-sdk is not installed: pip install 'scanyard[rerun]'")
    sequence = recording(5, rig=TURNED, lean=0.1, frames=4)
    rerun_recording.write_dataset(tmp_path / "out", [sequence])
    found = components(tmp_path / "out/walk.rrd")
    clouds = found["/world/ego/top"]["Points3D:positions"]
    assert len(clouds) == 4
    for frame, cloud in zip(sequence, clouds, strict=True):
        np.testing.assert_array_equal(np.array(cloud, dtype=np.float32), frame.sweeps["top"].points)
    labels = found["/world/ego/labels"]
    expected = [frame.boxes for frame in sequence]
    assert [len(one) for one in labels["Boxes3D:centers"]] == [len(boxes or ()) for boxes in expected]
    for row, boxes in enumerate(expected):
        assert boxes is not None
        if not len(boxes):
            continue
        np.testing.assert_allclose(labels["Boxes3D:centers"][row], boxes.center, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(labels["Boxes3D:half_sizes"][row], boxes.size / 2, rtol=1e-5)
        quaternion = np.array(labels["Boxes3D:quaternions"][row])
        yaw = 2 * np.arctan2(quaternion[:, 2], quaternion[:, 3])
        np.testing.assert_allclose(np.cos(yaw - boxes.yaw_rad), 1.0, atol=1e-6)
        assert labels["Boxes3D:labels"][row][0].startswith(str(boxes.category[0]))
    assert len(found["/world/ego/left"]["EncodedImage:blob"]) == 4
    assert len(found["/world/ego"]["Transform3D:translation"]) == 4
    assert "CC0-1.0" in found["/licence"]["TextDocument:text"][0][0]


def test_rerun_says_when_nobody_labelled(tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="rerun-sdk is not installed: pip install 'scanyard[rerun]'")
    base = recording(6, frames=2)
    frames = [base.frames[0], base.frames[1].replace(boxes=None)]
    rerun_recording.write_recording(tmp_path / "one.rrd", InMemorySequence(base.info, frames))
    found = components(tmp_path / "one.rrd")["/world/ego/labels"]
    assert len(found["Clear:is_recursive"]) == 1


@pytest.mark.parametrize(
    ("module", "package", "extra"), [(mcap_recording, "mcap.writer", "mcap"), (rerun_recording, "rerun", "rerun")]
)
def test_a_missing_extra_is_named(
    module: object, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # what an import of a package that is not there looks like
    assert module in (mcap_recording, rerun_recording)
    write = mcap_recording.write_dataset if module is mcap_recording else rerun_recording.write_dataset
    with pytest.raises(EnvironmentFault, match=rf"pip install 'scanyard\[{extra}\]'"):
        write(tmp_path / "out", [recording(7, frames=1)])
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    for write in (mcap_recording.write_dataset, rerun_recording.write_dataset):
        with pytest.raises(StoreError, match="needs an empty or new folder"):
            write(tmp_path, [recording(8, frames=1)])


def test_colours_follow_intensity() -> None:
    sweep = Sweep(np.zeros((3, 3)), intensity=[0.0, 0.5, 1.0])
    red = rerun_recording.intensity_colors(sweep)[:, 0].tolist()
    assert red == sorted(red)
    assert red[0] == 40
    assert red[2] == 255
