"""``scanyard import dataset`` and ``scanyard export dataset``: other people's layouts in and out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli.progress import Advance, progress
from scanyard.cli.upkeep import SigningKey, load_signing_key, sealed_as
from scanyard.errors import FormatError, InputError

if TYPE_CHECKING:
    from scanyard.boxes import Boxes
    from scanyard.frame import Frame
    from scanyard.sequence import SensorSequence, SequenceInfo
    from scanyard.store import Dataset

logger = logging.getLogger(__name__)

SOURCES = ("nuscenes", "argoverse2", "openpcdet", "mmdet3d", "kitti-tracking", "samples")
TARGETS = ("nuscenes", "argoverse2", "openpcdet", "mmdet3d", "mcap", "rerun")
Purpose = Annotated[
    str, typer.Option("--for", help="What for: 'own use', 'passing on' or 'commercial use'; licences are asked.")
]
CHECKED_FRAMES = 20
"""How many frames of a data set are looked at for mirrored axes: enough for hundreds of boxes, and quick."""


def import_dataset(
    root: Annotated[Path, typer.Argument(help="Folder in the other layout.")],
    layout: Annotated[str, typer.Option("--from", help=f"Its layout: {', '.join(SOURCES)}.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Dataset folder to write.")],
    subset: Annotated[
        str | None, typer.Option(help="nuscenes: the version (v1.0-mini); kitti-tracking: the sequence (0000).")
    ] = None,
    drive: Annotated[
        str | None, typer.Option(help="openpcdet, mmdet3d: the drive all frames are of, where the folder does not say.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="openpcdet, mmdet3d: the frames' licence, where the folder does not say.")
    ] = None,
    join_riders: Annotated[
        bool, typer.Option(help="Make one box of a rider and what is ridden, as KITTI and nuScenes have it.")
    ] = False,
    signing_key: SigningKey = None,
) -> None:
    """Bring frames in another layout into a dataset of ours, with their licence; says if axes look mirrored.

    Example: scanyard import dataset ~/nuscenes --from nuscenes --subset v1.0-mini --out out/nuscenes
    """
    from scanyard.datasets.riders import join_riders as joined
    from scanyard.label.tracks import track_faults
    from scanyard.store import open_dataset, seal_dataset, write_sequence

    key = load_signing_key(signing_key)
    sequences = _read(root, layout, subset=subset, drive=drive, licence=licence)
    if not sequences:
        raise FormatError(f"{root}: lists no recording in the layout of {layout}; give a folder that holds some")
    licences = begin_import(out, sequences)
    change = joined if join_riders else _unchanged
    with progress(f"import {root.name}") as advance:
        for sequence in watched(sequences, advance, change):
            write_sequence(out, sequence.info, sequence)
            if faults := track_faults(sequence.labels):
                logger.warning("%s: %d faults of tracks, such as %s", sequence.info.name, len(faults), faults[0])
    digest = seal_dataset(out, key=key)
    dataset = open_dataset(out)
    _warn_of_axes(list(dataset.sequences.values()))
    print(f"{out}: {len(dataset.sequences)} sequences, {dataset.num_frames} frames, {sealed_as(digest, key)}")
    say_licences(licences)


def export_dataset(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.")],
    layout: Annotated[str, typer.Option("--to", help=f"The layout: {', '.join(TARGETS)}.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder to write into.")],
    val: Annotated[
        list[str] | None, typer.Option(help="A drive for validation (argoverse2, openpcdet, mmdet3d); repeat for more.")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="A category to leave out, such as one the layout has no class for.")
    ] = None,
    version: Annotated[str, typer.Option(help="nuscenes: what the folder of tables is called.")] = "v1.0-trainval",
    purpose: Purpose = "own use",
) -> None:
    """Write a dataset in another layout, with its licence beside it.

    Example: scanyard export dataset out/synthetic --to nuscenes --out out/nuscenes
    """
    from scanyard.datasets.classes import without_categories
    from scanyard.results import NUMBERED
    from scanyard.store import open_dataset

    write = _writer(layout, val or (), version)
    opened = open_dataset(dataset)
    require_purpose(opened, purpose)
    require_any(opened, dataset)
    sequences = list(opened.sequences.values())
    with progress(f"export {dataset.name}") as advance:
        write(out, watched(sequences, advance, lambda boxes: without_categories(boxes, drop or ())))
    print(f"{out}: {len(sequences)} sequences, {opened.num_frames} frames in the layout of {layout}")
    if layout in NUMBERED:
        print(f"frames have numbers; score results: scanyard evaluate {dataset} --detections RESULTS --exported {out}")
    say_licences(sorted({sequence.info.licence for sequence in sequences}))


def write_card(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder, or s3://BUCKET/PREFIX.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder to write into.")],
    url: Annotated[str | None, typer.Option(help="Where the dataset itself may be had, for the card to say.")] = None,
    purpose: Purpose = "own use",
) -> None:
    """Write a dataset's card (Croissant 1.0) and a small preview: Parquet tables of its sequences, frames and boxes.

    Example: scanyard card out/synthetic --out out/card --for "passing on"
    """
    from scanyard.datasets import croissant
    from scanyard.store import open_dataset

    opened = open_dataset(dataset)
    require_purpose(opened, purpose)
    with progress(f"card of {dataset.name}") as advance:
        card = croissant.write_card(opened, out, url=url, on_progress=lambda done, total: advance(done, total, ""))
    print(f"{card.path}: {', '.join(f'{rows} {table}' for table, rows in card.rows.items())}")
    say_licences([opened.licence])


def require_purpose(dataset: Dataset, purpose: str) -> None:
    """Refuse what the licence of any source forbids; LicenceError says which and why."""
    from scanyard.licences import PURPOSES, require_allowed

    wanted = next((one for one in PURPOSES if one == purpose), None)
    if wanted is None:
        raise InputError(f"--for {purpose!r}: expected one of {', '.join(PURPOSES)}")
    require_allowed([dataset.header.licence, *(one.info.licence for one in dataset.sequences.values())], wanted)


def begin_import(out: Path, sequences: Sequence[SensorSequence]) -> list[str]:
    """Make ``out`` a dataset for these recordings, or one that they can be added to; their licences, sorted.

    StoreError where it has another licence, or has lost sequences that these do not bring back.
    """
    from scanyard.store import create_dataset, require_nothing_lost, sweep_staging

    licences = sorted({sequence.info.licence for sequence in sequences})
    create_dataset(out, licence=" and ".join(licences))
    sweep_staging(out)
    require_nothing_lost(out, coming=[sequence.info.name for sequence in sequences])
    return licences


def require_any(opened: Dataset, dataset: Path) -> None:
    """Refuse to export nothing, which would look like success."""
    if not opened.sequences:
        raise InputError(f"{dataset}: has no sequence to export; record or import some first, or give another dataset")


def _read(
    root: Path, layout: str, *, subset: str | None, drive: str | None, licence: str | None
) -> Sequence[SensorSequence]:
    from scanyard.datasets import argoverse2, kitti_tracking, mmdet3d, nuscenes, openpcdet, samples
    from scanyard.datasets.levelled import UNKNOWN_LICENCE

    known = licence or UNKNOWN_LICENCE
    readers: dict[str, Callable[[], Sequence[SensorSequence]]] = {
        "nuscenes": lambda: nuscenes.read_sequences(root, subset),
        "argoverse2": lambda: argoverse2.read_sequences(root),
        "openpcdet": lambda: openpcdet.read_sequences(root, drive=drive, licence=known),
        "mmdet3d": lambda: mmdet3d.read_sequences(root, drive=drive, licence=known),
        "kitti-tracking": lambda: [kitti_tracking.read_tracking(root, subset or "0000")],
        "samples": lambda: samples.read_sequences(root),
    }
    if layout not in readers:
        raise InputError(
            f"--from {layout!r}: no such layout; there are {', '.join(SOURCES)}, and scanyard import kitti"
        )
    if layout not in ("openpcdet", "mmdet3d") and (drive or licence):
        raise InputError(f"--from {layout}: its files say the drive and the licence; leave out --drive and --licence")
    return readers[layout]()


def _writer(layout: str, val: Collection[str], version: str) -> Callable[[Path, Sequence[SensorSequence]], None]:
    from scanyard.datasets import argoverse2_write, mcap_recording, mmdet3d, nuscenes_write, openpcdet, rerun_recording

    writers: dict[str, Callable[[Path, Sequence[SensorSequence]], None]] = {
        "nuscenes": lambda out, sequences: nuscenes_write.write_dataset(out, sequences, version=version),
        "argoverse2": lambda out, sequences: argoverse2_write.write_dataset(out, sequences, val_drives=val),
        "openpcdet": lambda out, sequences: openpcdet.write_dataset(out, sequences, val_drives=val),
        "mmdet3d": lambda out, sequences: mmdet3d.write_dataset(out, sequences, val_drives=val),
        "mcap": mcap_recording.write_dataset,
        "rerun": rerun_recording.write_dataset,
    }
    if layout not in writers:
        raise InputError(f"--to {layout!r}: no such layout; there are {', '.join(TARGETS)}, and scanyard export kitti")
    if val and layout in ("nuscenes", "mcap", "rerun"):
        raise InputError(f"--to {layout}: has no validation set; leave out --val")
    return writers[layout]


def _unchanged(boxes: Boxes) -> Boxes:
    return boxes


@dataclass(frozen=True)
class Watched:
    """A recording whose frames move a progress bar as they are taken, and whose labels pass through ``change``."""

    whole: SensorSequence
    change: Callable[[Boxes], Boxes]
    taken: Callable[[str], None]
    labels: list[Frame] = field(default_factory=list)
    """The frames that were taken, without what the sensors saw."""

    @property
    def info(self) -> SequenceInfo:
        """That of the whole recording."""
        return self.whole.info

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: int) -> Frame:
        frame = self.whole[index]
        return frame if frame.boxes is None else frame.replace(boxes=self.change(frame.boxes))

    def __iter__(self) -> Iterator[Frame]:
        for index in range(len(self)):
            frame = self[index]
            yield frame
            self.labels.append(frame.replace(sweeps={}, images={}))
            self.taken(self.info.name)


def watched(
    sequences: Sequence[SensorSequence], advance: Advance, change: Callable[[Boxes], Boxes] = _unchanged
) -> list[Watched]:
    """The sequences so that ``advance`` hears of every frame that is taken."""
    total, done = sum(len(sequence) for sequence in sequences), 0

    def taken(name: str) -> None:
        nonlocal done
        done += 1
        advance(done, total, name)

    return [Watched(sequence, change, taken) for sequence in sequences]


def _warn_of_axes(sequences: Sequence[SensorSequence]) -> None:
    """Say which mistake of conventions would explain the points better than the labels as they were read."""
    from scanyard.datasets.axes import axes_findings

    left = CHECKED_FRAMES
    for sequence in sequences:
        picked = range(0, len(sequence), max(1, len(sequence) // CHECKED_FRAMES))[:left]
        left -= len(picked)
        for finding in axes_findings((sequence[index] for index in picked), sequence.info.rig):
            logger.warning("%s: %s", sequence.info.name, finding)


def say_licences(licences: Sequence[str]) -> None:
    """Print what frames may be used for, licence by licence."""
    from scanyard.datasets.origin import non_commercial

    for licence in licences:
        limits = ": not for commercial use, and so is whatever is made of it" if non_commercial(licence) else ""
        print(f"licence {licence}{limits}")
