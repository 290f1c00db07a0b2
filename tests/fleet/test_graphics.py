"""Servers are shared out among graphics cards, one to each before any gets a second."""

import os
from pathlib import Path

import pytest

from scanyard.errors import EnvironmentFault
from scanyard.fleet.graphics import AdapterLease, gpu_memory_mb


def test_every_card_gets_a_server_before_one_gets_two(tmp_path: Path) -> None:
    leases = [AdapterLease.take((0, 3), 2, tmp_path) for _ in range(4)]
    assert [lease.adapter for lease in leases] == [0, 3, 0, 3]
    with pytest.raises(EnvironmentFault, match=r"no place on the graphics cards \[0, 3\], 2 servers each"):
        AdapterLease.take((0, 3), 2, tmp_path)
    leases[1].release()
    leases[1] = AdapterLease.take((0, 3), 2, tmp_path)
    assert leases[1].adapter == 3
    for lease in leases:
        lease.release()


def fake_nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\nprintf "{output}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_memory_in_use_is_told_in_megabytes_of_the_fullest_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_nvidia_smi(tmp_path, monkeypatch, "1000\\n3000\\n")
    assert gpu_memory_mb(None) == pytest.approx(3000 * 2**20 / 1e6)


def test_memory_that_cannot_be_told_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvidia_smi(tmp_path, monkeypatch, "[N/A]\\n")
    assert gpu_memory_mb(0) is None
