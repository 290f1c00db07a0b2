from __future__ import annotations

import time
from dataclasses import fields, replace

import numpy as np
import pytest
from ideal_returns import BUILDING, CAR, lidar_of, only, ranges_of, returns_at
from numpy.testing import assert_allclose, assert_array_equal

from scanyard.errors import InputError
from scanyard.frame import Sweep
from scanyard.profiles import load_profile
from scanyard.randomness import stream
from scanyard.realism import apply

HDL64E = load_profile("hdl64e")
TOP = lidar_of(HDL64E)


def assert_same(a: Sweep, b: Sweep) -> None:
    for field in fields(Sweep):
        assert_array_equal(getattr(a, field.name), getattr(b, field.name), err_msg=field.name)


def street(count: int = 30_000, seed: int = 0) -> Sweep:
    rng = np.random.default_rng(seed)
    sweep = returns_at(rng.uniform(3, 75, count), HDL64E, cos=rng.uniform(0, 1, count), seed=seed)
    cars = rng.random(count) < 0.2
    return sweep.replace(semantic=np.where(cars, CAR, BUILDING), instance=np.where(cars, rng.integers(1, 30, count), 0))


def test_every_paint_seed_will_do() -> None:
    sweep = returns_at(np.full(500, 30.0), HDL64E, tag=CAR, instance=1)
    reports = [apply(sweep, TOP, HDL64E, stream("r"), paint_seed=s) for s in (0, 1, 2, 3, 2**31, 2**63, 2**64 - 1)]
    assert len({len(report) for report in reports}) > 1  # a dark car returns less than a bright one


def test_a_profile_without_effects_is_an_ideal_sensor() -> None:
    ideal = street()
    profile = replace(HDL64E, effects={})
    assert_same(apply(ideal, TOP, profile, stream("any")), ideal)


def test_the_same_stream_gives_the_same_bytes() -> None:
    ideal = street()
    once, again, other = (apply(ideal, TOP, HDL64E, stream("frame", key)) for key in (1, 1, 2))
    assert_same(once, again)
    assert len(other) != len(once) or not np.array_equal(other.points, once.points)


def test_noise_and_bias_move_a_return_along_its_ray() -> None:
    profile = only("range_noise", "beam_bias")
    ideal = street()
    reported = apply(ideal, TOP, profile, stream("ray"))
    before = ideal.points[reported.time_offset_ns].astype(float)  # the offset numbers the ideal returns
    after = reported.points.astype(float)
    centre = np.c_[np.zeros((len(after), 2)), profile.z_offset_m[reported.ring]]
    ray = (before - centre) / np.linalg.norm(before - centre, axis=1)[:, None]
    moved = after - before
    along = (moved * ray).sum(axis=1)
    assert np.abs(along).mean() > 0.005
    assert_allclose(moved, along[:, None] * ray, atol=2e-5)  # float32 at 75 m


def test_the_bias_of_a_beam_outlasts_a_frame_and_differs_between_units() -> None:
    profile = only("beam_bias")
    ideal = returns_at(np.full(20_000, 20.0), profile)
    first, later = (ranges_of(apply(ideal, TOP, profile, stream("frame", i)), profile) for i in (1, 2))
    assert_array_equal(first, later)
    per_beam = np.array([first[ideal.ring == ring].mean() - 20.0 for ring in range(64)])
    assert_allclose(per_beam.std(), profile.effects["beam_bias"]["sd_m"], rtol=0.25)
    rear = ranges_of(apply(ideal, replace(TOP, name="rear"), profile, stream("frame", 1)), profile)
    assert not np.array_equal(first, rear)


def test_returns_beyond_the_sensors_reach_are_cut() -> None:
    profile = only("range_noise")
    ideal = returns_at([1.0, 1.4, 1.6, 40.0, 79.8, 80.5, 200.0], profile)
    reported = apply(ideal, TOP, profile, stream("cut"))
    assert_array_equal(reported.time_offset_ns, [2, 3, 4])


def test_coordinates_are_whole_millimetres() -> None:
    reported = apply(street(), TOP, only("range_noise", "quantisation"), stream("step"))
    millimetres = reported.points.astype(float) * 1000
    assert_allclose(millimetres, np.round(millimetres), atol=0.005)  # float32 at 75 m


