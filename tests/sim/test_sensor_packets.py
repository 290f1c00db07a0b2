"""Packets become one sweep, whichever way the server divides the sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from scanyard.geometry import Transform
from scanyard.sensors import Lidar
from scanyard.sim.packets import SEMANTIC_POINT, lidar_blocks, sweep_from_packets

LIDAR = Lidar(
    "top", Transform.identity(), np.radians([2.0, 1.0, -9.0, -10.0]), np.full(4, 0.2), 100, 10.0, 1.0, 80.0, (2, 2)
)


@dataclass
class Packet:
    """What CARLA's client hands over: returns sorted by channel."""

    points: NDArray[np.void]
    counts: list[int]

    @property
    def raw_data(self) -> memoryview:
        return memoryview(self.points.tobytes())

    def get_point_count(self, channel: int) -> int:
        return self.counts[channel]


def packet_of(xyz: list[list[float]], counts: list[int], *, tag: int = 14, actor: int = 7) -> Packet:
    points = np.zeros(len(xyz), dtype=SEMANTIC_POINT)
    points["xyz"], points["cos_incidence"], points["semantic"], points["instance"] = xyz, -0.5, tag, actor
    return Packet(points, counts)


def halved(ids: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return ids // 2


def test_a_packet_becomes_a_sweep_in_our_frame() -> None:
    blocks = lidar_blocks(LIDAR, has_beam_tables=True)
    packet = packet_of([[-10, 0.001, 0], [10, 0, 1], [0, 5, 2]], [1, 0, 2, 0])
    sweep = sweep_from_packets(LIDAR, blocks, [packet], halved)
    assert_array_equal(sweep.points, np.array([[-10, -0.001, 0], [10, 0, 1], [0, -5, 2]], dtype=np.float32))
    assert sweep.ring is not None
    assert sweep.ring.tolist() == [0, 2, 2]
    assert sweep.time_offset_ns is not None
    # A turn of 0.1 s begins at the rear and goes clockwise seen from above: left, front, right.
    assert_allclose(sweep.time_offset_ns, [1e8, 0.5e8, 0.75e8], atol=3000)
    assert sweep.instance is not None
    assert sweep.instance.tolist() == [3, 3, 3]
    assert sweep.semantic is not None
    assert sweep.semantic.tolist() == [14, 14, 14]
    assert sweep.cos_incidence is not None
    assert sweep.cos_incidence.tolist() == [0.5, 0.5, 0.5]


def test_two_blocks_join_into_one_sweep_at_their_own_heights() -> None:
    blocks = lidar_blocks(LIDAR, has_beam_tables=False)
    upper, lower = packet_of([[10, 0, 0], [10, 0, 1]], [1, 1], tag=1), packet_of([[5, 0, -1]], [0, 1], tag=3)
    sweep = sweep_from_packets(LIDAR, blocks, [upper, lower], halved)
    heights = [block.height_m for block in blocks]
    assert_allclose(sweep.points[:, 2], [heights[0], 1 + heights[0], -1 + heights[1]], atol=1e-6)
    assert sweep.ring is not None
    assert sweep.ring.tolist() == [0, 1, 3]
    assert sweep.semantic is not None
    assert sweep.semantic.tolist() == [1, 1, 3]
