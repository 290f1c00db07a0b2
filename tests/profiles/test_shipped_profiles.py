from __future__ import annotations

import numpy as np
import pytest

from scanyard.errors import InputError
from scanyard.profiles import load_profile, profile_names

EFFECTS = {
    "semantic_groups",
    "azimuth",
    "range_noise",
    "beam_bias",
    "drop_out",
    "intensity",
    "blind_sectors",
    "quantisation",
}


def test_the_real_and_the_made_up_sensor_are_there() -> None:
    assert {"hdl64e", "generic32"} <= set(profile_names())


@pytest.mark.parametrize("name", profile_names())
def test_beams_go_from_the_highest_down_and_fill_the_blocks(name: str) -> None:
    profile = load_profile(name)
    assert (np.diff(profile.elevation_rad) < 0).all()
    assert profile.elevation_rad.shape == profile.z_offset_m.shape == (sum(profile.blocks),)
    assert 0 < profile.min_range_m < profile.max_range_m


@pytest.mark.parametrize("name", profile_names())
def test_every_effect_says_what_it_is_and_where_it_is_from(name: str) -> None:
    effects = load_profile(name).effects
    assert set(effects) <= EFFECTS
    for key in set(effects) - {"semantic_groups"}:
        assert effects[key]["definition"]
        assert effects[key]["source"]


def test_the_hdl64e_is_the_measured_one() -> None:
    profile = load_profile("hdl64e")
    assert profile.blocks == (32, 32)
    assert profile.firings_per_turn == 2154
    assert np.rad2deg(profile.elevation_rad[[0, -1]]) == pytest.approx([1.937, -25.0], abs=0.01)
    azimuth = profile.effects["azimuth"]
    assert np.dot(azimuth["steps_deg"], azimuth["step_share"]) == pytest.approx(azimuth["mean_step_deg"], abs=1e-3)


def test_the_made_up_sensor_says_so() -> None:
    profile = load_profile("generic32")
    assert profile.source.startswith("made up")
    assert np.ptp(np.diff(profile.elevation_rad)) < 1e-5


def test_an_unknown_profile_lists_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'vlp16'.*generic32.*hdl64e"):
        load_profile("vlp16")
