"""The frames of one recording, read lazily: ``SensorSequence``.

``InMemorySequence`` serves tests and conversions, ``PickedFrames`` shows some frames of another sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from scanyard.frame import Frame
from scanyard.sensors import Rig

Domain = Literal["synthetic", "real", "stand-in"]
"""Where frames come from; ``stand-in`` is synthetic data that plays the part of real data and must be called so."""


@dataclass(frozen=True)
class SequenceInfo:
    """What is true of a whole recording."""

    name: str
    domain: Domain
    drive: str
    """What is split and resampled as one: a KITTI drive, or one simulated world.  Never split a drive."""
    rig: Rig
    licence: str
    """SPDX id or name of the licence the frames may be used under."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """JSON values: what made these frames (scenario digest, seed, server, versions, source files)."""


class SensorSequence(Protocol):
    """Frames of one recording; ``sequence[i]`` reads one."""

    @property
    def info(self) -> SequenceInfo:
        """What is true of the whole recording."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Frame: ...

    def __iter__(self) -> Iterator[Frame]: ...


@dataclass(frozen=True)
class InMemorySequence:
    """A recording held in a list."""

    info: SequenceInfo
    frames: Sequence[Frame]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Frame:
        return self.frames[index]

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)


@dataclass(frozen=True)
class PickedFrames:
    """Some frames of a recording, as if there were no others."""

    whole: SensorSequence
    indices: tuple[int, ...]
    """Of the frames, in the order they are given out."""

    @property
    def info(self) -> SequenceInfo:
        """That of the whole recording."""
        return self.whole.info

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Frame:
        return self.whole[self.indices[index]]

    def __iter__(self) -> Iterator[Frame]:
        return (self.whole[index] for index in self.indices)
