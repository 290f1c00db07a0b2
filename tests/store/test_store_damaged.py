"""Damage to every kind of file is found; the long version is ``tools/chaos_store``."""

from pathlib import Path

from damaged_files import KINDS, damage


def test_every_damage_is_found_and_no_reader_gives_out_other_values(tmp_path: Path) -> None:
    tally = damage(tmp_path, flips=30, others=42, seed=3)
    assert not tally.wrong
    assert set(KINDS) < set(tally.kinds)
    assert tally.refused > 30
