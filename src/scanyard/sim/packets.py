"""What the packets of one tick become: a ``Sweep`` per LiDAR, an ``Image`` per camera; and how sensors are spawned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.frame import Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar
from scanyard.sim.handedness import carla_transform, mirrored

SEMANTIC_POINT = np.dtype([("xyz", "<f4", 3), ("cos_incidence", "<f4"), ("instance", "<u4"), ("semantic", "<u4")])
"""One return of a semantic LiDAR, 24 bytes, as the client hands it over."""

CAMERA_KINDS = {
    "rgb": "sensor.camera.rgb",
    "depth": "sensor.camera.depth",
    "semantic": "sensor.camera.semantic_segmentation",
    "instance": "sensor.camera.instance_segmentation",
}


# --- LiDAR --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LidarBlock:
    """The part of a LiDAR that one CARLA sensor plays: beams ``first`` to ``first + channels``."""

    lidar: Lidar
    first: int
    channels: int
    height_m: float
    """Optical centre of the CARLA sensor above the LiDAR's origin."""
    attributes: dict[str, str]

    @property
    def ego_from_block(self) -> Transform:
        """Where the CARLA sensor sits."""
        return self.lidar.ego_from_sensor @ Transform.from_xyz_rpy((0.0, 0.0, self.height_m))


def lidar_blocks(lidar: Lidar, *, has_beam_tables: bool) -> list[LidarBlock]:
    """The CARLA sensors that play ``lidar``: one with its beam table, or one evenly spaced sensor per laser block."""
    common = {"rotation_frequency": f"{lidar.rotation_hz:.6f}", "range": f"{lidar.max_range_m:.3f}"}
    if has_beam_tables:
        table = zip(np.degrees(lidar.elevation_rad), lidar.z_offset_m, strict=True)
        attributes = {
            **common,
            **_rate(lidar, lidar.channels),
            "beam_table": ";".join(f"{elevation:.6f}:{offset:.6f}" for elevation, offset in table),
            "firings_per_turn": str(lidar.firings_per_turn),
        }
        return [LidarBlock(lidar, 0, lidar.channels, 0.0, attributes)]
    blocks, first = [], 0
    for channels in lidar.blocks:
        elevation_deg = np.degrees(lidar.elevation_rad[first : first + channels])
        attributes = {
            **common,
            **_rate(lidar, channels),
            "upper_fov": f"{elevation_deg.max():.4f}",
            "lower_fov": f"{elevation_deg.min():.4f}",
        }
        height_m = float(lidar.z_offset_m[first : first + channels].mean())
        blocks.append(LidarBlock(lidar, first, channels, height_m, attributes))
        first += channels
    return blocks


def _rate(lidar: Lidar, channels: int) -> dict[str, str]:
    per_second = channels * lidar.firings_per_turn * lidar.rotation_hz
    return {"channels": str(channels), "points_per_second": str(round(per_second))}


Numbered = Callable[[NDArray[Any]], NDArray[Any]]
"""Turns the server's actor ids into the scenario's own."""


def sweep_from_packets(lidar: Lidar, blocks: list[LidarBlock], packets: list[Any], numbered: Numbered) -> Sweep:
    """One sweep in the LiDAR's frame from the packet of each of its blocks."""
    records = [np.frombuffer(packet.raw_data, dtype=SEMANTIC_POINT) for packet in packets]
    points = _joined([_points(block, record) for block, record in zip(blocks, records, strict=True)])
    turn_ns = 1e9 / lidar.rotation_hz
    # CARLA starts a turn at -180 degrees and turns clockwise seen from above, like the sensor itself.
    # As a share of it first: a whole turn is then 1 in float32 too, and no offset is beyond the turn.
    turned = (np.pi - np.arctan2(points[:, 1], points[:, 0])) / (2 * np.pi)

    def column(name: str) -> NDArray[Any]:
        return _joined([record[name] for record in records])

    return Sweep(
        points=points,
        ring=_joined([_rings(block, packet) for block, packet in zip(blocks, packets, strict=True)]),
        time_offset_ns=(turned * turn_ns).astype(np.int32),
        semantic=column("semantic").astype(np.uint8),
        instance=numbered(column("instance")),
        cos_incidence=np.abs(column("cos_incidence")),
    )


