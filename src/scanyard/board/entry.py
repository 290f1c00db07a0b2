"""A leaderboard row: what was trained, on what, scored where, and what a reader must know about the data behind it.

An entry without a complete data declaration cannot be made: a score whose training data is unknown compares to
nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from scanyard.errors import InputError
from scanyard.evaluation import Evaluation


@dataclass(frozen=True)
class DataDeclaration:
    """What a detector learned from; every field is mandatory, and saying "none" is an answer."""

    sources: tuple[str, ...]
    """Names of the datasets trained on."""
    synthetic_share: float
    """Share of the training samples that were simulated, 0 to 1."""
    pretraining: str
    """What the weights started from; ``none`` for random weights."""
    licences: tuple[str, ...]
    """Licences of the datasets trained on."""
    label_budget: int
    """Labelled real (or stand-in) frames used in training."""

    def __post_init__(self) -> None:
        empty = [name for name in ("sources", "pretraining", "licences") if not getattr(self, name)]
        if empty:
            raise InputError(f"data declaration: {', '.join(empty)} is empty; say what was used, or 'none'")
        if not 0 <= self.synthetic_share <= 1:
            raise InputError(f"data declaration: synthetic_share is {self.synthetic_share}, expected 0 to 1")
        if self.label_budget < 0:
            raise InputError(f"data declaration: label_budget is {self.label_budget}, expected 0 or more frames")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DataDeclaration:
        """Make one from JSON values; InputError names every missing field at once."""
        names = [f.name for f in fields(cls)]
        missing = [name for name in names if data.get(name) is None]
        if missing:
            raise InputError(f"data declaration: {', '.join(missing)} missing; all of {', '.join(names)} are needed")
        unknown = sorted(set(data) - set(names))
        if unknown:
            raise InputError(f"data declaration: {', '.join(unknown)} unknown; it has {', '.join(names)}")
        values = dict(data)
        for name in ("sources", "licences"):
            if isinstance(values[name], str):
                raise InputError(f"data declaration: {name} is the text {values[name]!r}, expected a list of names")
            values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True)
class Entry:
    """One detector, trained one way, on one test split."""

    detector: str
    arm: str
    """Which arm of the experiment: ``synthetic``, ``real``, ``mixed`` or whatever the recipe calls it."""
    trained_on: Mapping[str, str]
    """Domain of every training split (synthetic, real, stand-in), by the split's name."""
    evaluated_on: str
    """Name of the test split."""
    evaluation: Evaluation
    steps: int
    """Optimiser steps."""
    seeds: tuple[int, ...]
    """Seeds this row stands for."""
    single_run: bool
    """Fewer than three seeds were run, so the spread between runs is unknown."""
    declaration: DataDeclaration
    datasets: Mapping[str, str] = field(default_factory=dict)
    """Digest of every dataset trained or scored on, by name."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """How it came about: versions, digests of checkpoint and detections.  Not part of the entry's digest."""

    @property
    def domain(self) -> str:
        """Domain of the frames scored on: real, synthetic, stand-in."""
        return self.evaluation.domain

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of everything but the provenance: the same result is the same row."""
        content = {name: value for name, value in self.to_dict().items() if name != "provenance"}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        return data | {
            "trained_on": dict(self.trained_on),
            "seeds": list(self.seeds),
            "evaluation": self.evaluation.to_dict(),
            "declaration": asdict(self.declaration),
            "datasets": dict(self.datasets),
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Entry:
        """Undo ``to_dict``; InputError names what is missing, the data declaration above all."""
        names = {f.name for f in fields(cls)}
        missing = sorted(names - {"datasets", "provenance"} - set(data))
        unknown = sorted(set(data) - names)
        if missing or unknown:
            raise InputError(f"entry: missing {missing}, unknown {unknown}; it has the fields {sorted(names)}")
        return cls(
            **{
                **data,
                "trained_on": dict(data["trained_on"]),
                "seeds": tuple(data["seeds"]),
                "evaluation": Evaluation.from_dict(data["evaluation"]),
                "declaration": DataDeclaration.from_dict(data["declaration"]),
            }
        )
