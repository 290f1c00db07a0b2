"""Arrays that are indexed alike and grow and shrink together, row by row.

Rows keep the order in which they were added, whatever is removed between: what is computed from them then depends on
who is there and not on who was there before.  What a stranger would get wrong: adding or removing a row replaces the
arrays, so nobody keeps one over a spawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray


class Columns:
    """A struct of arrays; subclasses say in ``BLANK`` what a new row holds, and annotate the arrays."""

    BLANK: ClassVar[Mapping[str, NDArray[Any]]]
    """One row of every column by name: its shape, type and first value."""

    def __init__(self) -> None:
        self.version = 0
        """Grows whenever a row comes or goes."""
        for name, blank in self.BLANK.items():
            setattr(self, name, np.empty((0, *blank.shape), blank.dtype))

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.BLANK))))

    def append(self, **known: Any) -> int:
        """Add a row, blank but for what is ``known``, and return its number."""
        for name, blank in self.BLANK.items():
            column = getattr(self, name)
            longer = np.empty((len(column) + 1, *blank.shape), blank.dtype)  # concatenate would pack structs
            longer[:-1], longer[-1] = column, known.pop(name, blank)
            setattr(self, name, longer)
        assert not known, f"no columns {sorted(known)}"
        self.version += 1
        return len(self) - 1

    def alone(self, row: int) -> Self:
        """A struct of its own that holds a copy of one row."""
        found = type(self)()
        for name in self.BLANK:
            setattr(found, name, getattr(self, name)[row : row + 1].copy())
        return found

    def remove(self, row: int) -> None:
        """Take a row out; those after it move up."""
        for name in self.BLANK:
            setattr(self, name, np.delete(getattr(self, name), row, axis=0))
        self.version += 1
