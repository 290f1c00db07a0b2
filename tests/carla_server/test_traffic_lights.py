"""Lights that take turns, what clients change of them, and who is told of which."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scanyard.carla_server.protocol.wire import Refused
from scanyard.carla_server.world.traffic_lights import GREEN, RECORD, RED, YELLOW, TrafficLights
from scanyard.carla_server.world.trigger_volumes import NONE, actor_pose, box_of, told_from_m, volumes_of
from scanyard.roads import GovernedLane, LightGroup, Signal

STEP_S = 0.5


def light(name: str, x: float = 0.0, y: float = 0.0, heading_rad: float = 0.0, lanes: int = 1) -> Signal:
    """A light to the right of ``lanes`` lanes, right-handed; the first lane's middle is 3 m left of the post."""
    left = np.array([-math.sin(heading_rad), math.cos(heading_rad)])
    governed = tuple(
        GovernedLane((*(np.array([x, y]) + (3.0 + 3.5 * i) * left).tolist(), 0.0), heading_rad, 3.5)
        for i in range(lanes)
    )
    return Signal(name, "light", None, (x, y, 0.0), 3.2, heading_rad, governed)


def crossing() -> TrafficLights:
    """Two phases, the first of two lights; and a light that no junction controls."""
    signals = [light("a"), light("b", 50.0), light("c", 0.0, 50.0), light("alone", 200.0)]
    groups = (LightGroup(7, (("a", "b"), ("c",))), LightGroup(None, (("alone",),)))
    lights = TrafficLights(signals, groups, lambda: np.zeros((4, 3)))
    lights.ids[:] = [11, 12, 13, 14]
    return lights


def shown(lights: TrafficLights) -> list[int]:
    return lights.state.tolist()


def test_phases_take_turns_with_yellow_and_a_moment_of_red_between() -> None:
    lights = crossing()
    seen = []
    for _ in range(round(31.0 / STEP_S)):
        seen.append(tuple(lights.state[:3].tolist()))
        lights.advance(STEP_S)
    runs = [state for i, state in enumerate(seen) if i == 0 or state != seen[i - 1]]
    assert runs == [
        (GREEN, GREEN, RED), (YELLOW, YELLOW, RED), (RED, RED, RED), (RED, RED, GREEN), (RED, RED, YELLOW),
        (RED, RED, RED), (GREEN, GREEN, RED),
    ]  # fmt: skip
    assert seen.count((GREEN, GREEN, RED)) * STEP_S == pytest.approx(10.0 + 1.0)  # and one second of the next turn
    assert seen.count((YELLOW, YELLOW, RED)) * STEP_S == pytest.approx(3.0)
    assert seen.count((RED, RED, RED)) * STEP_S == pytest.approx(2 * 2.0)


def test_one_long_step_ends_where_many_short_ones_do() -> None:
    one, many = crossing(), crossing()
    one.advance(47.25)
    for _ in range(189):
        many.advance(0.25)
    assert shown(one) == shown(many)
    assert one.elapsed_s == pytest.approx(many.elapsed_s)


def test_elapsed_time_counts_from_the_last_change() -> None:
    lights = crossing()
    lights.advance(11.0)
    assert shown(lights) == [YELLOW, YELLOW, RED, YELLOW]
    assert lights.elapsed_s.tolist() == pytest.approx([1.0, 1.0, 11.0, 1.0])


def test_a_state_that_is_set_holds_until_the_group_changes() -> None:
    lights = crossing()
    lights.set_state(13, GREEN)
    lights.advance(9.0)
    assert shown(lights)[:3] == [GREEN, GREEN, GREEN]
    lights.advance(1.5)
    assert shown(lights)[:3] == [YELLOW, YELLOW, RED]


def test_frozen_lights_hold_their_whole_group_and_no_other() -> None:
    lights = crossing()
    lights.freeze(12, True)
    lights.advance(11.0)
    assert shown(lights) == [GREEN, GREEN, RED, YELLOW]
    lights.freeze(12, False)
    lights.advance(11.0)
    assert shown(lights)[:3] == [YELLOW, YELLOW, RED]
    lights.freeze_all(True)
    lights.advance(100.0)
    assert shown(lights)[:3] == [YELLOW, YELLOW, RED]
    lights.reset_all()
    assert shown(lights) == [GREEN, GREEN, RED, GREEN]
    assert not lights.frozen.any()


def test_times_are_those_of_the_phase() -> None:
    lights = crossing()
    lights.set_green_time(12, 4.0)
    lights.set_yellow_time(11, 1.0)
    lights.set_red_time(11, 0.0)
    lights.advance(4.5)
    assert shown(lights)[:3] == [YELLOW, YELLOW, RED]
    lights.advance(1.0)
    assert shown(lights)[:3] == [RED, RED, GREEN]
    assert lights.green_s.tolist() == [4.0, 4.0, 10.0, 10.0]


def test_phases_of_no_length_do_not_go_round_for_ever() -> None:
    lights = crossing()
    for actor in (11, 13):
        for change in (lights.set_green_time, lights.set_yellow_time, lights.set_red_time):
            change(actor, 0.0)
    lights.advance(1.0)
    assert set(shown(lights)[:3]) <= {RED, YELLOW, GREEN}


