"""A writer that dies leaves a sequence whole or absent; the long version is ``tools/chaos_store``."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from killed_writers import NAME, DeadlyDisk, kill_at, points
from power_cuts import NotedDisk, cut_everywhere

from scanyard.store.disk import Disk


def test_killed_at_every_point_of_a_commit_leaves_it_whole_or_absent(tmp_path: Path) -> None:
    every, digest = points(tmp_path, full=False)
    assert any(point == f"after rename to dataset/sequences/{NAME}" for point in every)
    wrong = [kill_at(point, tmp_path, digest, full=False) for point in every if not point.startswith("before")]
    assert not [text for text in wrong if text]


def test_a_seal_written_in_place_would_be_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, digest = points(tmp_path, full=False)

    def rename_too_early(self: Disk, path: Path, parts: list[bytes]) -> None:
        """What a careless commit does: the name is there before the bytes are."""
        if path.name == "seal.json":
            target = path.parents[3] / "sequences" / NAME
            path.parent.rename(target)
            path = target / "seal.json"
        honest(self, path, parts)

    honest = DeadlyDisk.write
    monkeypatch.setattr(DeadlyDisk, "write", rename_too_early)
    wrong = kill_at(f"before write dataset/sequences/{NAME}/seal.json", tmp_path, digest, full=False)
    assert wrong is not None
    assert "reader was refused" in wrong


def test_a_power_cut_at_any_moment_leaves_a_sequence_whole_or_absent(tmp_path: Path) -> None:
    looked, different, wrong = cut_everywhere(tmp_path, full=False, samples=4, seed=1)
    assert not wrong
    assert looked > 500
    assert different > 5


@pytest.mark.parametrize("careless", ["bytes", "names", "commit"])
def test_a_commit_that_forgets_to_sync_is_caught(
    careless: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the bytes, of the names inside the sequence, or of the commit itself."""
    honest = NotedDisk.sync

    def sync(self: NotedDisk, folder: Path) -> None:
        if folder.name != "sequences" if careless == "names" else folder.name == "sequences":
            return
        honest(self, folder)

    def write(self: NotedDisk, path: Path, parts: Sequence[bytes]) -> None:
        written(self, path, parts)
        if path.name == "c.0.0":
            self.calls.pop()

    written = NotedDisk.write
    monkeypatch.setattr(NotedDisk, *(("write", write) if careless == "bytes" else ("sync", sync)))
    _, _, wrong = cut_everywhere(tmp_path, full=False, samples=4, seed=1)
    assert wrong
