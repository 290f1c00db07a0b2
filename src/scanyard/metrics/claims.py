"""Whether published numbers are those of the protocol they name: recomputed from the frames, and told apart by name.

Two mistakes have been published more than once.  Average precision over 11 recall positions is several points above
that over 40, and is compared with it all the same (``r11_for_r40``).  nuScenes' own paper first listed precision within
2 m as the mean over four distances (nutonomy/nuscenes-devkit issue 140: ``one_distance_for_mean``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from scanyard.errors import ContractError, EvaluationError
from scanyard.evaluation import Evaluation, Score
from scanyard.metrics.families import measure
from scanyard.metrics.measured import Key
from scanyard.metrics.pool import Pool, ScoredFrame, pool_frames
from scanyard.metrics.protocols import KittiProtocol, NuscenesProtocol, Protocol, load_protocol

PRINTED = 0.05
"""Percentage points within which numbers are the same: publications print one digit."""


def check_claim(frames: Sequence[ScoredFrame], claimed: Evaluation) -> int:
    """How many precisions of ``claimed`` these frames give under the protocol it names; ContractError where not all.

    The error's name is that of the other rule which gives the claimed number, or ``other_number``.  EvaluationError
    where there is none to compare.
    """
    protocol = load_protocol(claimed.protocol)
    pool = pool_frames(frames, protocol)
    truth, others = _values(pool, protocol), _other_rules(pool, protocol)
    compared = [score for score in claimed.scores if score.unit == "percent" and _key(score) in truth]
    if not compared:
        raise EvaluationError(
            f"none of the {len(claimed.scores)} claimed numbers is one that protocol {protocol.name} gives for these "
            "frames; there is nothing to compare"
        )
    for score in compared:
        key = _key(score)
        if abs(score.value - truth[key]) <= PRINTED:
            continue
        said = (
            f"{score.metric} of {score.category} {score.difficulty} was given as {score.value:.2f} by {protocol.name}"
        )
        for mistake, (what, values) in others.items():
            if key in values and abs(score.value - values[key]) <= PRINTED:
                raise ContractError(
                    mistake,
                    f"{said}, and these frames give {truth[key]:.2f}; {values[key]:.2f} is {what}. State the number of "
                    "the protocol that is named, or name the other one",
                )
        raise ContractError(
            "other_number",
            f"{said}, but these frames give {truth[key]:.2f}. The detections, the labels or the rules were others: "
            "evaluate again",
        )
    return len(compared)


def _key(score: Score) -> Key:
    return score.metric, score.category, score.difficulty, score.iou, score.distance_m


def _values(pool: Pool, protocol: Protocol) -> dict[Key, float]:
    as_it_is = np.ones((1, len(pool.drives)), dtype=np.int64)
    return {one.key: float(one.values[0]) for one in measure(pool, protocol, as_it_is)}


def _other_rules(pool: Pool, protocol: Protocol) -> Mapping[str, tuple[str, dict[Key, float]]]:
    if isinstance(protocol, KittiProtocol):
        r40 = protocol.averaged_every == 1
        other = replace(protocol, averaged_from=0 if r40 else 1, averaged_every=4 if r40 else 1)
        what = f"the mean over {11 if r40 else 40} recall positions"
        return {"r11_for_r40" if r40 else "r40_for_r11": (what, _values(pool, other))}
    if isinstance(protocol, NuscenesProtocol):
        at = protocol.error_distance_m
        one = replace(protocol, distances_m=(at,))
        return {"one_distance_for_mean": (f"the precision within {at:g} m alone", _values(pool, one))}
    return {}
