"""How a rig is asked of a server, and what its packets become."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar
from scanyard.sim.packets import CameraCanvas, image_from_packets, lidar_blocks

LIDAR = Lidar(
    "top",
    Transform.identity(),
    np.radians([2.0, 0.0, -8.0, -9.0, -24.0]),
    np.array([0.2, 0.2, 0.2, 0.1, 0.1]),
    2000,
    10.0,
    1.0,
    100.0,
    blocks=(3, 2),
)


def test_a_stock_server_plays_each_laser_block_as_a_lidar_of_its_own() -> None:
    upper, lower = lidar_blocks(LIDAR, has_beam_tables=False)
    assert (upper.first, upper.channels, upper.attributes["upper_fov"], upper.attributes["lower_fov"]) == (
        0, 3, "2.0000", "-8.0000",
    )  # fmt: skip
    assert (lower.first, lower.attributes["upper_fov"], lower.attributes["lower_fov"]) == (3, "-9.0000", "-24.0000")
    assert_allclose([upper.height_m, lower.height_m], [0.2, 0.1])
    assert upper.attributes["points_per_second"] == str(3 * 2000 * 10)
    assert "beam_table" not in upper.attributes


def test_our_server_gets_the_beam_table() -> None:
    (block,) = lidar_blocks(LIDAR, has_beam_tables=True)
    assert block.attributes["beam_table"].split(";")[3] == "-9.000000:0.100000"
    assert block.attributes["firings_per_turn"] == "2000"


def test_a_principal_point_off_the_middle_is_cut_out_of_a_larger_picture() -> None:
    camera = Camera("left", Transform.identity(), 4, 2, 2.0, (1.5, 1.0))
    canvas = CameraCanvas.for_camera(camera)
    assert (canvas.width_px, canvas.height_px) == (5, 2)
    pixels = np.zeros((2, 5, 4), dtype=np.uint8)
    pixels[:, :, 0] = np.arange(5)
    cut = canvas.cut(SimpleNamespace(raw_data=pixels.tobytes()))
    assert cut[0, :, 0].tolist() == [1, 2, 3, 4]


def test_colours_depth_and_ids_are_unpacked_from_bgra() -> None:
    camera = Camera("left", Transform.identity(), 1, 1, 1.0, (0.5, 0.5))

    def packet(*bgra: int) -> SimpleNamespace:
        return SimpleNamespace(raw_data=bytes(bgra))

    image = image_from_packets(
        CameraCanvas.for_camera(camera),
        {
            "rgb": packet(1, 2, 3, 255),
            "depth": packet(1, 2, 3, 255),
            "semantic": packet(0, 0, 14, 255),
            "instance": packet(2, 1, 14, 255),
        },
        lambda ids: ids,
    )
    assert image.rgb.tolist() == [[[3, 2, 1]]]
    assert image.depth_m is not None
    assert image.semantic is not None
    assert image.instance is not None
    assert image.depth_m[0, 0] == pytest.approx((3 + 256 * 2 + 65536) * 1000 / (2**24 - 1))
    assert image.semantic.tolist() == [[14]]
    assert image.instance.tolist() == [[0x0201]]
