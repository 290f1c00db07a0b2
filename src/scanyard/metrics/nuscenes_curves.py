"""nuScenes' curves over recall: once to the letter, and once for many resamples together.

``curve`` is the devkit's arithmetic, number by number.  ``resampled_curves`` walks the ranked detections once and
carries all mixtures along: a detection of a drive that is drawn n times stands n times in a row.  For the data as they
are, the two agree; where hits have equal scores, the second reads an error off at the last of them instead of the
first, which no interval notices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.geometry import FloatArray
from scanyard.metrics.measured import ABREAST, portions
from scanyard.metrics.pool import IntArray

RECALL = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Ranked:
    """N detections of one category, best first, matched at one distance."""

    score: FloatArray
    """(N,) non-increasing."""
    drive: IntArray
    """(N,)"""
    hit: NDArray[np.bool_]
    """(N,) found a label."""
    errors: FloatArray
    """(H, E) of the hits, in the same order; NaN where not known."""


@dataclass(frozen=True)
class Curves:
    """What M mixtures have at the 101 recalls."""

    precision: FloatArray
    """(M, 101)"""
    score: FloatArray
    """(M, 101) from which a recall is reached; 0 where it is not."""
    errors: FloatArray
    """(E, M, 101) mean error of the hits that reach the score."""


def curve(ranked: Ranked, num_labels: int) -> Curves:
    """The data as they are (M = 1)."""
    hits, false = np.cumsum(ranked.hit).astype(float), np.cumsum(~ranked.hit).astype(float)
    recall = hits / float(num_labels)
    precision = np.interp(RECALL, recall, hits / (hits + false), right=0)
    score = np.interp(RECALL, recall, ranked.score, right=0)
    of_hits = ranked.score[ranked.hit]
    errors = [np.interp(score[::-1], of_hits[::-1], _running_mean(column)[::-1])[::-1] for column in ranked.errors.T]
    table = np.array(errors).reshape(len(errors), 1, len(RECALL))
    return Curves(precision[None], score[None], table)


def _running_mean(values: FloatArray) -> FloatArray:
    """Mean (H,) of all up to each place that are known; 0 before the first of them, 1 everywhere if there is none."""
    known = ~np.isnan(values)
    if not known.any():
        return np.ones(len(values))
    total, count = np.nancumsum(values), np.cumsum(known)
    mean: FloatArray = np.divide(total, count, out=np.zeros(len(values)), where=count > 0)
    return mean


def resampled_curves(ranked: Ranked, num_labels: IntArray, mixtures: IntArray) -> Curves:
    """Mixtures (M, D) that hold ``num_labels`` (M,)."""
    shape = (len(mixtures), len(RECALL))
    precision, score = np.zeros(shape), np.zeros(shape)
    errors = np.zeros((ranked.errors.shape[1], *shape))
    weights = portions(mixtures)
    labels = np.ones(len(weights) * ABREAST)
    labels[: len(mixtures)] = np.maximum(num_labels, 1)
    _walk(
        RECALL, ranked.score, ranked.drive, ranked.hit, ranked.errors, labels, weights, len(mixtures), precision,
        score, errors,
    )  # fmt: skip
    return Curves(precision, score, errors)


def _walk_down(  # noqa: PLR0912, PLR0915, PLR0917  # one compiled loop; its parts share a dozen running sums
    recall: FloatArray,
    scores: FloatArray,
    drives: IntArray,
    hit: NDArray[np.bool_],
    pair_errors: FloatArray,
    labels: FloatArray,
    weights: FloatArray,
    num: int,
    precision: FloatArray,
    score: FloatArray,
    errors: FloatArray,
) -> None:
    num_errors, num_recalls = pair_errors.shape[1], len(recall)
    for portion in range(len(weights)):
        first = portion * ABREAST
        width = min(ABREAST, num - first)
        hits, false, last_score, last_hit = np.zeros(ABREAST), np.zeros(ABREAST), np.zeros(ABREAST), np.zeros(ABREAST)
        total, count = np.zeros((num_errors, ABREAST)), np.zeros((num_errors, ABREAST))
        position = np.zeros(ABREAST, np.int64)
        due = np.full(ABREAST, -0.5)  # hits from which the next recall may be passed, half a hit early
        nth_hit = 0
        for i in range(len(scores)):
            weight = weights[portion, drives[i]]
            now = scores[i]
            if not hit[i]:
                for m in range(ABREAST):
                    false[m] += weight[m]
                    last_score[m] = now if weight[m] > 0.0 else last_score[m]
                continue
            passing = False
            for m in range(ABREAST):
                passing |= (weight[m] > 0.0) & (hits[m] + weight[m] > due[m])
            if passing:
                for m in range(width):
                    if weight[m] == 0.0 or hits[m] + weight[m] <= due[m]:
                        continue
                    n, f, k, have = labels[first + m], false[m], position[m], hits[m]
                    after = (have + 1.0) / n
                    while k < num_recalls and recall[k] < after:
                        if have + f == 0.0:
                            reached, at = 1.0, now
                        else:
                            part = (recall[k] - have / n) / (after - have / n)
                            before = have / (have + f)
                            reached = before + part * ((have + 1.0) / (have + 1.0 + f) - before)
                            at = last_score[m] + part * (now - last_score[m])
                        precision[first + m, k], score[first + m, k] = reached, at
                        share = 1.0  # of the running mean with this hit, the rest of the one without it
                        if have > 0.0 and last_hit[m] > now:
                            share = min(max((last_hit[m] - at) / (last_hit[m] - now), 0.0), 1.0)
                        elif have > 0.0 and last_hit[m] == now:
                            share = 0.0
                        for e in range(num_errors):
                            known = not np.isnan(pair_errors[nth_hit, e])
                            sum_with = total[e, m] + (pair_errors[nth_hit, e] if known else 0.0)
                            count_with = count[e, m] + (1.0 if known else 0.0)
                            mean_with = sum_with / count_with if count_with > 0.0 else 0.0
                            mean_without = total[e, m] / count[e, m] if count[e, m] > 0.0 else 0.0
                            errors[e, first + m, k] = mean_without + share * (mean_with - mean_without)
                        k += 1
                    while k < num_recalls and recall[k] < (have + weight[m]) / n:  # between copies of this hit
                        inside = np.floor(recall[k] * n)
                        if inside / n > recall[k]:
                            inside -= 1.0
                        elif (inside + 1.0) / n <= recall[k]:
                            inside += 1.0
                        before, beyond = inside / (inside + f), (inside + 1.0) / (inside + 1.0 + f)
                        precision[first + m, k] = before + (recall[k] * n - inside) * (beyond - before)
                        score[first + m, k] = now
                        for e in range(num_errors):
                            known = not np.isnan(pair_errors[nth_hit, e])
                            sum_with = total[e, m] + (pair_errors[nth_hit, e] if known else 0.0)
                            count_with = count[e, m] + (1.0 if known else 0.0)
                            errors[e, first + m, k] = sum_with / count_with if count_with > 0.0 else 0.0
                        k += 1
                    position[m] = k
                    due[m] = recall[k] * n - 0.5 if k < num_recalls else np.inf
            for e in range(num_errors):
                error = pair_errors[nth_hit, e]
                if not np.isnan(error):
                    for m in range(ABREAST):
                        total[e, m] += weight[m] * error
                        count[e, m] += weight[m]
            for m in range(ABREAST):
                hits[m] += weight[m]
                last_score[m] = now if weight[m] > 0.0 else last_score[m]
                last_hit[m] = now if weight[m] > 0.0 else last_hit[m]
            nth_hit += 1
        for m in range(width):
            n, k = labels[first + m], position[m]
            if hits[m] > 0.0:
                while k < num_recalls and recall[k] <= hits[m] / n:
                    precision[first + m, k] = hits[m] / (hits[m] + false[m])
                    score[first + m, k] = last_score[m]
                    for e in range(num_errors):
                        errors[e, first + m, k] = total[e, m] / count[e, m] if count[e, m] > 0.0 else 0.0
                    k += 1
            for e in range(num_errors):
                if count[e, m] == 0.0:  # no hit whose error is known
                    errors[e, first + m, :] = 1.0


_walk = cast(Callable[..., None], njit(nogil=True, cache=True, error_model="numpy")(_walk_down))
