"""What a dataset wants to know of its sequences is read quickly, and is what the seals say, byte for byte checked."""

from dataclasses import replace
from pathlib import Path

import pytest
from store_frames import dataset_at, frames, info_named

from scanyard.errors import DamagedError, StoreError
from scanyard.store import open_dataset, seal_dataset, write_sequence
from scanyard.store.layout import SECOND_FORMAT
from scanyard.store.seal import Summary, read_seal, read_summary

TRICKY = {
    '\n  "info": ': 1,
    "nested": {"num_frames": 99, "record": [{"digest": "0"}]},
    "text": '"\n "digest": "x"',
    "ä": 2,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = dataset_at(tmp_path)
    write_sequence(root, info_named(info=TRICKY), frames(3), record=TRICKY)
    return root


def test_a_summary_is_what_the_whole_seal_says(root: Path) -> None:
    folder = root / "sequences/walk-0001"
    summary = read_summary(folder)
    assert summary == Summary.of(read_seal(folder))
    assert (summary.num_frames, summary.provenance) == (3, {"info": TRICKY})
    assert summary.record.items() >= TRICKY.items()


def test_a_summary_of_an_earlier_format_is_the_same(root: Path) -> None:
    folder = root / "sequences/walk-0001"
    summary, seal = read_summary(folder), read_seal(folder)
    (folder / "seal.json").write_bytes(replace(seal, format=SECOND_FORMAT).to_bytes())
    assert read_seal(folder).format == SECOND_FORMAT
    assert read_summary(folder) == summary


def test_no_changed_byte_of_a_seal_gets_into_a_summary(root: Path) -> None:
    path = root / "sequences/walk-0001/seal.json"
    data = path.read_bytes()
    for position in [*range(0, len(data), 131), *range(len(data) - 90, len(data))]:
        changed = bytearray(data)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(StoreError, match=r"seal\.json"):
            read_summary(path.parent)


def test_a_renamed_sequence_has_no_summary(root: Path) -> None:
    renamed = (root / "sequences/walk-0001").rename(root / "sequences/walk-0002")
    with pytest.raises(DamagedError, match="this is the seal of 'walk-0001'"):
        read_summary(renamed)


def test_a_dataset_is_opened_and_sealed_by_its_seals_alone(root: Path) -> None:
    (root / "sequences/walk-0001/ego/timestamp_ns/c.0").unlink()
    seal_dataset(root)
    dataset = open_dataset(root)
    assert (dataset.num_frames, dataset.domain, dataset.licence) == (3, "synthetic", "CC0-1.0")
    with pytest.raises(DamagedError, match="is gone"):  # said when the sequence is first used
        dataset.sequences["walk-0001"].open()
