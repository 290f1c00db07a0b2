"""Which (scenario, seed) pairs a dataset still lacks: pure, no Ray."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping

from scanyard.scenario import ConcreteScenario, Scenario, draw


def draw_all(
    scenarios: Iterable[Scenario], seeds: Iterable[int], overrides: Mapping[str, str | float | bool] | None = None
) -> list[ConcreteScenario]:
    """Every scenario drawn with every seed, scenario by scenario."""
    seeds = list(seeds)
    return [draw(scenario, seed, overrides or {}) for scenario in scenarios for seed in seeds]


def missing(present: Collection[str], wanted: Iterable[ConcreteScenario]) -> list[ConcreteScenario]:
    """Those of ``wanted`` whose sequence is not among the names ``present``.

    A sequence's name carries the digest of everything that decides it, so being there is being up to date.
    """
    return [scenario for scenario in wanted if scenario.sequence_name not in present]


def campaign_digest(wanted: Iterable[ConcreteScenario]) -> str:
    """SHA-256 over the digests of all scenarios of a campaign, whatever their order."""
    digests = sorted(scenario.digest for scenario in wanted)
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()
