"""Named, frozen settings of an evaluation, one YAML file each; ``metrics`` says what they mean.

A file names its family, and each family has its own settings: what KITTI calls a difficulty has no like in nuScenes.
Our categories are more than any of them has; ``counts_as`` says what a family calls those that it has another name for,
so that one dataset and one detector are scored by all (``pool`` does it, and an evaluation says of how many).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
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
class KittiProtocol:
    """Everything that decides what a score of KITTI's family means."""

    name: str
    source: str
    metrics: tuple[str, ...]
    """Out of ``3d``, ``bev``, ``2d`` and ``aos``."""
    recall_positions: int
    """K: precision is sampled at recall 0, 1/K ... 1."""
    averaged_from: int
    """The first of the K + 1 samples that the mean is over."""
    averaged_every: int
    """The mean is over every so many samples."""
    difficulties: tuple[Difficulty, ...]
    rules: tuple[CategoryRule, ...]
    counts_as: Mapping[str, str] = field(default_factory=dict)
    """None: our categories are KITTI's."""

    @property
    def categories(self) -> tuple[str, ...]:
        """What is scored."""
        return tuple(rule.name for rule in self.rules)

    @property
    def averaged(self) -> slice:
        """Which samples of precision the mean is over."""
        return slice(self.averaged_from, None, self.averaged_every)

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns without which nothing can be scored."""
        return ("truncation", "occlusion", "image_box")

    def category(self, name: str) -> CategoryRule:
        """The rule for one category; EvaluationError lists the ones there are."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise EvaluationError(f"protocol {self.name}: no category {name!r}; it has {list(self.categories)}")


@dataclass(frozen=True)
class NuscenesProtocol:
    """Everything that decides what a score of nuScenes' family means."""

    name: str
    source: str
    distances_m: tuple[float, ...]
    """A detection's centre has to be nearer than this to a label's on the ground; precision is averaged over all."""
    error_distance_m: float
    """The one of them at which errors are taken."""
    min_recall: float
    min_precision: float
    ap_weight: float
    """How many errors average precision weighs in NDS."""
    class_range_m: Mapping[str, float]
    """Categories, and how far from the origin their boxes count, of labels and detections."""
    half_turn: tuple[str, ...]
    """Categories whose heading is known up to half a turn."""
    without_errors: Mapping[str, tuple[str, ...]]
    """Errors that a category has not."""
    counts_as: Mapping[str, str]
    """Our categories that go by another name here; those of no name here are not scored."""

    @property
    def categories(self) -> tuple[str, ...]:
        """What is scored."""
        return tuple(self.class_range_m)

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns without which nothing can be scored."""
        return ()


@dataclass(frozen=True)
class Argoverse2Protocol:
    """Everything that decides what a score of Argoverse 2's family means."""

    name: str
    source: str
    distances_m: tuple[float, ...]
    """A detection's centre has to be nearer than this to a label's, height included."""
    error_distance_m: float
    """The one of them at which errors are taken, and what a missing translation error counts as."""
    max_range_m: float
    """How far from the origin boxes count."""
    class_range_m: Mapping[str, float]
    """Categories that count less far."""
    max_detections: int
    """Of one category in one frame, best first."""
    min_points: int
    """Labels with fewer returns do not count, where the returns are known."""
    recall_samples: int
    categories: tuple[str, ...]
    counts_as: Mapping[str, str]
    """Our categories that go by another name here; those of no name here are not scored."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns without which nothing can be scored."""
        return ()


@dataclass(frozen=True)
class WaymoProtocol:
    """Everything that decides what a score of Waymo's family means."""

    name: str
    source: str
    overlaps: Mapping[str, float]
    """Categories, and the volume overlap from which a detection may be matched."""
    level_1_points: int
    """Labels with more returns are of level 1, those with fewer of level 2, those with none do not count."""
    score_cutoffs: int
    """K: matching is done anew for detections that score 0, 1/K ... 1 or more."""
    max_recall_step: float
    """Between neighbouring points of the curve; wider gaps are filled with the lower precision."""
    counts_as: Mapping[str, str]
    """Our categories that go by another name here; those of no name here are not scored."""

    @property
    def categories(self) -> tuple[str, ...]:
        """What is scored."""
        return tuple(self.overlaps)

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns without which nothing can be scored."""
        return ("num_points",)


Protocol = KittiProtocol | NuscenesProtocol | Argoverse2Protocol | WaymoProtocol


def class_of(protocol: Protocol, category: str) -> str:
    """What the protocol calls a category of ours; one that it has no other name for is called as it is."""
    return protocol.counts_as.get(category, category)


@cache
def load_protocol(name: str) -> Protocol:
    """Read a protocol that ships with scanyard; EvaluationError lists the ones there are."""
    if name not in protocol_names():
        raise EvaluationError(f"no protocol {name!r}; there are {protocol_names()}")
    text = resources.files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return _FAMILIES[data.pop("family")](data)


def protocol_names() -> list[str]:
    """Names of the protocols that ship with scanyard."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def _kitti(data: Mapping[str, Any]) -> KittiProtocol:
    return KittiProtocol(
        name=data["name"],
        source=data["source"],
        metrics=tuple(data["metrics"]),
        recall_positions=data["recall_positions"],
        averaged_from=data["averaged_from"],
        averaged_every=data["averaged_every"],
        difficulties=tuple(Difficulty(key, **limits) for key, limits in data["difficulties"].items()),
        rules=tuple(
            CategoryRule(key, tuple(rule["overlaps"]), tuple(rule["neighbours"]))
            for key, rule in data["categories"].items()
        ),
    )


def _nuscenes(data: Mapping[str, Any]) -> NuscenesProtocol:
    absent = {category: tuple(errors) for category, errors in data["without_errors"].items()}
    tuples = {"distances_m": tuple(data["distances_m"]), "half_turn": tuple(data["half_turn"])}
    return NuscenesProtocol(**{**data, **tuples, "without_errors": absent})


def _argoverse2(data: Mapping[str, Any]) -> Argoverse2Protocol:
    tuples = {"distances_m": tuple(data["distances_m"]), "categories": tuple(data["categories"])}
    return Argoverse2Protocol(**{**data, **tuples})


def _waymo(data: Mapping[str, Any]) -> WaymoProtocol:
    return WaymoProtocol(**data)


_FAMILIES: Mapping[str, Callable[[Mapping[str, Any]], Protocol]] = {
    "kitti": _kitti,
    "nuscenes": _nuscenes,
    "argoverse2": _argoverse2,
    "waymo": _waymo,
}
