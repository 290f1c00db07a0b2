"""A score that grows while a detector runs: ``update``, ``compute``, ``reset``, and ``merge`` across processes.

The verbs are those of torchmetrics, without its dependency: frames hold boxes of any number and need no tensors, so a
``RunningScore`` is sent between processes whole (it pickles), for example by ``torch.distributed.all_gather_object``.

Whatever the batches and however many processes took part, ``compute`` gives what ``evaluate`` gives for the same frames
in the same order, to the last bit: frames are kept and scored together, because matching by rank and resampling by
drive cannot be done in parts.  Several processes that take turns say at which place of the split each frame stands;
frames that a sampler hands out twice to fill up its last batch (torch's ``DistributedSampler`` does) then count once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation
from scanyard.metrics.pool import ScoredFrame
from scanyard.metrics.protocols import load_protocol
from scanyard.metrics.scoring import evaluate


class RunningScore:
    """The frames seen so far, and how they will be scored; the options are those of ``evaluate``."""

    def __init__(
        self,
        protocol: str = "kitti_r40",
        *,
        split: str,
        domain: str,
        resamples: int = 1000,
        level: float = 0.9,
        seed: int = 0,
        check: bool = True,
        accepted: Collection[str] = (),
    ) -> None:
        load_protocol(protocol)  # an unknown name should not show only after an hour of detecting
        self.protocol = protocol
        self._options: dict[str, Any] = {
            "split": split, "domain": domain, "resamples": resamples, "level": level, "seed": seed, "check": check,
            "accepted": tuple(accepted),
        }  # fmt: skip
        self._frames: list[ScoredFrame] = []
        self._places: list[int] = []

    def __len__(self) -> int:
        """Frames seen so far; those seen twice count twice until they are scored."""
        return len(self._frames)

    def update(self, frames: Sequence[ScoredFrame], *, places: Sequence[int] | None = None) -> None:
        """Take in a batch.  ``places`` are the frames' places in the split, for processes that take turns.

        EvaluationError when only some batches have places, or not each frame has one.
        """
        if places is not None and len(places) != len(frames):
            raise EvaluationError(f"{len(frames)} frames with {len(places)} places; each frame needs its own")
        self._require_alike(places is not None, bool(frames))
        self._frames += frames
        self._places += [] if places is None else [int(place) for place in places]

    def merge(self, others: Iterable[RunningScore]) -> None:
        """Take in what other processes have seen, after what was seen here.

        EvaluationError when they would be scored otherwise, or some have places and some have none.
        """
        for other in others:
            if (other.protocol, other._options) != (self.protocol, self._options):
                raise EvaluationError(
                    f"cannot merge scores under {other.protocol} with {other._options} into one under {self.protocol} "
                    f"with {self._options}: make all with the same arguments"
                )
            self._require_alike(bool(other._places), bool(other._frames))
            self._frames += other._frames
            self._places += other._places

    def compute(self) -> Evaluation:
        """The score of all frames seen since the start or the last ``reset``; errors are those of ``evaluate``."""
        return evaluate(self._in_order(), self.protocol, **self._options)

    def reset(self) -> None:
        """Forget all frames."""
        self._frames, self._places = [], []

    def _require_alike(self, with_places: bool, some: bool) -> None:
        if some and self._frames and with_places != bool(self._places):
            raise EvaluationError("some frames came with places in the split and some without; give all or none theirs")

    def _in_order(self) -> list[ScoredFrame]:
        if not self._places:
            return self._frames
        by_place: dict[int, ScoredFrame] = {}
        for place, frame in zip(self._places, self._frames, strict=True):
            first = by_place.setdefault(place, frame)
            if (first.drive, first.name) != (frame.drive, frame.name):
                raise EvaluationError(
                    f"place {place} is given to frame {first.name!r} of drive {first.drive!r} and to {frame.name!r} of "
                    f"{frame.drive!r}; a place in the split is one frame's"
                )
        return [by_place[place] for place in sorted(by_place)]
