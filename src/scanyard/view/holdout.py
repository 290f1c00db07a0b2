"""What the frames scored on could have told apart, in words."""

from __future__ import annotations

from collections.abc import Sequence

from scanyard.view.contents import Contrast, named


def detectable_lines(differences: Sequence[Contrast]) -> list[str]:
    """A line per test split and score, over the comparisons of the most seeds there are."""
    seeds = max((len(one.seeds) for one in differences), default=0)
    groups: dict[tuple[str, str, str, str, float], list[Contrast]] = {}
    for one in differences:
        if len(one.seeds) == seeds:
            groups.setdefault((one.evaluated_on, one.domain, one.category, one.metric, one.iou), []).append(one)
    return [
        f"{named(split, domain)}, {category} {metric.upper()} at IoU {iou:g}: {_can_tell(group)}"
        for (split, domain, category, metric, iou), group in groups.items()
    ]


def _can_tell(group: Sequence[Contrast]) -> str:
    least = sorted(one.detectable for one in group if one.detectable is not None)
    if not least:
        return "this holdout is too small to show any difference at the 5 % level."
    span, by_pair = f"{least[0]:.1f}", ""
    if f"{least[-1]:.1f}" != span:
        span, by_pair = f"{span} to {least[-1]:.1f}", ", by the pair of arms"
    return (
        f"this holdout can tell differences of at least {span} points{by_pair} (power 0.8 at the 5 % level, for one "
        "comparison)."
    )
