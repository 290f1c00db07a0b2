"""JSON from other people, read strictly: what is doubtful is refused with its line, never guessed at.

Python's reader takes more than JSON: NaN and Infinity become numbers, the second of two equal keys wins without a
word, and nesting or digits without end stop it with errors of its own.  Here each of these is a FormatError that names
file and line.  Finding the line costs a second pass, made only over a file that is refused anyway.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.errors import FormatError
from scanyard.geometry import FloatArray

MAX_BYTES = 4 << 30
"""Ten times the largest submission nuScenes' rules allow; more is a mistake, and would not fit into memory."""
MAX_DEPTH = 32
"""No format of ours nests deeper than ten."""
MAX_DIGITS = 400
"""No float64 has more before its point."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(?P<colon>\s*:)?|[{}\[\]]|-?\d+|NaN|-?Infinity', re.DOTALL)


class _DoubtfulError(ValueError):
    """Something that Python's reader would let through."""


def read_json(path: str | Path) -> Any:
    """The value in a JSON file; FormatError with file and line where it is not JSON, strictly."""
    path = Path(path)
    text = read_text(path)
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_double_keys)
    except json.JSONDecodeError as trouble:
        raise FormatError(
            f"{path}, line {trouble.lineno}: not JSON, {trouble.msg[:1].lower()}{trouble.msg[1:]} at column "
            f"{trouble.colno}; the file is damaged or of another format"
        ) from None
    except (ValueError, RecursionError, MemoryError) as trouble:
        line, what = _doubtful(text, str(trouble))
        raise FormatError(f"{path}, line {line}: {what}") from None


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file; FormatError says why there is none, and at which line bytes stop being text."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path}: has {path.stat().st_size} bytes, more than the {MAX_BYTES} that are read")
        data = path.read_bytes()
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file") from None
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"{path}, line {line}: byte {data[error.start]:#04x} at offset {error.start} is not {encoding} text; the "
            "file is damaged or of another format"
        ) from None


def numbers(value: Any, tail: tuple[int, ...], where: str) -> FloatArray:
    """Numbers (N, *tail) from a list of numbers, or of lists of ``tail`` of them; FormatError where any is not finite.

    Text and true or false are no numbers here, as they are to numpy.
    """
    if not isinstance(value, list):
        raise FormatError(f"{where}: found {_kind(value)}, expected a list")
    width = int(np.prod(tail, dtype=np.int64))
    for index, row in enumerate(value) if tail else ():
        if not isinstance(row, list) or len(row) != width:
            found = f"{len(row)} values" if isinstance(row, list) else _kind(row)
            raise FormatError(f"{where}, entry {index}: found {found}, expected {width} numbers")
    flat = [number for row in value for number in row] if tail else value
    if not set(map(type, flat)) <= {int, float}:
        wrong = next(i for i, number in enumerate(flat) if type(number) not in (int, float))
        raise FormatError(f"{where}, entry {wrong // width}: found {_kind(flat[wrong])}, expected a number")
    try:
        array: NDArray[np.float64] = np.array(flat, dtype=np.float64).reshape(len(value), *tail)
    except OverflowError:
        raise FormatError(f"{where}: a whole number is too large, expected at most 1.8e308") from None
    if not np.isfinite(array).all():
        wrong = int(np.argmin(np.isfinite(array.ravel())))
        raise FormatError(f"{where}, entry {wrong // width}: found {flat[wrong]}, expected a finite number")
    return array


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    shown = f" {value[:20]!r}" if isinstance(value, str) else ""
    return names.get(type(value), type(value).__name__) + shown


def _refuse_constant(name: str) -> Any:
    raise _DoubtfulError(name)


def _without_double_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DoubtfulError("key")
    return found


def _doubtful(text: str, trouble: str) -> tuple[int, str]:
    """Line and words of the first thing that only a strict reader refuses."""
    keys: list[set[str]] = []
    depth = 0
    for token in _TOKEN.finditer(text):
        word, line = token[0], None
        if word in ("{", "["):
            depth += 1
            keys.append(set())
            line = f"values are nested more than {MAX_DEPTH} deep" if depth > MAX_DEPTH else None
        elif word in ("}", "]"):
            depth -= 1
            keys = keys[:-1]
        elif token["colon"] and keys:
            key = word[: word.rindex('"') + 1]
            line = f"key {key[:60]} is there twice in one object; keep one" if key in keys[-1] else None
            keys[-1].add(key)
        elif word.lstrip("-") in ("NaN", "Infinity"):
            line = f"found {word}, which is not JSON; expected a finite number"
        elif len(word) > MAX_DIGITS and not word.startswith('"'):
            line = f"a number has {len(word)} digits, expected at most {MAX_DIGITS}"
        if line is not None:
            return text.count("\n", 0, token.start()) + 1, line
    return 1, f"cannot be read ({trouble})"
