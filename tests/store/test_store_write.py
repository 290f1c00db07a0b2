"""A commit is whole or absent, and the same work commits once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from store_frames import LIDAR, boxes_of, dataset_at, frame_at, frames, info_named

from scanyard.errors import DeterminismError, StoreError
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Rig
from scanyard.store import create_dataset, open_dataset, seal_dataset, sweep_staging, write_sequence
from scanyard.store.array_writer import ArrayWriter
from scanyard.store.disk import Disk
from scanyard.store.layout import sequence_folder


def everything_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_same_work_commits_once(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    first = write_sequence(root, info_named(), frames(), record={"host": "a"})
    before = {path: path.stat().st_mtime_ns for path in everything_under(root)}
    second = write_sequence(root, info_named(), frames(), record={"host": "b"})
    assert second.digest == first.digest
    assert {path: path.stat().st_mtime_ns for path in everything_under(root)} == before


def test_other_content_under_the_same_name_is_a_determinism_error(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    kept = write_sequence(root, info_named(), frames())
    changed = frames()
    changed[1].sweeps["top"].points[7, 2] += np.float32(1e-4)
    with pytest.raises(DeterminismError, match="lidar/top/points"):
        write_sequence(root, info_named(), changed)
    assert open_dataset(root).sequences["walk-0001"].seal.digest == kept.digest
    assert not list((root / "staging").iterdir())


def test_whatever_varies_stays_out_of_the_digest(tmp_path: Path) -> None:
    a = write_sequence(dataset_at(tmp_path / "a"), info_named(), frames(), record={"port": 2000})
    b = write_sequence(dataset_at(tmp_path / "b"), info_named(), frames(), record={"port": 2004})
    assert a.digest == b.digest
    assert a.record["port"] != b.record["port"]
    assert {"host", "written_at", "versions"} <= set(a.record)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.replace(timestamp_ns=1),
        lambda frame: frame.replace(name="other"),
        lambda frame: frame.replace(dont_care=None),
        lambda frame: frame.replace(boxes=frame.boxes.replace(category=["van"] * len(frame.boxes))),
        lambda frame: frame.replace(boxes=None),
    ],
    ids=["time", "name", "regions", "category", "labels"],
)
def test_the_digest_covers(change: object, tmp_path: Path) -> None:
    plain = write_sequence(dataset_at(tmp_path / "a"), info_named(), [frame_at(4)])
    changed = write_sequence(dataset_at(tmp_path / "b"), info_named(), [change(frame_at(4))])  # type: ignore[operator]
    assert plain.digest != changed.digest


def test_the_digest_is_the_same_in_every_version(tmp_path: Path) -> None:
    sweep = Sweep(np.arange(6).reshape(2, 3), intensity=np.array([0.25, 0.5]))
    seal = write_sequence(dataset_at(tmp_path), info_named(), [Frame(7, Transform.identity(), {"top": sweep})])
    # History: format scanyard-sequence-1.  A change here means that campaigns begun before cannot be resumed.
    assert seal.digest == "ed3ef0e681e145f9108565531b14a9e712e3d9a31c1129e31f75a3b69834414f"


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (frame_at(1).replace(sweeps={}), "has sweeps"),
        (frame_at(1).replace(sweeps={"top": frame_at(1).sweeps["top"].replace(ring=None)}), "must know the same"),
        (frame_at(1).replace(boxes=boxes_of(np.random.default_rng(0), 2).replace(track=None)), "must know the same"),
        (frame_at(1).replace(images={"right": frame_at(1).images["left"]}), "an image from 'right'"),
        (frame_at(1).replace(images={"left": Image(np.zeros((6, 4, 3), np.uint8))}), "must know the same|height first"),
    ],
    ids=["no sweep", "missing column", "missing box column", "unknown camera", "turned image"],
)
def test_a_frame_that_does_not_fit_leaves_nothing(frame: Frame, complaint: str, tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    with pytest.raises(StoreError, match=complaint):
        write_sequence(root, info_named(), [frame_at(0), frame])
    assert everything_under(root) == [root / "dataset.json"]


def test_an_image_of_another_size_than_the_rig_says_is_refused(tmp_path: Path) -> None:
    frame = frame_at(0).replace(images={"left": Image(np.zeros((6, 4, 3), np.uint8))})
    with pytest.raises(StoreError, match=r"rgb is uint8 \(6, 4, 3\), expected uint8 \(4, 6, 3\)"):
        write_sequence(dataset_at(tmp_path), info_named(), [frame])


def test_a_recording_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)

    def breaks_off() -> object:
        yield frame_at(0)
        raise ConnectionResetError("the server is gone")

    with pytest.raises(ConnectionResetError):  # the recorder's own error, not dressed up as the store's
        write_sequence(root, info_named(), breaks_off())  # type: ignore[arg-type]
    assert everything_under(root) == [root / "dataset.json"]


def test_a_recording_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no frames"):
        write_sequence(dataset_at(tmp_path), info_named(), [])


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "ä"])
def test_names_that_are_no_folder_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be a folder name"):
        write_sequence(dataset_at(tmp_path), info_named(name), frames())


@pytest.mark.parametrize("name", ["../x", "/x", "..", ".", "a\\b", "a\x00b", "a\nb", "\ud800", "x" * 201])
def test_frame_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"frame 1: its name .* file name"):
        write_sequence(dataset_at(tmp_path), info_named(), [frame_at(0), frame_at(1).replace(name=name)])


def test_frames_keep_the_names_they_came_with(tmp_path: Path) -> None:
    names = ["", "000001", "2011_09_26 drive 5", "n015-2018+0800__LIDAR:1", "état.7", "x" * 200]
    root = dataset_at(tmp_path)
    write_sequence(root, info_named(), [frame_at(number).replace(name=name) for number, name in enumerate(names)])
    assert [frame.name for frame in open_dataset(root).sequences["walk-0001"]] == names


def test_sensor_names_must_be_folder_names(tmp_path: Path) -> None:
    rig = Rig("bad", (type(LIDAR)(**{**vars(LIDAR), "name": "../top"}),))
    with pytest.raises(StoreError, match="sensor"):
        write_sequence(dataset_at(tmp_path), info_named(rig=rig), frames())


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
def test_provenance_that_is_not_json_is_refused_before_the_first_frame(value: object, tmp_path: Path) -> None:
    def never() -> object:
        raise AssertionError("a frame was asked for")
        yield

    root = dataset_at(tmp_path)
    with pytest.raises(StoreError, match="its info cannot be written as JSON"):
        write_sequence(root, info_named(odd=value), never())  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="its record cannot be written as JSON"):
        write_sequence(root, info_named(), never(), record={"odd": value})  # type: ignore[arg-type]


class BusyDisk(Disk):
    """While somebody is at work here, something else happens, once."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = [meanwhile]

    def make_folders(self, folder: Path) -> list[Path]:
        made = super().make_folders(folder)
        self._happens()
        return made

    def remove_tree(self, folder: Path) -> None:
        self._happens()
        super().remove_tree(folder)

    def remove(self, path: Path) -> None:
        super().remove(path)
        self._happens()

    def _happens(self) -> None:
        if self._meanwhile:
            self._meanwhile.pop()()


