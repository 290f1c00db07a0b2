import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_street import RIG, SMALL, cars, street

from scanyard.detect.coding import decode, encode, targets, typical_sizes
from scanyard.detect.example import prepare
from scanyard.detect.network import HEAT_M
from scanyard.detect.pillars import Grid

GRID = Grid.of(SMALL, HEAT_M)
numbers = st.tuples(
    st.floats(3, 27), st.floats(-12, 12), st.floats(-1, 2), st.floats(1, 12), st.floats(0.5, 4), st.floats(0.5, 4),
    st.floats(-1.57, 1.57),
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(numbers, st.integers(0, GRID.rows * GRID.columns - 1))
def test_decoding_undoes_encoding(row: tuple[float, ...], cell: int) -> None:
    box, at, typical = torch.tensor([row]), torch.tensor([cell]), typical_sizes(["car"])
    decoded = decode(encode(box, at, typical, GRID), at, typical, GRID)
    np.testing.assert_allclose(decoded.numpy(), box.numpy(), atol=1e-4)


def test_the_heat_map_peaks_in_the_cell_of_the_centre() -> None:
    example = prepare(street(cars([(10.1, 3.3, 0.5)])), RIG, SMALL)
    wanted = targets([example], GRID, 1)
    peak = np.unravel_index(wanted.heat[0, 0].numpy().argmax(), (GRID.rows, GRID.columns))
    assert peak == (int((10.1 - 2.0) / HEAT_M), int((3.3 + 12.8) / HEAT_M))
    assert (wanted.heat == 1).sum() == 1
    np.testing.assert_allclose(wanted.box.numpy(), np.tile(example.boxes, (9, 1)), rtol=1e-6)


def test_the_bump_is_longer_along_the_car_than_across() -> None:
    heat = targets([prepare(street(cars([(10.0, 0.4, 0.0)])), RIG, SMALL)], GRID, 1).heat[0, 0]
    assert (heat > 0.1).any(dim=1).sum() > (heat > 0.1).any(dim=0).sum()


def test_an_ignored_box_is_left_out_of_the_heat_loss_and_only_it() -> None:
    frame = street(cars([(10.0, 3.2, 0.0)], "van"))
    counted = targets([prepare(frame, RIG, SMALL)], GRID, 1).counted[0, 0]
    row, column = int((10.0 - 2.0) / HEAT_M), int((3.2 + 12.8) / HEAT_M)
    assert counted[row, column] == 0
    assert counted[row + 5, column] == counted[row, column + 4] == 1
    assert counted.mean() > 0.97


def test_an_unlabelled_region_is_left_out_of_the_heat_loss() -> None:
    frame = street(cars([(10.0, 4.0, 0.0)])).replace(dont_care=np.array([[560.0, 0.0, 660.0, 374.0]]))
    counted = targets([prepare(frame, RIG, SMALL)], GRID, 1).counted[0, 0]
    ahead = counted[:, 15:17]  # the columns either side of y = 0
    assert ahead.mean() < 0.5
    assert counted[:, :8].min() == 1


def test_labels_outside_the_area_are_not_asked_for() -> None:
    wanted = targets([prepare(street(cars([(40.0, 0.0, 0.0)])), RIG, SMALL)], GRID, 1)
    assert wanted.num_boxes == 0
    assert wanted.heat.max() == 0
