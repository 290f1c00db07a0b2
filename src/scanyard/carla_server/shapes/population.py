"""What stands and drives on the road: how common each body type is, and how large its cars are.

The mixture has the mean and the spread of KITTI's labels "Car" (length 3.882 ± 0.45, width 1.631 ± 0.106, height
1.536 ± 0.139 m) and "Van" (5.006 ± 0.80, 1.886 ± 0.17, 2.187 ± 0.34 m; summary statistics of the 7,481 training
frames' labels, as papers print them) as a mixture of body types, because height and length go together.  The size of
cars is what decides whether a detector trained here works on real roads: cars 10 % too long cost it half its score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Size = tuple[float, float, float]
"""Length, width, height in metres."""


@dataclass(frozen=True)
class BodyType:
    """One body type among the cars or vans on the road."""

    share: float
    mean: Size
    spread: Size
    """Standard deviations, metres."""


CARS: dict[str, BodyType] = {
    "hatchback": BodyType(0.47, (3.58, 1.58, 1.49), (0.30, 0.08, 0.08)),
    "sedan": BodyType(0.12, (4.27, 1.66, 1.44), (0.28, 0.09, 0.07)),
    "estate": BodyType(0.15, (4.28, 1.66, 1.49), (0.28, 0.09, 0.07)),
    "suv": BodyType(0.07, (4.20, 1.75, 1.76), (0.30, 0.10, 0.10)),
    "mpv": BodyType(0.14, (3.98, 1.67, 1.71), (0.32, 0.09, 0.10)),
    "coupe": BodyType(0.05, (3.98, 1.64, 1.36), (0.30, 0.09, 0.07)),
}
"""What KITTI's label "Car" is made of."""
VANS: dict[str, BodyType] = {
    "minivan": BodyType(0.55, (4.70, 1.84, 1.96), (0.45, 0.13, 0.12)),
    "van": BodyType(0.45, (5.38, 1.95, 2.46), (0.85, 0.18, 0.27)),
}
"""What KITTI's label "Van" is made of."""
BODY_TYPES = {"car": CARS, "van": VANS}


WRONG_SIZES: Size = (1.10, 1.08, 0.98)
"""What lengths, widths and heights are multiplied by where right ones are left out, to measure what they are worth."""


def draw_body(kind: str, rng: np.random.Generator, without: frozenset[str] = frozenset()) -> tuple[str, Size]:
    """Body type and size of a ``kind`` (car or van) as KITTI's annotators saw them.

    ``without`` variety every one has the first body type; ``without`` sizes they are wrong.
    """
    types = BODY_TYPES[kind]
    names = list(types)
    edges = np.cumsum([types[name].share for name in names])
    name = names[int(np.searchsorted(edges, rng.random() * edges[-1], side="right").clip(0, len(names) - 1))]
    common = float(np.clip(rng.normal(), -2, 2))  # large cars are large in every direction
    own = np.clip(rng.normal(size=3), -2, 2)
    length, width, height = (
        round((mean + spread * (0.6 * common + 0.8 * float(extra))) * (wrong if "sizes" in without else 1.0), 3)
        for mean, spread, extra, wrong in zip(types[name].mean, types[name].spread, own, WRONG_SIZES, strict=True)
    )
    return names[0] if "variety" in without else name, (length, width, height)


def body_of_size(kind: str, size: Size, rng: np.random.Generator) -> str:
    """The body type that a ``kind`` (car or van) of this size may well have, drawn by Bayes' rule."""
    types = BODY_TYPES[kind]
    log_odds = np.array([_log_likelihood(body, size) + np.log(body.share) for body in types.values()])
    weight = np.exp(log_odds - log_odds.max())
    return str(rng.choice(list(types), p=weight / weight.sum()))


def _log_likelihood(body: BodyType, size: Size) -> float:
    """How well this size suits a body type: the logarithm of its density, less a constant."""
    return -sum(((x - m) / s) ** 2 / 2 + float(np.log(s)) for x, m, s in zip(size, body.mean, body.spread, strict=True))
