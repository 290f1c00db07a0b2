"""Damage to every kind of file is found, and a full disk loses nothing; the long version is ``tools/chaos_store``."""

from pathlib import Path

import pytest
from damaged_files import KINDS, damage
from full_disks import fill, may_mount


def test_every_damage_is_found_and_no_reader_gives_out_other_values(tmp_path: Path) -> None:
    tally = damage(tmp_path, flips=30, others=42, seed=3)
    assert not tally.wrong
    assert set(KINDS) < set(tally.kinds)
    assert tally.refused > 30


@pytest.mark.parametrize("fraction", [0.1, 0.8])
def test_a_disk_that_fills_up_loses_nothing_and_the_run_goes_on_when_there_is_room(fraction: float) -> None:
    if not may_mount():
        pytest.skip("this system lets nobody mount a small disk here")
    assert fill(fraction, seed=1) is None
