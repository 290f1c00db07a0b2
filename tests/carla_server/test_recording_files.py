"""Recordings on disk, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.wire import ActorAttributeValue, ActorDescription, WeatherParameters
from scanyard.carla_server.world.recording import (
    KEY_EVERY,
    Born,
    Frame,
    Header,
    Recording,
    RecordingError,
    Touch,
    Writer,
)
from scanyard.carla_server.world.recording_reports import blocked, collisions, info

HEADER = Header("suburb", "02/21/19 10:46:20")


def someone(actor_id: int, type_id: str, role: str = "autopilot", *, parent_id: int = 0) -> Born:
    attributes = (ActorAttributeValue("role_name", 4, role), ActorAttributeValue("color", 5, "1,2,3"))
    return Born(actor_id, parent_id, ActorDescription(7, type_id, attributes), (1.5, -2.0, 0.25, 0.0, 90.0, 0.0))


def records(ids: list[int], x: float | list[float] = 0.0) -> Any:
    found = np.zeros(len(ids), packets.ACTOR_STATE)
    found["id"] = ids
    found["state"] = 1
    found["pose"][:, 0] = x
    found["velocity"] = np.random.default_rng(len(ids)).normal(size=(len(ids), 3))
    return found


def written(path: Path, frames: list[Frame]) -> Recording:
    writer = Writer(path, HEADER)
    for frame in frames:
        writer.add(frame)
    writer.close()
    return Recording(path)


def drive(frames: int, ids: list[int]) -> list[Frame]:
    """Everyone goes 0.1 m along x in each frame of 0.05 s."""
    born = tuple(someone(one, "vehicle.audi.a2") for one in ids)
    return [Frame(k + 1, 0.05 * k, 0.05, records(ids, 0.1 * k), born=born if k == 0 else ()) for k in range(frames)]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    weather = WeatherParameters(fog_density=12.5)
    frames = drive(KEY_EVERY + 20, [1, 5, 9])
    frames[3] = Frame(4, 0.15, 0.05, records([1, 5, 9, 12]), (someone(12, "walker.pedestrian.0001"),), (),
                      (Touch(1, 5, 0), Touch(9, 0, 6)), {5: 17}, weather)  # fmt: skip
    frames[4] = Frame(5, 0.2, 0.05, records([1, 9]), (), (5, 12))
    recording = written(tmp_path / "a.log", frames)
    assert recording.header == HEADER
    assert recording.length() == (KEY_EVERY + 20, pytest.approx(0.05 * (KEY_EVERY + 19)))
    read = list(recording.frames())
    assert len(read) == len(frames)
    for one, other in zip(read, frames, strict=True):
        np.testing.assert_array_equal(one.records, other.records)
        assert (one.number, one.elapsed_s, one.delta_s) == (other.number, other.elapsed_s, other.delta_s)
        assert (tuple(one.born), tuple(one.gone), tuple(one.touches)) == (
            tuple(other.born), tuple(other.gone), tuple(other.touches))  # fmt: skip
        assert (dict(one.lights), one.weather) == (dict(other.lights), other.weather)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_cut_file_reads_up_to_the_cut(tmp_path: Path, share: float) -> None:
    whole = written(tmp_path / "whole.log", drive(60, [1, 2]))
    raw = whole.path.read_bytes()
    cut = tmp_path / "cut.log"
    cut.write_bytes(raw[: int(share * len(raw))])
    read = list(Recording(cut).frames())
    assert int(share * 60) - 12 < len(read) < 60  # the first frame is longer: it says who is there
    assert Recording(cut).length()[0] == len(read)
    for one, other in zip(read, whole.frames(), strict=False):
        np.testing.assert_array_equal(one.records, other.records)


def test_a_flipped_byte_never_raises(tmp_path: Path) -> None:
    raw = bytearray(written(tmp_path / "whole.log", drive(30, [1, 2])).path.read_bytes())
    rng = np.random.default_rng(3)
    for place in rng.integers(60, len(raw), 150).tolist():
        torn = bytearray(raw)
        torn[place] ^= int(rng.integers(1, 256))
        path = tmp_path / "torn.log"
        path.write_bytes(torn)
        assert len(list(Recording(path).frames())) <= 30


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"CARLA_RECORDER...", bytes(range(256))])
def test_other_files_are_not_recordings(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.log").write_bytes(content)
    with pytest.raises(RecordingError, match="not a recording"):
        Recording(tmp_path / "x.log")


def test_what_stands_still_takes_little_room(tmp_path: Path) -> None:
    ids = list(range(1, 151))
    still = [Frame(k + 1, 0.05 * k, 0.05, records(ids)) for k in range(200)]
    assert written(tmp_path / "still.log", still).path.stat().st_size / 200 < 0.05 * 150 * 119


def test_info_has_the_documented_structure(tmp_path: Path) -> None:
    frames = drive(4, [1])
    frames[1] = Frame(2, 0.0254253, 0.05, records([1, 2276]), (someone(2276, "vehicle.mini.cooper_s", "hero"),))
    frames[2] = Frame(3, 0.1, 0.05, records([1, 2276]), touches=(Touch(1, 2276, 0),))
    frames[3] = Frame(4, 60.3753, 0.05, records([1]), gone=(2276,))
    assert info(written(tmp_path / "a.log", frames), show_all=False) == (
        "Version: 1\nMap: suburb\nDate: 02/21/19 10:46:20\n\n"
        "Frame 1 at 0 seconds\n"
        " Create 1: vehicle.audi.a2 (1) at (150, -200, 25)\n  role_name = autopilot\n  color = 1,2,3\n\n"
        "Frame 2 at 0.0254253 seconds\n"
        " Create 2276: vehicle.mini.cooper_s (4) at (150, -200, 25)\n  role_name = hero\n  color = 1,2,3\n\n"
        "Frame 3 at 0.1 seconds\n Collision between 1 and 2276 (hero)\n\n"
        "Frame 4 at 60.3753 seconds\n Destroy 2276\n\n"
        "Frames: 4\nDuration: 60.3753 seconds\n"
    )


def test_info_shows_every_frame_when_asked(tmp_path: Path) -> None:
    recording = written(tmp_path / "a.log", drive(12, [1, 2]))
    assert info(recording, show_all=False).count("\nFrame ") == 1
    full = info(recording, show_all=True)
    assert full.count("\nFrame ") == 12
    assert full.count(" Positions: 2") == 12
    assert "  Id: 2 Location: (10, 0, 0) Rotation: (0, 0, 0)" in full


@pytest.fixture
def crash(tmp_path: Path) -> Recording:
    ids = [122, 118, 130, 140]
    born = (someone(118, "vehicle.dodge_charger.police"), someone(122, "vehicle.yamaha.yzf"),
            someone(130, "walker.pedestrian.0001"), someone(140, "vehicle.audi.a2", "hero"))  # fmt: skip
    touching = {16: (Touch(122, 118, 0),), 17: (Touch(122, 118, 0),), 27: (Touch(122, 0, 6),),
                30: (Touch(130, 140, 0), Touch(118, 140, 0))}  # fmt: skip
    frames = [
        Frame(k + 1, float(k), 1.0, records(sorted(ids)), born if k == 0 else (), touches=touching.get(k, ()))
        for k in range(40)
    ]
    return written(tmp_path / "crash.log", frames)


def lines(report: str) -> list[str]:
    return report.splitlines()[5:-3]


def test_collisions_are_told_once_and_in_the_documented_columns(crash: Recording) -> None:
    report = collisions(crash, "v", "v")
    assert report.splitlines()[4] == "    Time  Types     Id Actor 1                                 Id Actor 2"
    assert lines(report) == [
        "      16   v v     122 vehicle.yamaha.yzf                     118 vehicle.dodge_charger.police",
        "      30   h v     140 vehicle.audi.a2                        118 vehicle.dodge_charger.police",
    ]
    assert report.endswith("\nFrames: 40\nDuration: 39 seconds\n")


BY_CATEGORY = {
    "aa": ["122 118", "122 0", "140 130", "140 118"],
    "vo": ["122 0"],
    "ha": ["140 130", "140 118"],
    "hw": ["140 130"],
    "wh": [],
    "ta": [],
    "ov": ["0 122"],
}


@pytest.mark.parametrize("types", BY_CATEGORY)
def test_collisions_are_told_by_category(crash: Recording, types: str) -> None:
    found = [line.split() for line in lines(collisions(crash, *types))]
    ids = [" ".join(word for word in words[3:] if word.isdigit()) for words in found]
    assert ids == BY_CATEGORY[types]


def test_blocked_vehicles_are_told_with_the_longest_stay_first(tmp_path: Path) -> None:
    def x(k: int) -> list[float]:
        # 1 goes on at 1 m/s; 2 stands from 10 s to 50 s; 3 from 60 s on; 4 creeps a centimetre a second.
        return [float(k), float(min(k, 10) + max(k - 50, 0)), float(min(k, 60)), 0.01 * k]

    born = tuple(someone(one, f"vehicle.test.{one}") for one in (1, 2, 3, 4))
    frames = [Frame(k + 1, float(k), 1.0, records([1, 2, 3, 4], x(k)), born if k == 0 else ()) for k in range(101)]
    recording = written(tmp_path / "a.log", frames)
    report = blocked(recording, 30.0, 100.0)
    assert report.splitlines()[4] == "    Time     Id Actor                                 Duration"
    found = [(int(words[0]), int(words[1]), int(words[3])) for words in map(str.split, lines(report))]
    assert found == [(0, 4, 100), (10, 2, 41), (60, 3, 40)]
    assert [int(line.split()[1]) for line in lines(blocked(recording, 60.0, 10.0))] == []
