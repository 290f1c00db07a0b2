"""What the second look learns from: proposals of both kinds it will meet, and the labels they should become.

Half are the first look's own, wrong in its own way; half are labels displaced at random, from nearly right to hardly
there, so that there is something to learn before the first look finds anything, and on looking again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scanyard.detect.coding import Targets
from scanyard.detect.example import Example
from scanyard.detect.overlap import aligned_overlap
from scanyard.detect.peaks import Peaks
from scanyard.detect.proposals import Proposals
from scanyard.geometry import FloatArray

DISPLACEMENT = (0.25, 0.25, 0.08, 0.08, 0.08, 0.08, 0.08)
"""Standard deviations of the widest displacements, metres, logarithms and radians; each label has a share of them."""
MATCHING_OVERLAP = 0.3  # with less of a label in it, a proposal is a false alarm


@dataclass(frozen=True)
class Lesson:
    """K proposals and what they should become; every array is indexed alike."""

    proposals: Proposals
    category: NDArray[np.int64]
    """(K,) index into the recipe's categories."""
    errors: FloatArray
    """(K, 7) what is wrong with each, as ``Proposals.errors_of`` says it; 0 where not ``matched``."""
    matched: NDArray[np.bool_]
    """(K,) whether there is a label to become."""
    faces: NDArray[np.bool_]
    """(K,) whether the label's front is the end that looks towards the sensor; means nothing where not ``matched``."""


def lesson(examples: Sequence[Example], peaks: Peaks, wanted: Targets, rng: np.random.Generator) -> Lesson | None:
    """A batch's lesson; None where there is nothing to look at.

    Peaks where nothing is asked (look-alikes, unlabelled regions) teach nothing, unless they found a label.
    """
    counted = wanted.counted.flatten(1)[peaks.batch, peaks.cell].numpy() > 0
    batch, category, box = peaks.batch.numpy(), peaks.category.numpy(), peaks.box.double().numpy()
    parts, categories, errors, matches, fronts = [], [], [], [], []
    for b, example in enumerate(examples):
        labels, label = example.boxes[~example.ignored], example.label[~example.ignored]
        own = batch == b
        boxes = np.concatenate([box[own], displaced(labels, rng)])
        kinds = np.concatenate([category[own], label])
        nearest, overlap = _best_label(boxes, kinds, labels, label)
        matched = overlap > MATCHING_OVERLAP
        kept = matched | np.concatenate([counted[own], np.ones(len(labels), dtype=bool)])
        if not kept.any():
            continue
        proposals = Proposals.of(boxes[kept], example.points, example.sensor_m)
        wrong, faces = np.zeros((len(proposals), 7)), np.zeros(len(proposals), dtype=bool)
        if len(labels):
            wrong = proposals.errors_of(labels[nearest[kept]]) * matched[kept, None]
            faces = proposals.faces(labels[nearest[kept]])
        parts.append(proposals)
        categories.append(kinds[kept])
        errors.append(wrong)
        matches.append(matched[kept])
        fronts.append(faces)
    if not parts:
        return None
    return Lesson(Proposals.joined(parts), *map(np.concatenate, (categories, errors, matches, fronts)))


def displaced(labels: FloatArray, rng: np.random.Generator) -> FloatArray:
    """``labels`` (K, 7) each moved, stretched and turned at random."""
    by = rng.normal(size=labels.shape) * DISPLACEMENT * rng.uniform(0.2, 1.0, size=(len(labels), 1))
    boxes = labels + by * (1, 1, 1, 0, 0, 0, 1)
    boxes[:, 3:6] *= np.exp(by[:, 3:6])
    return boxes


def _best_label(
    boxes: FloatArray, kinds: NDArray[np.int64], labels: FloatArray, label: NDArray[np.int64]
) -> tuple[NDArray[np.int64], FloatArray]:
    """The label (K,) of its own category that each box overlaps most, and how much (K,)."""
    if not len(boxes) or not len(labels):
        return np.zeros(len(boxes), dtype=np.int64), np.zeros(len(boxes))
    pairs = np.indices((len(boxes), len(labels))).reshape(2, -1)
    shared, turn = aligned_overlap(torch.from_numpy(boxes[pairs[0]]), torch.from_numpy(labels[pairs[1]]))
    overlap = (shared * turn).numpy().reshape(len(boxes), len(labels)) * (kinds[:, None] == label)
    return overlap.argmax(axis=1), overlap.max(axis=1)
