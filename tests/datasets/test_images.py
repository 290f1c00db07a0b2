"""Image files are read as they are, and refused in one line when damaged, whatever Pillow raises for it."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from scanyard.datasets.images import image_size, read_image
from scanyard.errors import FormatError

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def png(folder: Path) -> Path:
    path = folder / "a.png"
    PillowImage.fromarray(RGB).save(path)
    return path


def test_an_image_is_read_as_it_is(tmp_path: Path) -> None:
    path = png(tmp_path)
    np.testing.assert_array_equal(read_image(path).rgb, RGB)
    assert image_size(path) == (60, 40)


def test_damage_is_named(tmp_path: Path) -> None:
    path = png(tmp_path)
    whole = path.read_bytes()
    start = whole.index(b"IDAT") - 4
    for data in (b"", whole[:20], whole[: start + 30], whole.replace(b"IDAT", b"\x01\x02\x03\x04", 1)):
        path.write_bytes(data)
        with pytest.raises(FormatError, match=r"a\.png: is no image"):
            read_image(path)


def test_an_image_of_absurd_size_is_refused(tmp_path: Path) -> None:
    path = png(tmp_path)
    header = b"IHDR" + struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:])
    with pytest.raises(FormatError, match="is no image"):
        image_size(path)
