"""A recording under a corruption: lazy, like any other recording, and the same from a store as on the fly."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from scanyard.corrupt import Corruption, corrupt_frame, corrupted
from scanyard.errors import EvaluationError, InputError
from scanyard.frame import Frame
from scanyard.sequence import InMemorySequence, SequenceInfo
from scanyard.split import Split, require_disjoint
from scanyard.store import create_dataset, open_sequence, write_sequence
from tests.corrupt.street import RIG, street_frame

INFO = SequenceInfo("street", "real", "drive-1", RIG, "CC-BY-NC-SA-3.0", {"format": "made up"})
FRAMES = [street_frame(index) for index in range(3)]


@dataclass(frozen=True)
class WatchedSequence:
    """Notes which frames were read."""

    info: SequenceInfo = INFO
    read: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(FRAMES)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        self.read.append(index)
        return FRAMES[index]


def test_nothing_is_read_before_a_frame_is_asked_for() -> None:
    watched = WatchedSequence()
    spoilt = corrupted(watched, "fog", 3)
    assert len(spoilt) == 3
    assert watched.read == []
    assert spoilt[1].name == "000001"
    assert watched.read == [1]


def test_it_says_what_was_done_and_keeps_drive_domain_and_licence() -> None:
    info = corrupted(InMemorySequence(INFO, FRAMES), "beam_loss", 2, seed=7).info
    assert info.name == "street-beam_loss-2"
    assert (info.drive, info.domain, info.licence, info.rig) == ("drive-1", "real", "CC-BY-NC-SA-3.0", RIG)
    assert info.provenance == {
        "format": "made up",
        "corruption": {"name": "beam_loss", "severity": 2, "seed": 7, "of": "street"},
    }


def test_a_corrupted_test_drive_cannot_be_trained_on() -> None:
    clean = InMemorySequence(INFO, FRAMES)
    with pytest.raises(EvaluationError, match="also trained on"):
        require_disjoint([Split("train", (corrupted(clean, "fog", 1),))], Split("test", (clean,)))


def test_frames_do_not_depend_on_the_order_they_are_read_in() -> None:
    spoilt = corrupted(InMemorySequence(INFO, FRAMES), "snow", 4)
    last, whole = spoilt[-1], list(pickle.loads(pickle.dumps(spoilt)))
    np.testing.assert_array_equal(last.sweeps["top"].points, whole[2].sweeps["top"].points)
    assert not np.array_equal(whole[0].sweeps["top"].points, whole[1].sweeps["top"].points)
    with pytest.raises(IndexError):
        spoilt[3]


def test_from_a_store_it_is_what_it_is_on_the_fly(tmp_path: Path) -> None:
    create_dataset(tmp_path / "d", name="d", licence="CC0-1.0")
    spoilt = corrupted(InMemorySequence(INFO, FRAMES), "crosstalk", 5, seed=1)
    write_sequence(tmp_path / "d", spoilt.info, spoilt)
    stored = open_sequence(tmp_path / "d", "street-crosstalk-5")
    for index, frame in enumerate(stored):
        expected = corrupt_frame(
            FRAMES[index], RIG, Corruption("crosstalk", 5), seed=1, sequence="street", index=index
        ).sweeps["top"]
        np.testing.assert_array_equal(frame.sweeps["top"].points, expected.points)
        np.testing.assert_array_equal(frame.sweeps["top"].instance, expected.instance)


def test_a_name_or_severity_there_is_not_is_refused_before_anything_is_read() -> None:
    watched = WatchedSequence()
    for name, severity in (("smog", 1), ("fog", 0)):
        with pytest.raises(InputError):
            corrupted(watched, name, severity)
    assert watched.read == []
