"""What of the street is in the way: rectangles around what is solid at bumper height."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scanyard.carla_server.street import street_furniture
from scanyard.carla_server.street.items import FAR_M, Item, Kind, Layer
from scanyard.carla_server.street.obstacles import Obstacles, of_things, outline
from scanyard.carla_server.street.things import Things
from scanyard.carla_server.surfaces.materials import Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh, box

WALL = Kind(
    "wall", lambda _: box((0.0, 0.0, 1.0), (0.3, 1.0, 2.0), Material.CONCRETE), 1, Tag.WALLS, Layer.WALLS, FAR_M
)
TREE = Kind(
    "tree",
    lambda _: Mesh.joined(
        [
            box((0.5, 0.0, 1.5), (0.2, 0.2, 3.0), Material.BARK),
            box((0.5, 0.0, 2.0), (4.0, 4.0, 4.0), Material.LEAF),
        ]
    ),
    1, Tag.VEGETATION, Layer.FOLIAGE, FAR_M,
)  # fmt: skip
BALCONY = Kind(
    "balcony", lambda _: box((0.0, 0.0, 0.5), (1.0, 2.0, 1.0), Material.CONCRETE), 1, Tag.BUILDINGS,
    Layer.BUILDINGS, FAR_M,
)  # fmt: skip


class Slope:
    """Ground that rises by a tenth of x."""

    def height(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 0.1 * np.asarray(x) + 0.0 * np.asarray(y)


def stood(*items: Item) -> Obstacles:
    return of_things(Things(items, Slope(), ("here",)))  # type: ignore[arg-type]


def test_stretched_and_turned_wall_is_a_turned_rectangle() -> None:
    found = stood(Item(WALL, 0, 20.0, 5.0, math.pi / 2, scale=(1.0, 10.0, 1.5)))
    assert found.middle[0] == pytest.approx((20.0, 5.0))
    assert found.half[0] == pytest.approx((0.15, 5.0))
    assert found.yaw[0] == pytest.approx(math.pi / 2)
    assert (found.low[0], found.high[0]) == pytest.approx((2.0, 5.0))
    assert found.label[0] == Tag.WALLS


def test_only_the_trunk_of_a_tree_is_in_the_way() -> None:
    found = stood(Item(TREE, 0, 0.0, 0.0, math.pi))
    assert found.middle[0] == pytest.approx((-0.5, 0.0))
    assert found.half[0] == pytest.approx((0.1, 0.1))


def test_what_hangs_overhead_is_in_nobodys_way() -> None:
    assert len(stood(Item(BALCONY, 0, 0.0, 0.0, 0.0, lift_m=3.0))) == 0
    assert len(stood(Item(BALCONY, 0, 0.0, 0.0, 0.0))) == 1


def test_pieces_of_one_thing_are_hidden_together() -> None:
    found = stood(Item(WALL, 0, 0.0, 0.0, 0.0), Item(WALL, 0, 0.0, 1.0, 0.0, joined=True), Item(WALL, 0, 0.0, 9.0, 0.0))
    assert found.ids[0] == found.ids[1] != found.ids[2]


def test_street_without_things_has_no_obstacles() -> None:
    assert len(stood()) == 0


def test_face_above_and_below_bumpers_counts_between_them() -> None:
    leaning = Mesh(
        np.array([[0.0, 0.0, 0.0], [0.0, 0.2, 0.0], [3.0, 0.1, 3.0]], np.float32),
        np.array([[0, 1, 2]], np.int32), np.array([int(Material.CONCRETE)], np.uint8),
    )  # fmt: skip
    found = outline(leaning)
    assert found is not None
    assert found.middle[0] + found.half[0] == pytest.approx(1.5)
    assert found.middle[0] - found.half[0] == pytest.approx(0.2)


@pytest.mark.parametrize("variant", range(3))
def test_hoops_for_bicycles_stand_in_a_row_along_the_kerb_and_not_into_the_lane(variant: int) -> None:
    found = outline(street_furniture.BIKE_STAND.mesh(variant, detailed=False))
    assert found is not None
    assert found.middle == pytest.approx((0.0, 0.0), abs=1e-6)
    assert found.half[0] < 0.45
    assert found.half[1] > 0.8
