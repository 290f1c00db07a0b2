"""Arithmetic over parameters, as small as can be.

``$gap_m`` or ``max(gap_m, 8) * 0.5 + 2``: numbers, names, ``+ - * /``, comparisons, ``and or not``, ``min max abs``.
Text is compared with ``==`` and ``!=`` only.  Python's grammar does the parsing and nothing of Python runs: every node
is looked up in a short list, and what is not on it is refused when the file is loaded.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

MAX_CHARACTERS = 400
MAX_NESTING = 20

Value = float | int | str | bool

_TOKENS = re.compile(
    r"""(?: \s+
          | \$?[A-Za-z_][A-Za-z0-9_]*                                    # name
          | (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.])  # number
          | '[A-Za-z0-9_\-. ]*'                                          # text
          | [<>=!]=|[-+*/<>(),]
        )*""",
    re.VERBOSE | re.ASCII,
)

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_ORDER: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {"min": min, "max": max, "abs": abs}
_ALLOWED = "+ - * /, comparisons, and, or, not, min, max, abs"

RESERVED = frozenset(_FUNCTIONS) | frozenset(keyword.kwlist)
"""Names no parameter may have."""


class ExpressionError(ValueError):
    """An expression that cannot be parsed, or has no value; whoever knows file and line says so."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression."""

    text: str
    """As written."""
    names: frozenset[str]
    """The parameters it uses."""
    _tree: ast.expr = field(repr=False, compare=False)

    def number(self, values: Mapping[str, Value]) -> float:
        """The finite number it stands for; ExpressionError when it stands for something else."""
        value = _evaluate(self._tree, values)
        if isinstance(value, bool):
            raise ExpressionError("is true or false; expected a number")
        number = _number(value)
        if not math.isfinite(number):
            raise ExpressionError(f"is {number}; expected a finite number")
        return number

    def truth(self, values: Mapping[str, Value]) -> bool:
        """Whether it holds; ExpressionError when it is a number or text."""
        return _truth(_evaluate(self._tree, values))


def parse_expression(text: str) -> Expression:
    """Parse ``text``; ExpressionError says what is not allowed."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"{len(text)} characters long; expected at most {MAX_CHARACTERS}")
    known = _TOKENS.match(text)
    if known is None or known.end() != len(text):
        rest = text[known.end() if known else 0 :]
        raise ExpressionError(f"uses {rest[:12]!a}; expected numbers, parameters, {_ALLOWED}")
    try:
        tree = ast.parse(text.strip().replace("$", ""), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError("is not an expression; expected for example gap_m * 0.5 + 2") from None
    _check(tree, MAX_NESTING)
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions)
    return Expression(text, names, tree)


def _check(node: ast.expr, levels: int) -> None:
    """Refuse every kind of node that is not on the list."""
    if levels == 0:
        raise ExpressionError(f"is nested more than {MAX_NESTING} deep; expected less")
    match node:
        case ast.Constant(value=bool() | None as word):
            raise ExpressionError(f"uses {word}; expected numbers, parameters, {_ALLOWED}")
        case ast.Constant(value=int() | float() | str()):
            pass
        case ast.Name(id=name) if name in _FUNCTIONS:
            raise ExpressionError(f"uses {name} without brackets; expected {name}(...)")
        case ast.Name():
            pass
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            pass
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()) | ast.BoolOp():
            pass
        case ast.Compare(ops=ops) if all(type(op) in _ORDER or isinstance(op, ast.Eq | ast.NotEq) for op in ops):
            pass
        case ast.Call():
            _check_call(node)
        case _:
            raise ExpressionError(f"uses {ast.unparse(node)[:40]!a}; expected {_ALLOWED}")
    for child in _operands(node):
        _check(child, levels - 1)


def _check_call(call: ast.Call) -> None:
    name, count = ast.unparse(call.func)[:40], len(call.args)
    if not isinstance(call.func, ast.Name) or name not in _FUNCTIONS:
        raise ExpressionError(f"calls {name}; expected min, max or abs")
    if call.keywords or any(isinstance(argument, ast.Starred) for argument in call.args):
        raise ExpressionError(f"gives {name} something else than values; expected {name}(a, b)")
    if count < 1 or (name == "abs") != (count == 1):
        raise ExpressionError(f"gives {name} {count} values; expected abs(a), min(a, b), max(a, b)")


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from node.args
    else:
        yield from (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))


def _evaluate(node: ast.expr, values: Mapping[str, Value]) -> Value:
    """The value of a node; a large campaign asks a million times, so the usual kinds are met without a match."""
    if isinstance(node, ast.Name):
        try:
            return values[node.id]
        except KeyError:
            raise ExpressionError(f"uses {node.id}, which is no parameter") from None
    if isinstance(node, ast.Constant):
        value = node.value
        assert isinstance(value, int | float | str)
        return value
    if isinstance(node, ast.BinOp):
        a, b = _number(_evaluate(node.left, values)), _number(_evaluate(node.right, values))
        if b == 0 and isinstance(node.op, ast.Div):
            raise ExpressionError("divides by zero")
        return _ARITHMETIC[type(node.op)](a, b)
    return _evaluate_rare(node, values)


def _evaluate_rare(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _truth(_evaluate(operand, values))
        case ast.UnaryOp(op=op, operand=operand):
            number = _number(_evaluate(operand, values))
            return -number if isinstance(op, ast.USub) else number
        case ast.BoolOp(op=op, values=parts):
            truths = [_truth(_evaluate(part, values)) for part in parts]
            return all(truths) if isinstance(op, ast.And) else any(truths)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            compared = [_evaluate(part, values) for part in (left, *comparators)]
            return all(_compare(op, a, b) for op, a, b in zip(ops, compared, compared[1:], strict=False))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name](*(_number(_evaluate(argument, values)) for argument in arguments))
    raise AssertionError(f"{type(node).__name__} passed the check")


def _compare(op: ast.cmpop, a: Value, b: Value) -> bool:
    if isinstance(op, ast.Eq | ast.NotEq):
        if isinstance(a, str) != isinstance(b, str):
            raise ExpressionError(f"compares {a!a} with {b!a}; expected two numbers or two texts")
        return (a == b) == isinstance(op, ast.Eq)
    return _ORDER[type(op)](_number(a), _number(b))


def _number(value: Value) -> float:
    """``value`` as a float; a comparison counts as 1 or 0, which is how a choice is made without an if."""
    if type(value) is float:
        return value
    if isinstance(value, str):
        raise ExpressionError(f"calculates with the text {value!a}; expected a number")
    try:
        return float(value)
    except OverflowError:
        raise ExpressionError("holds a number beyond 1e308") from None


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"is {value!a}; expected a comparison that is true or false")
    return value
