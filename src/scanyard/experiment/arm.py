"""One run: an arm with a seed, from frames to evaluations read back from its saved detections.

Its folder holds the checkpoint, the loss curve, one detections file per test split and, written last, ``result.json``.
Only that file makes a run finished; it carries the digest of everything that decided the run, and of the files beside
it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import metadata, resources
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scanyard.evaluation import Evaluation
from scanyard.experiment.files import canonical_digest, file_digest, write_json
from scanyard.experiment.progress import ProgressFile
from scanyard.experiment.scoring import detect_frames, evaluate_file
from scanyard.sequence import PickedFrames, SensorSequence
from scanyard.split import Split
from scanyard.store import StoredSequence

if TYPE_CHECKING:
    from scanyard.detect import PillarDetector, TrainRecipe

RESULT, LOSSES, CHECKPOINT = "result.json", "losses.json", "checkpoint.safetensors"
_FORMAT = "scanyard-run-1"
_CURVE_POINTS = 300
ACCEPTED = ("range_mismatch", "region_mismatch")
"""Every arm looks as far as the recipe's area_m, which its settings state.  And an arm that has hardly learned anything
puts its boxes wherever, as if another region had been meant: that is its result, and no reason to lose the rest."""

Train = Callable[..., "PillarDetector"]
"""``detect.train`` or a stand-in with its signature."""


@dataclass(frozen=True)
class SplitPart:
    """Where the sequences of a split lie, so that a worker can open them."""

    name: str
    sequences: Mapping[str, str]
    """Digest of every sequence, by its folder."""
    frames: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Which frames are used, by folder; all of those that are not listed."""
    num_frames: int = field(default=0, compare=False)
    """Frames used in all; said here because opening hundreds of sequences to count takes a while."""

    def open(self) -> Split:
        """The split, its frames read lazily."""
        return Split(self.name, tuple(self._opened(folder) for folder in self.sequences))

    def _opened(self, folder: str) -> SensorSequence:
        whole = StoredSequence(Path(folder))
        return PickedFrames(whole, self.frames[folder]) if folder in self.frames else whole

    def content(self) -> dict[str, Any]:
        """What the split holds, wherever it lies, as JSON values."""
        used = [[digest, list(self.frames.get(folder, ["all"]))] for folder, digest in self.sequences.items()]
        return {"name": self.name, "sequences": sorted(used, key=str)}


@dataclass(frozen=True)
class StagePlan:
    """Whole optimiser steps, the share of the samples by training split, and the share of the peak learning rate."""

    steps: int
    mix: Mapping[str, float]
    learning_rate: float = 1.0


