"""What a parameter may be drawn from: uniform, truncated normal, log-normal, integer, choice.

Every draw turns **one** uniform number into a value through the inverse of the cumulative distribution, so a draw
depends on the raw bit stream alone (which NumPy keeps stable, unlike its distribution methods), and every distribution
is bounded, so that a file can be checked against the limits of the field it feeds before anything is drawn.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate
from statistics import NormalDist
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, FiniteFloat, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from scanyard.scenario.strict import Strict

DECIMALS = 6
"""Continuous draws are rounded to this: readable in tables, and the same whatever the C library's last digit."""

MIN_NORMAL_SHARE = 1e-4
"""A normal that falls within its own limits more rarely than this is taken for a slip of the pen."""

_STANDARD = NormalDist()


class Uniform(Strict):
    """Every number from ``low`` to ``high`` is as likely as any other."""

    low: FiniteFloat = Field(description="Smallest value.")
    high: FiniteFloat = Field(description="Largest value; above low.")

    @model_validator(mode="after")
    def _range(self) -> Self:
        _refuse_empty(self)
        return self

    def at(self, u: float) -> float:
        """The value below which a share ``u`` in [0, 1) of all draws falls."""
        return _between(self.low + (self.high - self.low) * u, self.low, self.high)


class TruncatedNormal(Strict):
    """A bell curve, cut off at ``low`` and ``high``."""

    mean: FiniteFloat = Field(description="Mean of the bell curve before it is cut off.")
    std: FiniteFloat = Field(gt=0, description="Standard deviation before it is cut off.")
    low: FiniteFloat = Field(description="Smallest value.")
    high: FiniteFloat = Field(description="Largest value; above low.")

    @model_validator(mode="after")
    def _range(self) -> Self:
        _refuse_empty(self)
        _refuse_unlikely(*self._limits())
        return self

    def _limits(self) -> tuple[float, float]:
        return (self.low - self.mean) / self.std, (self.high - self.mean) / self.std

    def at(self, u: float) -> float:
        """The value below which a share ``u`` in [0, 1) of all draws falls."""
        return _between(self.mean + self.std * _normal_at(u, *self._limits()), self.low, self.high)


class LogNormal(Strict):
    """A bell curve of the logarithm, cut off at ``low`` and ``high``: for speeds and gaps, never negative."""

    median: FiniteFloat = Field(gt=0, description="Half of the draws are below it, before the curve is cut off.")
    sigma: FiniteFloat = Field(gt=0, le=5, description="Standard deviation of the natural logarithm.")
    low: FiniteFloat = Field(gt=0, description="Smallest value; above zero.")
    high: FiniteFloat = Field(description="Largest value; above low.")

    @model_validator(mode="after")
    def _range(self) -> Self:
        _refuse_empty(self)
        _refuse_unlikely(*self._limits())
        return self

    def _limits(self) -> tuple[float, float]:
        middle = math.log(self.median)
        return (math.log(self.low) - middle) / self.sigma, (math.log(self.high) - middle) / self.sigma

    def at(self, u: float) -> float:
        """The value below which a share ``u`` in [0, 1) of all draws falls."""
        value = self.median * math.exp(self.sigma * _normal_at(u, *self._limits()))
        return _between(value, self.low, self.high)


class Integer(Strict):
    """Every whole number from ``low`` to ``high``, both included, is as likely as any other."""

    low: int = Field(ge=-(2**53), le=2**53, description="Smallest value.")
    high: int = Field(ge=-(2**53), le=2**53, description="Largest value; not below low.")

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"the range from {self.low} to {self.high} is empty; expected low not above high")
        return self

    def at(self, u: float) -> int:
        """The value below which a share ``u`` in [0, 1) of all draws falls."""
        return min(self.low + int(u * (self.high - self.low + 1)), self.high)


Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]


