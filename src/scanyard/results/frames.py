"""The frames that somebody's results can be about: what each is called, and where its boxes are to be put.

Files of results name frames and speak in the coordinates of a camera, a LiDAR or the world.  What takes those to the
ego frame is the recording's, so a file can only be read against the recordings it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from scanyard.boxes import Boxes
from scanyard.datasets.argoverse2_write import log_name, log_time
from scanyard.datasets.kitti import calibration_of
from scanyard.datasets.kitti_calibration import Calibration
from scanyard.datasets.levelled import level_from_ego
from scanyard.datasets.nuscenes_tables import file_stem, sample_token
from scanyard.detections import FrameDetections, cloud_digest
from scanyard.errors import FormatError
from scanyard.frame import Frame
from scanyard.geometry import Transform
from scanyard.sequence import SequenceInfo

_LEVEL_RAD = 1e-4
"""A LiDAR that is turned by less looks straight ahead: a box 100 m away is off by a centimetre."""
_DIGITS = 12
"""No dataset has as many frames."""
_TELL = (
    "if the detector was run on such an export, name its folder (--exported FOLDER); if ids are the frames' own "
    "names, say so (--own-names)"
)


@dataclass(frozen=True)
class KnownFrame:
    """One frame of a recording."""

    info: SequenceInfo
    """Of the recording."""
    index: int
    """Position in it."""
    name: str
    """The frame's own name, or its number in six digits where it has none, as ``scanyard export kitti`` calls it."""
    cloud: str
    """Digest of its scan."""
    world_from_ego: Transform
    timestamp_ns: int
    number: str = ""
    """What an export of ours called it, where results are of a detector that was run there."""

    @classmethod
    def of(cls, info: SequenceInfo, index: int, frame: Frame) -> KnownFrame:
        """What is known of a frame of a recording."""
        name, cloud = frame.name or f"{index:06d}", cloud_digest(frame, info.rig)
        return cls(info, index, name, cloud, frame.world_from_ego, frame.timestamp_ns)

    def detected(self, boxes: Boxes) -> FrameDetections:
        """These boxes, found in this frame."""
        return FrameDetections(self.info.name, self.index, self.name, self.cloud, boxes)

    @property
    def long_name(self) -> str:
        """Recording and frame: unlike any other."""
        return f"{self.info.name}/{self.name}"

    @property
    def ids(self) -> tuple[str, ...]:
        """What results may call it: its names, and what exports of ours call it.

        Token and scan are those of ``scanyard export dataset --to nuscenes``.  A frame imported from KITTI's layout is
        also FOLDER/NAME by the folder it lay in: in our own exports that is the recording's name before the export.
        Where an export is known to have numbered it, the number stands for its own name, which may be another's number.
        """
        came_from, lidar = self.info.provenance, self.info.rig.lidars[0].name
        channel = lidar if lidar.startswith("LIDAR_") else "LIDAR_TOP"
        folders = [came_from["split"]] if "kitti" in came_from and "split" in came_from else []
        return (
            self.number or self.name,
            self.long_name,
            self._exported_token,
            file_stem(self.info.name, channel, self.timestamp_ns // 1000),
            *(f"{folder}/{self.name}" for folder in folders),
        )

    @property
    def by_id(self) -> dict[str, KnownFrame]:
        """The frame by each of its ids: only by its number is it what an export made of it, with a level cloud."""
        return {name: self if name == self.number else replace(self, number="") for name in self.ids}

    @property
    def sample_token(self) -> str:
        """Its token in nuScenes' tables: the original's, where it was imported from there, or that of our export."""
        original = str(self.info.provenance.get("format", "")).startswith("nuscenes")
        return self.name if original else self._exported_token

    @property
    def _exported_token(self) -> str:
        return sample_token(self.info.name, self.index)

    @property
    def ego_from_lidar(self) -> Transform:
        """Where the rig's first LiDAR is, and how it looks."""
        return self.info.rig.lidars[0].ego_from_sensor

    @property
    def ego_from_cloud(self) -> Transform:
        """From the frame of OpenPCDet's and MMDetection3D's boxes: the LiDAR's own, or an export's level one."""
        return level_from_ego(self.info.rig).inverse() if self.number else self.ego_from_lidar

    @property
    def is_level(self) -> bool:
        """Whether the LiDAR's own frame is the level one, so that boxes are in both."""
        return np.allclose(self.ego_from_lidar.rotation, np.eye(3), rtol=0, atol=_LEVEL_RAD)

    @property
    def calibration(self) -> Calibration:
        """KITTI's, or that of the rig's first camera, which an export has; FormatError where the rig has no camera."""
        return Calibration.of_rig(self.info.rig) if self.number else calibration_of(self.info)


@dataclass(frozen=True)
class KnownFrames:
    """All frames that results may name."""

    frames: tuple[KnownFrame, ...]
    lengths: Mapping[str, int] | None = None
    """Frames of each recording of the whole dataset, in its order, by which an export numbers them; these if None."""
    own_names: bool = False
    """Whether somebody has said what ids are: the frames' own names, or what an export that was named calls them."""

    def find_all(self, ids: Iterable[tuple[str, str]], *, in_cloud: bool = False) -> list[KnownFrame]:
        """The frame of each id of a file, which comes with where it stands; ``in_cloud`` if boxes are in the cloud's.

        FormatError as ``find``'s, and where ids can be names as well as numbers of an export, and these are other
        frames, or the same but in other coordinates.
        """
        ids = list(ids)
        found = [self.find(name, where) for name, where in ids]
        if self.own_names or not all(self._may_be_number(name) for name, _ in ids):
            return found
        for frame, (name, where) in zip(found, ids, strict=True):
            own = f"{where}: frame {name!r} is frame {frame.index} of {frame.info.name!r} by its own name"
            recording, index = self._by_number[int(name)]
            exported = f"frame {index} of {recording!r} by number in an export to OpenPCDet or MMDetection3D"
            if (recording, index) != (frame.info.name, frame.index):
                raise FormatError(f"{own}, and {exported}; {_TELL}")
            if in_cloud and not frame.is_level:
                raise FormatError(
                    f"{own}, with boxes as its lidar looks, which is turned, and {exported}, with boxes level with the "
                    f"ego; {_TELL}"
                )
        return found

    def find(self, name: str, where: str) -> KnownFrame:
        """The frame called ``name``, or RECORDING/NAME; FormatError where there is none, or more than one."""
        found = self._by_name.get(name, ())
        if len(found) == 1:
            return found[0]
        if found:
            raise FormatError(
                f"{where}: frame {name!r} is in {len(found)} recordings, such as {found[0].info.name!r} and "
                f"{found[1].info.name!r}; name it RECORDING/FRAME, or put files into a folder per recording; if it is "
                "a number of an export that the detector was run on, name that folder (--exported FOLDER)"
            )
        examples = ", ".join(repr(frame.ids[0]) for frame in self.frames[:3])
        exported = "" if self.own_names else "; or numbers of an export, then name its folder (--exported FOLDER)"
        raise FormatError(
            f"{where}: frame {name[:80]!r} is none of the {len(self.frames)} to be scored, such as {examples}; these "
            f"are results of other data, or of more of it than was chosen{exported}"
        )

    def at(self, log: str, time_ns: int, where: str) -> KnownFrame:
        """The frame of Argoverse 2's log ``log`` at a time; FormatError where there is none."""
        frame = self._by_time.get((log, time_ns))
        if frame is None:
            examples = ", ".join(f"{name!r} at {time}" for name, time in list(self._by_time)[:2])
            raise FormatError(
                f"{where}: log {log[:80]!r} has no frame at {time_ns} ns among the {len(self.frames)} to be scored, "
                f"such as {examples}; these are results of other data, or of more of it than was chosen"
            )
        return frame

    def of(self, detections: FrameDetections, where: str) -> KnownFrame:
        """The frame that something was detected in; FormatError where it is none of these."""
        return self.find(f"{detections.sequence}/{detections.name or f'{detections.index:06d}'}", where)

    def called(self, frame: KnownFrame) -> str:
        """The shortest name that finds it."""
        found = self._by_name.get(frame.name, ())
        return frame.name if [one.long_name for one in found] == [frame.long_name] else frame.long_name

    def _may_be_number(self, name: str) -> bool:
        """Whether an export of the whole dataset would have given this number."""
        if not (name.isascii() and name.isdecimal() and len(name) < _DIGITS):
            return False
        return f"{int(name):06d}" == name and int(name) < len(self._by_number)

    @cached_property
    def _by_number(self) -> list[tuple[str, int]]:
        """Recording and position, by the number that an export of the whole dataset gives."""
        lengths = Counter(frame.info.name for frame in self.frames) if self.lengths is None else self.lengths
        return [(recording, index) for recording, length in lengths.items() for index in range(length)]

    @cached_property
    def _by_time(self) -> dict[tuple[str, int], KnownFrame]:
        """By log and time, as ``scanyard export dataset`` writes them for Argoverse 2."""
        return {(log_name(frame.info.name), log_time(frame.timestamp_ns)): frame for frame in self.frames}

    @cached_property
    def _by_name(self) -> dict[str, tuple[KnownFrame, ...]]:
        found: dict[str, tuple[KnownFrame, ...]] = {}
        for frame in self.frames:
            for name, one in frame.by_id.items():
                found[name] = (*found.get(name, ()), one)
        return found


def known_frames(recordings: Iterable[tuple[SequenceInfo, Iterable[Frame]]]) -> KnownFrames:
    """All frames of some recordings."""
    return KnownFrames(
        tuple(KnownFrame.of(info, index, frame) for info, frames in recordings for index, frame in enumerate(frames))
    )
