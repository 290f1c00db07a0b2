"""Pickles of plain values and numpy arrays, and of nothing else: a pickle from somebody else can run any code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from scanyard.errors import FormatError

_ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Only what arrays are made of."""
        if (module, name) not in _ALLOWED:
            raise FormatError(f"holds {module}.{name}; only plain values and numpy arrays are read")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def load_plain(path: Path) -> Any:
    """Read a pickle; FormatError if it is damaged or holds anything that is not plain."""
    try:
        return _PlainUnpickler(io.BytesIO(path.read_bytes())).load()
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        raise FormatError(f"{path}: is no readable pickle ({error!r})") from error
