"""Ways to damage a file: as disks and editors do, as careless scripts do, and as somebody does who means harm."""

from __future__ import annotations

import json
import pickle
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import feather

NUMBERS = (
    "nan", "NaN", "inf", "-Infinity", "1e308", "-1e308", "1e999", "1_000", "0x10", "--1", "1e", "", "abc", "true",
    "null", "-1", "0", "-0.0", "1e-320", "9" * 500, "99999999", "\uff11\uff12", "1,5", "-4.2", "1000000",
    "0.0000001", '"1"',
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][+-]?\d+)?")
_ODD: tuple[Any, ...] = (
    None, True, "text", "", [], {}, -1, 0, 1e308, -1e308, 10**400, [[[[[]]]]], 0.5, 2**63, [1, 2, 3], "nan", -0.5, 1e9,
)  # fmt: skip


class Calls:
    """Pickles as a call, to be made by whoever loads it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def mutated(pick: random.Random, path: str, data: bytes, canary: Path) -> tuple[str, bytes]:
    """A damaged copy of a file, and what was done to it."""
    ways: list[Callable[[random.Random, bytes], bytes]] = [*BYTES]
    if path.endswith(".pkl"):
        ways += [*PICKLE * 2, lambda pick, _: bomb(pick, canary)]
    elif path.endswith(".json"):
        ways += [*TEXT, *JSON * 3]
    elif path.endswith(".feather"):
        ways += FEATHER * 3
    else:
        ways += TEXT * 3
    way = pick.choice(ways)
    return getattr(way, "__name__", "bomb").replace("<lambda>", "bomb"), way(pick, data)


# --- bytes ------------------------------------------------------------------------------------------------------------


def truncated(pick: random.Random, data: bytes) -> bytes:
    return data[: pick.randrange(len(data) + 1)]


def bits_flipped(pick: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(pick.choice((1, 1, 1, 2, 8))):
        if changed:
            changed[pick.randrange(len(changed))] ^= 1 << pick.randrange(8)
    return bytes(changed)


def bytes_deleted(pick: random.Random, data: bytes) -> bytes:
    at = pick.randrange(len(data) + 1)
    return data[:at] + data[at + pick.choice((1, 1, 3, 50)) :]


def bytes_inserted(pick: random.Random, data: bytes) -> bytes:
    at = pick.randrange(len(data) + 1)
    return data[:at] + pick.randbytes(pick.choice((1, 1, 2, 20))) + data[at:]


def span_repeated(pick: random.Random, data: bytes) -> bytes:
    at = pick.randrange(len(data) + 1)
    return data[:at] + data[max(0, at - pick.randrange(1, 80)) :]


def emptied(_: random.Random, _data: bytes) -> bytes:
    return b""


def noise(pick: random.Random, data: bytes) -> bytes:
    return pick.randbytes(min(len(data), 4096))


# --- text -------------------------------------------------------------------------------------------------------------


def encoded_otherwise(pick: random.Random, data: bytes) -> bytes:
    return data.decode("latin1").encode(pick.choice(("utf-16", "utf-32", "utf-8-sig", "cp037")))


def number_replaced(pick: random.Random, data: bytes) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data + b"7"
    one = pick.choice(found)
    return data[: one.start()] + pick.choice(NUMBERS).encode() + data[one.end() :]


def fields_swapped(pick: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    number = pick.randrange(len(lines))
    words = re.split(rb"([ ,]+)", lines[number])
    if len(words) > 2:
        a, b = (pick.randrange(0, len(words), 2) for _ in range(2))
        words[a], words[b] = words[b], words[a]
    lines[number] = b"".join(words)
    return b"\n".join(lines)


def field_dropped(pick: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    number = pick.randrange(len(lines))
    words = lines[number].split(b" ")
    words.pop(pick.randrange(len(words)))
    lines[number] = b" ".join(words)
    return b"\n".join(lines)


def line_repeated(pick: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    number = pick.randrange(len(lines))
    return b"\n".join(lines[:number] + [lines[number]] * pick.choice((2, 2, 2, 20_000)) + lines[number + 1 :])


def size_negated(pick: random.Random, data: bytes) -> bytes:
    """A sign put before some number."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data + b"-"
    one = pick.choice(found)
    return data[: one.start()] + b"-" + data[one.start() :]