def _points(block: LidarBlock, record: NDArray[Any]) -> NDArray[np.float32]:
    """The returns (M, 3) of one block, in the LiDAR's frame."""
    points = mirrored(record["xyz"])
    points[:, 2] += np.float32(block.height_m)
    return points


def _rings(block: LidarBlock, packet: Any) -> NDArray[np.uint8]:
    """The beam (M,) of each return; a packet is sorted by channel."""
    counts = [packet.get_point_count(channel) for channel in range(block.channels)]
    return np.repeat(np.arange(block.first, block.first + block.channels, dtype=np.uint8), counts)


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """The parts one after another; a single one, as our server sends, is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


# --- cameras ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CameraCanvas:
    """The picture a CARLA camera renders for ``camera``: larger, because CARLA's principal point is the middle.

    Rendering the smallest picture that has our principal point in its middle and cutting ours out of it is exact.
    """

    camera: Camera
    width_px: int
    height_px: int
    left_px: int
    top_px: int

    @classmethod
    def for_camera(cls, camera: Camera) -> CameraCanvas:
        """The canvas of ``camera``; its principal point must lie on half pixels."""
        (u, v), (w, h) = camera.center_px, (camera.width_px, camera.height_px)
        width, height = round(2 * max(u, w - u)), round(2 * max(v, h - v))
        return cls(camera, width, height, round(width / 2 - u), round(height / 2 - v))

    @property
    def attributes(self) -> dict[str, str]:
        """Blueprint attributes of the camera."""
        fov_deg = np.degrees(2 * np.arctan(self.width_px / 2 / self.camera.focal_px))
        return {
            "image_size_x": str(self.width_px),
            "image_size_y": str(self.height_px),
            "fov": f"{fov_deg:.9f}",
        }

    def cut(self, packet: Any) -> NDArray[np.uint8]:
        """The (H, W, 4) BGRA pixels of our camera."""
        pixels = np.frombuffer(packet.raw_data, dtype=np.uint8).reshape(self.height_px, self.width_px, 4)
        rows = slice(self.top_px, self.top_px + self.camera.height_px)
        return pixels[rows, self.left_px : self.left_px + self.camera.width_px]


def image_from_packets(canvas: CameraCanvas, packets: dict[str, Any], numbered: Numbered) -> Image:
    """One image from the packet of each camera kind in ``CAMERA_KINDS``."""
    bgra = {kind: canvas.cut(packet) for kind, packet in packets.items()}
    depth = bgra["depth"][..., :3].astype(np.uint32)
    # The red channel is the low byte; 24 bits span 1000 m.
    depth_code = depth[..., 2] + 256 * depth[..., 1] + 65536 * depth[..., 0]
    instance = np.ascontiguousarray(bgra["instance"][..., 1::-1]).view("<u2")[..., 0]  # green low, blue high byte
    return Image(
        rgb=bgra["rgb"][..., 2::-1].copy(),
        depth_m=(depth_code * (1000.0 / (2**24 - 1))).astype(np.float32),
        semantic=bgra["semantic"][..., 2].copy(),
        instance=numbered(instance),
    )


# --- spawning -----------------------------------------------------------------------------------------------------


def spawn_sensor(
    world: Any, blueprint_id: str, attributes: dict[str, str], parent_from_sensor: Transform, parent: Any
) -> Any:
    """Spawn one sensor attached rigidly to ``parent``."""
    blueprint = world.get_blueprint_library().find(blueprint_id)
    for key, value in attributes.items():
        blueprint.set_attribute(key, value)
    return world.spawn_actor(blueprint, carla_transform(parent_from_sensor.matrix), attach_to=parent)
