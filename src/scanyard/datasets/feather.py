"""Feather tables, by way of pyarrow, which is an extra: columns in, columns out, and one clear line where it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.errors import EnvironmentFault, FormatError

Columns = dict[str, NDArray[Any]]
UNKNOWN = b"scanyard_unknown"
"""Key of a table's metadata: the columns that are there only because the layout wants them."""


def write_table(path: Path, columns: Mapping[str, NDArray[Any] | list[str]], *, unknown: Sequence[str] = ()) -> None:
    """Write columns of equal length; ``unknown`` names those whose values mean nothing."""
    arrow = _pyarrow()
    path.parent.mkdir(parents=True, exist_ok=True)
    table = arrow.table({name: arrow.array(values) for name, values in columns.items()})
    if unknown:
        table = table.replace_schema_metadata({UNKNOWN: ",".join(unknown).encode()})
    arrow.feather.write_feather(table, str(path), compression="lz4")


def read_table(path: Path, required: Sequence[str]) -> Columns:
    """Read all columns that mean something; FormatError if the file is none or lacks one that is required."""
    arrow = _pyarrow()
    try:
        table = arrow.feather.read_table(str(path), memory_map=False)
        table.validate(full=True)  # offsets that lead out of the file would end the process, later
    except FileNotFoundError:
        raise FormatError(f"{path}: is missing") from None
    except (OSError, arrow.ArrowException, UnicodeDecodeError, MemoryError) as error:
        raise FormatError(f"{path}: is no Feather table ({' '.join(str(error).split())})") from error
    if len(set(table.column_names)) < len(table.column_names):
        raise FormatError(f"{path}: has a column twice; found {table.column_names}")
    unknown = (table.schema.metadata or {}).get(UNKNOWN, b"").decode().split(",")
    missing = sorted(set(required) - set(table.column_names))
    if missing:
        raise FormatError(f"{path}: has no columns {missing}; found {table.column_names}")
    return {name: np.asarray(table[name].to_numpy()) for name in table.column_names if name not in unknown}


def _pyarrow() -> Any:
    try:
        import pyarrow.feather  # noqa: PLC0415  # an extra

        return pyarrow
    except ImportError as error:
        raise EnvironmentFault(
            "Feather tables need pyarrow, which is not installed: pip install 'scanyard[argoverse2]'"
        ) from error
