"""Reading a dataset: every reader starts from seals.

Opening a dataset checks every byte of every seal; a sequence that is opened, or used for the first time, checks that
every sealed file is there at its sealed size; reading a frame checks the checksum of every chunk it decodes.  What is
left ``verify`` checks.  Nothing is open between reads, so a ``StoredSequence`` may be pickled, forked and read from
many processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.errors import DamagedError, StoreError
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.licences import inherited
from scanyard.sequence import SequenceInfo
from scanyard.store.array_reader import ArrayReader
from scanyard.store.dataset import DatasetHeader, committed_names, dataset_digest, read_header, require_dataset
from scanyard.store.layout import BOX_COLUMNS, IMAGE_COLUMNS, SEAL_FILE, SWEEP_COLUMNS, sequence_folder
from scanyard.store.place import BucketPath, Place, place_of, size_of
from scanyard.store.seal import Seal, Summary, read_seal, read_summary

READ_AHEAD = 3
"""Frames read at once where all are read in order; with the one in use, so many and one lie in memory."""


@dataclass(frozen=True)
class Dataset:
    """A dataset as it is now: its header and its committed sequences."""

    header: DatasetHeader
    sequences: Mapping[str, StoredSequence]
    """By name, sorted."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.header.name

    @property
    def licence(self) -> str:
        """What it is under as a whole: of its own licence and those of its sequences the strictest, or all of them."""
        return inherited({self.header.licence, *(sequence.summary.licence for sequence in self.sequences.values())})

    @property
    def domain(self) -> str:
        """``synthetic``, ``real`` or ``stand-in`` if all sequences agree, else ``mixed``; ``empty`` without any."""
        domains = {sequence.summary.domain for sequence in self.sequences.values()}
        return "empty" if not domains else domains.pop() if len(domains) == 1 else "mixed"

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted (name, digest) pairs of the sequences: equal for equal data, however it was made."""
        return dataset_digest({name: sequence.summary.digest for name, sequence in self.sequences.items()})

    @property
    def num_frames(self) -> int:
        """Frames in all sequences."""
        return sum(sequence.summary.num_frames for sequence in self.sequences.values())


def open_dataset(uri: str | Place) -> Dataset:
    """Open a dataset for reading; StoreError if it is none, DamagedError if a seal does not hold.

    Whether a sequence's files are there is looked at when it is first used.
    """
    root = place_of(uri)
    header = read_header(root)
    sequences = {name: StoredSequence(sequence_folder(root, name)) for name in committed_names(root)}
    for sequence in sequences.values():
        _ = sequence.summary
    for name, digest in (header.sequences or {}).items():
        if name not in sequences:
            raise DamagedError(
                f"{root}: sequence {name!r} was sealed into the dataset and is gone; restore or re-record it, or have "
                f"its loss entered in the log: scanyard seal {root} --forget {name}"
            )
        if sequences[name].summary.digest != digest:
            raise DamagedError(f"{root}: sequence {name!r} is another one than was sealed into the dataset")
    return Dataset(header, sequences)


def open_sequence(uri: str | Place, name: str) -> StoredSequence:
    """Open one sequence of a dataset for reading."""
    root = place_of(uri)
    require_dataset(root)
    folder = sequence_folder(root, name)
    if not (folder.is_dir() if isinstance(folder, Path) else (folder / SEAL_FILE).is_file()):
        raise StoreError(f"{root}: no sequence {name!r}; there are {_some(committed_names(root))}")
    sequence = StoredSequence(folder)
    sequence.open()
    return sequence


@dataclass
class _Opened:
    """What is kept after the first look at a sequence: the seal, and the small arrays whole."""

    seal: Seal
    readers: Mapping[str, ArrayReader]
    small: dict[str, NDArray[Any]] = field(default_factory=dict)
    last: int = -2
    """The frame that was read last; none before the first."""


@dataclass(frozen=True)
class StoredSequence:
    """A committed sequence; frames are read when asked for."""

    folder: Place
    """Where its seal lies."""

    def open(self) -> _Opened:
        """Check the seal and the files' presence and size, once in each process."""
        opened: _Opened | None = self.__dict__.get("_opened")
        if opened is None:
            seal = read_seal(self.folder)
            files = seal.files_in(self.folder)
            if isinstance(files, BucketPath):
                files = files.looked_through()
            for path, file in seal.files.items():
                try:
                    size = size_of(files / path)
                except OSError as error:
                    raise DamagedError(f"{files / path}: is gone ({error.strerror}); {_REPAIR}") from error
                if size != file.size_bytes:
                    raise DamagedError(f"{files / path}: found {size} bytes, sealed were {file.size_bytes}; {_REPAIR}")
            readers = {path: ArrayReader(files / path, array) for path, array in seal.arrays.items()}
            opened = _Opened(seal, readers)
            object.__setattr__(self, "_opened", opened)
        return opened

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    @property
    def summary(self) -> Summary:
        """The little of the seal that a dataset wants to know, without provenance and record: read once."""
        summary: Summary | None = self.__dict__.get("_summary")
        if summary is None:
            summary = replace(read_summary(self.folder), provenance={}, record={})
            object.__setattr__(self, "_summary", summary)
        return summary

    @property
    def seal(self) -> Seal:
        """What it is and what its files must be."""
        return self.open().seal

    @property
    def info(self) -> SequenceInfo:
        """What is true of the whole recording."""
        return self.seal.info

    def __len__(self) -> int:
        return self.seal.num_frames

    def __iter__(self) -> Iterator[Frame]:
        """Frames in order; the next ones are read meanwhile, by threads that end with the iterator."""
        self.open()
        coming: deque[Future[Frame]] = deque()
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="read") as pool:
            try:
                for index in range(len(self)):
                    coming.append(pool.submit(self.__getitem__, index))
                    if len(coming) > READ_AHEAD:
                        yield coming.popleft().result()
                while coming:
                    yield coming.popleft().result()
            finally:
                for frame in coming:  # nobody wants them any more
                    frame.cancel()

    def __getitem__(self, index: int) -> Frame:
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"{self.folder}: frame {index} of {count}")
        index %= count
        self._look_ahead(index)
        return Frame(
            timestamp_ns=int(self._small("ego/timestamp_ns")[index]),
            world_from_ego=Transform(self._small("ego/world_from_ego")[index]),
            sweeps={lidar.name: self._sweep(lidar.name, index) for lidar in self.info.rig.lidars},
            images=self._images(index),
            boxes=self.labels(index),
            dont_care=self._dont_care(index),
            name=self.seal.frame_names[index],
        )

    def _look_ahead(self, index: int) -> None:
        """Where frames are read in order, have the disk fetch the next while this one is unpacked."""
        opened = self.open()
        in_order, opened.last = index == opened.last + 1, index
        if not in_order or index + 1 == len(self):
            return
        for path, reader in opened.readers.items():
            group, _, column = path.rpartition("/")
            if group.startswith("lidar/") and column in SWEEP_COLUMNS:
                rows = self._span(group, index + 1)
                reader.expect(rows.start, rows.stop)
            elif group.startswith("camera/") and column in IMAGE_COLUMNS:
                for row in np.flatnonzero(self._small(f"{group}/frame") == index + 1).tolist():
                    reader.expect(row, row + 1)

    def _sweep(self, sensor: str, index: int) -> Sweep:
        group = f"lidar/{sensor}"
        rows = self._span(group, index)
        readers = self.open().readers
        columns = [column for column in SWEEP_COLUMNS if f"{group}/{column}" in readers]
        return Sweep(**{column: readers[f"{group}/{column}"].read(rows.start, rows.stop) for column in columns})

    def _images(self, index: int) -> dict[str, Image]:
        readers = self.open().readers
        images = {}
        for camera in self.info.rig.cameras:
            group = f"camera/{camera.name}"
            if f"{group}/frame" not in readers:
                continue
            row = np.flatnonzero(self._small(f"{group}/frame") == index)
            if len(row):
                at = int(row[0])
                columns = [column for column in IMAGE_COLUMNS if f"{group}/{column}" in readers]
                images[camera.name] = Image(
                    **{column: readers[f"{group}/{column}"].read(at, at + 1)[0] for column in columns}
                )
        return images

    def timestamps_ns(self) -> NDArray[np.int64]:
        """(T,) time of every frame."""
        times: NDArray[np.int64] = self._small("ego/timestamp_ns").copy()
        return times

    def labels(self, index: int) -> Boxes | None:
        """The boxes of one frame, counted from 0, without reading its sweeps and images."""
        if not self._present("boxes", index):
            return None
        if "boxes/category" not in self.open().readers:  # labelled, and there was never anything to label
            return Boxes.empty()
        rows = self._span("boxes", index)
        columns = [column for column in BOX_COLUMNS if f"boxes/{column}" in self.open().readers]
        names = np.array(self.seal.categories, dtype=np.str_)
        return Boxes(
            category=names[self._small("boxes/category")[rows]],
            **{column: self._small(f"boxes/{column}")[rows].copy() for column in columns},
        )

    def num_points(self, index: int) -> int:
        """Returns of all LiDARs in one frame, counted from 0, without reading its sweeps."""
        spans = [self._span(f"lidar/{lidar.name}", index) for lidar in self.info.rig.lidars]
        return sum(span.stop - span.start for span in spans)

    def _dont_care(self, index: int) -> NDArray[np.float64] | None:
        if not self._present("dont_care", index):
            return None
        regions: NDArray[np.float64] = self._small("dont_care/region")[self._span("dont_care", index)].copy()
        return regions

    def _present(self, group: str, index: int) -> bool:
        return f"{group}/present" in self.open().readers and bool(self._small(f"{group}/present")[index])

    def _span(self, group: str, index: int) -> slice:
        offsets = self._small(f"{group}/offsets")
        return slice(int(offsets[index]), int(offsets[index + 1]))

    def _small(self, path: str) -> NDArray[Any]:
        """A small array, whole; kept after the first read."""
        opened = self.open()
        if path not in opened.small:
            opened.small[path] = opened.readers[path].read_all()
        return opened.small[path]


_REPAIR = "restore it from a copy, or delete the sequence's folder and record again"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "none"
