"""Whether labels and detections fit together at all: asked before every score, and refused by name.

A wrong score looks like any other, and most wrong scores are not the metric's fault: detections in another range,
under other names, with the bottom for the centre.  So, before anything is scored:

1. *Frames.*  No frame twice; none missing (``pair_frames``).
2. *Names.*  Detections are called what labels are called.
3. *Conventions.*  Axes, sizes, height, heading (``conventions``).
4. *Range and region.*  Labels do not go on where detections stop as if cut off, nor the other way round.
5. *The metric itself*, on a sample of these very labels: handed in as detections they have everything, none have
   nothing, halving all scores changes nothing, and moving boxes farther and farther away never helps.

3 and 4 ask for evidence, not for quality (``evidence``): a noisy, blind or confused detector passes.  They look at a
sample of frames evenly drawn, enough for every check that can be answered at all.

Waymo's cutoffs are fixed, so there scores may not be rescaled, and 5 leaves that out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scanyard.boxes import Boxes
from scanyard.errors import ContractError, EvaluationError
from scanyard.metrics.conventions import check_conventions
from scanyard.metrics.evidence import MIN_PAIRS, BoolArray, Overlay, would_be_chance
from scanyard.metrics.families import counting_labels, known_categories
from scanyard.metrics.pool import ScoredFrame, as_the_protocol_calls_them, pool_frames
from scanyard.metrics.protocols import Protocol
from scanyard.metrics.self_test import check_metric

ACCEPTABLE = ("range_mismatch", "region_mismatch")
"""What may be meant: the score is then lower, but no other number than it seems."""
SAMPLE_FRAMES = 300
"""How many frames are looked at for evidence."""
_CHANCE = 1e-3
"""What is less likely than this is no coincidence."""


@dataclass(frozen=True)
class NamedBoxes:
    """One frame's labels, or its detections, before the two are brought together."""

    drive: str
    name: str
    boxes: Boxes


def pair_frames(labels: Iterable[NamedBoxes], detections: Iterable[NamedBoxes]) -> list[ScoredFrame]:
    """Bring labels and detections of the same frames together, in the labels' order.

    ContractError ``duplicate_frames`` or ``missing_frame``: also a frame without detections has to be there, or nobody
    knows whether the detector saw nothing or was never asked.
    """
    sides = []
    for role, frames in (("labels", list(labels)), ("detections", list(detections))):
        _refuse_duplicates([(frame.drive, frame.name) for frame in frames], role)
        sides.append({(frame.drive, frame.name): frame.boxes for frame in frames})
    for role, other, here, there in (("detections", "labels", 0, 1), ("labels", "detections", 1, 0)):
        absent = [key for key in sides[here] if key not in sides[there]]
        if absent:
            raise ContractError(
                "missing_frame",
                f"{len(absent)} of {len(sides[here])} frames with {other} have no {role}, the first is "
                f"{absent[0][1]!r} of drive {absent[0][0]!r}; expected every frame on both sides, an empty one where "
                "nothing was found. Run the detector on the whole split, and hand in its labels alone (--drive chooses "
                "both)",
            )
    return [ScoredFrame(boxes, sides[1][key], key[0], name=key[1]) for key, boxes in sides[0].items()]


