"""The messages of the streams: the header every one opens with, snapshots, images, sweeps, events; and the tokens.

Their structs are those of ``layouts`` for the version we speak.  A malformed message aborts the client's whole process,
so what is sent is checked here: counts against points, pixels against sizes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.layouts import LAYOUTS
from scanyard.carla_server.protocol.wire import SERVER_VERSION, VehicleControl, WalkerControl

Chunks = tuple[bytes | memoryview, ...]
"""A message in pieces, so that large arrays are sent without a copy."""

# Type ids select the client's decoder; they are indices of the 0.9.16 wheel's own registry.
COLLISION = 0
DEPTH_CAMERA = 1
NORMALS_CAMERA = 2
DVS_CAMERA = 3
GNSS = 4
IMU = 5
OBSTACLE = 7
OPTICAL_FLOW_CAMERA = 8
RADAR = 9
SEMANTIC_LIDAR = 10
LIDAR = 11
RGB_CAMERA = 13
SEMANTIC_CAMERA = 14
INSTANCE_CAMERA = 15
COSMOS_CAMERA = 16
WORLD_OBSERVER = 17
EVENTS = frozenset({COLLISION, OBSTACLE})
"""Told when something happens, and not once a frame."""
GBUFFER_UINT8 = 18

MAP_CHANGED = 1
"""Bit of the snapshot's simulation state that makes every client fetch the map again."""
LAMPS_CHANGED = 2
"""Bit that makes every client ask for the lamps of the street again."""

_LAYOUT = LAYOUTS[SERVER_VERSION]
TOKEN = _LAYOUT.token
TCP = 1
HEADER = _LAYOUT.message_header
SNAPSHOT_HEADER = _LAYOUT.snapshot_header
IMAGE_HEADER = _LAYOUT.image_header
LIDAR_HEADER = _LAYOUT.lidar_header
SIZE = struct.Struct("<I")
"""What stands before every message: its bytes."""

ACTOR_STATE = _LAYOUT.actor_record
ACTIVE = 1

VEHICLE_STATE = _LAYOUT.vehicle_state
WALKER_STATE = _LAYOUT.walker_state
GREEN = 2
"""Traffic light state to report away from lights: anything else makes Traffic Manager stop at every junction."""

SEMANTIC_POINT = _LAYOUT.semantic_point
LIDAR_POINT = _LAYOUT.lidar_point
DVS_EVENT = _LAYOUT.event


def token(stream_id: int, port: int) -> bytes:
    """Return the 24-byte token of a stream: TCP on ``port`` of whichever host the client reached for its RPC calls."""
    return TOKEN.pack(stream_id, port, TCP, 0, bytes(16))


def header(sensor_type: int, frame: int, time_s: float, pose: Sequence[float] | NDArray[Any]) -> bytes:
    """Return the 48 bytes that open every message; ``pose`` (6,) is x, y, z, pitch, yaw, roll in the world."""
    return HEADER.pack(sensor_type, frame, time_s, *pose)


def snapshot(
    records: NDArray[Any],
    *,
    episode_id: int,
    frame: int,
    time_s: float,
    delta_s: float,
    platform_time_s: float,
    simulation_state: int = 0,
) -> Chunks:
    """Return a snapshot of the actors in ``records`` (N,) of dtype ``ACTOR_STATE``."""
    if records.dtype != ACTOR_STATE:
        raise ValueError(f"snapshot records are {ACTOR_STATE.itemsize} bytes each, not dtype {records.dtype}")
    opening = header(WORLD_OBSERVER, frame, time_s, (0.0,) * 6)
    world = SNAPSHOT_HEADER.pack(episode_id, platform_time_s, delta_s, 0, 0, 0, simulation_state)
    return opening + world, records.tobytes()


def vehicle_state(control: VehicleControl, *, speed_limit_kmh: float = 30.0) -> bytes:
    """Return a vehicle's 54 bytes in a snapshot: its latched control, the speed limit, no traffic light in the way."""
    return VEHICLE_STATE.pack(*control, speed_limit_kmh, GREEN, False, 0, 0)


def walker_state(control: WalkerControl) -> bytes:
    """Return a walker's 54 bytes in a snapshot: its latched control."""
    return WALKER_STATE.pack(*control.direction, control.speed, control.jump)


def image(opening: bytes, pixels: NDArray[np.uint8], *, fov_deg: float) -> Chunks:
    """Return an image message: ``pixels`` (H, W, 4) in the order blue, green, red, alpha, from the top left."""
    if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        raise ValueError(f"an image is (H, W, 4) uint8, not {pixels.shape} {pixels.dtype}")
    height, width, _ = pixels.shape
    return opening + IMAGE_HEADER.pack(width, height, fov_deg), _view(pixels)


def flow(opening: bytes, motion: NDArray[np.float32], *, fov_deg: float) -> Chunks:
    """Return an optical flow message: ``motion`` (H, W, 2), x and y, from the top left."""
    if motion.ndim != 3 or motion.shape[2] != 2 or motion.dtype != np.float32:
        raise ValueError(f"a flow picture is (H, W, 2) float32, not {motion.shape} {motion.dtype}")
    height, width, _ = motion.shape
    return opening + IMAGE_HEADER.pack(width, height, fov_deg), _view(motion)


def events(opening: bytes, found: NDArray[Any], *, width: int, height: int, fov_deg: float) -> Chunks:
    """Return an event camera's message: ``found`` (N,) of dtype ``DVS_EVENT``, by time."""
    if found.dtype != DVS_EVENT:
        raise ValueError(f"events are {DVS_EVENT.itemsize} bytes each, not of dtype {found.dtype}")
    return opening + IMAGE_HEADER.pack(width, height, fov_deg), _view(found)


def as_gbuffer(message: Chunks) -> Chunks:
    """Return an image message as the one of a G-buffer: they differ in the type id alone."""
    opening, *rest = message
    return GBUFFER_UINT8.to_bytes(8, "little") + bytes(opening[8:]), *rest


def sweep(opening: bytes, counts: NDArray[np.uint32], points: NDArray[Any], *, horizontal_angle_rad: float) -> Chunks:
    """Return a LiDAR message, semantic or plain: ``counts`` (C,) points per channel, then the points by channel.

    ``points`` (M,) is of dtype ``SEMANTIC_POINT`` or ``LIDAR_POINT``, in the sensor's left-handed frame.
    """
    if points.dtype not in (SEMANTIC_POINT, LIDAR_POINT):
        raise ValueError(f"a sweep is made of semantic or plain LiDAR points, not of dtype {points.dtype}")
    if int(counts.sum()) != len(points):
        raise ValueError(f"the channels count {int(counts.sum())} points, but there are {len(points)}")
    channels = LIDAR_HEADER.pack(horizontal_angle_rad, len(counts)) + counts.astype("<u4").tobytes()
    return opening + channels, _view(points)


def sensor_type(message: Chunks) -> int:
    """The type id a sensor's message opens with."""
    return int.from_bytes(message[0][:8], "little")


def detections(opening: bytes, found: NDArray[np.float32]) -> Chunks:
    """Return a radar message: (M, 4) float32, velocity in m/s, azimuth and altitude in radians, depth in metres."""
    if found.ndim != 2 or found.shape[1] != 4 or found.dtype != np.dtype("<f4"):
        raise ValueError(f"radar detections are (M, 4) float32, not {found.shape} {found.dtype}")
    return opening, _view(found)


def _view(array: NDArray[Any]) -> memoryview:
    flat: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return memoryview(flat)
