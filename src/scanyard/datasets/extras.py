"""Columns of a label that a foreign table has no place for, kept beside it so that they come back.

Readers of the original pass over them: a key of its own in a JSON row, a column of its own in a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scanyard.boxes import Boxes

EXTRAS = "scanyard"
"""The name of the key or column."""
_OPTIONAL = ("track", "num_points", "visibility", "truncation", "occlusion", "velocity", "image_box", "score")


def extras_of(boxes: Boxes, i: int) -> dict[str, Any]:
    """Our own category of box ``i``, and every column that is known, as JSON values."""
    extras: dict[str, Any] = {"category": str(boxes.category[i])}
    for column in _OPTIONAL:
        values = getattr(boxes, column)
        if values is not None:
            extras[column] = values[i].tolist()
    return extras


def columns_of(extras: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Undo ``extras_of`` for N boxes: columns (N, ...) by name, those that all boxes have."""
    columns: dict[str, Any] = {"category": np.array([one["category"] for one in extras], dtype=np.str_)}
    for column in _OPTIONAL:
        if all(column in one for one in extras):
            columns[column] = np.array([one[column] for one in extras])
    return columns
