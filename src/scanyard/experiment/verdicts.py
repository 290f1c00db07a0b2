"""What differences between arms amount to: p corrected for their company, and what the holdout could have told.

A company is all arms compared with the baseline by one score on one test split, over the same seeds: one question asked
of several arms.  Other scores, categories and splits are other questions, and are not corrected for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from scanyard.metrics.multiplicity import holm
from scanyard.view import Contrast


def corrected(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """The same differences in the same order, each p corrected by Holm for its company."""
    companies: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, one in enumerate(contrasts):
        if one.p_value is not None:
            companies[one.evaluated_on, one.category, one.metric, one.iou, one.difficulty, one.seeds].append(index)
    found = list(contrasts)
    for company in companies.values():
        p_values = [p for index in company if (p := contrasts[index].p_value) is not None]
        for index, p in zip(company, holm(p_values), strict=True):
            found[index] = replace(contrasts[index], corrected_p=p, compared=len(company))
    return found
