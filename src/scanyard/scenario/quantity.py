"""A number as YAML may give it: itself, a distribution, or an expression over parameters.

``Bounds`` in a field's annotation holds the limits of what it may be.  Constants and distributions are checked against
them when the file is loaded, expressions when they have a value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, FiniteFloat, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag
from pydantic_core import core_schema

from scanyard.scenario.distributions import Choice, Distribution, Integer
from scanyard.scenario.expression import Expression, ExpressionError, parse_expression


class ExpressionText(str):
    """An expression as it stands in a file, known to parse."""

    expression: Expression

    def __new__(cls, text: str) -> ExpressionText:
        """Parse ``text``; ExpressionError when it is no expression."""
        made = super().__new__(cls, text)
        made.expression = parse_expression(text)
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(cls._parsed, core_schema.str_schema(strict=True))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": "Arithmetic over parameters, such as gap_m * 0.5 + 2 or $gap_m."}

    @classmethod
    def _parsed(cls, text: str) -> ExpressionText:
        try:
            return cls(text)
        except ExpressionError as error:
            raise ValueError(f"found {text[:60]!a}, which {error}") from None


def _form(value: object) -> str:
    if isinstance(value, str):
        return "expression"
    return "distribution" if isinstance(value, dict | Distribution) else "number"


Quantity = Annotated[
    Annotated[FiniteFloat, Tag("number")]
    | Annotated[Distribution, Tag("distribution")]
    | Annotated[ExpressionText, Tag("expression")],
    Discriminator(_form),
]


Parameter = Annotated[
    Annotated[FiniteFloat, Tag("parameter")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(lambda value: "distribution" if isinstance(value, dict | Distribution) else "parameter"),
]
"""What a parameter may be: a constant, or drawn."""


@dataclass(frozen=True)
class Bounds:
    """What a quantity may be, once it has a value."""

    low: float
    high: float
    whole: bool = False
    """Whether it must be a whole number."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        made = handler(schema)
        forms: list[dict[str, Any]] = made.get("oneOf") or made.get("anyOf") or []
        for form in forms:
            for inner in (form, *form.get("oneOf", ())):
                if inner.get("type") == "number":
                    inner.update(type="integer" if self.whole else "number", minimum=self.low, maximum=self.high)
        return made

    def problem(self, value: float | str) -> str | None:
        """What is wrong with ``value``; ``None`` when nothing is."""
        if isinstance(value, str):
            return f"found the word {value[:60]!a}; expected {self}"
        if not self.low <= value <= self.high or (self.whole and not float(value).is_integer()):
            return f"found {value:g}; expected {self}"
        return None

    def __str__(self) -> str:
        return f"{'a whole number' if self.whole else 'a number'} from {self.low:g} to {self.high:g}"

    def _checked(self, value: Any) -> Any:
        problem = None
        if isinstance(value, Distribution):
            problem = self._distribution_problem(value)
        elif value is not None and not isinstance(value, ExpressionText):
            problem = self.problem(value)
        if problem is not None:
            raise ValueError(problem)
        return value

    def _distribution_problem(self, distribution: Distribution) -> str | None:
        if distribution.limits is None:
            return f"found a choice of words; expected {self}"
        low, high = distribution.limits
        if low < self.low or high > self.high:
            return f"found a distribution from {low:g} to {high:g}; expected {self}"
        shape = distribution.shape
        numbers = [v for v in shape.values if not isinstance(v, str)] if isinstance(shape, Choice) else [math.nan]
        if self.whole and not isinstance(shape, Integer) and not all(v.is_integer() for v in numbers):
            return f"found a distribution of broken numbers; expected {self}: use integer"
        return None


def bounds_of(model: type[BaseModel], name: str) -> Bounds | None:
    """The limits of a field; ``None`` where it holds no quantity."""
    return next((item for item in model.model_fields[name].metadata if isinstance(item, Bounds)), None)
