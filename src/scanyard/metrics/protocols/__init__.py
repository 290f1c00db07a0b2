"""Named, frozen settings of an evaluation, one YAML file each; ``metrics`` says what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ruamel.yaml import YAML

from scanyard.errors import EvaluationError


@dataclass(frozen=True)
class Difficulty:
    """Which labels count."""

    name: str
    min_height_px: float
    """Least height of the image box, of labels and detections."""
    max_occlusion: int
    """KITTI level."""
    max_truncation: float
    """Fraction outside the image."""


@dataclass(frozen=True)
class CategoryRule:
    """How one category is scored."""

    name: str
    overlaps: tuple[float, ...]
    """A detection has to overlap a label by more than this, one score per value."""
    neighbours: tuple[str, ...]
    """Categories whose labels may be found without reward or penalty."""


@dataclass(frozen=True)
class Protocol:
    """Everything that decides what a score means."""

    name: str
    source: str
    metrics: tuple[str, ...]
    """Out of ``3d`` and ``bev``."""
    recall_positions: int
    """K: precision is averaged over recall 1/K ... 1."""
    difficulties: tuple[Difficulty, ...]
    categories: tuple[CategoryRule, ...]

    def category(self, name: str) -> CategoryRule:
        """The rule for one category; EvaluationError lists the ones there are."""
        for rule in self.categories:
            if rule.name == name:
                return rule
        known = [rule.name for rule in self.categories]
        raise EvaluationError(f"protocol {self.name}: no category {name!r}; it has {known}")


def load_protocol(name: str) -> Protocol:
    """Read a protocol that ships with scanyard; EvaluationError lists the ones there are."""
    if name not in protocol_names():
        raise EvaluationError(f"no protocol {name!r}; there are {protocol_names()}")
    text = resources.files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Any] = YAML(typ="safe", pure=True).load(text)
    return Protocol(
        name=data["name"],
        source=data["source"],
        metrics=tuple(data["metrics"]),
        recall_positions=data["recall_positions"],
        difficulties=tuple(Difficulty(key, **limits) for key, limits in data["difficulties"].items()),
        categories=tuple(
            CategoryRule(key, tuple(rule["overlaps"]), tuple(rule["neighbours"]))
            for key, rule in data["categories"].items()
        ),
    )


def protocol_names() -> list[str]:
    """Names of the protocols that ship with scanyard."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))
