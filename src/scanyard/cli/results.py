"""``scanyard evaluate``, ``export detections``: results of any detector scored, held against claims, rewritten."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli import causes
from scanyard.cli.compare import DatasetPath, Drives, open_split, print_evaluation
from scanyard.cli.progress import progress
from scanyard.errors import EvaluationError, InputError

if TYPE_CHECKING:
    from scanyard.detections import Detections
    from scanyard.experiment.scoring import LabelledFrame
    from scanyard.results import Exported as ExportedFolder
    from scanyard.results import KnownFrames, Results
    from scanyard.split import Split

DetectionsPath = Annotated[
    Path,
    typer.Option(
        help="File or folder: ours, KITTI's text, nuScenes' JSON, Argoverse 2's Feather table, OpenPCDet's or "
        "MMDetection3D's."
    ),
]
Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="scanyard, kitti, nuscenes, argoverse2, openpcdet or mmdet3d; told by the content if not given.",
    ),
]
Classes = Annotated[
    str | None, typer.Option(help="Names of MMDetection3D's class numbers, in order: Pedestrian,Cyclist,Car.")
]
Names = Annotated[
    Path | None, typer.Option("--frames", help="Text file with a frame name a line, such as ImageSets/val.txt.")
]

Exported = Annotated[
    Path | None,
    typer.Option(
        help="Export that the detector was run on: ids, also in --frames, are its numbers. Not needed where results "
        "lie in it."
    ),
]
OwnNames = Annotated[bool, typer.Option("--own-names", help="Ids are the frames' own names, not an export's numbers.")]


def evaluate(
    dataset: DatasetPath,
    detections: DetectionsPath,
    protocol: Annotated[str, typer.Option(help="Named, frozen scoring settings.")] = "kitti_r40",
    form: Form = None,
    drive: Drives = None,
    frames: Names = None,
    exported: Exported = None,
    own_names: OwnNames = False,
    classes: Classes = None,
    claim: Annotated[
        Path | None, typer.Option(help="Numbers to hold against these frames: JSON that --out wrote elsewhere.")
    ] = None,
    accept: Annotated[
        list[str] | None, typer.Option(help="A mismatch that is meant: range_mismatch or region_mismatch.")
    ] = None,
    slices: causes.Slices = None,
    errors: causes.Errors = False,
    weights: causes.Weights = None,
    difficulty: causes.Difficulty = None,
    min_objects: causes.MinObjects = 30,
    page: causes.Page = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write the numbers as JSON.")] = None,
) -> None:
    """Score saved detections against a dataset's labels, with intervals resampled by drive, and say why.

    Example: scanyard evaluate out/real --detections out/found.json --slice range:0,20,40,80 --errors
    """
    from scanyard.evaluation import read_evaluation
    from scanyard.experiment.scoring import pair_results, with_needed_returns
    from scanyard.metrics import check_claim

    claimed = None if claim is None else read_evaluation(claim)
    split, labelled, found = _read(Wanted(dataset, drive, frames, classes, exported, own_names), detections, form)
    scored = pair_results(found, labelled, str(detections))
    explained = causes.explain(
        scored,
        protocol,
        split=split,
        accepted=accept or (),
        slices=slices or (),
        errors=errors,
        weights=weights,
        difficulty=difficulty,
        min_objects=min_objects,
    )
    print_evaluation(explained.evaluation)
    causes.print_causes(explained)
    if claimed is not None:
        counted = with_needed_returns(scored, split, claimed.protocol)
        print(f"{claim}: {check_claim(counted, claimed)} numbers by {claimed.protocol} are those of these frames")
    if page is not None:
        from scanyard.view import write_causes

        print(write_causes(page, explained, title=f"{detections.stem} on {split.name}"))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(explained.to_dict(), indent=1), encoding="utf-8")


def export_detections(
    dataset: DatasetPath,
    detections: DetectionsPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder (kitti) or file (nuscenes, scanyard) to write.")],
    to: Annotated[str, typer.Option(help="kitti, nuscenes or scanyard.")] = "kitti",
    form: Form = None,
    drive: Drives = None,
    frames: Names = None,
    exported: Exported = None,
    own_names: OwnNames = False,
    classes: Classes = None,
) -> None:
    """Write detections on a dataset in another format.

    Example: scanyard export detections out/real --detections out/found.json --to kitti --out out/results
    """
    from scanyard.detections import write_detections
    from scanyard.results import write_kitti_text, write_nuscenes

    if to not in ("kitti", "nuscenes", "scanyard"):
        raise InputError(f"--to {to!r}: expected kitti, nuscenes or scanyard")
    _, labelled, found = _read(Wanted(dataset, drive, frames, classes, exported, own_names), detections, form)
    out.parent.mkdir(parents=True, exist_ok=True)
    if to == "kitti":
        write_kitti_text(out, found.frames, _known(labelled))
    elif to == "nuscenes":
        write_nuscenes(out, found.frames, _known(labelled))
    else:
        write_detections(out, found)
    print(f"{out}: {sum(len(one.boxes) for one in found.frames)} detections in {len(found.frames)} frames")


@dataclass(frozen=True)
class Wanted:
    """Which frames of a dataset are asked for, and what results call them."""

    dataset: Path
    drive: list[str] | None
    """Drives; all where none is named."""
    frames: Path | None
    """A list of frames, a name a line."""
    classes: str | None
    """Names of class numbers, in order."""
    exported: Path | None
    """The export whose numbers ids are."""
    own_names: bool
    """Whether ids are the frames' own names wherever they lie."""

    def labels(self) -> tuple[Split, list[LabelledFrame]]:
        """The split, and its frames or those of them that are listed."""
        from scanyard.experiment.scoring import labelled_frames

        names = self._listed()
        split = open_split(self.dataset, self.drive)
        listed_in = None if self.frames is None else self._numbered_in(self.frames)
        with progress(f"read labels of {split.name}") as advance:
            wanted = names if listed_in is None or names is None else listed_in.names(names, str(self.frames))
            labelled = labelled_frames(split, wanted, on_progress=lambda done, total: advance(done, total, ""))
        if names is not None and len(labelled) < len(names):
            raise EvaluationError(
                f"{self.frames}: names {len(names)} frames, of which {self.dataset} has {len(labelled)}"
            )
        return split, labelled

    def found(self, results: Results, split: Split, labelled: list[LabelledFrame]) -> Detections:
        """What was found in these frames; says whose results they were taken for."""
        from scanyard.store import open_dataset

        print(f"{results.path}: taken for {results.described}")
        lengths = {name: len(sequence) for name, sequence in open_dataset(self.dataset).sequences.items()}
        known = replace(_known(labelled), lengths=lengths, own_names=self.own_names or self.exported is not None)
        if self.frames is not None and self._numbered_in(self.frames) is None:
            known.find_all((name, str(self.frames)) for name in sorted(self._listed() or ()))
        if (export := self._numbered_in(results.path)) is not None:
            print(f"{results.path}: frames are called by the numbers of {export.root}")
            known = export.known(known)
        found = results.detections(known, (self.classes or "").split(",") if self.classes else ())
        return of_chosen_drives(found, self.dataset, split) if self.drive else found

    def _listed(self) -> set[str] | None:
        return None if self.frames is None else _names(self.frames)

    def _numbered_in(self, file: Path) -> ExportedFolder | None:
        """The export whose numbers ids are: the one that is named, or the one that ``file`` lies in."""
        from scanyard.results import exported_around, read_exported

        if self.exported is not None and self.own_names:
            raise InputError("--exported and --own-names: ids are one or the other, an export's numbers or own names")
        if self.exported is not None:
            return read_exported(self.exported)
        return None if self.own_names else exported_around(file)


def _read(wanted: Wanted, detections: Path, form: str | None) -> tuple[Split, list[LabelledFrame], Detections]:
    """The split that is asked for, its frames, and what was found in them."""
    from scanyard.results import open_results

    results = open_results(detections, form)
    split, labelled = wanted.labels()
    return split, labelled, wanted.found(results, split, labelled)


def of_chosen_drives(found: Detections, dataset: Path, split: Split) -> Detections:
    """The detections without those in the dataset's other drives, which nobody chose; strangers' stay, to be refused.

    Nothing else narrows a score: a detector that left out a drive was not asked to be scored on the others.
    """
    from scanyard.store import open_dataset

    others = set(open_dataset(dataset).sequences) - {sequence.info.name for sequence in split.sequences}
    return replace(found, frames=tuple(one for one in found.frames if one.sequence not in others))


def _known(labelled: list[LabelledFrame]) -> KnownFrames:
    from scanyard.results import KnownFrames

    return KnownFrames(tuple(frame.known for frame in labelled))


def _names(path: Path) -> set[str]:
    from scanyard.strict_json import read_text

    names = {line.strip() for line in read_text(path).splitlines() if line.strip()}
    if not names:
        raise InputError(f"{path}: names no frame; expected one a line")
    return names
