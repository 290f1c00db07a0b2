"""Arrays that are indexed alike and grow and shrink together, row by row.

Rows keep the order in which they were added, whatever is removed between: what is computed from them then depends on
who is there and not on who was there before.  What a stranger would get wrong: the arrays are the used part of longer
ones, so adding a row is cheap, and adding or removing one replaces them and moves what is in them: nobody keeps one
over a spawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

SPARE = 16
"""Rows made at once at least, when there is no room for another."""


class Columns:
    """A struct of arrays; subclasses say in ``BLANK`` what a new row holds, and annotate the arrays."""

    BLANK: ClassVar[Mapping[str, NDArray[Any]]]
    """One row of every column by name: its shape, type and first value."""

    def __init__(self) -> None:
        self.version = 0
        """Grows whenever a row comes or goes."""
        self._whole = {name: np.empty((0, *blank.shape), blank.dtype) for name, blank in self.BLANK.items()}
        self._use(0)

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.BLANK))))

    def append(self, **known: Any) -> int:
        """Add a row, blank but for what is ``known``, and return its number."""
        row = len(self)
        if row == len(next(iter(self._whole.values()))):
            for name, column in self._whole.items():
                longer = np.zeros((2 * row + SPARE, *column.shape[1:]), column.dtype)  # concatenate would pack structs
                longer[:row] = column
                self._whole[name] = longer
        for name, column in self._whole.items():
            column[row] = known.pop(name, self.BLANK[name])
        assert not known, f"no columns {sorted(known)}"
        self._use(row + 1)
        self.version += 1
        return row

    def alone(self, row: int) -> Self:
        """A struct of its own that holds a copy of one row."""
        found = type(self)()
        found._whole = {name: column[row : row + 1].copy() for name, column in self._whole.items()}
        found._use(1)
        return found

    def remove(self, row: int) -> None:
        """Take a row out; those after it move up."""
        count = len(self)
        for column in self._whole.values():
            column[row : count - 1] = column[row + 1 : count]
        self._use(count - 1)
        self.version += 1

    def _use(self, count: int) -> None:
        for name, column in self._whole.items():
            setattr(self, name, column if len(column) == count else column[:count])
