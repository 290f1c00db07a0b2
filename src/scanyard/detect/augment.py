"""Augmentation: the same street mirrored, turned, scaled, thinned, and with objects of other frames pasted in.

Every change is applied to points and boxes by the same numbers, so points stay inside their boxes.  Pasted objects keep
their distance to the sensor, so that their point density stays true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import points_inside
from scanyard.detect.example import Example, as_boxes
from scanyard.detect.recipe import TrainRecipe
from scanyard.geometry import FloatArray

CLEARANCE_M = 0.4  # between a pasted object and its neighbours
MIN_PASTE_POINTS = 10
SHADOW_SLACK_RAD = 0.004  # two azimuth steps: a pasted object hides what is behind it


@dataclass(frozen=True)
class Snippet:
    """One labelled object cut out of its frame."""

    points: NDArray[np.float32]
    """(K, 3) metres, in the flattened ego frame it was seen in."""
    box: FloatArray
    """(7,) as a row of ``Example.boxes``."""
    label: int


def cut_out(examples: Sequence[Example]) -> list[Snippet]:
    """Every object of ``examples`` with enough points to be worth pasting."""
    snippets = []
    for example in examples:
        wanted = np.flatnonzero(~example.ignored)
        inside = points_inside(as_boxes(example.boxes[wanted]), example.points, margin_m=0.02)
        for row, mask in zip(wanted, inside, strict=True):
            if mask.sum() >= MIN_PASTE_POINTS:
                snippets.append(Snippet(example.points[mask], example.boxes[row], int(example.label[row])))
    return snippets


def augment(
    example: Example, recipe: TrainRecipe, rng: np.random.Generator, snippets: Sequence[Snippet] = ()
) -> Example:
    """A new variant of ``example``: paste, mirror, turn, scale, thin."""
    if snippets and recipe.paste_boxes:
        chosen = rng.permutation(len(snippets))[: rng.integers(0, recipe.paste_boxes + 1)]
        example = paste(example, [snippets[i] for i in chosen], rng)
    if rng.random() < 0.5:
        example = mirrored(example)
    example = turned(example, rng.uniform(-recipe.rotation_rad, recipe.rotation_rad))
    example = scaled(example, rng.uniform(1 - recipe.scale, 1 + recipe.scale))
    if rng.random() < 0.5:
        example = thinned(example, rng.uniform(recipe.keep_points, 1.0), rng)
    return example


def mirrored(example: Example) -> Example:
    """Left and right exchanged."""
    points, boxes, sensor = example.points.copy(), example.boxes.copy(), example.sensor_m.copy()
    points[:, 1] *= -1
    boxes[:, [1, 6]] *= -1
    sensor[1] *= -1
    return replace(example, points=points, boxes=boxes, sensor_m=sensor)


def turned(example: Example, angle_rad: float) -> Example:
    """The street turned about the sensor."""
    points, boxes, foot = example.points.copy(), example.boxes.copy(), example.sensor_m[:2]
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    rotation = np.array([[cos, -sin], [sin, cos]])
    points[:, :2] = (points[:, :2] - foot) @ rotation.T + foot
    boxes[:, :2] = (boxes[:, :2] - foot) @ rotation.T + foot
    boxes[:, 6] += angle_rad
    return replace(example, points=points, boxes=boxes)


def scaled(example: Example, factor: float) -> Example:
    """Everything larger or smaller by ``factor``, seen from the sensor's foot."""
    points, boxes, foot = example.points.copy(), example.boxes.copy(), example.sensor_m[:2]
    points[:, :2] = (points[:, :2] - foot) * factor + foot
    points[:, 2] *= factor
    boxes[:, :2] = (boxes[:, :2] - foot) * factor + foot
    boxes[:, 2:6] *= factor
    return replace(example, points=points, boxes=boxes)


def thinned(example: Example, share: float, rng: np.random.Generator) -> Example:
    """A random ``share`` of the points."""
    keep = rng.random(len(example.points)) < share
    return replace(example, points=example.points[keep], unlabelled=example.unlabelled[keep])


def paste(example: Example, snippets: Sequence[Snippet], rng: np.random.Generator) -> Example:
    """Objects of other frames added where there is room, at their own distance, hiding what lies behind them."""
    for snippet in snippets:
        angle = rng.uniform(-0.3, 0.3)
        origin = example.sensor_m[:2]
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = np.array([[cos, -sin], [sin, cos]])
        box = snippet.box.copy()
        box[:2] = (box[:2] - origin) @ rotation.T + origin
        box[6] += angle
        if not _has_room(example, box):
            continue
        points = snippet.points.copy()
        points[:, :2] = (points[:, :2] - origin) @ rotation.T + origin
        keep = ~_hidden(example, box, points)
        example = replace(
            example,
            points=np.concatenate([example.points[keep], points]),
            unlabelled=np.concatenate([example.unlabelled[keep], np.zeros(len(points), dtype=bool)]),
            boxes=np.concatenate([example.boxes, box[None]]),
            label=np.append(example.label, snippet.label),
            ignored=np.append(example.ignored, False),
        )
    left = points_inside(as_boxes(example.boxes), example.points, margin_m=0.05).sum(axis=1)
    return replace(example, ignored=example.ignored | (left < MIN_PASTE_POINTS // 2))


def _has_room(example: Example, box: FloatArray) -> bool:
    """Whether the circle around ``box`` keeps clear of boxes, and nothing tall stands inside it."""
    reach = np.hypot(box[3], box[4]) / 2
    distance = np.hypot(*(example.boxes[:, :2] - box[:2]).T)
    half = np.hypot(example.boxes[:, 3], example.boxes[:, 4]) / 2
    if (distance < half + reach + CLEARANCE_M).any():
        return False
    inside = points_inside(as_boxes(box[None]), example.points)[0]
    return int((example.points[inside, 2] > 0.3).sum()) < 5


def _hidden(example: Example, box: FloatArray, points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Points (M,) of ``example`` that ``points`` of an object in ``box`` replace: inside it or in its shadow."""
    sensor = example.sensor_m
    delta = example.points[:, :2] - sensor[:2]
    azimuth, distance = np.arctan2(delta[:, 1], delta[:, 0]), np.hypot(delta[:, 0], delta[:, 1])
    own = points[:, :2] - sensor[:2]
    own_azimuth, own_distance = np.arctan2(own[:, 1], own[:, 0]), float(np.hypot(own[:, 0], own[:, 1]).max())
    behind = (
        (azimuth > own_azimuth.min() - SHADOW_SLACK_RAD)
        & (azimuth < own_azimuth.max() + SHADOW_SLACK_RAD)
        & (distance > own_distance)
    )
    # how high the ray to each point passes over the object
    passes = sensor[2] + (example.points[:, 2] - sensor[2]) * own_distance / np.maximum(distance, 0.1)
    inside = points_inside(as_boxes(box[None]), example.points, margin_m=0.05)[0]
    return np.asarray((behind & (passes < points[:, 2].max())) | inside)
