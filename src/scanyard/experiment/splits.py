"""Splits from opened datasets: which drives fall where, and proof that no test drive was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scanyard.errors import EvaluationError
from scanyard.experiment.recipe import DriveChoice, Recipe, SplitChoice
from scanyard.randomness import stream
from scanyard.sequence import PickedFrames, SensorSequence
from scanyard.split import Split, require_disjoint

Sequences = Mapping[str, SensorSequence]
"""Of one dataset, by name."""


def resolve_splits(
    recipe: Recipe, datasets: Mapping[str, Sequences], *, fold: int | None = None, seed: int | None = None
) -> dict[str, Split]:
    """Every split of the recipe, by name, from the opened ``datasets``.

    Where drives are dealt into folds, those of one ``fold``; without it, tests hold all folds together, and training
    splits whatever any fold trains on.  A budget of training frames is drawn by the training's ``seed``, the recipe's
    first unless given.  EvaluationError when a split is empty, names a drive that is not there, or a test split shares
    a drive with what an arm trains on, in any fold: drives are compared by name over all datasets.
    """
    seed = recipe.seeds[0] if seed is None else seed
    splits = {name: _split(recipe, name, datasets, fold, seed) for name in recipe.splits}
    if fold is None and recipe.folds is not None:
        for each in range(recipe.folds):
            resolve_splits(recipe, datasets, fold=each, seed=seed)
        return splits
    for arm in recipe.arms.values():
        for test in recipe.test:
            require_disjoint([splits[name] for name in arm.splits], splits[test])
    return splits


def _split(recipe: Recipe, name: str, datasets: Mapping[str, Sequences], fold: int | None, seed: int) -> Split:
    choice = recipe.splits[name]
    sequences = datasets[choice.dataset]
    drives = _drives(recipe, name, choice, sequences, fold)
    chosen = tuple(sequence for sequence in sequences.values() if sequence.info.drive in drives)
    if not any(len(sequence) for sequence in chosen):
        raise EvaluationError(
            f"split {name}: holds no frame; dataset {choice.dataset} has {len(_all_drives(sequences))} drives in "
            f"{len(sequences)} sequences. Record or import more, or choose other drives."
        )
    if choice.frames is None:
        return Split(name, chosen)
    # a test is the same for every training
    return Split(name, _budget(name, choice, chosen, () if name in recipe.test else (seed,)))


def _budget(
    name: str, choice: SplitChoice, sequences: Sequence[SensorSequence], drawn_by: tuple[int, ...]
) -> tuple[SensorSequence, ...]:
    """As many frames as the split may have; a larger budget holds all frames of a smaller one."""
    there = [(s, index) for s, sequence in enumerate(sequences) for index in range(len(sequence))]
    wanted = choice.frames or 0
    if wanted > len(there):
        raise EvaluationError(f"split {name}: found {len(there)} frames in its drives, expected at least {wanted}")
    order = stream("experiment", "frames", choice.dataset, *drawn_by).permutation(len(there))
    picked = sorted(there[index] for index in order[:wanted])
    indices = {s: tuple(index for of, index in picked if of == s) for s in dict.fromkeys(s for s, _ in picked)}
    return tuple(PickedFrames(sequences[s], chosen) for s, chosen in indices.items())


def _drives(recipe: Recipe, name: str, choice: SplitChoice, sequences: Sequences, fold: int | None) -> set[str]:
    there = _all_drives(sequences)
    if choice.drives is None:
        return set(there)
    if isinstance(choice.drives, DriveChoice):
        if choice.drives.rest_of is not None:
            other = recipe.splits[choice.drives.rest_of]
            if other.folds is not None and fold is None:
                return set(there)
            return set(there) - _drives(recipe, choice.drives.rest_of, other, sequences, fold)
        if choice.folds is not None:
            dealt = _dealt(name, choice, choice.folds, sequences)
            return set(there) - (set() if fold is None else dealt[fold])
        return _share_of(there, choice, choice.drives)
    unknown = sorted(set(choice.drives) - set(there))
    if unknown:
        raise EvaluationError(f"split {name}: dataset {choice.dataset} has no drive {unknown}; it has {there}")
    return set(choice.drives)


def _dealt(name: str, choice: SplitChoice, folds: int, sequences: Sequences) -> list[set[str]]:
    """Drives in folds of about as many frames each: the longest drive first, to the fold with the fewest frames."""
    there = _all_drives(sequences)
    if len(there) < folds:
        raise EvaluationError(
            f"split {name}: dataset {choice.dataset} has {len(there)} drives; expected at least one for each of "
            f"{folds} folds"
        )
    assert isinstance(choice.drives, DriveChoice)
    frames = dict.fromkeys(there, 0)
    for sequence in sequences.values():
        frames[sequence.info.drive] += len(sequence)
    order = stream("experiment", "folds", choice.dataset, choice.drives.seed).permutation(len(there))
    dealt: list[set[str]] = [set() for _ in range(folds)]
    for drive in sorted((there[index] for index in order), key=lambda drive: -frames[drive]):
        fewest = min(dealt, key=lambda drives: (sum(frames[one] for one in drives), len(drives)))
        fewest.add(drive)
    return dealt


def _share_of(there: list[str], choice: SplitChoice, drawn: DriveChoice) -> set[str]:
    """A share of the drives; at least one, and where there are two or more and a share below 1, not all."""
    share = drawn.share or 0.0
    count = max(1, round(share * len(there)))
    if share < 1 and len(there) > 1:
        count = min(count, len(there) - 1)
    order = stream("experiment", "drives", choice.dataset, drawn.seed).permutation(len(there))
    return {there[index] for index in order[:count]}


def _all_drives(sequences: Sequences) -> list[str]:
    return sorted({sequence.info.drive for sequence in sequences.values()})
