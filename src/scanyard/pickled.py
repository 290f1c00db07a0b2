"""Pickles read as data: nothing named in one is ever imported or called.

A pickle is a program, and Python's reader runs it.  OpenPCDet and MMDetection3D keep results and info files in pickles
all the same, so this reader allows what those hold, numbers, text, lists, dictionaries and numpy arrays, and refuses
anything else by its name.  Not even numpy's own code is called: an array is put together here from its bytes, because
numpy trusts what a pickle says of shapes and types, down to reading memory that is not there.

Lengths are compared with the file before anything is set aside for them, so a short file cannot ask for much memory.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.errors import FormatError
from scanyard.geometry import FloatArray
from scanyard.strict_json import MAX_BYTES, numbers

_DTYPE = re.compile(r"[<>|=]?([fiu][1248]|b1|U\d{1,4}|O8?)")
_REFUSED = {
    "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "NEXT_BUFFER",
    "READONLY_BUFFER",
}  # fmt: skip
"""What makes objects of classes, or looks outside the file."""
_TORCH = re.compile(r"torch|mmdet|mmengine|pcdet")


class PickledArray:
    """An array of numbers or text, as a pickle described it."""

    def __init__(self) -> None:
        self.values: NDArray[Any] = np.zeros(0)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Its values, for readers that ask numpy to make an array of whatever they find."""
        return np.array(self.values, dtype=dtype, copy=copy)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Dtype):
            raise pickle.UnpicklingError("an array is not described as numpy does it")
        version, shape, dtype, fortran, data = state
        if type(version) is not int or version not in (0, 1) or not isinstance(fortran, int):
            raise pickle.UnpicklingError("an array is not described as numpy does it")
        self.values = _assemble(data, dtype, shape, "F" if fortran else "C")


class _Dtype:
    """What numpy calls dtype: a kind and a size, later a byte order."""

    def __init__(self, code: Any, *align_and_copy: Any) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"an array of type {str(code)[:40]!r}, expected numbers or text")
        if align_and_copy not in ((), (False, True)):
            raise pickle.UnpicklingError("an array's type is not made as numpy does it")
        self.code = code.lstrip("<>|=")
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        if (
            not isinstance(state, tuple)
            or not 5 <= len(state) <= 9
            or type(state[0]) is not int
            or state[0] not in range(5)
            or state[1] not in ("<", ">", "|", "=")
            or not all(isinstance(part, int) for part in state[5:8])
        ):
            raise pickle.UnpicklingError("an array's type is not described as numpy does it")
        if any(part is not None for part in state[2:5]):  # numpy: a type of arrays, names and fields of a structure
            raise pickle.UnpicklingError("an array of structures, expected one of numbers or text")
        item_bytes = 4 * int(self.code[1:]) if self.code.startswith("U") else -1  # UTF-32; -1 is as the kind has it
        if state[5:6] not in ((), (item_bytes,)):
            raise pickle.UnpicklingError(f"an array of type {self.code} with items of {state[5]} bytes")
        self.order = "<" if state[1] in "|=" else state[1]