def test_an_attempt_that_is_committed_while_a_sweep_looks_does_not_stop_the_sweep(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    left, committed, last = (root / "staging" / name / "0123" for name in ("a", "b", "c"))
    for folder in (left, committed, last):
        folder.mkdir(parents=True)
    disk = BusyDisk(lambda: committed.rename(root / "sequences/b"))
    assert sweep_staging(root, disk=disk) == [left, last]
    assert (root / "sequences/b").is_dir()


def test_an_attempt_that_ends_as_a_sweep_takes_it_does_not_stop_the_sweep(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    ended, last = (root / "staging" / name / "0123" for name in ("a", "b"))
    for folder in (ended, last):
        folder.mkdir(parents=True)
    assert sweep_staging(root, disk=BusyDisk(ended.rmdir)) == [last]


def test_a_sweep_takes_an_attempt_away_whole_before_it_removes_a_file(tmp_path: Path) -> None:
    """Its writer may live on another machine, whose lock is not seen here: it must not commit what is left."""

    class Watched(Disk):
        def remove(self, path: Path) -> None:
            assert not attempted.exists()
            super().remove(path)

    root = dataset_at(tmp_path)
    attempted = root / "staging/a/1"
    attempted.mkdir(parents=True)
    (attempted / "zarr.json").touch()
    assert sweep_staging(root, disk=Watched()) == [attempted]
    assert not list((root / "staging").iterdir())


class Synced(Disk):
    """Says which folders were synced, and what was renamed, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Path]] = []

    def sync(self, folder: Path) -> None:
        super().sync(folder)
        self.calls.append(("sync", folder))

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        self.calls.append(("rename", new))


def test_what_another_has_committed_is_synced_before_it_is_built_on(tmp_path: Path) -> None:
    """Whoever renamed it may have died before it was: who finds it there says so to others, or lists it."""
    root, sequences = dataset_at(tmp_path), ("sync", tmp_path / "sequences")
    write_sequence(root, info_named(), frames(1))
    second = Synced()
    write_sequence(root, info_named(), frames(1), disk=second)
    assert sequences in second.calls
    sealing = Synced()
    seal_dataset(root, disk=sealing)
    renames = [index for index, (call, _) in enumerate(sealing.calls) if call == "rename"]
    assert sealing.calls.index(sequences) < renames[0]


def test_a_file_that_comes_into_its_place_while_a_sweep_looks_does_not_stop_the_sweep(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    partials = [root / f".partial-{number}" for number in range(3)]
    for partial in partials:
        partial.touch()
        os.utime(partial, (0, 0))
    disk = BusyDisk(lambda: partials[1].rename(root / "provenance.jsonl"))
    assert sweep_staging(root, disk=disk) == [partials[0], partials[2]]


def test_a_writer_whose_folder_is_swept_as_it_is_made_makes_another(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    swept: list[Path] = []
    write_sequence(root, info_named(), frames(1), disk=BusyDisk(lambda: swept.extend(sweep_staging(root))))
    assert len(swept) == 1
    assert list(open_dataset(root).sequences) == ["walk-0001"]


def test_a_writer_that_gives_up_holds_its_lock_until_nothing_is_left(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    found: list[Path] = []

    class Sweeping(Disk):
        def remove_tree(self, folder: Path) -> None:
            found.extend(sweep_staging(root))
            super().remove_tree(folder)

    with pytest.raises(StoreError, match="no frames"):
        write_sequence(root, info_named(), [], disk=Sweeping())
    assert not found
    assert not list((root / "staging").iterdir())


def test_a_shard_that_cannot_be_written_behind_our_back_stops_the_next_calls(tmp_path: Path) -> None:
    rows = np.zeros(8, np.float32)
    with ThreadPoolExecutor(1) as background:
        writer = ArrayWriter(tmp_path / "a", np.dtype("float32"), background, rows_per_chunk=8, chunks_per_shard=1)
        (tmp_path / "a").rmdir()
        with pytest.raises(FileNotFoundError):
            for _ in range(3):
                writer.append(rows)


def test_a_full_disk_is_one_clear_message_and_leaves_nothing(tmp_path: Path) -> None:
    # A file system of one megabyte in a namespace of its own: what is full is really full.
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from store_frames import *
        from scanyard.errors import StoreError
        from scanyard.store import open_dataset, write_sequence
        root = dataset_at(Path("{tmp_path}/small/d"))
        write_sequence(root, info_named("first"), frames(2))
        try:
            write_sequence(root, info_named("second"), (frame_at(i, points=40_000) for i in range(3)))
        except StoreError as error:
            assert "disk is full" in str(error), error
        else:
            raise SystemExit("two megabytes went into one")
        assert list(open_dataset(root).sequences) == ["first"]
        assert not list((root / "staging").rglob("*"))
        write_sequence(root, info_named("second"), frames(2))
        print("survived")
        """
    )
    mount = f'mkdir {tmp_path}/small && mount -t tmpfs -o size=1m none {tmp_path}/small && exec $0 -c "$1"'
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system gives no mount namespace to fill up")
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", mount, sys.executable, script], check=False, capture_output=True, text=True
    )
    assert done.stdout.strip() == "survived", done.stderr