def test_reset_begins_the_cycle_of_one_group_anew() -> None:
    lights = crossing()
    lights.advance(16.0)
    lights.reset_group(13)
    assert shown(lights)[:3] == [GREEN, GREEN, RED]
    assert lights.elapsed_s[:3].tolist() == [0.0, 0.0, 0.0]
    assert shown(lights)[3] == GREEN  # of its second turn; it was not reset
    assert lights.elapsed_s[3] == pytest.approx(1.0)


def test_group_is_all_that_take_turns() -> None:
    lights = crossing()
    assert lights.group_of(13) == (11, 12, 13)
    assert lights.group_of(14) == (14,)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_impossible_times_and_strangers_are_refused(seconds: float) -> None:
    with pytest.raises(Refused, match="0 s or more"):
        crossing().set_red_time(11, seconds)
    with pytest.raises(Refused, match="actor 99 is none"):
        crossing().set_state(99, RED)


def test_records_say_what_the_snapshot_needs() -> None:
    lights = crossing()
    lights.advance(11.0)
    record = lights.records().view(RECORD)
    assert record["signal_id"].tolist() == [b"a", b"b", b"c", b"alone"]
    assert record["state"].tolist() == [YELLOW, YELLOW, RED, YELLOW]
    assert record["pole_index"].tolist() == [0, 1, 2, 0]
    assert record["elapsed_s"].tolist() == pytest.approx([1.0, 1.0, 11.0, 1.0])
    assert lights.records().dtype.itemsize == 54


def test_a_map_without_lights_has_none() -> None:
    lights = TrafficLights([], (), lambda: np.zeros((0, 3)))
    lights.advance(1.0)
    lights.freeze_all(True)
    lights.reset_all()
    assert len(lights) == 0
    assert lights.lamps.shape == (0, 3, 3)


def test_heads_look_against_the_traffic_and_stand_above_their_feet() -> None:
    eastbound = light("e", 10.0, 20.0, heading_rad=0.0, lanes=2)
    lights = TrafficLights([eastbound], (LightGroup(None, (("e",),)),), lambda: np.array([[10.0, -20.0, 5.0]]))
    lights.ids[:] = 3
    assert lights.facing == pytest.approx(np.array([[-1.0, 0.0, 0.0]] * 2))
    red, yellow, green = lights.lamps[0]
    assert red[2] > yellow[2] > green[2] > 5.0 + 2.5
    assert abs(red[1] + 20.0) < 0.1  # beside the post
    assert lights.lamps[1, 0, 1] == pytest.approx(-20.0 - 3.0 - 3.5 / 2, abs=0.3)  # over the middle of its lanes
    boxes = lights.boxes(3)
    assert len(boxes) == 2
    assert boxes[0].location.z == pytest.approx(5.0 + 3.2)


def test_who_stands_before_the_line_is_told_and_who_is_beside_or_beyond_is_not() -> None:
    volumes = volumes_of([light("north", heading_rad=math.pi / 2)], [6.0])  # its lane: x = -3, right-handed
    places = np.array(
        [[[-3.0, 2.0, 0.5]], [[-3.0, -0.5, 0.5]], [[0.5, 2.0, 0.5]], [[-3.0, 7.0, 0.5]], [[-3.0, 2.0, 8.0]]]
    )
    assert volumes.containing(places).tolist() == [0, NONE, NONE, NONE, NONE]


def test_any_point_of_a_vehicle_counts() -> None:
    volumes = volumes_of([light("east"), light("far", 100.0)], [6.0, 6.0])
    middle_and_front = np.array([[[-8.0, -3.0, 0.5], [-5.5, -3.0, 0.5]], [[94.5, -3.0, 0.5], [97.0, -3.0, 0.5]]])
    assert volumes.containing(middle_and_front).tolist() == [0, 1]


def test_the_faster_one_may_drive_the_earlier_one_is_told() -> None:
    assert told_from_m(np.array([30.0, 50.0, 120.0])) == pytest.approx([8.0, 12.7, 63.7], abs=0.1)


@pytest.mark.parametrize("heading_rad", [0.0, 1.1, math.pi / 2, -2.5])
def test_the_box_a_client_reads_lies_on_the_lanes_with_x_across(heading_rad: float) -> None:
    signal = light("any", 12.0, -7.0, heading_rad, lanes=2)
    pose = actor_pose(signal)
    box = box_of(signal, pose)
    assert box.extent.x == pytest.approx(3.5)
    assert box.extent.y == pytest.approx(3.0)
    yaw = math.radians(pose[4])
    x = pose[0] + math.cos(yaw) * box.location.x - math.sin(yaw) * box.location.y
    y = pose[1] + math.sin(yaw) * box.location.x + math.cos(yaw) * box.location.y
    volumes = volumes_of([signal], [6.0])
    assert (x, y) == pytest.approx(volumes.center[:, :2].mean(axis=0).tolist())
    across = np.array([math.cos(yaw), math.sin(yaw)])
    assert abs(across @ volumes.along[0]) < 1e-9
