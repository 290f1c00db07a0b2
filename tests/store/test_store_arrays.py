"""One array: rows are written once and checked twice, and read in order each chunk is unpacked once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from scanyard.errors import DamagedError
from scanyard.store.array_reader import ArrayReader
from scanyard.store.array_writer import ArrayWriter
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


@pytest.mark.parametrize("codec", ["zstd", "columns", "shuffled"])
def test_what_was_packed_otherwise_is_noticed_before_it_is_sealed(codec: str, tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="unpacks to other rows"):
        written(tmp_path / "a", ROWS, packing=WrongPacking(codec, 1))  # type: ignore[arg-type]


def test_read_in_order_a_chunk_is_unpacked_once(tmp_path: Path) -> None:
    reader = written(tmp_path / "a", ROWS)
    reader.read(0, 3)
    np.testing.assert_array_equal(reader.read(3, 5), ROWS[3:5])  # goes on, and leaves off inside the first chunk
    (tmp_path / "a" / "c.0.0").unlink()
    np.testing.assert_array_equal(reader.read(5, 7), ROWS[5:7])
    with pytest.raises(DamagedError, match="cannot be read"):
        reader.read(7, 9)


def test_read_here_and_there_nothing_is_kept(tmp_path: Path) -> None:
    reader = written(tmp_path / "a", ROWS)
    reader.read(0, 3)
    reader.read(3, 5)
    reader.read(1, 3)
    (tmp_path / "a" / "c.0.0").unlink()
    with pytest.raises(DamagedError, match="cannot be read"):
        reader.read(3, 5)


def test_rows_are_the_same_whatever_was_read_before(tmp_path: Path) -> None:
    reader = written(tmp_path / "a", ROWS, chunks_per_shard=2)
    rng = np.random.default_rng(0)
    stop = 0
    for _ in range(200):
        start = stop if rng.random() < 0.6 else int(rng.integers(0, 21))
        stop = int(rng.integers(start, 21))
        reader.expect(stop, min(stop + 4, 20))
        np.testing.assert_array_equal(reader.read(start, stop), ROWS[start:stop])


def test_to_expect_what_is_gone_is_no_error_and_to_read_it_is(tmp_path: Path) -> None:
    reader = written(tmp_path / "a", ROWS)
    reader.read(0, 2)
    (tmp_path / "a" / "c.0.0").unlink()
    reader.expect(2, 20)
    with pytest.raises(DamagedError, match="cannot be read"):
        reader.read(2, 20)
