"""Image files of other people's layouts; damage is a FormatError that names the file, whatever Pillow raises for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from scanyard.errors import FormatError
from scanyard.frame import Image


def read_image(path: Path) -> Image:
    """Read an image file as RGB."""
    with _opened(path) as opened:
        return Image(np.asarray(opened.convert("RGB")))


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, by the file's header alone."""
    with _opened(path) as opened:
        return opened.size


@contextmanager
def _opened(path: Path) -> Iterator[PillowImage.Image]:
    try:
        with PillowImage.open(path) as opened:
            yield opened
    except (OSError, SyntaxError, ValueError, PillowImage.DecompressionBombError) as error:
        raise FormatError(f"{path}: is no image ({error})") from error
