"""Frames to rows: which column of a ``Frame`` goes into which array, in the order in which frames come.

``read`` is the way back.  All frames of a sequence have the same LiDARs with the same columns, and boxes with the same
columns; an image, and labels as a whole, may be missing from some frames.  A frame without any box fits every set
of box columns and comes back with those of its sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.errors import StoreError
from scanyard.frame import SWEEP_DTYPES, Frame, Image, Sweep
from scanyard.sequence import SequenceInfo
from scanyard.store.array_writer import CHUNKS_PER_SHARD, ROWS_PER_CHUNK, ArrayWriter
from scanyard.store.arrays import StoredFile
from scanyard.store.chunks import PLAIN, Packing
from scanyard.store.disk import DISK, Disk
from scanyard.store.layout import (
    BOX_COLUMNS,
    IMAGE_COLUMNS,
    SWEEP_COLUMNS,
    attributes_of,
    dimensions_of,
    group_metadata,
    require_file_name,
    require_name,
)
from scanyard.store.seal import Seal

_PACKINGS = {
    "points": Packing("columns", 1),  # level 3 leaves a twentieth less and takes twice as long to write
    "intensity": Packing("zstd", 1),
    "depth_m": Packing("shuffled", 1),
    "rgb": Packing("lines", 1),  # higher levels are slower to write and leave no less
}
_ROWS_PER_FRAME_CHUNK = 256  # per-frame arrays are small: one chunk holds minutes of driving
_IMAGES_PER_SHARD = 16  # 75 MB of 1242×375 colour, depth, semantic and instance pixels wait in memory


class FrameRows:
    """Appends frames to the arrays of one sequence under ``folder``.

    Shards are compressed and written by a thread of its own, while the next frames are made; a context manager,
    because that thread must have ended before anybody clears the folder away.
    """

    def __init__(self, folder: Path, info: SequenceInfo, disk: Disk = DISK) -> None:
        self._folder = folder
        self._disk = disk
        self._info = info
        self._writers: dict[str, ArrayWriter] = {}
        self._files: dict[str, StoredFile] = {}
        self._names: list[str] = []
        self._categories: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        self._columns: dict[str, frozenset[str]] = {}
        self._groups = {"", "ego"}
        self._background = ThreadPoolExecutor(1, thread_name_prefix="store")  # one: shards keep their order
        for name in [lidar.name for lidar in info.rig.lidars] + [camera.name for camera in info.rig.cameras]:
            require_name(name, "sensor")

    def __enter__(self) -> FrameRows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._background.shutdown(cancel_futures=True)

    def append(self, frame: Frame) -> None:
        """Add one frame; StoreError says what does not fit the rig or the frames before."""
        if frame.name:
            require_file_name(frame.name, f"{self._where()}: its name")
        self._per_frame("ego/timestamp_ns", np.array([frame.timestamp_ns], dtype=np.int64))
        self._per_frame("ego/world_from_ego", frame.world_from_ego.matrix[None])
        self._append_sweeps(frame.sweeps)
        for name, image in frame.images.items():
            self._append_image(name, image)
        if self._ragged("boxes", None if frame.boxes is None else len(frame.boxes)) and frame.boxes is not None:
            self._append_boxes(frame.boxes)
        regions = None if frame.dont_care is None else np.asarray(frame.dont_care, dtype=np.float64).reshape(-1, 4)
        if self._ragged("dont_care", None if regions is None else len(regions)) and regions is not None:
            self._rows("dont_care/region", regions)
        self._names.append(frame.name)

    def close(self, record: Mapping[str, Any]) -> Seal:
        """Write what is left and all metadata; return the seal, which the caller writes."""
        if not self._names:
            raise StoreError(f"sequence {self._info.name!r} has no frames; a recording has at least one")
        if "boxes/category" in self._writers:
            self._writers["boxes/category"].attributes = {"categories": list(self._categories)}
        arrays = {path: writer.close() for path, writer in sorted(self._writers.items())}
        for path, writer in self._writers.items():
            self._files.update({f"{path}/{name}": file for name, file in writer.files.items()})
            parts = path.split("/")
            self._groups.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        for group in sorted(self._groups):
            self._write_group(group)
        return Seal(
            info=self._info,
            num_frames=len(self._names),
            arrays=arrays,
            files=dict(sorted(self._files.items())),
            frame_names=tuple(self._names),
            categories=tuple(self._categories),
            record=record,
        )

    def _append_sweeps(self, sweeps: Mapping[str, Sweep]) -> None:
        expected = sorted(lidar.name for lidar in self._info.rig.lidars)
        if sorted(sweeps) != expected:
            raise StoreError(
                f"{self._where()} has sweeps {sorted(sweeps)}, the rig lists {expected}; "
                "the recording was interrupted, or the rig is another one: record again"
            )
        for name, sweep in sweeps.items():
            columns = {column: getattr(sweep, column) for column in SWEEP_COLUMNS}
            self._require_same(f"lidar/{name}", {column for column, value in columns.items() if value is not None})
            self._ragged(f"lidar/{name}", len(sweep), optional=False)
            for column, value in columns.items():
                if value is not None:
                    self._rows(f"lidar/{name}/{column}", value.astype(SWEEP_DTYPES[column], copy=False))

    def _append_image(self, name: str, image: Image) -> None:
        known = {camera.name: camera for camera in self._info.rig.cameras}
        if name not in known:
            raise StoreError(f"{self._where()} has an image from {name!r}, the rig's cameras are {sorted(known)}")
        size = (known[name].height_px, known[name].width_px)
        columns = {column: getattr(image, column) for column in IMAGE_COLUMNS}
        self._require_same(f"camera/{name}", {column for column, value in columns.items() if value is not None})
        for column, value in columns.items():
            if value is None:
                continue
            expected = (*size, 3) if column == "rgb" else size
            if value.shape != expected or value.dtype != IMAGE_COLUMNS[column]:
                raise StoreError(
                    f"{self._where()}: image {name!r}: {column} is {value.dtype} {value.shape}, "
                    f"expected {IMAGE_COLUMNS[column]} {expected} (height first)"
                )
            self._rows(f"camera/{name}/{column}", value[None], rows_per_chunk=1, chunks_per_shard=_IMAGES_PER_SHARD)
        self._per_frame(f"camera/{name}/frame", np.array([len(self._names)], dtype=np.int64))

    def _append_boxes(self, boxes: Boxes) -> None:
        if not len(boxes):
            return
        columns = {column: getattr(boxes, column) for column in BOX_COLUMNS}
        self._require_same("boxes", {column for column, value in columns.items() if value is not None})
        for column, value in columns.items():
            if value is not None:
                self._rows(f"boxes/{column}", value)
        codes = [self._categories.setdefault(str(name), len(self._categories)) for name in boxes.category]
        self._rows("boxes/category", np.array(codes, dtype=np.int64))

    def _ragged(self, group: str, count: int | None, *, optional: bool = True) -> bool:
        """Note how many rows this frame has in ``group``; whether the group exists by now."""
        frame = len(self._names)
        if f"{group}/offsets" not in self._writers:
            if count is None:
                return False
            self._per_frame(f"{group}/offsets", np.zeros(frame + 1, dtype=np.int64))
            if optional:
                self._per_frame(f"{group}/present", np.zeros(frame, dtype=np.bool_))
        self._totals[group] = self._totals.get(group, 0) + (count or 0)
        self._per_frame(f"{group}/offsets", np.array([self._totals[group]], dtype=np.int64))
        if optional:
            self._per_frame(f"{group}/present", np.array([count is not None]))
        return True

    def _per_frame(self, path: str, rows: NDArray[Any]) -> None:
        self._rows(path, rows, rows_per_chunk=_ROWS_PER_FRAME_CHUNK)

    def _rows(
        self,
        path: str,
        rows: NDArray[Any],
        *,
        rows_per_chunk: int = ROWS_PER_CHUNK,
        chunks_per_shard: int = CHUNKS_PER_SHARD,
    ) -> None:
        if path not in self._writers:
            self._writers[path] = ArrayWriter(
                self._folder / path,
                rows.dtype,
                self._background,
                rows.shape[1:],
                rows_per_chunk,
                chunks_per_shard,
                _PACKINGS.get(path.rsplit("/", 1)[-1], PLAIN),
                dimensions_of(path, rows.ndim),
                attributes_of(path),
                disk=self._disk,
            )
        self._writers[path].append(rows)

    def _require_same(self, group: str, columns: set[str]) -> None:
        first = self._columns.setdefault(group, frozenset(columns))
        if columns != first:
            raise StoreError(
                f"{self._where()}: {group} has columns {sorted(columns)}, the frames before have {sorted(first)}; "
                "all frames of a sequence must know the same"
            )

    def _where(self) -> str:
        return f"sequence {self._info.name!r}, frame {len(self._names)}"

    def _write_group(self, group: str) -> None:
        attributes = {"frame_names": self._names} if group == "ego" and any(self._names) else {}
        data = group_metadata(attributes)
        self._disk.write(self._folder / group / "zarr.json", [data])
        path = f"{group}/zarr.json" if group else "zarr.json"
        self._files[path] = StoredFile.of(data)