def test_the_vehicle_hides_its_own_blind_sectors_and_nothing_else() -> None:
    profile = only("blind_sectors")
    sectors = {beam["ring"]: beam["sectors_deg"] for beam in profile.effects["blind_sectors"]["beams"]}
    ideal = returns_at(np.full(200_000, 10.0), profile)
    seen = np.isin(ideal.time_offset_ns, apply(ideal, TOP, profile, stream("blind")).time_offset_ns)
    azimuth = np.rad2deg(np.arctan2(ideal.points[:, 1], ideal.points[:, 0])) % 360
    for ring in range(64):
        here = ideal.ring == ring
        hidden = np.zeros(here.sum(), dtype=bool)
        at_edge = np.zeros(here.sum(), dtype=bool)
        for start, end in sectors.get(ring, []):
            hidden |= (azimuth[here] >= start) & (azimuth[here] < end)
            at_edge |= (np.abs(azimuth[here] - start) < 0.25) | (np.abs(azimuth[here] - end) < 0.25)
        assert_array_equal(seen[here][~at_edge], ~hidden[~at_edge])
    assert 0.03 < 1 - seen.mean() < 0.12


def test_a_dark_car_returns_less_and_darker_in_every_frame() -> None:
    profile = only("drop_out", "intensity")
    rng = np.random.default_rng(0)
    instance = rng.integers(1, 40, 200_000)
    ideal = returns_at(np.full(200_000, 15.0), profile, tag=CAR, instance=instance, cos=rng.uniform(0, 1, 200_000))
    kept, shine = [], []
    for frame in (1, 2):
        reported = apply(ideal, TOP, profile, stream("frame", frame))
        counts = np.bincount(reported.instance, minlength=40)[1:]
        kept.append(counts / np.bincount(instance, minlength=40)[1:])
        shine.append(np.bincount(reported.instance, reported.intensity, minlength=40)[1:] / counts)
    assert np.corrcoef(kept)[0, 1] > 0.95
    assert np.corrcoef(shine)[0, 1] > 0.95
    assert np.corrcoef(kept[0], shine[0])[0, 1] > 0.5
    assert np.ptp(kept[0]) > 0.15


def test_another_sequence_paints_its_cars_differently() -> None:
    profile = only("intensity")
    ideal = returns_at(np.full(10_000, 15.0), profile, tag=CAR, instance=7)
    means = [apply(ideal, TOP, profile, stream("f"), paint_seed=seed).intensity.mean() for seed in (0, 0, 1)]
    assert means[0] == means[1] != means[2]


def test_a_car_seen_edge_on_loses_more_returns() -> None:
    profile = only("drop_out")
    kept = [
        len(apply(returns_at(np.full(20_000, 15.0), profile, tag=CAR, cos=cos), TOP, profile, stream("edge")))
        for cos in (1.0, 0.5, 0.05)
    ]
    assert kept[0] > kept[1] > kept[2]


def test_switching_off_one_effect_leaves_the_others_numbers() -> None:
    ideal = street()
    noisy = apply(ideal, TOP, only("range_noise"), stream("f"))
    both = apply(ideal, TOP, only("range_noise", "intensity"), stream("f"))
    assert_array_equal(noisy.points, both.points)


def test_an_empty_sweep_stays_empty() -> None:
    assert len(apply(street()[:0], TOP, HDL64E, stream("empty"))) == 0


@pytest.mark.parametrize("column", ["ring", "semantic", "instance", "cos_incidence"])
def test_a_recorded_sweep_is_refused(column: str) -> None:
    with pytest.raises(InputError, match=f"lidar top.*{column}"):
        apply(street(100).replace(**{column: None}), TOP, HDL64E, stream("recorded"))


def test_a_ring_the_lidar_does_not_have_is_refused() -> None:
    sweep = street(100).replace(ring=np.full(100, 64))
    with pytest.raises(InputError, match=r"ring 64.*64 beams"):
        apply(sweep, TOP, HDL64E, stream("ring"))


def test_a_profile_with_half_an_effect_is_refused() -> None:
    profile = only(range_noise={"range_m": [0.0, 80.0]})
    with pytest.raises(InputError, match=r"hdl64e.*sd_m"):
        apply(street(100), TOP, profile, stream("half"))


def test_a_full_sweep_takes_milliseconds() -> None:
    ideal = street(120_000)
    apply(ideal, TOP, HDL64E, stream("warm"))
    times = []
    for i in range(10):
        rng = stream("speed", i)
        started = time.process_time()
        apply(ideal, TOP, HDL64E, rng)
        times.append(time.process_time() - started)
    assert min(times) < 0.06  # three to five times what an idle core needs, for busy machines
