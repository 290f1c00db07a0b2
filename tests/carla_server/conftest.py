"""What several test files of the embedded server stand on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from called_world import World

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "fuzzing"))  # its check of stream messages is ours too


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A flat world to call, without sockets."""
    one = World(tmp_path)
    yield one
    one.simulation.close()