class Choice(Strict):
    """One of the listed values."""

    values: list[FiniteFloat] | list[Word] = Field(
        min_length=1, max_length=1000, description="What there is to choose from: all numbers, or all words."
    )
    weights: list[Annotated[FiniteFloat, Field(ge=0, le=1e9)]] | SkipJsonSchema[None] = Field(
        default=None, description="How likely each value is, relative to the others; equally likely when left out."
    )

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        if self.weights is not None and len(self.weights) != len(self.values):
            raise ValueError(f"{len(self.weights)} weights for {len(self.values)} values; expected one each")
        if self.weights is not None and sum(self.weights) <= 0:
            raise ValueError("all weights are zero; expected at least one above zero")
        return self

    @property
    def low(self) -> float:
        """Smallest value; only where the values are numbers."""
        return min(float(value) for value in self.values)

    @property
    def high(self) -> float:
        """Largest value; only where the values are numbers."""
        return max(float(value) for value in self.values)

    def at(self, u: float) -> float | str:
        """The value that covers ``u`` in [0, 1) when the values are laid side by side, as wide as their weights."""
        reached = list(accumulate(self.weights or [1.0] * len(self.values)))
        return self.values[bisect_right(reached, u * reached[-1])]


Shape = Uniform | TruncatedNormal | LogNormal | Integer | Choice


class Distribution(Strict):
    """Exactly one of the distributions, by its name."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    uniform: Uniform | SkipJsonSchema[None] = Field(default=None, description="Evenly between two numbers.")
    truncated_normal: TruncatedNormal | SkipJsonSchema[None] = Field(
        default=None, description="Bell curve between two numbers."
    )
    log_normal: LogNormal | SkipJsonSchema[None] = Field(
        default=None, description="Bell curve of the logarithm between two numbers."
    )
    integer: Integer | SkipJsonSchema[None] = Field(default=None, description="Evenly among whole numbers.")
    choice: Choice | SkipJsonSchema[None] = Field(default=None, description="One of some numbers or words.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in DISTRIBUTION_NAMES if getattr(self, name) is not None]
        if len(given) != 1:
            found = "nothing" if not given else " and ".join(given)
            raise ValueError(f"found {found}; expected exactly one of {', '.join(DISTRIBUTION_NAMES)}")
        return self

    @property
    def shape(self) -> Shape:
        """The one that was given."""
        for name in DISTRIBUTION_NAMES:
            shape: Shape | None = getattr(self, name)
            if shape is not None:
                return shape
        raise AssertionError("a distribution without a shape passed validation")

    @property
    def limits(self) -> tuple[float, float] | None:
        """Smallest and largest value; ``None`` where the values are words."""
        shape = self.shape
        if isinstance(shape, Choice) and isinstance(shape.values[0], str):
            return None
        return float(shape.low), float(shape.high)

    def at(self, u: float) -> float | int | str:
        """The value below which a share ``u`` in [0, 1) of all draws falls."""
        return self.shape.at(u)


DistributionName = Literal["uniform", "truncated_normal", "log_normal", "integer", "choice"]
DISTRIBUTION_NAMES: tuple[DistributionName, ...] = ("uniform", "truncated_normal", "log_normal", "integer", "choice")


def _normal_at(u: float, low: float, high: float) -> float:
    """Inverse of the standard normal's distribution function, cut off at ``low`` and ``high``."""
    # In the upper tail the function is 1 minus something tiny, so look from the other side there.
    if low > 0:
        return -_normal_at(1.0 - u, -high, -low)
    below, above = _STANDARD.cdf(low), _STANDARD.cdf(high)
    share = below + (above - below) * u
    return low if share <= 0.0 else high if share >= 1.0 else _STANDARD.inv_cdf(share)


def _between(value: float, low: float, high: float) -> float:
    return min(max(round(value, DECIMALS), low), high)


def _refuse_empty(shape: Uniform | TruncatedNormal | LogNormal) -> None:
    if shape.low >= shape.high:
        raise ValueError(f"the range from {shape.low:g} to {shape.high:g} is empty; expected low below high")
    if shape.high - shape.low == math.inf:
        raise ValueError("the range is wider than numbers reach; expected a narrower one")


def _refuse_unlikely(low: float, high: float) -> None:
    if low > 0:
        low, high = -high, -low
    share = _STANDARD.cdf(high) - _STANDARD.cdf(low)
    if share < MIN_NORMAL_SHARE:
        raise ValueError(
            f"only {share:.2g} of the bell curve lies between low and high; expected at least {MIN_NORMAL_SHARE:g}"
        )
