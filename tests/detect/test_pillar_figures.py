import numpy as np
from toy_street import SMALL

from scanyard.detect.pillars import CHANNELS, Grid, occupied_cells

GRID = Grid.of(SMALL)


def cell_of(x: float, y: float) -> int:
    return int((x - 2.0) / 0.4) * GRID.columns + int((y + 12.8) / 0.4)


def test_two_points_of_a_pillar_are_summed_up() -> None:
    points = np.array([[2.45, -12.35, 0.2], [2.55, -12.25, 1.0]], dtype=np.float32)
    cells = occupied_cells([points], GRID)
    figures = cells.figures.numpy().reshape(4, CHANNELS)
    assert cells.index.tolist() == [cell_of(2.5, -12.3)]
    np.testing.assert_allclose(figures[0, :7], [np.log(3) / 3, 0, 0, 0.6, 0.2, 1.0, 0.4], atol=1e-4)
    assert figures[0, 7:].sum() == 2
    assert (figures[1:] == 0).all()


def test_the_four_pillars_of_a_cell_keep_apart() -> None:
    corners = [(2.5, -12.3), (2.5, -12.1), (2.7, -12.3), (2.7, -12.1)]
    points = np.array([(x, y, 0.1 * (i + 1)) for i, (x, y) in enumerate(corners)], dtype=np.float32)
    figures = occupied_cells([points], GRID).figures.numpy().reshape(4, CHANNELS)
    np.testing.assert_allclose(figures[:, 3], [0.1, 0.2, 0.3, 0.4], atol=1e-6)


def test_frames_of_a_batch_follow_each_other() -> None:
    point = np.array([[10.0, 0.1, 0.5]], dtype=np.float32)
    cells = occupied_cells([point, point], GRID)
    assert cells.index.tolist() == [cell_of(10.0, 0.1), cell_of(10.0, 0.1) + GRID.rows * GRID.columns]
    assert cells.num_frames == 2


def test_points_outside_the_area_are_dropped() -> None:
    points = np.array([[1.9, 0, 0], [27.7, 0, 0], [10, 12.9, 0], [10, -12.9, 0]], dtype=np.float32)
    assert len(occupied_cells([points], GRID).index) == 0


def test_the_order_of_points_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform((2, -12, 0), (27, 12, 2), (5000, 3)).astype(np.float32)
    first, second = (occupied_cells([cloud], GRID) for cloud in (points, rng.permutation(points)))
    assert first.index.equal(second.index)
    np.testing.assert_allclose(first.figures, second.figures, atol=1e-5)
