"""What corruptions may do to a sweep, whatever the sweep: laws that all eight keep."""

import itertools
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanyard.corrupt import CORRUPTIONS, SEVERITIES, Corruption, corrupt_frame, corruption
from scanyard.errors import InputError
from scanyard.frame import Frame, Sweep
from scanyard.sensors import Rig
from tests.corrupt.street import RIG, street_frame, street_sweep

ALL = [Corruption(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]


def spoilt(frame: Frame, how: Corruption, *, seed: int = 0, index: int = 0, rig: Rig = RIG) -> Sweep:
    return corrupt_frame(frame, rig, how, seed=seed, sequence="s", index=index).sweeps["top"]


def same_bytes(a: Sweep, b: Sweep) -> bool:
    columns = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(Sweep)]
    return all((x is None and y is None) or x.tobytes() == y.tobytes() for x, y in columns)


def survivors(sweep: Sweep) -> set[int]:
    """Which returns of the street are still there: each was given an instance of its own, echoes have none."""
    assert sweep.instance is not None
    return set(sweep.instance[sweep.instance > 0].tolist())


@pytest.mark.parametrize("how", ALL, ids=str)
def test_something_happens_and_every_number_stays_within_bounds(how: Corruption) -> None:
    frame = street_frame()
    clean, sweep = frame.sweeps["top"], spoilt(frame, how)
    assert not same_bytes(clean, sweep)
    assert np.isfinite(sweep.points).all()
    assert sweep.intensity is not None
    assert sweep.intensity.min() >= 0
    assert sweep.intensity.max() <= 1
    assert sweep.ring is not None
    assert sweep.ring.max() < RIG.lidars[0].channels
    assert np.linalg.norm(sweep.points, axis=1).max() < RIG.lidars[0].max_range_m + 3


@pytest.mark.parametrize("how", ALL, ids=str)
def test_labels_images_and_the_frame_that_came_in_are_untouched(how: Corruption) -> None:
    frame, untouched = street_frame(), street_frame()
    found = corrupt_frame(frame, RIG, how, seed=0, sequence="s", index=0)
    assert found.boxes is frame.boxes
    assert found.images is frame.images
    assert found.dont_care is frame.dont_care
    assert (found.timestamp_ns, found.name) == (frame.timestamp_ns, frame.name)
    assert same_bytes(frame.sweeps["top"], untouched.sweeps["top"])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_harsher_never_keeps_a_return_that_the_milder_lost(name: str) -> None:
    frame = street_frame()
    kept = [survivors(spoilt(frame, Corruption(name, severity))) for severity in SEVERITIES]
    for milder, harsher in itertools.pairwise(kept):
        assert harsher <= milder
    if name not in ("motion_blur", "miscalibration"):
        assert [len(returns) for returns in kept] == sorted({len(returns) for returns in kept}, reverse=True)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_key_gives_the_same_bytes_and_another_other_ones(name: str) -> None:
    frame, how = street_frame(), Corruption(name, 3)
    once = spoilt(frame, how, seed=4, index=2)
    assert same_bytes(once, spoilt(frame, how, seed=4, index=2))
    assert not same_bytes(once, spoilt(frame, how, seed=5, index=2))
    lasting = name in ("beam_loss", "miscalibration")
    assert same_bytes(once, spoilt(frame, how, seed=4, index=3)) == lasting


@pytest.mark.parametrize("how", ALL, ids=str)
def test_an_empty_sweep_stays_empty(how: Corruption) -> None:
    frame = street_frame()
    empty = frame.replace(sweeps={"top": frame.sweeps["top"][:0]})
    assert len(spoilt(empty, how)) == 0


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_sweep_of_points_alone_is_spoilt_or_refused_in_words(name: str) -> None:
    frame = street_frame()
    bare = frame.replace(sweeps={"top": Sweep(frame.sweeps["top"].points)})
    if name == "incomplete_echo":
        with pytest.raises(InputError, match="has no intensity"):
            spoilt(bare, Corruption(name, 1))
        return
    sweep = spoilt(bare, Corruption(name, 3))
    assert sweep.points.shape != bare.sweeps["top"].points.shape or (sweep.points != bare.sweeps["top"].points).any()
    assert all(getattr(sweep, f.name) is None for f in fields(Sweep) if f.name != "points")


def test_there_is_no_severity_0_and_none_above_5() -> None:
    for severity in (0, 6, -1):
        with pytest.raises(InputError, match="is none of 1, 2, 3, 4, 5"):
            corruption("fog", severity)
    with pytest.raises(InputError, match="no corruption 'smog'; there are fog, rain"):
        corruption("smog", 1)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_severity_has_a_meaning_in_physical_units(name: str) -> None:
    scale = CORRUPTIONS[name].scale
    assert len(scale) == len(SEVERITIES)
    assert list(scale) in (sorted(set(scale)), sorted(set(scale), reverse=True))
    assert CORRUPTIONS[name].at(1).split(maxsplit=1)[1] == CORRUPTIONS[name].unit


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(list(CORRUPTIONS)),
    severity=st.sampled_from(SEVERITIES),
    rows=st.lists(
        st.tuples(st.floats(-90, 90), st.floats(-90, 90), st.floats(-5, 30), st.floats(0, 1)), min_size=1, max_size=40
    ),
)
def test_any_sweep_at_all_comes_out_finite(
    name: str, severity: int, rows: list[tuple[float, float, float, float]]
) -> None:
    values = np.array(rows, dtype=np.float32)
    frame = street_frame().replace(sweeps={"top": Sweep(values[:, :3], intensity=values[:, 3])})
    sweep = spoilt(frame, Corruption(name, severity))
    assert np.isfinite(sweep.points).all()
    assert sweep.intensity is not None
    assert ((sweep.intensity >= 0) & (sweep.intensity <= 1)).all()


@pytest.mark.parametrize("how", ALL, ids=str)
def test_a_return_at_the_sensors_own_origin_does_no_harm(how: Corruption) -> None:
    origin = Sweep(np.zeros((2, 3)), intensity=np.array([0.0, 1.0]))
    assert np.isfinite(spoilt(street_frame().replace(sweeps={"top": origin}), how).points).all()
    at_the_lens = Sweep(np.array([[0.0, 0.0, RIG.lidars[0].z_offset_m[0]]]), intensity=np.ones(1), ring=np.zeros(1))
    assert np.isfinite(spoilt(street_frame().replace(sweeps={"top": at_the_lens}), how).points).all()


def test_frames_without_the_lidar_are_left_alone() -> None:
    frame = street_frame().replace(sweeps={})
    assert corrupt_frame(frame, RIG, Corruption("fog", 1), seed=0, sequence="s", index=0).sweeps == {}


def test_the_street_has_what_the_laws_need() -> None:
    sweep = street_sweep()
    assert len(survivors(sweep)) == len(sweep)
