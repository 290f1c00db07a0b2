"""What a recording is on disk: a header, then one block for each frame, appended as the world goes on.

Our own format behind CARLA's calls.  A block is a msgpack array; the file is a plain run of them, so a file that was
cut, by a full disk or a killed server, reads up to the cut.  A frame holds the snapshot records of all actors, as the
difference to the frame before (exclusive or, byte by byte, column by column, then deflate: what stands still costs
nothing), whole again every ``KEY_EVERY`` frames, and what happened: who came, went or touched, lights, weather.

What a stranger would get wrong: snapshot poses of attached actors are in the world; the pose relative to the parent is
told once, where the actor comes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgpack
import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.poses import Pose
from scanyard.carla_server.protocol.wire import ActorAttributeValue, ActorDescription, WeatherParameters

VERSION = 1
KEY_EVERY = 100
"""Frames from one that stands for itself to the next."""
_MAGIC = "scanyard recording"
_LEVEL = 1  # of deflate: the differences are mostly zeros, and frames must not wait


class RecordingError(ValueError):
    """A file is not a recording, or one of another version; the message says which."""


class Header(NamedTuple):
    """What the whole recording has in common."""

    map_name: str
    date: str
    """As CARLA prints it: month/day/year hour:minute:second."""


class Born(NamedTuple):
    """An actor that is there from this frame on."""

    id: int
    parent_id: int
    description: ActorDescription
    pose: Pose
    """In the world, or relative to the parent."""

    @property
    def role(self) -> str:
        """Its ``role_name``."""
        return next((one.value for one in self.description.attributes if one.id == "role_name"), "")


class Touch(NamedTuple):
    """Two that touched in this frame; ``other_id`` is 0 for scenery."""

    actor_id: int
    other_id: int
    tag: int
    """Semantic label of the scenery."""


@dataclass(frozen=True)
class Frame:
    """One recorded frame."""

    number: int
    """From 1, within the recording."""
    elapsed_s: float
    """Since the first frame."""
    delta_s: float
    records: NDArray[Any]
    """(N,) of dtype ``packets.ACTOR_STATE``, ids ascending; everything in the world."""
    born: Sequence[Born] = ()
    gone: Sequence[int] = ()
    touches: Sequence[Touch] = ()
    lights: Mapping[int, int] = field(default_factory=dict)
    """Light flags of vehicles, by id, where they changed."""
    weather: WeatherParameters | None = None
    """Where it changed."""


class Writer:
    """Appends frames to a file; a context of its own is not needed: every frame is on its way when it was added."""

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.frames = 0
        self._file: BinaryIO = path.open("wb")
        self._file.write(msgpack.packb((_MAGIC, VERSION, *header)))
        self._last = np.zeros((0, packets.ACTOR_STATE.itemsize), np.uint8)
        self._last_ids = b""

    def add(self, frame: Frame) -> None:
        """Append a frame; OSError where the disk does not take it."""
        rows = np.ascontiguousarray(frame.records).view(np.uint8).reshape(len(frame.records), -1)
        ids = frame.records["id"].tobytes()
        is_key = self.frames % KEY_EVERY == 0 or ids != self._last_ids
        told = rows if is_key else rows ^ self._last
        body = zlib.compress(told.T.tobytes(), _LEVEL)
        born = [(one.id, one.parent_id, one.description, one.pose) for one in frame.born]
        block = (
            frame.number, frame.elapsed_s, frame.delta_s, is_key, len(rows), body, born, list(frame.gone),
            list(frame.touches), list(frame.lights.items()), frame.weather,
        )  # fmt: skip
        self._file.write(msgpack.packb(block))
        self._file.flush()
        self._last, self._last_ids = rows.copy(), ids
        self.frames += 1

    def close(self) -> None:
        """End the recording."""
        self._file.close()


class Recording:
    """A recording to be read, from first to last as often as one likes."""

    def __init__(self, path: Path) -> None:
        """Read the header; OSError where there is no file, RecordingError where it is none of ours."""
        self.path = path
        with path.open("rb") as file:
            self.header = _header(path, msgpack.Unpacker(file, raw=False))

    def frames(self) -> Iterator[Frame]:
        """Every frame up to the end, or to where the file is cut."""
        with self.path.open("rb") as file:
            blocks = msgpack.Unpacker(file, raw=False, max_buffer_size=2**31 - 1)
            _header(self.path, blocks)
            last = np.zeros((0, packets.ACTOR_STATE.itemsize), np.uint8)
            while True:
                try:
                    block = blocks.unpack()
                    frame, last = _frame(block, last)
                except (msgpack.OutOfData, msgpack.UnpackException, ValueError, TypeError, zlib.error):
                    return  # the end, or the cut
                yield frame

    def length(self) -> tuple[int, float]:
        """How many frames there are, and the seconds from the first to the last."""
        with self.path.open("rb") as file:
            blocks = msgpack.Unpacker(file, raw=False, max_buffer_size=2**31 - 1)
            _header(self.path, blocks)
            last = (0, 0.0)
            while True:
                try:
                    number, elapsed_s, *_ = blocks.unpack()
                    last = (number, elapsed_s)
                except (msgpack.OutOfData, msgpack.UnpackException, ValueError, TypeError):
                    return last


def _header(path: Path, blocks: Any) -> Header:
    try:
        magic, version, map_name, date = blocks.unpack()
    except (msgpack.OutOfData, msgpack.UnpackException, ValueError, TypeError) as error:
        raise RecordingError(f"{path} is not a recording of this server") from error
    if (magic, version) != (_MAGIC, VERSION):
        raise RecordingError(f"{path} is not a recording of this server, or not of version {VERSION}")
    return Header(map_name, date)


def _frame(block: Sequence[Any], last: NDArray[np.uint8]) -> tuple[Frame, NDArray[np.uint8]]:
    number, elapsed_s, delta_s, is_key, count, body, born, gone, touches, lights, weather = block
    told = np.frombuffer(zlib.decompress(body), np.uint8).reshape(packets.ACTOR_STATE.itemsize, count).T
    rows = np.ascontiguousarray(told if is_key else told ^ last)
    frame = Frame(
        number,
        elapsed_s,
        delta_s,
        rows.reshape(-1).view(packets.ACTOR_STATE),
        tuple(Born(one, parent, _description(told_of), tuple(pose)) for one, parent, told_of, pose in born),
        tuple(gone),
        tuple(Touch(*touch) for touch in touches),
        dict(lights),
        None if weather is None else WeatherParameters(*weather),
    )
    return frame, rows


def _description(told: Sequence[Any]) -> ActorDescription:
    uid, name, attributes = told
    return ActorDescription(uid, name, tuple(ActorAttributeValue(*one) for one in attributes))
