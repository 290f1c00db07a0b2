"""A dataset in the first format reads as it did, and is brought up to date without losing a value."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_recordings import info_of, recording
from store_frames import assert_same_frame

from scanyard.errors import DamagedError
from scanyard.store import create_dataset, migrate, open_dataset, verify, write_sequence
from scanyard.store.layout import FIRST_FORMAT, SECOND_FORMAT, SEQUENCE_FORMAT

DIGEST = "4fa33817256d274057ee59b804d236742028acbb80adc2825a67b988aad66e36"
"""Of the sequence in ``first_format.zip``, as the code before format 2 wrote and sealed it."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.unpack_archive(Path(__file__).with_name("first_format.zip"), tmp_path)
    return tmp_path / "first_format"


def test_the_first_format_reads_verifies_and_is_completed_by_the_same_work(old: Path) -> None:
    assert verify(old) == []
    sequence = open_dataset(old).sequences["walk"]
    assert (sequence.seal.format, sequence.seal.digest) == (FIRST_FORMAT, DIGEST)
    for found, expected in zip(sequence, recording(1, points=40), strict=True):
        assert_same_frame(found, expected)
    (old / "staging").mkdir()
    again = write_sequence(old, info_of("walk"), recording(1, points=40))  # another packing, the same values
    assert again.digest == DIGEST


def test_migrating_keeps_digest_and_values_and_is_done_once(old: Path) -> None:
    assert migrate(old) == ["walk"]
    assert migrate(old) == []
    assert verify(old) == []
    sequence = open_dataset(old).sequences["walk"]
    assert (sequence.seal.format, sequence.seal.digest) == (SEQUENCE_FORMAT, DIGEST)
    for found, expected in zip(sequence, recording(1, points=40), strict=True):
        assert_same_frame(found, expected)


def test_a_seal_of_the_second_format_is_written_anew(tmp_path: Path) -> None:
    create_dataset(tmp_path, name="d", licence="CC0-1.0")
    sealed = write_sequence(tmp_path, info_of("walk"), recording(1, points=40))
    path = tmp_path / "sequences/walk/seal.json"
    now = path.read_bytes()
    path.write_bytes(replace(sealed, format=SECOND_FORMAT).to_bytes())
    assert verify(tmp_path) == []
    assert open_dataset(tmp_path).sequences["walk"].seal.format == SECOND_FORMAT
    assert migrate(tmp_path) == ["walk"]
    assert path.read_bytes() == now


def test_what_is_damaged_is_not_sealed_anew(old: Path) -> None:
    shard = old / "sequences/walk/lidar/top/intensity/c.0"
    data = bytearray(shard.read_bytes())
    data[30] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DamagedError, match="not migrated"):
        migrate(old)


def test_another_intact_file_of_the_same_size_is_refused_by_the_reader(tmp_path: Path, old: Path) -> None:
    """What the first format could not tell."""
    for name, seed in (("a", 1), ("b", 2)):
        write_sequence(old, info_of(name), recording(seed, points=40))
    stale = [old / "sequences" / name / "lidar/top/ring/c.0" for name in "ab"]
    if stale[0].stat().st_size != stale[1].stat().st_size:
        pytest.skip("the two files came out in different sizes")
    shutil.copy(stale[0], stale[1])
    with pytest.raises(DamagedError, match="not the one that was sealed"):
        open_dataset(old).sequences["b"][0]