@dataclass(frozen=True, slots=True)
class _Name:
    """Stands for a name of numpy's; a pickle can call it, and not change it for the next file."""

    made: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        return self.made(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError(f"changes what a name stands for ({type(state).__name__})")


def read_pickle(path: Path) -> Any:
    """The value in a pickle, with PickledArray for arrays; FormatError where it is damaged or holds anything else."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path}: has {path.stat().st_size} bytes, more than the {MAX_BYTES} that are read")
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from None
    _look_through(data, path)
    try:
        return _DataUnpickler(io.BytesIO(data), encoding="latin1").load()
    except _UnknownName as unknown:
        raise FormatError(f"{path}: {unknown}") from None
    except (
        pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError,
        RecursionError, TypeError, ValueError,
    ) as trouble:  # fmt: skip
        raise FormatError(f"{path}: damaged, or no pickle of values and arrays ({trouble})") from None


def array(value: Any, tail: tuple[int, ...], where: str) -> FloatArray:
    """Finite numbers (N, *tail) from an array or a list; FormatError says what else was found.

    Where ``tail`` is ``(7,)``, rows may be longer, as those of detectors that add a velocity are.
    """
    if isinstance(value, list):
        rows = [one.values.tolist() if isinstance(one, PickledArray) else one for one in value]
        return numbers(rows, tail, where)
    if not isinstance(value, PickledArray) or value.values.dtype.kind not in "fiu":
        raise FormatError(f"{where}: found {_kind(value)}, expected an array of numbers")
    values = value.values.astype(np.float64)
    if values.ndim != 1 + len(tail) or values.shape[1:] != tail:
        raise FormatError(f"{where}: has shape {values.shape}, expected {('N', *tail)}")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).reshape(len(values), -1).all(axis=1)))
        raise FormatError(f"{where}, box {row}: found {values[row].tolist()}, expected finite numbers")
    return values


def words(value: Any, where: str) -> list[str]:
    """Text (N,) from an array or a list; FormatError says what else was found."""
    if isinstance(value, PickledArray) and value.values.ndim == 1:
        if not value.values.size:  # an empty array of names is one of numbers, in both frameworks
            return []
        try:
            value = value.values.tolist()
        except ValueError as trouble:
            raise FormatError(f"{where}: is no text ({trouble})") from None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise FormatError(f"{where}: found {_kind(value)}, expected an array of text")
    return value


def _kind(value: Any) -> str:
    if isinstance(value, PickledArray):
        return f"an array of type {value.values.dtype} and shape {value.values.shape}"
    return type(value).__name__


class _UnknownName(pickle.UnpicklingError):
    """A name that is not called."""


class _DataUnpickler(pickle.Unpickler):
    """Python's reader with the names taken away."""

    def find_class(self, module: str, name: str, /) -> Any:
        known = _KNOWN.get((module.replace("numpy._core", "numpy.core"), name))
        if known is not None:
            return known
        if _TORCH.match(module):
            raise _UnknownName(
                f"names {module}.{name}: tensors and a framework's classes are not read from pickles, because loading "
                "them runs code; save arrays instead, such as boxes.tensor.cpu().numpy(), scores.cpu().numpy() and "
                "labels.cpu().numpy(), or the framework's KITTI or nuScenes files"
            )
        raise _UnknownName(
            f"names {module[:80]}.{name[:80]}, which values and arrays have no need of; nothing of it was run. "
            "Expected numbers, text, lists, dictionaries and numpy arrays"
        )

    def persistent_load(self, pid: Any, /) -> Any:
        raise _UnknownName(f"refers to something outside the file ({type(pid).__name__})")


def _look_through(data: bytes, path: Path) -> None:
    """Refuse what makes objects, and memo numbers or lengths that the file is too short for."""
    position: int | None = 0
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(data)):
            if opcode.name in _REFUSED:
                raise FormatError(
                    f"{path}, byte {position}: makes an object ({opcode.name.lower()}); expected numbers, text, lists, "
                    "dictionaries and numpy arrays. Nothing of it was run"
                )
            if opcode.name.endswith("PUT") and (not isinstance(argument, int) or argument > count):
                raise FormatError(f"{path}, byte {position}: damaged, its memo number {argument} is out of order")
    except FormatError:
        raise
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as trouble:
        raise FormatError(
            f"{path}, after byte {position}: damaged, or no pickle of values and arrays ({str(trouble)[:200]})"
        ) from None


def _reconstruct(cls: Any, shape: Any, code: Any) -> PickledArray:
    # as numpy always writes; any other shape would be memory set aside before its bytes are seen
    if cls is not _NDARRAY or shape != (0,) or code not in (b"b", "b"):
        raise pickle.UnpicklingError("an array is not begun as numpy does it")
    return PickledArray()


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> PickledArray:
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError("an array is not described as numpy does it")
    made = PickledArray()
    made.values = _assemble(data, dtype, shape, "F" if order == "F" else "C")
    return made


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, _Dtype) or dtype.code.startswith("O"):
        raise pickle.UnpicklingError("a number is not described as numpy does it")
    return _assemble(data, dtype, (), "C").item()


def _assemble(data: Any, dtype: _Dtype, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(shape, tuple) or not all(type(side) is int and 0 <= side < 2**40 for side in shape):
        raise pickle.UnpicklingError("an array's shape is not a tuple of whole numbers")
    if dtype.code.startswith("O"):
        if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
            raise pickle.UnpicklingError("an array of objects, expected one of numbers or text")
        return np.array(data, dtype=np.str_).reshape(shape)
    if not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("an array's values are not bytes")
    values = np.frombuffer(bytes(data), dtype=np.dtype(dtype.order + dtype.code))
    return values.reshape(shape, order=order)


def _encode(text: Any, encoding: Any) -> bytes:
    """How protocol 2, which mmengine writes, spells bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes are not spelt as Python does it")
    return text.encode("latin1")


def _no_bytes(*arguments: Any) -> bytes:
    """How protocol 2 spells none."""
    if arguments:
        raise pickle.UnpicklingError("bytes are not spelt as Python does it")
    return b""


def _never_called(*_: Any) -> Any:
    raise pickle.UnpicklingError("an array is not made as numpy does it")


_NDARRAY = _Name(_never_called)
_KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _Name(_reconstruct),
    ("numpy.core.multiarray", "scalar"): _Name(_scalar),
    ("numpy.core.numeric", "_frombuffer"): _Name(_from_buffer),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Name(_Dtype),
    ("_codecs", "encode"): _Name(_encode),
    ("__builtin__", "bytes"): _Name(_no_bytes),
}
