"""Each way to pack a chunk gives back its bytes, to this project's reader and to zarr-python's codecs."""

from collections.abc import Callable

import numpy as np
import pytest

from scanyard.store.chunks import Codec, Packing, unpack


def image(width: int) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (1, 5, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 64, 1242, 9000])
def test_differences_are_summed_up_for_images_of_any_width(width: int) -> None:
    rows = image(width)  # 9000 is more than is summed up at a time
    found = np.empty_like(rows)
    unpack(Packing("lines", 1).pack(rows), "lines", found)
    np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize("make", [np.zeros, lambda shape, dtype: np.full(shape, 255, dtype)], ids=["black", "white"])
def test_the_largest_differences_do_not_run_into_each_other(make: Callable[..., np.ndarray]) -> None:
    rows = make((1, 400, 300, 3), np.uint8)
    rows[:, :, 1::2] = 255 - rows[:, :, 1::2]
    found = np.empty_like(rows)
    unpack(Packing("lines", 1).pack(rows), "lines", found)
    np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize("codec", ["zstd", "columns", "lines", "shuffled"])
def test_a_chunk_of_another_size_is_refused(codec: Codec) -> None:
    rows = image(8)
    packed = Packing(codec, 1).pack(rows)
    for wrong in (image(7), image(9)):
        with pytest.raises((ValueError, RuntimeError)):
            unpack(packed, codec, np.empty_like(wrong))


@pytest.mark.parametrize("count", [1, 200, 300, 60_000, 70_000])
def test_a_plain_chunk_of_any_size_comes_back_and_a_cut_one_does_not(count: int) -> None:
    rows = np.random.default_rng(count).integers(0, 256, count, dtype=np.uint8)
    packed = Packing().pack(rows)
    found = np.empty_like(rows)
    unpack(packed, "zstd", found)
    np.testing.assert_array_equal(found, rows)
    for kept in (0, 3, 4, 5, 6, len(packed) // 2, len(packed) - 1):
        with pytest.raises((ValueError, RuntimeError)):
            unpack(packed[:kept], "zstd", found)