# --- JSON and pickles: the tree, not the text -------------------------------------------------------------------------


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key below a value."""
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        one = todo.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            found.append((one, key))
            todo.append(one[key])
    return found


def _in_tree(change: Callable[[random.Random, Any, Any], None], pick: random.Random, value: Any) -> Any:
    spots = _spots(value)
    if spots:
        change(pick, *pick.choice(spots))
    return value


def _replace(pick: random.Random, holder: Any, key: Any) -> None:
    holder[key] = pick.choice(_ODD)


def _drop(_: random.Random, holder: Any, key: Any) -> None:
    del holder[key]


def _repeat(pick: random.Random, holder: Any, key: Any) -> None:
    """An entry twice, or thousands of times."""
    if isinstance(holder, list):
        holder[key:key] = [holder[key]] * pick.choice((1, 1, 11_000))
    else:
        holder[f"{key}x"] = holder[key]


def _swap(pick: random.Random, holder: Any, key: Any) -> None:
    other = pick.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key], holder[other] = holder[other], holder[key]


def _deepen(pick: random.Random, holder: Any, key: Any) -> None:
    for _ in range(pick.choice((1, 50, 400))):
        holder[key] = [holder[key]]


def _json_way(name: str, change: Callable[[random.Random, Any, Any], None]) -> Callable[[random.Random, bytes], bytes]:
    def way(pick: random.Random, data: bytes) -> bytes:
        return json.dumps(_in_tree(change, pick, json.loads(data))).encode()

    way.__name__ = f"value_{name}"
    return way


def key_doubled(pick: random.Random, data: bytes) -> bytes:
    found = list(re.finditer(rb'"(\w+)":', data))
    if not found:
        return data
    one = pick.choice(found)
    return data[: one.start()] + one[0] + b" 0, " + data[one.start() :]


def nested_deeply(pick: random.Random, data: bytes) -> bytes:
    found = list(_NUMBER.finditer(data)) or list(re.finditer(rb"$", data))
    one, depth = pick.choice(found), pick.choice((40, 900, 100_000))
    return data[: one.start()] + b"[" * depth + b"]" * depth + data[one.end() :]


def _odd_array(pick: random.Random, array: np.ndarray) -> Any:
    """An array with a bad number, of another type, shape or length."""
    flat = array.astype(np.float64 if array.dtype.kind in "fiu" else object)
    if flat.size and pick.random() < 0.6:
        flat = flat.copy()
        worst = (np.nan, np.inf, -1e308, 1e308, -1.0, 0.0, 1e6, -4.2)
        flat.flat[pick.randrange(flat.size)] = (
            pick.choice(worst) if flat.dtype != object else pick.choice(("", "Auto", 3))
        )
        return flat
    return pick.choice(
        (
            array[:-1], np.concatenate([array, array]), array[None], array.astype(str), array.astype(bool), array.T,
            array.astype(np.complex64) if array.dtype.kind in "fiu" else array.astype("S8"), array.tolist(), None,
            np.zeros((0, 10**9)), np.zeros(11_000), array.astype(object), np.array(7), array[:0], memoryview,
        )
    )  # fmt: skip


def _change_arrays(pick: random.Random, holder: Any, key: Any) -> None:
    holder[key] = _odd_array(pick, holder[key]) if isinstance(holder[key], np.ndarray) else pick.choice(_ODD)


def _pickle_way(
    name: str, change: Callable[[random.Random, Any, Any], None]
) -> Callable[[random.Random, bytes], bytes]:
    def way(pick: random.Random, data: bytes) -> bytes:
        # ours, so Python's own reader may load it
        return pickle.dumps(_in_tree(change, pick, pickle.loads(data)), protocol=pick.choice((2, 3, 4, 5)))

    way.__name__ = f"value_{name}"
    return way


def bomb(pick: random.Random, canary: Path) -> bytes:
    """A pickle that leaves a canary, or takes memory without end, wherever it is loaded."""
    import os  # noqa: PLC0415  # only to be named
    import subprocess  # noqa: PLC0415

    from numpy._core.multiarray import _reconstruct  # noqa: PLC0415

    order = f"touch {canary}"
    calls = (
        Calls(os.system, order), Calls(eval, f"open({str(canary)!r}, 'w')"), Calls(os.mkdir, str(canary)),
        Calls(exec, f"open({str(canary)!r}, 'w')"), Calls(subprocess.call, ["touch", str(canary)]),
        Calls(np.fromfile, "/etc/hostname"),
        Calls(_reconstruct, np.ndarray, (2**37,), b"d"), Calls(np.ndarray, (2**37,)), Calls(bytearray, 2**38),
        Calls(getattr, Calls(__import__, "os"), "system"), Calls(__import__, "os"),
    )  # fmt: skip
    places = (
        lambda call: call, lambda call: [call], lambda call: [{"boxes_lidar": call, "name": [], "score": []}],
        lambda call: [{"boxes_lidar": np.zeros((0, 7)), "name": call, "score": np.zeros(0), "frame_id": "000000"}],
        lambda call: [{call: 1}] if pick.random() < 0.01 else {"a": call},
    )  # fmt: skip
    raw = (
        b"\x80\x04]r\xff\xff\xff\x7f.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
        b"\x80\x04cnumpy\nndarray\n(J\xff\xff\xff\x7f\x85tR.",
        b"\x80\x04cnumpy.core.multiarray\n_reconstruct\nN}\x8c\x04made\x8c\x01xs\x86b.",
        b"\x80\x02(cos\nsystem\n\x8c\x04trueo.",
        b"\x80\x04" + b"(" * 100_000 + b".",
        b"\x80\x04" + b"]" + b"]" * 100_000 + b"a" * 100_000 + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
    )
    if pick.random() < 0.3:
        return pick.choice(raw)
    return pickle.dumps(pick.choice(places)(pick.choice(calls)), protocol=pick.choice((2, 3, 4, 5)))


CHANGES = {"replaced": _replace, "dropped": _drop, "repeated": _repeat, "swapped": _swap, "deepened": _deepen}
# --- tables: columns and cells ----------------------------------------------------------------------------------------


def _cell(pick: random.Random, columns: dict[str, list[Any]]) -> None:
    """Another value of the same kind, as a division by zero or a wrong unit leaves it."""
    column = columns[pick.choice(list(columns))]
    odd = {
        str: ("", "Car", "REGULAR_VEHICLE", "x" * 300),
        int: (0, -1, 2**62, 315_966_265_000_000_000),
        float: (float("nan"), float("inf"), -1.0, 0.0, 1e308, 1e6, 0.5),
    }
    at = pick.randrange(len(column))
    column[at] = pick.choice(odd[type(column[at])])


def _empty_cell(pick: random.Random, columns: dict[str, list[Any]]) -> None:
    column = columns[pick.choice(list(columns))]
    column[pick.randrange(len(column))] = None


def _column_dropped(pick: random.Random, columns: dict[str, list[Any]]) -> None:
    del columns[pick.choice(list(columns))]


def _columns_swapped(pick: random.Random, columns: dict[str, list[Any]]) -> None:
    one, other = (pick.choice(list(columns)) for _ in range(2))
    columns[one], columns[other] = columns[other], columns[one]


def _column_of_another_kind(pick: random.Random, columns: dict[str, list[Any]]) -> None:
    name = pick.choice(list(columns))
    kind = pick.choice(
        (str, lambda _: True, lambda _: [1.0], lambda value: value if isinstance(value, str) else int(value))
    )
    columns[name] = [kind(value) for value in columns[name]]


def _rows_repeated(pick: random.Random, columns: dict[str, list[Any]]) -> None:
    at, times = pick.randrange(len(next(iter(columns.values())))), pick.choice((1, 1, 11_000))
    for column in columns.values():
        column[at:at] = [column[at]] * times


def _rows_dropped(pick: random.Random, columns: dict[str, list[Any]]) -> None:
    keep = pick.choice((0, 1, 6))
    for column in columns.values():
        del column[keep:]


def _feather_way(
    name: str, change: Callable[[random.Random, dict[str, list[Any]]], None]
) -> Callable[[random.Random, bytes], bytes]:
    def way(pick: random.Random, data: bytes) -> bytes:
        columns = feather.read_table(pyarrow.BufferReader(data)).to_pydict()
        change(pick, columns)
        sink = pyarrow.BufferOutputStream()
        feather.write_feather(pyarrow.table(columns), sink, compression=pick.choice(("lz4", "uncompressed")))
        return bytes(sink.getvalue())

    way.__name__ = f"table_{name}"
    return way


TABLE = {
    "cell": _cell, "empty_cell": _empty_cell, "column_dropped": _column_dropped, "columns_swapped": _columns_swapped,
    "column_of_another_kind": _column_of_another_kind, "rows_repeated": _rows_repeated, "rows_dropped": _rows_dropped,
}  # fmt: skip
BYTES = (truncated, bits_flipped, bytes_deleted, bytes_inserted, span_repeated, emptied, noise)
TEXT = (encoded_otherwise, number_replaced, number_replaced, fields_swapped, field_dropped, line_repeated, size_negated)
JSON = (*(_json_way(name, change) for name, change in CHANGES.items()), key_doubled, nested_deeply)
FEATHER = tuple(_feather_way(name, change) for name, change in TABLE.items())
PICKLE = (*(_pickle_way(n, c) for n, c in CHANGES.items()), *[_pickle_way("array", _change_arrays)] * 3)


# --- files that are something else ------------------------------------------------------------------------------------


def placed_otherwise(pick: random.Random, root: Path, path: str, entry: str) -> str:
    """Put something that is no proper file where one was; says what."""
    target = root / path
    what = pick.choice(("folder", "link to itself", "gone", "twice", "links in a ring", "all gone", "stranger"))
    if what == "twice":
        copy = target.with_name(f"{target.stem}x{target.suffix}")
        copy.write_bytes(target.read_bytes())
        return what
    if what == "stranger":
        (target.parent / "999999.txt").write_text("Car\n")
        return what
    if what == "all gone":
        target = root / entry
        for one in sorted(target.rglob("*"), reverse=True) if target.is_dir() else [target]:
            one.rmdir() if one.is_dir() else one.unlink()
        return what
    target.unlink()
    if what == "folder":
        target.mkdir()
    elif what == "link to itself":
        target.symlink_to(target.name)
    elif what == "links in a ring":
        other = target.with_name("ring" + target.suffix)
        other.symlink_to(target.name)
        target.symlink_to(other.name)
    return what