def test_a_killed_writer_leaves_staging_that_can_be_swept(tmp_path: Path) -> None:
    root = dataset_at(tmp_path / "d")
    script = textwrap.dedent(
        f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from store_frames import *
        from scanyard.store import write_sequence
        def slow():
            yield frame_at(0)
            print("half way", flush=True)
            time.sleep(60)
        write_sequence({str(root)!r}, info_named(), slow())
        """
    )
    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half way\n"
        assert sweep_staging(root) == []  # it lives: its attempt is locked
        os.kill(writer.pid, signal.SIGKILL)
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert open_dataset(root).sequences == {}
    assert len(sweep_staging(root)) == 1
    assert not list((root / "staging").iterdir())
    write_sequence(root, info_named(), frames())


def test_creating_a_dataset_twice_is_fine_and_another_one_there_is_not(tmp_path: Path) -> None:
    create_dataset(tmp_path / "d", name="a", licence="CC0-1.0", campaign="c1")
    before = (tmp_path / "d/dataset.json").read_bytes()
    create_dataset(tmp_path / "d", name="a", licence="CC0-1.0", campaign="c1")
    create_dataset(tmp_path / "d", licence="CC0-1.0")
    with pytest.raises(StoreError, match="holds the dataset 'a' with the campaign 'c1', asked for is 'c2'; choose ano"):
        create_dataset(tmp_path / "d", name="a", licence="CC0-1.0", campaign="c2")
    with pytest.raises(StoreError, match=r"holds the dataset 'a' with the licence 'CC0-1\.0', asked for is 'CC-BY-4"):
        create_dataset(tmp_path / "d", name="a", licence="CC-BY-4.0", campaign="c1")
    assert (tmp_path / "d/dataset.json").read_bytes() == before


def test_a_dataset_is_called_as_its_folder_and_keeps_its_name_when_that_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first").mkdir()
    monkeypatch.chdir(tmp_path / "first")
    create_dataset(Path(), licence="CC0-1.0")
    assert open_dataset(tmp_path / "first").name == "first"
    (tmp_path / "first").rename(tmp_path / "moved")
    create_dataset(tmp_path / "moved", licence="CC0-1.0")
    assert open_dataset(tmp_path / "moved").name == "first"


def test_a_dataset_is_not_made_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StoreError, match="choose an empty or new folder"):
        create_dataset(tmp_path, name="a", licence="CC0-1.0")
    with pytest.raises(StoreError, match="is a file"):
        create_dataset(tmp_path / "thesis.tex", name="a", licence="CC0-1.0")


def test_the_dataset_digest_does_not_depend_on_order(tmp_path: Path) -> None:
    digests = set()
    for order in ("abc", "cab"):
        root = dataset_at(tmp_path / order)
        for name in order:
            write_sequence(root, info_named(name), [frame_at(ord(name))])
        digests.add(open_dataset(root).digest)
        assert seal_dataset(root) == open_dataset(root).digest
    assert len(digests) == 1


def test_two_writers_of_the_same_sequence_commit_it_once(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)

    def overtaken() -> object:
        yield frame_at(0)
        write_sequence(root, info_named(), [frame_at(0)])

    seal = write_sequence(root, info_named(), overtaken())  # type: ignore[arg-type]
    assert seal.digest == open_dataset(root).sequences["walk-0001"].seal.digest


def test_seal_says_how_it_came_about(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    write_sequence(root, info_named(), frames(), record={"server": "ours"})
    seal = json.loads((sequence_folder(root, "walk-0001") / "seal.json").read_bytes())
    assert seal["record"]["server"] == "ours"
    assert seal["content"]["info"]["licence"] == "CC0-1.0"


def test_writing_is_fast_enough_to_keep_up_with_a_simulator(tmp_path: Path) -> None:
    recording = [frame_at(0, points=120_000, image=False)] * 8
    started = time.process_time()
    write_sequence(dataset_at(tmp_path), info_named(), recording)
    # 15 to 20 ms on the machine it was written on; five times that would halve a campaign's speed
    assert (time.process_time() - started) / 8 < 0.1
