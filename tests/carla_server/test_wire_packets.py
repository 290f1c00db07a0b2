"""Stream messages against hand-built bytes."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.layouts import LAYOUTS
from scanyard.carla_server.protocol.wire import SERVER_VERSION, Vector3D, VehicleControl, WalkerControl

HEADER = packets.header(11, 5, 0.25, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))


def test_token_names_stream_port_and_tcp_and_leaves_the_host_to_the_client() -> None:
    assert packets.token(0x01020304, 2001) == bytes([4, 3, 2, 1, 0xD1, 0x07, 1, 0]) + bytes(16)


def test_header_is_type_frame_time_and_pose_in_48_bytes() -> None:
    assert struct.pack("<QQ", 11, 5) + struct.pack("<d", 0.25) + struct.pack("<6f", 1, 2, 3, 4, 5, 6) == HEADER
    assert len(HEADER) == 48


def test_actor_record_has_its_documented_offsets() -> None:
    offsets = {name: packets.ACTOR_STATE.fields[name][1] for name in packets.ACTOR_STATE.names or ()}
    assert packets.ACTOR_STATE.itemsize == 119
    assert offsets == {
        "id": 0, "state": 4, "pose": 5, "velocity": 29, "angular_velocity": 41, "acceleration": 53, "by_type": 65,
    }  # fmt: skip


def test_snapshot_is_header_world_and_records() -> None:
    records = np.zeros(2, packets.ACTOR_STATE)
    records["id"] = (8, 9)
    message = b"".join(
        packets.snapshot(
            records, episode_id=3, frame=5, time_s=0.5, delta_s=0.125, platform_time_s=9.0, simulation_state=1
        )
    )
    world = struct.pack("<Q", 3) + struct.pack("<d", 9.0) + struct.pack("<f", 0.125) + struct.pack("<4i", 0, 0, 0, 1)
    assert message[:24] == struct.pack("<QQd", 17, 5, 0.5)
    assert message[48:84] == world
    assert len(message) == 84 + 2 * 119
    assert message[84:88] == b"\x08\0\0\0"
    assert message[84 + 119 : 88 + 119] == b"\x09\0\0\0"


def test_vehicle_state_is_30_bytes_and_padding() -> None:
    state = packets.vehicle_state(VehicleControl(0.5, -0.25, 1.0, True, False, True, -1), speed_limit_kmh=30.0)
    green = bytes([2])
    assert state == (
        struct.pack("<3f", 0.5, -0.25, 1.0) + b"\1\0\1" + struct.pack("<i", -1) + struct.pack("<f", 30.0)
        + green + b"\0" + bytes(4) + b"\0" + bytes(24)
    )  # fmt: skip


def test_walker_state_is_17_bytes_and_padding() -> None:
    state = packets.walker_state(WalkerControl(Vector3D(0.0, 1.0, 0.0), 1.5, True))
    assert state == struct.pack("<4f", 0.0, 1.0, 0.0, 1.5) + b"\1" + bytes(37)


def test_image_is_width_height_fov_and_pixels_from_the_top_left() -> None:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    message = b"".join(packets.image(HEADER, pixels, fov_deg=90.0))
    assert message == HEADER + struct.pack("<IIf", 3, 2, 90.0) + bytes(range(24))


def test_semantic_sweep_is_angle_counts_and_24_byte_points() -> None:
    points = np.array([(1.0, 2.0, 3.0, 0.5, 42, 14)], packets.SEMANTIC_POINT)
    message = b"".join(packets.sweep(HEADER, np.array([0, 1], np.uint32), points, horizontal_angle_rad=0.5))
    opening = HEADER + struct.pack("<fI2I", 0.5, 2, 0, 1)
    assert message == opening + struct.pack("<4f2I", 1.0, 2.0, 3.0, 0.5, 42, 14)


def test_plain_sweep_has_16_byte_points() -> None:
    points = np.array([(1.0, 2.0, 3.0, 0.75)], packets.LIDAR_POINT)
    message = b"".join(packets.sweep(HEADER, np.array([1], np.uint32), points, horizontal_angle_rad=0.0))
    assert message[-16:] == struct.pack("<4f", 1.0, 2.0, 3.0, 0.75)


def test_empty_sweep_is_only_its_counts() -> None:
    message = b"".join(
        packets.sweep(HEADER, np.zeros(3, np.uint32), np.zeros(0, packets.LIDAR_POINT), horizontal_angle_rad=0.0)
    )
    assert len(message) == 48 + 8 + 12


def test_pixels_of_a_slice_are_sent_in_order() -> None:
    wide = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
    message = b"".join(packets.image(HEADER, wide[:, ::2], fov_deg=90.0))
    assert message[60:] == wide[:, ::2].tobytes()


def test_counts_that_differ_from_the_points_are_not_sent() -> None:
    with pytest.raises(ValueError, match="count 2 points, but there are 1"):
        packets.sweep(HEADER, np.array([2], np.uint32), np.zeros(1, packets.LIDAR_POINT), horizontal_angle_rad=0.0)


def test_other_dtypes_are_not_sent() -> None:
    with pytest.raises(ValueError, match="semantic or plain"):
        packets.sweep(HEADER, np.array([1], np.uint32), np.zeros(1, "<f4"), horizontal_angle_rad=0.0)
    with pytest.raises(ValueError, match="uint8"):
        packets.image(HEADER, np.zeros((2, 2, 3), np.uint8), fov_deg=90.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="119 bytes"):
        packets.snapshot(np.zeros(1), episode_id=1, frame=1, time_s=0.0, delta_s=0.0, platform_time_s=0.0)


def test_the_version_we_tell_has_a_layout() -> None:
    layout = LAYOUTS[SERVER_VERSION]
    sizes = {name: getattr(layout, name) for name in layout.__dataclass_fields__}
    assert {name: getattr(one, "itemsize", getattr(one, "size", 0)) for name, one in sizes.items()} == {
        "message_header": 48, "snapshot_header": 36, "actor_record": 119, "vehicle_state": 54, "walker_state": 54,
        "image_header": 12, "lidar_header": 8, "lidar_point": 16, "semantic_point": 24, "event": 13, "token": 24,
    }  # fmt: skip
