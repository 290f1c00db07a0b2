"""Which runs a recipe stands for: an arm with a seed, and, where it is cross-validated, once without each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from scanyard.errors import InputError
from scanyard.experiment.arm import Job, SplitPart, StagePlan, code_digest
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.scored import yardsticks
from scanyard.experiment.splits import resolve_splits
from scanyard.sequence import PickedFrames
from scanyard.split import Split
from scanyard.store import Dataset


def plan_jobs(recipe: Recipe, datasets: Mapping[str, Dataset], out: Path) -> list[Job]:
    """Arms in the recipe's order, of each the seeds, of each the folds.

    InputError for detector settings that do not exist or leave out a category that arms are compared by;
    EvaluationError for splits that cannot be had, and where the protocol does not score such a category.
    """
    from scanyard.detect import TrainRecipe  # noqa: PLC0415  # imports torch, which --help need not wait for

    yardsticks(recipe)  # refused before anything is trained
    shared = {**recipe.detector, "batch_size": recipe.batch_size}
    settings = TrainRecipe.from_dict({**shared, "steps": recipe.steps}).to_dict()
    _require_detected(recipe, settings["categories"])
    settings = {name: value for name, value in settings.items() if name not in ("steps", "seed")}
    code = code_digest()
    sequences = {name: dataset.sequences for name, dataset in datasets.items()}
    parts: dict[tuple[int | None, int], dict[str, SplitPart]] = {}
    for fold in [None, *range(recipe.folds or 0)]:
        for seed in recipe.seeds:
            splits = resolve_splits(recipe, sequences, fold=fold, seed=seed)
            parts[fold, seed] = {
                name: _part(split, datasets[recipe.splits[name].dataset]) for name, split in splits.items()
            }
    return [
        Job(
            arm=name,
            seed=seed,
            stages=tuple(
                StagePlan(steps, dict(stage.mix), stage.learning_rate)
                for stage, steps in zip(arm.stages, arm.stage_steps(recipe.steps), strict=True)
            ),
            settings=settings,
            train={split: parts[fold, seed][split] for split in arm.splits},
            test={split: parts[fold, seed][split] for split in recipe.test},
            protocol=recipe.protocol,
            code=code,
            out=out,
            fold=fold,
            pooled=() if fold is None else tuple(filter(recipe.is_cross_validated, recipe.test)),
        )
        for name, arm in recipe.arms.items()
        for seed in recipe.seeds
        for fold in folds_of(recipe, name)
    ]


def folds_of(recipe: Recipe, arm: str) -> Sequence[int | None]:
    """The folds an arm is trained without; ``None`` alone where it trains on none of their drives anyway."""
    held_out = any(recipe.is_cross_validated(split) for split in recipe.arms[arm].splits)
    return range(recipe.folds or 0) if held_out else (None,)


def _require_detected(recipe: Recipe, categories: Sequence[str]) -> None:
    for name in recipe.compare_by:
        if name not in categories:
            raise InputError(
                f"recipe {recipe.name}: detector.categories are {list(categories)}, without {name!r}, by which arms "
                "are compared; add it there, or state others in compare_by"
            )


def _part(split: Split, dataset: Dataset) -> SplitPart:
    stored = [dataset.sequences[sequence.info.name] for sequence in split.sequences]
    return SplitPart(
        split.name,
        {str(sequence.folder): sequence.seal.digest for sequence in stored},
        {
            str(sequence.folder): used.indices
            for sequence, used in zip(stored, split.sequences, strict=True)
            if isinstance(used, PickedFrames)
        },
        split.num_frames,
    )
