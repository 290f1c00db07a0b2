"""What an export says of itself: ``LICENCE.md`` for people, ``scanyard.json`` for whoever reads it back.

Other people's layouts have no place for a licence, for which drive a frame comes from, or for a beam table.  Losing the
first is how data that must not be used commercially ends up in a product; losing the others means that a folder cannot
be split by drive any more.  So both files lie at the root of every export, and readers of ours look for the second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.errors import FormatError, StoreError
from scanyard.frame import Frame
from scanyard.geometry import FloatArray, Transform
from scanyard.sensors import Rig
from scanyard.sequence import SensorSequence, SequenceInfo
from scanyard.store.layout import require_file_name

ORIGIN_FILE = "scanyard.json"
LICENCE_FILE = "LICENCE.md"
ORIGIN_FORMAT = "scanyard-export-1"
UNFINISHED_FILE = "scanyard-unfinished"
"""Lies in an export until its note does: without one, what was cut off would be read as somebody else's data."""

CITATIONS = {
    "kitti": "A. Geiger, P. Lenz, C. Stiller, R. Urtasun: Vision meets Robotics: The KITTI Dataset. IJRR 2013",
    "nuscenes": "H. Caesar et al.: nuScenes: A multimodal dataset for autonomous driving. CVPR 2020",
    "argoverse2": "B. Wilson et al.: Argoverse 2: Next Generation Datasets for Self-Driving Perception. NeurIPS 2021",
    "sustech": "E. Li et al.: SUSTech POINTS: A Portable 3D Point Cloud Interactive Annotation Platform. IV 2020",
}
"""Whom licences with *BY* ask to name, by the first word of ``provenance["format"]``."""
_DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What comes of reading a note in which something is missing, is something else, or has no end."""


@dataclass(frozen=True)
class FrameNote:
    """What a layout without times and poses does not say of one frame."""

    file: str
    """The frame's id in the layout: its file name without ending."""
    name: str
    timestamp_ns: int
    world_from_ego: Transform
    labelled: bool
    dont_care: FloatArray | None = None
    """(K, 4) as ``Frame`` has them."""
    cloud: str = ""
    """Digest of its scan (``detections.cloud_digest``) where the layout keeps that to the bit, else empty."""

    @classmethod
    def of(cls, file: str, frame: Frame) -> FrameNote:
        """The note of ``frame``, which was written under the id ``file``."""
        return cls(file, frame.name, frame.timestamp_ns, frame.world_from_ego, frame.boxes is not None, frame.dont_care)


@dataclass(frozen=True)
class SequenceNote:
    """One exported recording."""

    info: SequenceInfo
    frames: tuple[FrameNote, ...] = ()
    """Empty where the layout itself keeps names, times and poses."""


def non_commercial(licence: str) -> bool:
    """Whether a licence forbids commercial use, or says nothing one could rely on."""
    parts = licence.upper().replace("_", "-").split("-")
    return "NC" in parts or not licence or licence.upper().startswith(("UNKNOWN", "NOASSERTION"))


def write_origin(root: Path, layout: str, convention: str, sequences: Iterable[SequenceNote]) -> None:
    """Write both files into ``root``; ``convention`` says in one sentence which axes and units the files have."""
    notes = list(sequences)
    body = {
        "format": ORIGIN_FORMAT,
        "layout": layout,
        "convention": convention,
        "licences": sorted({note.info.licence for note in notes}),
        "non_commercial": any(non_commercial(note.info.licence) for note in notes),
        "sequences": [_note_to_dict(note) for note in notes],
    }
    root.joinpath(ORIGIN_FILE).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    root.joinpath(LICENCE_FILE).write_text(licence_text(layout, [note.info for note in notes]), encoding="utf-8")
    root.joinpath(UNFINISHED_FILE).unlink(missing_ok=True)


def licence_text(layout: str, infos: Sequence[SequenceInfo]) -> str:
    """``LICENCE.md``: what may be done with these files, licence by licence."""
    lines = [f"# Licence of these files\n\nWritten by scanyard in the layout of {layout}.\n"]
    for licence in sorted({info.licence for info in infos}):
        under = [info for info in infos if info.licence == licence]
        sources = sorted({str(info.provenance.get("format", "scanyard")) for info in under})
        names = ", ".join(info.name for info in under[:20]) + (", ..." if len(under) > 20 else "")
        domains = ", ".join(sorted({info.domain for info in under}))
        lines.append(f"## {licence or 'no licence known'}\n")
        if non_commercial(licence):
            lines.append(
                "**Not for commercial use.** So is whatever is made of these files, trained weights included.\n"
            )
        lines.append(f"{len(under)} sequences ({domains}; from {', '.join(sources)}): {names}\n")
        cited = {CITATIONS[source.split("-")[0]] for source in sources if source.split("-")[0] in CITATIONS}
        lines += [f"Cite: {citation}.\n" for citation in sorted(cited)]
    return "\n".join(lines)


def read_origin(root: Path, layout: str) -> tuple[SequenceNote, ...] | None:
    """The recordings that were exported into ``root``, or ``None`` where the folder is not one of our exports.

    FormatError if the file is damaged or describes another layout, or the export did not come to its end.
    """
    path = root / ORIGIN_FILE
    _require_finished(root)
    if not path.is_file():
        return None
    try:
        body = json.loads(path.read_bytes())
        if body["format"] != ORIGIN_FORMAT or body["layout"] != layout:
            raise FormatError(
                f"{path}: describes {body['format']!r} in the layout {body['layout']!r}, "
                f"expected {ORIGIN_FORMAT!r} in {layout!r}; import it as {body['layout']!r}"
            )
        return tuple(_note_from_dict(note) for note in body["sequences"])
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(f"{path}: damaged, {error!r} while reading it; export again, or delete it") from error


