"""Many comparisons at once: corrected p, ranges of ranks, and letters for those that cannot be told apart.

Of twenty comparisons of equals one comes out at the 5 % level.  Holm's step-down keeps the chance that *any* comes out
below the level, whatever they have in common (S. Holm, A simple sequentially rejective multiple test procedure, Scand.
J. Stat. 6:2, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p corrected for the company it is in, in the same order; below a level where Holm rejects at that level."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in corrected]


def rank_ranges(better: BoolArray) -> list[tuple[int, int]]:
    """Best and worst rank of each of N, where ``better[i, j]`` (N, N) says that i was shown to be better than j."""
    better = np.asarray(better, dtype=bool)
    above, below = better.sum(axis=0), better.sum(axis=1)
    return [(1 + int(a), len(better) - int(b)) for a, b in zip(above, below, strict=True)]


def letters(apart: BoolArray) -> list[str]:
    """Letters for N in the order given: two share one exactly if they were not told apart, ``apart[i, j]`` (N, N).

    By insertion and absorption: a set that holds a pair told apart is divided in two, and sets inside others are
    dropped (H.-P. Piepho, An algorithm for a letter-based representation of all-pairwise comparisons, J. Comput. Graph.
    Stat. 13:2, 2004).
    """
    apart = np.asarray(apart, dtype=bool) | np.asarray(apart, dtype=bool).T
    groups = [frozenset(range(len(apart)))]
    for i, j in zip(*np.nonzero(np.triu(apart, 1)), strict=True):
        divided = [part for group in groups for part in ((group - {i}, group - {j}) if {i, j} <= group else (group,))]
        groups = [group for group in dict.fromkeys(divided) if not any(group < other for other in divided)]
    groups.sort(key=sorted)
    return [
        "".join(_letter(number) for number, group in enumerate(groups) if one in group) for one in range(len(apart))
    ]


def _letter(number: int) -> str:
    """a to z, then aa, ab, ..."""
    head, last = divmod(number, 26)
    return (_letter(head - 1) if head else "") + chr(ord("a") + last)
