"""Who bumps into whom, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_world import BUILDING, Plain
from numpy.testing import assert_allclose

from scanyard.carla_server.motion.boxes import Rectangles, gap, touching
from scanyard.carla_server.motion.contacts import Bodies, resolve
from scanyard.carla_server.motion.nearby import Grid, sweep
from scanyard.carla_server.street.obstacles import Obstacles

WALL = ((30.0, 0.0, 0.1, 10.0),)
FRONT_M = 2.25


def overlap(plain: Plain, first: int, second: int) -> float:
    """Metres that two actors enter each other."""
    boxes = []
    for row in (first, second):
        x, y, _, _, yaw, _ = plain.table.pose[row]
        turn = np.deg2rad(yaw)
        half = plain.table.extent[row, :2]
        boxes.append(Rectangles(np.array([[x], [y]]), np.array([[np.cos(turn)], [np.sin(turn)]]), half[:, None]))
    return float(gap(*boxes).depth[0])


def test_a_car_driven_into_a_wall_stops_there() -> None:
    plain = Plain(walls=WALL)
    plain.press(plain.vehicle(speed=20.0), throttle=1.0)
    plain.run(6.0)
    assert plain.pose()[0] + FRONT_M == pytest.approx(29.9, abs=0.02)
    assert abs(plain.forward()) < 0.1
    assert_allclose(plain.pose()[[1, 4]], 0.0, atol=1e-6)


@pytest.mark.parametrize("speed", [5.0, 30.0, 70.0])
def test_no_speed_takes_a_car_through_a_wall(speed: float) -> None:
    plain = Plain(walls=WALL)
    plain.vehicle(speed=speed)
    for step_s in [0.1] * 40:
        plain.advance(step_s, max_step_s=1.0, max_steps=1)  # substepping switched off
        assert plain.pose()[0] + FRONT_M < 30.4
    assert plain.pose()[0] + FRONT_M < 29.92


def test_a_wall_tells_what_it_is_and_how_hard_it_was_hit() -> None:
    plain = Plain(walls=WALL)
    plain.vehicle(x=20.0, speed=15.0)
    while not plain.contacts:
        speed = plain.forward()
        plain.advance(0.05)
    (contact,) = plain.contacts
    assert (contact.actor_id, contact.other_id, contact.other_tag) == (1, 0, BUILDING)
    given = 1.15 * float(plain.table.mass[0]) * speed
    assert contact.normal_impulse == pytest.approx((-given, 0.0, 0.0), rel=0.03)


def test_a_car_hit_from_behind_is_pushed_and_both_are_told_once() -> None:
    plain = Plain()
    plain.vehicle(speed=15.0)
    plain.vehicle(x=12.0)
    hits = []
    before = 0.0
    for _ in range(40):
        momentum = float((plain.table.mass * plain.table.velocity[:, 0]).sum())
        plain.advance(0.05)
        if plain.contacts and not hits:
            before = momentum
            assert float((plain.table.mass * plain.table.velocity[:, 0]).sum()) == pytest.approx(before, rel=0.02)
        hits += plain.contacts
    assert plain.pose(1)[0] > 16.0
    assert plain.velocity(1)[0] > plain.velocity(0)[0] > 0.0
    assert [(hit.actor_id, hit.other_id) for hit in hits] == [(1, 2)]
    assert hits[0].normal_impulse[0] < -5000.0


def test_a_blow_beside_the_middle_turns_both() -> None:
    plain = Plain()
    plain.vehicle(speed=15.0)
    plain.vehicle(x=12.0, y=1.2)
    plain.run(1.0)
    assert plain.pose(0)[4] > 1.0
    assert plain.pose(1)[4] > 1.0


def test_a_lorry_barely_feels_a_car() -> None:
    plain = Plain()
    plain.vehicle("truck", speed=10.0)
    plain.vehicle(x=14.0, speed=-10.0)
    plain.run(1.0)
    assert plain.velocity(0)[0] > 5.0
    assert plain.velocity(1)[0] > 5.0


def test_a_walker_hit_by_a_car_is_thrown_lies_and_gets_up() -> None:
    plain = Plain()
    plain.vehicle(speed=10.0)
    walker = plain.walker(x=8.0)
    plain.walk(walker, (0.0, 1.0, 0.0), 0.0)
    heights = []
    for _ in range(40):
        speed = plain.forward()
        plain.advance(0.05)
        heights.append(float(plain.pose(1)[2]))
        assert plain.forward() > speed - 1.0  # the car hardly feels it
    assert plain.pose(1)[0] > 10.0
    assert plain.pose(1)[3] == 90.0
    assert heights[-1] == pytest.approx(0.25)  # on the back: half as deep as a body is
    plain.press(0, brake=1.0)
    plain.run(6.0)
    assert plain.pose(1)[3] == 0.0
    assert plain.pose(1)[2] == pytest.approx(0.85)


def test_the_dead_do_not_get_up() -> None:
    plain = Plain()
    walker = plain.walker()
    plain.walkers.dead[walker], plain.walkers.down_s[walker] = True, 0.0
    plain.walk(walker, (1.0, 0.0, 0.0), 2.0)
    plain.run(8.0)
    assert plain.pose()[3] == 90.0
    assert plain.pose()[0] == 0.0


def test_walking_into_a_wall_is_no_fall() -> None:
    plain = Plain(walls=((5.0, 0.0, 0.1, 10.0),))
    walker = plain.walker()
    plain.walk(walker, (1.0, 0.2, 0.0), 2.0)
    plain.run(8.0)
    assert plain.walkers.down_s[walker] < 0.0
    assert 4.58 < plain.pose()[0] < 4.72
    assert plain.pose()[1] > 1.0  # along it


def test_who_has_no_collisions_passes_through_everything() -> None:
    plain = Plain(walls=WALL)
    plain.press(plain.vehicle(speed=20.0), throttle=0.5)
    plain.vehicle(x=15.0)
    plain.table.collides[0] = False
    plain.run(3.0)
    assert plain.pose(0)[0] > 40.0
    assert plain.pose(1)[0] == 15.0
    assert plain.contacts == []


def test_what_physics_does_not_move_is_an_immovable_obstacle() -> None:
    plain = Plain()
    plain.vehicle(speed=15.0)
    plain.vehicle(x=12.0)
    plain.table.simulates[1] = False
    plain.run(3.0)
    assert plain.pose(1)[0] == 12.0
    assert plain.pose(0)[0] + FRONT_M < 12.0 - FRONT_M + 0.01


def test_a_prop_is_pushed_where_physics_moves_it_and_stands_where_not() -> None:
    for simulates in (True, False):
        plain = Plain()
        plain.vehicle(speed=10.0)
        prop = plain.prop(x=8.0, simulates=simulates)
        plain.run(2.0)
        assert bool(plain.pose(prop)[0] > 10.0) is simulates
        assert bool(plain.forward() > 3.0) is simulates


def test_a_prop_in_the_air_falls_only_where_physics_moves_it() -> None:
    plain = Plain()
    for simulates in (True, False):
        row = plain.prop(x=9.0 * simulates, simulates=simulates)
        plain.table.pose[row, 2] = 3.0
    plain.run(2.0)
    assert plain.table.pose[:, 2].tolist() == [0.0, 3.0]


def test_hidden_scenery_is_in_nobodys_way() -> None:
    plain = Plain(walls=WALL)
    plain.press(plain.vehicle(speed=20.0), throttle=0.3)
    plain.hide([1], True)
    plain.run(3.0)
    assert plain.pose()[0] > 40.0
    plain.hide([1], False)
    plain.table.pose[0] = 0.0
    plain.run(4.0)
    assert plain.pose()[0] < 30.0


def test_what_is_above_or_below_is_not_touched() -> None:
    ends = []
    for below in (False, True):
        plain = Plain(lambda x, y: np.full(len(x), 6.0))
        plain.vehicle(speed=10.0, z=6.0)
        if below:
            plain.vehicle(x=8.0)
            plain.table.simulates[1] = False
        plain.run(2.0)
        ends.append(plain.pose(0).tolist())
    assert ends[0] == ends[1]


def test_a_heap_of_cars_comes_apart_without_flying() -> None:
    plain = Plain()
    for i in range(9):
        plain.vehicle(x=0.7 * (i % 3), y=0.6 * (i // 3), yaw=40.0 * i)
    fastest = 0.0
    for _ in range(60):
        plain.advance(0.05)
        fastest = max(fastest, float(np.abs(plain.table.velocity).max()))
    assert fastest < 0.5  # moved apart, not thrown
    worst = max(overlap(plain, a, b) for a in range(9) for b in range(a))
    assert worst < 0.02


def test_cars_pushed_together_do_not_enter_each_other() -> None:
    plain = Plain(walls=((40.0, 0.0, 0.1, 10.0),))
    for i in range(5):
        plain.press(plain.vehicle(x=6.0 * i), throttle=0.7)
    for tick in range(160):
        plain.advance(0.05)
        assert max(overlap(plain, i, i + 1) for i in range(4)) < 0.2, tick  # five drive on while the first is stopped
    assert max(overlap(plain, i, i + 1) for i in range(4)) < 0.1


finite = st.floats(-1.0, 1.0, allow_nan=False)


@st.composite
def heaps(draw: st.DrawFn) -> Bodies:
    count = draw(st.integers(2, 8))
    numbers = st.lists(finite, min_size=count, max_size=count)
    place = np.array([draw(numbers) for _ in range(3)]) * np.array([[3.0], [3.0], [np.pi]])
    velocity = np.array([draw(numbers) for _ in range(3)]) * np.array([[30.0], [30.0], [4.0]])
    mass = 10.0 ** np.array(draw(st.lists(st.floats(0.0, 4.5), min_size=count, max_size=count)))
    half = np.stack([0.3 + np.abs(draw(numbers)) * 2.0, 0.2 + np.abs(draw(numbers))])
    inertia = mass * (half**2).sum(axis=0) / 3.0
    still = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    still[0] = False
    velocity[:, still] = 0.0
    center = np.array([draw(numbers), draw(numbers)]) * 0.3
    return Bodies(place, velocity, np.where(still, 0.0, 1 / mass), np.where(still, 0.0, 1 / inertia), center, half)


def all_pairs(bodies: Bodies) -> np.ndarray:
    weight = bodies.inverse_mass
    return np.array([(a, b) for a in range(len(weight)) for b in range(a + 1, len(weight)) if weight[a] or weight[b]]).T


def energy(bodies: Bodies) -> float:
    moves = bodies.inverse_mass > 0.0
    vx, vy, w = bodies.velocity[:, moves]
    return float(
        (0.5 * (vx**2 + vy**2) / bodies.inverse_mass[moves] + 0.5 * w**2 / bodies.inverse_inertia[moves]).sum()
    )


@given(heaps())
@settings(max_examples=60, deadline=None)
def test_contacts_never_add_energy_and_keep_momentum(bodies: Bodies) -> None:
    before = energy(bodies)
    free = bool((bodies.inverse_mass > 0.0).all())
    momentum = (bodies.velocity[:2] / np.where(bodies.inverse_mass > 0, bodies.inverse_mass, 1.0)).sum(axis=1)
    resolve(bodies, all_pairs(bodies))
    assert np.isfinite(bodies.velocity).all()
    assert np.isfinite(bodies.place).all()
    assert energy(bodies) <= before * (1.0 + 1e-9) + 1e-9
    if free:
        after = (bodies.velocity[:2] / bodies.inverse_mass).sum(axis=1)
        assert_allclose(after, momentum, atol=1e-6 * max(1.0, np.abs(momentum).max()))


@given(heaps())
@settings(max_examples=10, deadline=None)
def test_every_heap_comes_apart(bodies: Bodies) -> None:
    pairs = all_pairs(bodies)
    bodies.velocity[:] = 0.0
    for _ in range(80):
        resolve(bodies, pairs)
    depth = gap(bodies.rectangles(pairs[0]), bodies.rectangles(pairs[1])).depth
    # Two that cannot move may hold a third between them; others must come free.
    if (bodies.inverse_mass > 0.0).all():
        assert depth.max() < 0.1


@given(st.lists(st.tuples(finite, finite, st.floats(0.0, 0.3)), min_size=1, max_size=30))
@settings(deadline=None)  # the loop is compiled in the first example
def test_the_sweep_finds_all_pairs_near_each_other(circles: list[tuple[float, float, float]]) -> None:
    x, y, reach = np.array(circles).T
    found = set(map(tuple, sweep(x, y, reach).T.tolist()))
    wanted = {
        (a, b)
        for a in range(len(x))
        for b in range(a + 1, len(x))
        if (x[a] - x[b]) ** 2 + (y[a] - y[b]) ** 2 < (reach[a] + reach[b]) ** 2
    }
    assert found == wanted


def test_the_grid_finds_what_trying_every_obstacle_finds() -> None:
    rng = np.random.default_rng(3)
    count = 400
    scattered = Obstacles(
        rng.uniform(-200, 200, (count, 2)), rng.uniform(0.05, 15.0, (count, 2)), rng.uniform(-4, 4, count),
        np.zeros(count), np.ones(count), np.zeros(count, np.uint8), np.arange(count).astype(np.uint64),
    )  # fmt: skip
    grid = Grid(scattered)
    x, y, reach = *rng.uniform(-260, 260, (2, 50)), rng.uniform(0.5, 9.0, 50)
    found = set(map(tuple, grid.near(x, y, reach).T.tolist()))
    offset = np.stack([x, y], axis=1)[:, None] - scattered.middle
    cos, sin = np.cos(scattered.yaw), np.sin(scattered.yaw)
    along = np.abs(offset[..., 0] * cos + offset[..., 1] * sin) - scattered.half[:, 0]
    across = np.abs(offset[..., 1] * cos - offset[..., 0] * sin) - scattered.half[:, 1]
    near = np.hypot(np.maximum(along, 0), np.maximum(across, 0)) < reach[:, None]
    assert found == set(map(tuple, np.argwhere(near).tolist()))
    assert len(found) > 50


def test_boxes_touch_where_a_corner_is_inside() -> None:
    first = Rectangles(np.array([[0.0], [0.0]]), np.array([[1.0], [0.0]]), np.array([[2.0], [1.0]]))
    second = Rectangles(np.array([[3.5], [1.5]]), np.array([[1.0], [0.0]]), np.array([[2.0], [1.0]]))
    lie = gap(first, second)
    assert lie.depth[0] == pytest.approx(0.5)
    assert_allclose(touching(first, second)[:, 0], [1.75, 0.75])
    apart = gap(first, second._replace(middle=np.array([[9.0], [0.0]])))
    assert apart.depth[0] == pytest.approx(-5.0)


def test_several_walls_in_one_place_stop_no_harder_than_one() -> None:
    """Each of n contacts alone would give the whole impulse, and together throw the car back n - 1 times as fast."""
    plain = Plain(
        walls=((10.0, 0.0, 0.1, 10.0), (10.0, 1.0, 0.1, 10.0), (10.05, -1.0, 0.1, 10.0), (10.0, 0.0, 0.1, 5.0))
    )
    plain.vehicle(speed=10.0)
    for _ in range(30):
        plain.advance(0.05)
        assert plain.forward() > -2.0
    assert len(plain.contacts) == 0
    assert plain.pose()[0] + FRONT_M < 9.92