def check_contract(
    frames: Sequence[ScoredFrame],
    protocol: Protocol,
    *,
    split: str = "",
    detector: str = "",
    accepted: Collection[str] = (),
) -> tuple[str, ...]:
    """ContractError with the name of what is wrong, if anything is; EvaluationError where columns lack.

    ``accepted`` are names of ``ACCEPTABLE`` mismatches that are meant: a detector that looks no further than 50 m is
    blamed for what it misses beyond.  What was found of them is returned in words.  ``detector`` says whose detections
    they are, where there are several.
    """
    refused = sorted(set(accepted) - set(ACCEPTABLE))
    if refused:
        raise EvaluationError(
            f"found {refused} to be accepted; expected some of {list(ACCEPTABLE)}: others are mistakes"
        )
    of = f"detector {detector}, " if detector else ""
    where = of + (f"split {split}" if split else f"these {len(frames)} frames")
    frames = as_the_protocol_calls_them(frames, protocol)
    _refuse_duplicates([(frame.drive, frame.name) for frame in frames if frame.name], "frames")
    _check_names(frames, protocol, where)
    with_labels = [frame for frame in frames if len(frame.labels)]
    step = max(1, -(-len(with_labels) // SAMPLE_FRAMES))
    sample = _that_count(with_labels[::step], protocol)
    remarks: list[str] = []
    if sample:
        overlay = Overlay.of(sample, protocol.categories)
        _check_swapped_names(overlay, protocol, where)
        check_conventions(overlay, where)
        for name, check in (("range_mismatch", _check_range), ("region_mismatch", _check_region)):
            try:
                check(overlay, where)
            except ContractError as mismatch:
                if name not in accepted:
                    raise
                remarks.append(f"accepted {mismatch}")
        check_metric(sample, protocol, where)
    return tuple(remarks)


def check_runs(
    runs: Mapping[str, Sequence[Sequence[ScoredFrame]]], protocol: Protocol, *, accepted: Collection[str] = ()
) -> tuple[str, ...]:
    """``check_contract`` for every training of several detectors, by whose name a mismatch goes."""
    remarks: list[str] = []
    for name, several in runs.items():
        for number, frames in enumerate(several, start=1):
            detector = name if len(several) == 1 else f"{name} (training {number} of {len(several)})"
            remarks += check_contract(frames, protocol, detector=detector, accepted=accepted)
    return tuple(remarks)


def _refuse_duplicates(names: Sequence[tuple[str, str]], role: str) -> None:
    twice = [(key, count) for key, count in Counter(names).items() if count > 1]
    if twice:
        (drive, name), count = twice[0]
        raise ContractError(
            "duplicate_frames",
            f"{len(twice)} frames are among the {role} more than once, the first is {name!r} of drive {drive!r}, "
            f"{count} times; each frame counts once. Drop the copies, or name the frames apart",
        )


def _that_count(frames: Sequence[ScoredFrame], protocol: Protocol) -> list[ScoredFrame]:
    """The frames with the labels alone that the protocol counts or ignores; none where there are no such labels."""
    if not frames:
        return []
    pool = pool_frames(frames, protocol)
    counts = np.split(counting_labels(pool, protocol), pool.label_start[1:-1])
    return [
        ScoredFrame(
            frame.labels[keep],
            frame.detections,
            frame.drive,
            frame.dont_care,
            frame.name,
            frame.viewpoint,
            frame.origin,
        )
        for frame, keep in zip(frames, counts, strict=True)
        if keep.any()
    ]


def _check_names(frames: Sequence[ScoredFrame], protocol: Protocol, where: str) -> None:
    """Names that are the protocol's but for case, plural or punctuation."""
    known = known_categories(protocol)
    plain = {_plain(name): name for name in known}
    for role in ("labels", "detections"):
        count = Counter(name for frame in frames for name in getattr(frame, role).category.tolist())
        for name, number in count.items():
            meant = plain.get(_plain(name))
            if name not in known and meant is not None and meant not in count:
                raise ContractError(
                    "class_name_mismatch",
                    f"{where}: {number} {role} are called {name!r}, which protocol {protocol.name} does not know; it "
                    f"has {meant!r}. Rename them where they are read",
                )
    _check_unknown_names(frames, protocol, where)


def _check_unknown_names(frames: Sequence[ScoredFrame], protocol: Protocol, where: str) -> None:
    """A category whose labels have no detection at all, but many of another name where they stand."""
    known = known_categories(protocol)
    count = {
        role: Counter(name for frame in frames for name in getattr(frame, role).category.tolist())
        for role in ("labels", "detections")
    }
    unknown = [name for name in count["detections"] if name not in known and name not in count["labels"]]
    unfound = [name for name in protocol.categories if count["labels"][name] and not count["detections"][name]]
    if not unknown or not unfound:
        return
    step = max(1, -(-len(frames) // SAMPLE_FRAMES))
    overlay = Overlay.of(list(frames[::step]), [*unknown, *unfound])
    partner = overlay.partners(any_category=True)
    for name in unfound:
        at = partner[(overlay.labels.category == name) & (partner >= 0)]
        others = Counter(overlay.detections.category[at].tolist()).most_common(1)
        if others and others[0][1] >= MIN_PAIRS and others[0][1] >= 0.3 * (overlay.labels.category == name).sum():
            raise ContractError(
                "class_name_mismatch",
                f"{where}: no detection is called {name!r}, but {others[0][1]} called {others[0][0]!r} stand where "
                f"labels of it do; protocol {protocol.name} has {list(protocol.categories)}. Rename them where they "
                "are read",
            )


def _check_swapped_names(overlay: Overlay, protocol: Protocol, where: str) -> None:
    """Categories that bear each other's names in a ring; a detector that calls everything a car closes none."""
    partner = overlay.partners(any_category=True)
    at = partner >= 0
    label_name, name = overlay.labels.category[at], overlay.detections.category[partner[at]]
    swapped: dict[str, tuple[str, int]] = {}
    for category in protocol.categories:
        of = Counter(name[label_name == category].tolist())
        total = sum(of.values())
        if total < MIN_PAIRS:
            continue
        other, count = of.most_common(1)[0]
        if other != category and count >= 0.8 * total and of[category] <= 0.1 * total:
            swapped[category] = (other, count)
    ring = {category for category in swapped if _comes_back(category, {name: to for name, (to, _) in swapped.items()})}
    if ring:
        found = ", ".join(
            f"{count} {category}s as {other!r}" for category, (other, count) in swapped.items() if category in ring
        )
        raise ContractError(
            "class_name_mismatch",
            f"{where}: detections name {found}; expected the names of protocol {protocol.name}. The class numbers were "
            "mapped to names in another order: correct the mapping where they are read",
        )


def _comes_back(category: str, called: Mapping[str, str]) -> bool:
    """Whether following what each is called leads from a category back to it."""
    name = called[category]
    for _ in called:
        if name == category:
            return True
        if name not in called:
            return False
        name = called[name]
    return False


def _check_range(overlay: Overlay, where: str) -> None:
    label_range, range_ = (np.linalg.norm(xy, axis=1) for xy in (overlay.label_offset, overlay.detection_offset))
    if not len(range_):
        return
    found = overlay.partners() >= 0
    edge = float(range_.max())
    inside, beyond = (label_range <= edge) & (label_range > 0.75 * edge), label_range > edge + 1.0
    if _cut_off(found, inside, beyond):
        raise ContractError(
            "range_mismatch",
            f"{where}: detections stop at {edge:.0f} m, where {found[inside].sum()} of {inside.sum()} labels are still "
            f"found, but {beyond.sum()} labels lie beyond, up to {label_range.max():.0f} m; expected the same range on "
            "both sides. Cut the labels to the detector's range, or do not cut the detections",
        )
    farther = range_ > 1.2 * label_range.max()
    if farther.sum() >= 2 * MIN_PAIRS and farther.mean() >= 0.25:
        raise ContractError(
            "range_mismatch",
            f"{where}: labels stop at {label_range.max():.0f} m, but {farther.sum()} of the {len(range_)} best-scored "
            f"detections lie well beyond, up to {edge:.0f} m; expected the same range on both sides. Cut the "
            "detections to the range that was labelled",
        )


def _check_region(overlay: Overlay, where: str) -> None:
    """Sectors around the origin where only one side has boxes."""
    bearings = [np.degrees(np.arctan2(xy[:, 1], xy[:, 0])) for xy in (overlay.label_offset, overlay.detection_offset)]
    if any(len(one) < 2 * MIN_PAIRS for one in bearings):
        return
    found = overlay.partners() >= 0
    label_outside, outside = (_outside(bearings[i], bearings[1 - i]) for i in (0, 1))
    if _cut_off(found, ~label_outside, label_outside):
        raise ContractError(
            "region_mismatch",
            f"{where}: no detection lies in a sector where {label_outside.sum()} of {len(found)} labels are, while "
            f"elsewhere {found[~label_outside].sum()} of {(~label_outside).sum()} are found; expected the same region "
            "on both sides. Keep the labels that the detector's sensor can see, such as those in the image",
        )
    if outside.sum() >= 2 * MIN_PAIRS and outside.mean() >= 0.25:
        raise ContractError(
            "region_mismatch",
            f"{where}: {outside.sum()} of the {len(outside)} best-scored detections lie in a sector where no label is; "
            "expected the same region on both sides. Keep the detections that lie where labels were made, such as in "
            "the image",
        )


def _cut_off(found: BoolArray, inside: BoolArray, beyond: BoolArray) -> bool:
    """Whether labels ``beyond`` are missed all at once, right after many ``inside`` were found."""
    if beyond.sum() < MIN_PAIRS // 2 or found[beyond].any() or inside.sum() < MIN_PAIRS // 2:
        return False
    return would_be_chance(int(found[inside].sum()), int(inside.sum()), int(beyond.sum())) < _CHANCE


def _outside(bearing: np.ndarray, other: np.ndarray) -> BoolArray:
    """Which bearings lie in the widest sector without any of ``other``, 20 degrees or more inside it."""
    ring = np.sort(other)
    gaps = np.diff(np.append(ring, ring[0] + 360.0))
    widest = int(gaps.argmax())
    if gaps[widest] < 90.0:
        return np.zeros(len(bearing), dtype=bool)
    into = (bearing - ring[widest]) % 360.0
    outside: BoolArray = (into > 20.0) & (into < gaps[widest] - 20.0)
    return outside


def _plain(name: str) -> str:
    """A name without case, plural, punctuation and what stands before its last dot."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower().rpartition(".")[2])
    return plain.removesuffix("s") if len(plain) > 3 else plain
