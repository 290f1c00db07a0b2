"""One array: what is written is checked twice before anybody seals it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from scanyard.errors import DamagedError
from scanyard.store.arrays import ArrayReader, ArrayWriter
from scanyard.store.chunks import Packing
from scanyard.store.disk import Disk


class WrongDisk(Disk):
    """Keeps one bit other than it was given."""

    def write(self, path: Path, parts: Sequence[bytes]) -> None:
        data = bytearray(b"".join(parts))
        data[len(data) // 2] ^= 4
        super().write(path, [bytes(data)])


class WrongPacking(Packing):
    """Packs one row other than it was given, as a processor at its limit might."""

    def pack(self, rows: np.ndarray) -> bytes:
        other = rows.copy()
        other[-1] += 1
        return super().pack(other)


def written(folder: Path, rows: np.ndarray, **options: object) -> ArrayReader:
    with ThreadPoolExecutor(1) as background:
        writer = ArrayWriter(folder, rows.dtype, background, rows.shape[1:], rows_per_chunk=8, **options)  # type: ignore[arg-type]
        for start in range(0, len(rows), 5):
            writer.append(rows[start : start + 5])
        return ArrayReader(folder, writer.close())


ROWS = np.arange(60, dtype=np.float32).reshape(20, 3)


def test_what_the_disk_keeps_otherwise_is_noticed_before_it_is_sealed(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="read back other bytes"):
        written(tmp_path / "a", ROWS, disk=WrongDisk())


@pytest.mark.parametrize("codec", ["zstd", "columns"])
def test_what_was_packed_otherwise_is_noticed_before_it_is_sealed(codec: str, tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="unpacks to other rows"):
        written(tmp_path / "a", ROWS, packing=WrongPacking(codec, 1))  # type: ignore[arg-type]
