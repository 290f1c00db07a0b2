"""A folder with the least that a scenario needs: a map to name, a rig to extend, and a file to spoil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SCENARIO = """\
name: example
description: A child crosses.
parameters:
  gap_m: {uniform: {low: 10, high: 20}}
  speed_mps: {log_normal: {median: 2, sigma: 0.3, low: 1, high: 4}}
world: {map: village, road: straight}
rig: rigs/one.yaml
ego: {speed_mps: 8}
actors:
  - {name: child, kind: child, behaviour: cross, ahead_m: $gap_m, lateral_m: -3, lateral_to_m: 3,
     speed_mps: speed_mps * 2}
"""
RIG = """\
name: one
cameras:
  - {name: front, x_m: 1, y_m: 0, z_m: 1.5, width_px: 640, height_px: 480, focal_px: 500}
"""

Write = Callable[[str], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "village.xodr").write_text("")
    (tmp_path / "rigs").mkdir()
    (tmp_path / "rigs" / "one.yaml").write_text(RIG)
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a scenario's text and give its path."""

    def _write(text: str) -> Path:
        path = folder / "example.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


@pytest.fixture
def scenario_text() -> str:
    return SCENARIO
