"""Frames for torch's ``DataLoader``: any frame of any sequence by number, in any number of workers.

Nothing is open between reads and every worker opens a sequence by itself, so forked and spawned workers do alike.  What
a stranger gets wrong: frames are ragged, so a loader needs ``collate_fn=list`` or a ``prepare`` that makes them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from scanyard.errors import InputError
from scanyard.frame import Frame
from scanyard.sequence import SensorSequence, SequenceInfo

Prepare = Callable[[Frame, SequenceInfo], Any]
"""From a frame and what is true of its recording to whatever a training step wants; runs in the worker."""


class FrameDataset(Dataset[Any]):
    """The frames of some sequences one after another; ``dataset[i]`` reads one."""

    def __init__(self, sequences: Sequence[SensorSequence], prepare: Prepare | None = None) -> None:
        if not sequences:
            raise InputError("frames to train on: found no sequence, expected at least one; is the split empty?")
        self._sequences = tuple(sequences)
        self._prepare = prepare
        self._ends = np.cumsum([len(sequence) for sequence in sequences])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        index %= len(self)
        at = int(np.searchsorted(self._ends, index, side="right"))
        sequence = self._sequences[at]
        frame = sequence[index - int(self._ends[at])]  # counted from its end
        return frame if self._prepare is None else self._prepare(frame, sequence.info)
