"""Whose results a file or folder holds, told by what is in it, and one door to the readers.

A format is what a user asks for, a layout what a file has: OpenPCDet writes its own pickle, but also KITTI's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scanyard.detections import FORMAT, Detections, FrameDetections, detections_from_json
from scanyard.errors import FormatError
from scanyard.pickled import read_pickle
from scanyard.results.argoverse2 import read_argoverse2
from scanyard.results.frames import KnownFrames
from scanyard.results.kitti_text import read_kitti_text, text_files, with_image_boxes
from scanyard.results.mmdet3d import json_files, read_mmdet3d_json, read_mmdet3d_pickle
from scanyard.results.nuscenes_json import read_nuscenes
from scanyard.results.openpcdet import read_openpcdet
from scanyard.strict_json import read_json

LAYOUTS: Mapping[str, str] = {
    "scanyard_json": "scanyard's own JSON",
    "kitti_text": "KITTI's text files, one per frame",
    "nuscenes_json": "nuScenes' results JSON",
    "openpcdet_pickle": "OpenPCDet's result pickle",
    "mmdet3d_pickle": "MMDetection3D's pickle",
    "mmdet3d_json": "MMDetection3D's predictions, a JSON per frame",
    "argoverse2_feather": "Argoverse 2's detections, a Feather table",
}
FORMATS: Mapping[str, tuple[str, ...]] = {
    "scanyard": ("scanyard_json",),
    "kitti": ("kitti_text",),
    "nuscenes": ("nuscenes_json",),
    "argoverse2": ("argoverse2_feather",),
    "openpcdet": ("openpcdet_pickle", "kitti_text", "nuscenes_json", "argoverse2_feather"),
    "mmdet3d": ("mmdet3d_pickle", "mmdet3d_json", "kitti_text", "nuscenes_json"),
}
_PICKLE = b"\x80"  # from protocol 2 on
_FEATHER = b"ARROW1"


@dataclass(frozen=True)
class Results:
    """A file or folder of results, opened and recognised."""

    path: Path
    layout: str
    """One of LAYOUTS."""
    content: Any
    """What was read of it: the value of a JSON file or a pickle; nothing yet of a folder or a table."""

    @property
    def described(self) -> str:
        """What it was taken for."""
        return LAYOUTS[self.layout]

    def detections(self, known: KnownFrames, classes: Sequence[str] = ()) -> Detections:
        """What is detected in which of the known frames, in the ego frame.

        ``classes`` names the numbers in MMDetection3D's predictions.  FormatError names file and line, entry or box.
        """
        if self.layout == "scanyard_json":
            return detections_from_json(self.content, self.path)
        frames = self._frames(known, classes)
        rigs = {(frame.info.name, frame.index): frame for frame in known.frames}
        return Detections(
            self.path.stem,
            tuple(replace(one, boxes=with_image_boxes(one.boxes, rigs[one.sequence, one.index])) for one in frames),
        )

    def _frames(self, known: KnownFrames, classes: Sequence[str]) -> list[FrameDetections]:
        if self.layout == "kitti_text":
            return read_kitti_text(self.path, known)
        if self.layout == "argoverse2_feather":
            return read_argoverse2(self.path, known)
        if self.layout == "nuscenes_json":
            return read_nuscenes(self.content, self.path, known)
        if self.layout == "openpcdet_pickle":
            return read_openpcdet(self.content, self.path, known)
        if self.layout == "mmdet3d_pickle":
            return read_mmdet3d_pickle(self.content, self.path, known, classes)
        return read_mmdet3d_json(json_files(self.path) if self.path.is_dir() else [self.path], known, classes)


def open_results(path: str | Path, form: str | None = None) -> Results:
    """Recognise a file or folder; FormatError where it is none of LAYOUTS, or not one that format ``form`` has."""
    path = Path(path)
    if form is not None and form not in FORMATS:
        raise FormatError(f"--format {form!r}: expected one of {list(FORMATS)}")
    results = _recognised(path)
    if form is not None and results.layout not in FORMATS[form]:
        expected = " or ".join(LAYOUTS[layout] for layout in FORMATS[form])
        raise FormatError(f"{path}: is {results.described}; --format {form} reads {expected}")
    return results


def _recognised(path: Path) -> Results:
    if path.is_dir():
        if text_files(path):
            return Results(path, "kitti_text", None)
        if json_files(path):
            return Results(path, "mmdet3d_json", None)
        raise FormatError(
            f"{path}: a folder with neither KITTI's ID.txt nor MMDetection3D's preds/ID.json; expected results"
        )
    try:
        with path.open("rb") as file:
            start = file.read(len(_FEATHER))
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file; `scanyard detect` writes detections") from None
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from None
    if start.startswith(_PICKLE):
        return _of_pickle(path)
    if start == _FEATHER:
        return Results(path, "argoverse2_feather", None)
    return _of_json(path)


def _of_pickle(path: Path) -> Results:
    data = read_pickle(path)
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    if "boxes_lidar" in first:
        return Results(path, "openpcdet_pickle", data)
    if "pred_instances_3d" in first or {"location", "rotation_y", "name"} <= set(first):
        return Results(path, "mmdet3d_pickle", data)
    raise FormatError(
        f"{path}: a pickle of neither OpenPCDet (entries with boxes_lidar) nor MMDetection3D (entries with "
        "pred_instances_3d, or with location and rotation_y)"
    )


def _of_json(path: Path) -> Results:
    data = read_json(path)
    if isinstance(data, dict):
        if data.get("format") == FORMAT:
            return Results(path, "scanyard_json", data)
        if "results" in data:
            return Results(path, "nuscenes_json", data)
        if "bboxes_3d" in data:
            return Results(path, "mmdet3d_json", data)
    found = f"an object with {sorted(data)[:5]}" if isinstance(data, dict) else type(data).__name__
    raise FormatError(
        f"{path}: JSON that is no file of detections: found {found}, expected the format {FORMAT!r}, nuScenes' results "
        "or MMDetection3D's bboxes_3d"
    )
