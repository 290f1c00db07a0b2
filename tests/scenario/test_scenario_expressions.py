from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanyard.scenario.expression import ExpressionError, parse_expression

VALUES = {"gap_m": 12.0, "speed_mps": 4.0, "side": "left", "n": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12.0),
        ("-.5e1", -5.0),
        ("$gap_m", 12.0),
        ("gap_m*0.5 + 2", 8.0),
        ("gap_m - speed_mps - 1", 7.0),
        ("gap_m / (speed_mps - 1)", 4.0),
        ("min(gap_m, 8, n) + max($n, 5) - abs(-2)", 6.0),
        ("3.5 * (side == 'left') - 3.5 * (side == 'right')", 3.5),
        ("--2 + +1", 3.0),
    ],
)
def test_arithmetic(text: str, value: float) -> None:
    assert parse_expression(text).number(VALUES) == value


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("gap_m / speed_mps > 2.9", True),
        ("1 < n <= 3", True),
        ("1 < n < 3", False),
        ("not gap_m < 5 and (n == 3 or n == 4)", True),
        ("side != 'left' or gap_m >= 13", False),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert parse_expression(text).truth(VALUES) is holds


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "gap_m **", "2 ** 9", "7 // 2", "7 % 2", "a.b", "(1).real", "a[0]", "[1]", "{1}", "(1, 2)", "~1", "@",
        "lambda: 1", "1 if n else 2", "f(1, 2)", "min", "min()", "abs(1, 2)", "min(*n)", "min(a=1)", "min(1)(2)",
        "True", "None", "__import__('os')", "a is b", "a in b", "0x10", "1j", "2n", "a;b", "a\nb", "\\", "a\0b",
        "1_0", "\u0661", "await x", "f'{n}'", "b'a'", "...", "(" * 300, "-" * 300 + "1", "+".join("n" * 60), "1" * 500,
        "not " * 60 + "n", "a := 1",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gap_m / (n - 3)", "divides by zero"),
        ("side * 2", "the text 'left'"),
        ("side > 2", "the text 'left'"),
        ("side == 2", "compares 'left' with 2"),
        ("gap_m > 2", "is true or false; expected a number"),
        ("1e308 * 10", "is inf"),
        ("1e308 * 10 - 1e308 * 10", "is nan"),
        ("9" * 399, "beyond 1e308"),
        ("wind", "no parameter"),
    ],
)
def test_expressions_without_a_number_say_why(text: str, why: str) -> None:
    expression = parse_expression(text)
    with pytest.raises(ExpressionError, match=why):
        expression.number(VALUES)


def test_condition_must_be_a_comparison() -> None:
    with pytest.raises(ExpressionError, match=r"is 12\.0; expected a comparison"):
        parse_expression("gap_m").truth(VALUES)
    with pytest.raises(ExpressionError, match="is 3; expected a comparison"):
        parse_expression("gap_m > 2 and n").truth(VALUES)


def test_names_are_known_without_evaluating() -> None:
    assert parse_expression("$gap_m * min(wind, 2) > n").names == {"gap_m", "wind", "n"}


numbers = st.floats(-1e6, 1e6).map(lambda x: f"{x:.3f}")
arithmetic = st.recursive(
    numbers | st.sampled_from(["gap_m", "speed_mps", "n"]),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=8,
)


@given(arithmetic)
def test_arithmetic_agrees_with_python(text: str) -> None:
    python = eval(text, {"__builtins__": {}}, dict(VALUES))
    assert math.isclose(parse_expression(text).number(VALUES), python, rel_tol=1e-12, abs_tol=1e-9)


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_expression(text)
    except ExpressionError as error:
        assert str(error)