def read_origin_around(root: Path, layout: str, *, up: int) -> tuple[SequenceNote, ...] | None:
    """The same of ``root``, or where that has no note of the nearest of ``up`` folders it lies in that has one."""
    if (found := read_origin(root, layout)) is not None:
        return found
    for folder in list(named(root).absolute().parents)[:up]:
        _require_finished(folder)
        if (folder / ORIGIN_FILE).is_file():
            return read_origin(folder, layout) if layout_of(folder) == layout else None
    return None


def layout_of(root: Path) -> str:
    """The layout that was exported into ``root``; FormatError where its note is missing or damaged."""
    path = root / ORIGIN_FILE
    _require_finished(root)
    try:
        body = json.loads(path.read_bytes())
        if body["format"] != ORIGIN_FORMAT or not isinstance(body["layout"], str):
            raise FormatError(f"{path}: is no note of an export; expected the format {ORIGIN_FORMAT!r} and a layout")
        return str(body["layout"])
    except FileNotFoundError:
        raise FormatError(
            f"{root}: holds no {ORIGIN_FILE}, which every export of ours has; name the folder that was exported into, "
            f"or one with its {ORIGIN_FILE}"
        ) from None
    except _DAMAGE as error:
        raise FormatError(f"{path}: damaged, {error!r} while reading it; export again, or delete it") from error


def named(folder: str | Path) -> Path:
    """The same folder under a path that ends in its name, which recordings are called after and ``.`` does not say."""
    path = Path(folder)
    return path.resolve() if path.name in ("", "..") else path


def require_new_folder(root: Path) -> None:
    """Make the folder an export goes to; StoreError if there is something in it."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in root.iterdir())
    except OSError as error:
        raise StoreError(f"{root}: cannot be written to ({error.strerror})") from error
    if found and found != [UNFINISHED_FILE]:
        what = "an export that did not come to its end" if UNFINISHED_FILE in found else f"{found[:3]} already"
        raise StoreError(f"{root}: holds {what}; an export needs an empty or new folder")


def begin_export(root: Path) -> None:
    """Make the folder an export goes to, which is unfinished until its origin is written; errors as above."""
    require_new_folder(root)
    try:
        root.joinpath(UNFINISHED_FILE).write_text("An export that is not finished, or was cut off.\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{root}: cannot be written to ({error.strerror})") from error


def _require_finished(root: Path) -> None:
    if (root / UNFINISHED_FILE).exists():
        raise FormatError(
            f"{root}: is an export that did not come to its end, as {UNFINISHED_FILE} says, or is still being written; "
            "wait for it, or delete the folder and export again"
        )


def write_recordings(
    root: Path,
    sequences: Sequence[SensorSequence],
    write: Callable[[Path, SensorSequence], None],
    *,
    suffix: str,
    layout: str,
    convention: str,
) -> None:
    """Write one file a recording into the new folder ``root``, and their origin; StoreError if that cannot be."""
    begin_export(root)
    try:
        for sequence in sequences:
            write(root / f"{require_file_name(sequence.info.name, 'sequence')}.{suffix}", sequence)
        write_origin(root, layout, convention, notes_of(sequences))
    except OSError as error:
        raise StoreError(f"{root}: cannot be written ({error.strerror}: {error.filename})") from error


def _note_to_dict(note: SequenceNote) -> dict[str, Any]:
    info = note.info
    return {
        "name": info.name,
        "domain": info.domain,
        "drive": info.drive,
        "licence": info.licence,
        "rig": info.rig.to_dict(),
        "provenance": dict(info.provenance),
        "frames": [
            {
                "file": frame.file,
                "name": frame.name,
                "timestamp_ns": frame.timestamp_ns,
                "world_from_ego": frame.world_from_ego.to_list(),
                "labelled": frame.labelled,
                "dont_care": None if frame.dont_care is None else np.asarray(frame.dont_care).tolist(),
                "cloud": frame.cloud,
            }
            for frame in note.frames
        ],
    }


def _note_from_dict(data: Mapping[str, Any]) -> SequenceNote:
    info = SequenceInfo(
        name=str(data["name"]),
        domain=_domain(data["domain"]),
        drive=str(data["drive"]),
        rig=Rig.from_dict(data["rig"]),
        licence=str(data["licence"]),
        provenance=dict(data["provenance"]),
    )
    frames = tuple(
        FrameNote(
            str(frame["file"]),
            str(frame["name"]),
            int(frame["timestamp_ns"]),
            Transform.from_list(frame["world_from_ego"]),
            bool(frame["labelled"]),
            None if frame["dont_care"] is None else np.array(frame["dont_care"], dtype=np.float64).reshape(-1, 4),
            str(frame.get("cloud", "")),  # exports of older versions do not say
        )
        for frame in data["frames"]
    )
    return SequenceNote(info, frames)


def _domain(word: str) -> Any:
    if word not in ("synthetic", "real", "stand-in"):
        raise ValueError(f"found domain {word!r}, expected synthetic, real or stand-in")
    return word


def notes_of(sequences: Iterable[SensorSequence]) -> list[SequenceNote]:
    """Notes of whole recordings, for layouts that keep names, times and poses themselves."""
    return [SequenceNote(sequence.info) for sequence in sequences]
