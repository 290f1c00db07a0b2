"""What a client makes of a stream: every message decoded as strictly as the official client would, or more so.

Written against the protocol's page and not against the server's packers, so that one mistake is not made twice.
"""

from __future__ import annotations

import math
import struct

import msgpack
import numpy as np

SNAPSHOT, IMAGES, FLOW, LIDARS, RADAR, DVS, PACKED = (
    17,
    {1, 2, 13, 14, 15, 16, 18},
    8,
    {10: 24, 11: 16},
    9,
    3,
    {0, 4, 5, 7},
)
MAX_COORDINATE_M = 1e7


class InvalidMessageError(ValueError):
    """Bytes that could end a client's process."""


def check(message: bytes) -> int:
    """Decode one message of a stream whole, and return its type id; InvalidMessageError says what is wrong with it."""
    _expect(len(message) >= 48, f"a message of {len(message)} bytes has no header")
    kind, _frame, time_s, *pose = struct.unpack_from("<QQd6f", message)
    _expect(math.isfinite(time_s), f"time {time_s}")
    _expect(all(math.isfinite(one) for one in pose), f"pose {pose}")
    body = memoryview(message)[48:]
    if kind == SNAPSHOT:
        _check_snapshot(body)
    elif kind in IMAGES:
        _check_image(body, 4)
    elif kind == FLOW:
        pixels = _check_image(body, 8)
        _expect(bool(np.isfinite(np.frombuffer(pixels, "<f4")).all()), "an optical flow that is not finite")
    elif kind in LIDARS:
        _check_sweep(body, LIDARS[kind])
    elif kind == RADAR:
        _expect(len(body) % 16 == 0, f"{len(body)} bytes of radar")
        _expect(bool(np.isfinite(np.frombuffer(body, "<f4")).all()), "a radar detection that is not finite")
    elif kind == DVS:
        _expect((len(body) - 12) % 13 == 0, f"{len(body)} bytes of events")
    elif kind in PACKED:
        _check_packed(kind, body)
    else:
        raise InvalidMessageError(f"type {kind}")
    return int(kind)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InvalidMessageError(otherwise)


def _check_snapshot(body: memoryview) -> None:
    _expect(len(body) >= 36 and (len(body) - 36) % 119 == 0, f"a snapshot of {len(body)} bytes")
    _episode, platform_s, delta_s = struct.unpack_from("<Qdf", body)
    _expect(math.isfinite(platform_s) and 0.0 <= delta_s < 1e6, f"a frame of {delta_s} s")
    records = np.frombuffer(
        body[36:], dtype=[("id", "<u4"), ("state", "u1"), ("floats", "<f4", (15,)), ("rest", "V54")]
    )
    _expect(bool((np.diff(records["id"].astype(np.int64)) > 0).all()), "actors twice, or not in order")
    _expect(bool((records["state"] == 1).all()), "an actor that is not active")
    _expect(bool(np.isfinite(records["floats"]).all()), "an actor whose pose or motion is not finite")
    _expect(bool((np.abs(records["floats"][:, :3]) < MAX_COORDINATE_M).all()), "an actor outside of the world")


def _check_image(body: memoryview, pixel_bytes: int) -> memoryview:
    width, height, fov = struct.unpack_from("<IIf", body)
    _expect(len(body) == 12 + width * height * pixel_bytes, f"{len(body)} bytes for {width} by {height} pixels")
    _expect(0.0 < fov < 180.0, f"a field of view of {fov}")
    return body[12:]


def _check_sweep(body: memoryview, point_bytes: int) -> None:
    angle, channels = struct.unpack_from("<fI", body)
    _expect(math.isfinite(angle), f"an angle of {angle}")
    _expect(len(body) >= 8 + 4 * channels, f"{len(body)} bytes for {channels} channels")
    counts = np.frombuffer(body[8 : 8 + 4 * channels], "<u4")
    points = body[8 + 4 * channels :]
    _expect(int(counts.sum()) * point_bytes == len(points), f"{counts.sum()} points counted in {len(points)} bytes")
    floats = np.frombuffer(points, "<f4").reshape(-1, point_bytes // 4)[:, :4]
    _expect(bool(np.isfinite(floats).all()), "a point that is not finite")


def _check_packed(kind: int, body: memoryview) -> None:
    try:
        value = msgpack.unpackb(body)
    except (ValueError, msgpack.UnpackException) as error:
        raise InvalidMessageError(f"no msgpack: {error}") from error
    _expect(isinstance(value, list) and len(value) == 3, f"{value!r} of type {kind}")
    if kind in (4, 5):
        flat = np.hstack([np.asarray(one, dtype=np.float64) for one in value])
        _expect(bool(np.isfinite(flat).all()), f"{value!r} of type {kind}")
    else:
        for actor in value[:2]:
            _expect(isinstance(actor, list) and len(actor) == 6 and isinstance(actor[5], bytes), f"actor {actor!r}")
