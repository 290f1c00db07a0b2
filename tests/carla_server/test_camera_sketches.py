"""What clients draw is to be seen where they drew it."""

import numpy as np
import pytest
from camera_street import FOCAL_PX, HEIGHT, HIGH_M, NOBODY, WIDTH, shoot
from scene_street import bare_street, shape_of, standing

from scanyard.carla_server.protocol.drawing import Arrow, Box, Color, DebugShape, HudPoint, Line, Point, String
from scanyard.carla_server.protocol.wire import BoundingBox, Rotation, Vector3D
from scanyard.carla_server.scene.scene import Scene

MAGENTA = Color(255, 0, 255)


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def inked(scene: Scene, *primitives: object) -> np.ndarray:
    shapes = tuple(DebugShape(one, MAGENTA) for one in primitives)  # type: ignore[arg-type]
    pixels = shoot(scene, "rgb", drawings=shapes)
    return (pixels[..., :3] == (255, 0, 255)).all(axis=-1)


def test_a_dot_is_where_the_pinhole_says_and_as_large(street: Scene) -> None:
    street.place(*NOBODY)
    rows, columns = np.nonzero(inked(street, Point(Vector3D(10.0, 2.0, HIGH_M + 0.5), 0.4)))
    assert columns.mean() + 0.5 == pytest.approx(WIDTH / 2 + FOCAL_PX * 2.0 / 10.0, abs=0.6)
    assert rows.mean() + 0.5 == pytest.approx(HEIGHT / 2 - FOCAL_PX * 0.5 / 10.0, abs=0.6)
    assert len(rows) == pytest.approx(np.pi / 4 * (FOCAL_PX * 0.4 / 10.0) ** 2, rel=0.25)


def test_a_line_that_begins_behind_the_camera_is_cut_and_ends_where_it_should(street: Scene) -> None:
    street.place(*NOBODY)
    rows, columns = np.nonzero(inked(street, Line(Vector3D(-5, 1.0, 1.0), Vector3D(20, 1.0, 1.0), 0.02)))
    assert columns.min() == pytest.approx(WIDTH / 2 + FOCAL_PX * 1.0 / 20.0, abs=1)
    assert rows.min() == pytest.approx(HEIGHT / 2 + FOCAL_PX * (HIGH_M - 1.0) / 20.0, abs=1)
    assert rows.max() == HEIGHT - 1


def test_a_van_hides_what_is_drawn_behind_it_but_not_what_is_drawn_on_the_screen(street: Scene) -> None:
    shape = shape_of("van")
    street.place([8], [shape], [standing(shape, 10.0, 0.0)])
    behind = Vector3D(30.0, 0.0, 1.3)
    assert not inked(street, Point(behind, 0.5)).any()
    assert inked(street, HudPoint(behind, 0.5)).any()
    assert inked(street, Point(Vector3D(5.0, 0.0, 1.3), 0.5)).any()


def test_a_box_has_its_corners_where_it_stands_turned(street: Scene) -> None:
    street.place(*NOBODY)
    box = BoundingBox(Vector3D(12.0, 0.0, 1.5), Vector3D(2.0, 0.5, 0.5), Rotation(0, 0, 0), 0)
    straight = np.nonzero(inked(street, Box(box, Rotation(0, 0, 0), 0.01)))[1]
    turned = np.nonzero(inked(street, Box(box, Rotation(0, 90, 0), 0.01)))[1]
    assert np.ptp(straight) == pytest.approx(2 * FOCAL_PX * 0.5 / 10.0, abs=2)
    assert np.ptp(turned) == pytest.approx(2 * FOCAL_PX * 2.0 / 11.5, abs=2)


def test_an_arrow_has_a_head_and_a_text_has_ink(street: Scene) -> None:
    street.place(*NOBODY)
    line = Line(Vector3D(10, -1, 1.5), Vector3D(10, 1, 1.5), 0.01)
    assert np.ptp(np.nonzero(inked(street, line))[0]) <= 1
    assert np.ptp(np.nonzero(inked(street, Arrow(line, 0.5)))[0]) == pytest.approx(FOCAL_PX * 0.5 / 10.0, abs=3)
    rows, columns = np.nonzero(inked(street, String(Vector3D(10, 0, 1.5), "lane 3")))
    assert 8 < np.ptp(rows) < 20
    assert columns.mean() == pytest.approx(WIDTH / 2, abs=5)


def test_thick_lines_that_overlap_cover_the_picture(street: Scene) -> None:
    street.place(*NOBODY)
    fence = [Line(Vector3D(1.0, y, 0), Vector3D(1.0, y, 9), 5.0) for y in np.linspace(-9, 9, 300)]
    assert inked(street, *fence).mean() > 0.5