@dataclass(frozen=True)
class Job:
    """Everything a worker needs for one run."""

    arm: str
    seed: int
    stages: tuple[StagePlan, ...]
    settings: Mapping[str, Any]
    """Settings of the detector's training recipe, steps and seed aside."""
    train: Mapping[str, SplitPart]
    test: Mapping[str, SplitPart]
    protocol: str
    code: str
    """Digest of the code that trains and scores."""
    out: Path = field(compare=False)
    fold: int | None = None
    """Which fold of a cross-validation was left out; ``None`` where every drive is in the same split all the time."""
    pooled: tuple[str, ...] = ()
    """Test splits of which this run sees one fold: they are scored when all folds are there."""

    @property
    def steps(self) -> int:
        """Optimiser steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def digest(self) -> str:
        """Of everything that decides the result; not where things lie, nor how many threads work on it."""
        parts = {
            role: [part.content() for part in parts.values()]
            for role, parts in (("train", self.train), ("test", self.test))
        }
        return canonical_digest(
            {
                "format": _FORMAT,
                "arm": self.arm,
                "seed": self.seed,
                "stages": [asdict(stage) for stage in self.stages],
                "settings": dict(self.settings),
                "protocol": self.protocol,
                "code": self.code,
                **parts,
            }
        )

    @property
    def folder(self) -> Path:
        """Where the run leaves its files; another digest is another folder."""
        fold = "" if self.fold is None else f"-fold{self.fold}"
        return self.out / "runs" / f"{self.arm}-seed{self.seed}{fold}-{self.digest[:10]}"

    def detections(self, test: str) -> Path:
        """The detections file of a test split."""
        return self.folder / f"detections-{test}.json"


@dataclass(frozen=True)
class Result:
    """What a finished run found."""

    evaluations: Mapping[str, Evaluation]
    """By test split, those that wait for other folds aside."""
    provenance: Mapping[str, Any]


def work(job: Job, *, threads: int | None = None, train: Train | None = None) -> None:
    """Train, detect on every test split, score what was saved; a finished run is left as it is."""
    if load_result(job) is not None:
        return
    shutil.rmtree(job.folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    began = time.perf_counter()
    progress = ProgressFile(job.folder, arm=job.arm, seed=job.seed, steps=job.steps)
    detector = _train(job, train, threads, progress)
    detector.save(job.folder / CHECKPOINT)
    files = [job.folder / CHECKPOINT, job.folder / LOSSES]
    evaluations = {}
    for name, part in job.test.items():
        progress.report("testing", job.steps)
        split = part.open()
        files.append(job.detections(name))
        detect_frames(detector, split, job.detections(name))
        if name in job.pooled:
            continue
        evaluations[name] = evaluate_file(job.detections(name), split, protocol=job.protocol, accepted=ACCEPTED)
    write_json(
        job.folder / RESULT,
        {
            "format": _FORMAT,
            "digest": job.digest,
            "evaluations": {name: evaluation.to_dict() for name, evaluation in evaluations.items()},
            "files": {path.name: file_digest(path) for path in files},
            "provenance": {
                "scanyard": metadata.version("scanyard"),
                "torch": metadata.version("torch"),
                "numpy": metadata.version("numpy"),
                "detector": detector.name,
                "threads": threads,
                "seconds": round(time.perf_counter() - began, 1),
            },
        },
    )
    progress.report("done", job.steps)


def load_result(job: Job) -> Result | None:
    """The result of a finished run; ``None`` if it was not run, not finished, or a file of it has changed since."""
    try:
        found = json.loads((job.folder / RESULT).read_text(encoding="utf-8"))
        if found["digest"] != job.digest:
            return None
        if any(file_digest(job.folder / name) != digest for name, digest in found["files"].items()):
            return None
        evaluations = {name: Evaluation.from_dict(data) for name, data in found["evaluations"].items()}
        return Result(evaluations, {**found["provenance"], "files": found["files"], "run": job.digest})
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None  # whatever is wrong with it, it is not a finished run


def load_losses(job: Job) -> list[tuple[int, float]]:
    """The loss curve of a finished run: (step, mean loss since the step before it in the list)."""
    return [(int(step), float(loss)) for step, loss in json.loads((job.folder / LOSSES).read_text(encoding="utf-8"))]


@cache  # a process keeps the code it imported, whatever happens on disk
def code_digest() -> str:
    """Digest of whatever code decides a run's numbers: the detector, the metrics, what both stand on, and torch."""
    root = Path(str(resources.files("scanyard")))
    files = [root / f"{name}.py" for name in ("boxes", "frame", "geometry", "randomness", "sensors")]
    for room in ("detect", "metrics"):
        files += [file for file in (root / room).rglob("*") if file.suffix in (".py", ".yaml")]
    texts = {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in files}
    return canonical_digest({"torch": metadata.version("torch"), "files": texts})


def _train(job: Job, train: Train | None, threads: int | None, progress: ProgressFile) -> PillarDetector:
    from scanyard import detect  # noqa: PLC0415  # imports torch, which only a worker needs

    train = train or detect.train
    losses: list[float] = []

    def note(_step: int, _steps: int, loss: float) -> None:
        losses.append(loss)
        progress.report("training", len(losses), loss)

    detector: PillarDetector | None = None
    splits = {name: part.open() for name, part in job.train.items()}
    for index, stage in enumerate(job.stages):
        sources = [detect.Source(splits[name].sequences, share) for name, share in stage.mix.items()]
        recipe = stage_recipe(job, index)
        detector = train(sources, recipe, start_from=detector, threads=threads, on_progress=note)
    assert detector is not None  # an arm has at least one stage
    write_json(job.folder / LOSSES, _thinned(losses))
    return detector


def stage_recipe(job: Job, index: int) -> TrainRecipe:
    """The detector's recipe for one stage; each stage draws from streams of its own."""
    from scanyard.detect import TrainRecipe  # noqa: PLC0415  # imports torch

    seed = job.seed + 1_000_000 * index
    stage = job.stages[index]
    recipe = TrainRecipe.from_dict({**job.settings, "steps": stage.steps, "seed": seed})
    return replace(recipe, learning_rate=recipe.learning_rate * stage.learning_rate)


def _thinned(losses: list[float]) -> list[tuple[int, float]]:
    """At most _CURVE_POINTS (step, mean loss) pairs."""
    ends = np.unique(np.linspace(0, len(losses), min(_CURVE_POINTS, len(losses)) + 1).round().astype(int))
    return [(int(end), float(np.mean(losses[begin:end]))) for begin, end in pairwise(ends)]
