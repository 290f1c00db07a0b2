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
from scanyard.detect.example import Example, as_boxes, num_returns
from scanyard.detect.recipe import TrainRecipe
from scanyard.geometry import FloatArray

CLEARANCE_M = 0.4  # between a pasted object and its neighbours
MIN_PASTE_POINTS = 10
MIN_LEFT_POINTS = 5  # an object that pasting hid further than that is no longer asked for
MAX_PASTE_TURN_RAD = 0.3
SHADOW_SLACK = 0.004  # slope of two azimuth steps


@dataclass(frozen=True)
class Snippet:
    """One labelled object cut out of its frame."""

    points: NDArray[np.float32]
    """(K, 3 or 4) as rows of ``Example.points``, in the flattened ego frame it was seen in."""
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
        example = paste(example, drawn(snippets, recipe.paste_boxes, rng), rng)
    if rng.random() < 0.5:
        example = mirrored(example)
    example = turned(example, rng.uniform(-recipe.rotation_rad, recipe.rotation_rad))
    example = scaled(example, rng.uniform(1 - recipe.scale, 1 + recipe.scale))
    if rng.random() < 0.5:
        example = thinned(example, rng.uniform(recipe.keep_points, 1.0), rng)
    return example


def drawn(snippets: Sequence[Snippet], most: int, rng: np.random.Generator) -> list[Snippet]:
    """Up to ``most`` snippets at random, the categories in turn: where cars are many, few cyclists would be drawn."""
    order = rng.permutation(len(snippets))
    number = rng.integers(0, most + 1)
    label = np.array([snippet.label for snippet in snippets])[order]
    turn = np.zeros(len(order), dtype=np.int64)
    for category in np.unique(label):
        turn[label == category] = np.arange((label == category).sum())
    return [snippets[i] for i in order[np.argsort(turn, kind="stable")][:number]]


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
    rotation = _rotation(angle_rad)
    _map_ground(points, foot, rotation)
    _map_ground(boxes, foot, rotation)
    boxes[:, 6] += angle_rad
    return replace(example, points=points, boxes=boxes)


def scaled(example: Example, factor: float) -> Example:
    """Everything larger or smaller by ``factor``, seen from the sensor's foot."""
    points, boxes, foot = example.points.copy(), example.boxes.copy(), example.sensor_m[:2]
    _map_ground(points, foot, factor * np.eye(2))
    points[:, 2] *= factor
    _map_ground(boxes, foot, factor * np.eye(2))
    boxes[:, 2:6] *= factor
    return replace(example, points=points, boxes=boxes)


def thinned(example: Example, share: float, rng: np.random.Generator) -> Example:
    """A random ``share`` of the points."""
    keep = rng.random(len(example.points), dtype=np.float32) < share
    return replace(example, points=example.points[keep], unlabelled=example.unlabelled[keep])


def paste(example: Example, snippets: Sequence[Snippet], rng: np.random.Generator) -> Example:
    """Objects of other frames added where there is room, at their own distance, hiding what lies behind them."""
    pieces, unlabelled = [example.points], [example.unlabelled]
    boxes, labels = example.boxes, example.label
    for snippet in snippets:
        points, box = _placed(snippet, rng.uniform(-MAX_PASTE_TURN_RAD, MAX_PASTE_TURN_RAD), example.sensor_m)
        if not _has_room(pieces[0], boxes, box):
            continue
        keep = [~_hidden(piece, example.sensor_m, points, box) for piece in pieces]
        pieces = [piece[kept] for piece, kept in zip(pieces, keep, strict=True)] + [points]
        unlabelled = [flags[kept] for flags, kept in zip(unlabelled, keep, strict=True)]
        unlabelled.append(np.zeros(len(points), dtype=bool))
        boxes, labels = np.concatenate([boxes, box[None]]), np.append(labels, snippet.label)
    all_points = np.concatenate(pieces)
    left = num_returns(as_boxes(boxes), all_points)
    ignored = np.concatenate([example.ignored, np.zeros(len(boxes) - len(example.boxes), dtype=bool)])
    return replace(
        example,
        points=all_points,
        unlabelled=np.concatenate(unlabelled),
        boxes=boxes,
        label=labels,
        ignored=ignored | (left < MIN_LEFT_POINTS),
    )


def _placed(snippet: Snippet, angle_rad: float, sensor_m: FloatArray) -> tuple[NDArray[np.float32], FloatArray]:
    """Points and box of a snippet turned about the sensor."""
    points, box = snippet.points.copy(), snippet.box.copy()
    _map_ground(points, sensor_m[:2], _rotation(angle_rad))
    _map_ground(box[None], sensor_m[:2], _rotation(angle_rad))
    box[6] += angle_rad
    return points, box


def _rotation(angle_rad: float) -> FloatArray:
    """(2, 2) turn from x towards y."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cos, -sin], [sin, cos]])


def _map_ground(rows: NDArray[np.floating], foot_m: FloatArray, linear: FloatArray) -> None:
    """Apply ``linear`` (2, 2) to x and y of ``rows`` about ``foot_m`` (2,), in place and in the rows' precision."""
    foot = foot_m.astype(rows.dtype)
    rows[:, :2] = (rows[:, :2] - foot) @ linear.T.astype(rows.dtype) + foot


def _has_room(points: NDArray[np.float32], boxes: FloatArray, box: FloatArray) -> bool:
    """Whether the circle around ``box`` keeps clear of other boxes, and nothing tall stands inside it."""
    reach = np.hypot(box[3], box[4]) / 2
    distance = np.hypot(*(boxes[:, :2] - box[:2]).T)
    half = np.hypot(boxes[:, 3], boxes[:, 4]) / 2
    if (distance < half + reach + CLEARANCE_M).any():
        return False
    inside = points_inside(as_boxes(box[None]), points)[0]
    return int((points[inside, 2] > 0.3).sum()) < 5


def _hidden(
    points: NDArray[np.float32], sensor_m: FloatArray, object_points: NDArray[np.float32], box: FloatArray
) -> NDArray[np.bool_]:
    """Which ``points`` (M, 3 or 4) an object in ``box`` replaces: those inside it and those in its shadow (M,)."""
    sensor = sensor_m.astype(np.float32)
    delta, own = points[:, :3] - sensor, object_points[:, :3] - sensor
    # the fan that the object's points span, as slopes across its own direction, which spares an arctangent per point
    direction = own[:, :2].mean(axis=0)
    ahead = delta[:, :2] @ direction
    across = delta[:, 1] * direction[0] - delta[:, 0] * direction[1]
    own_ahead = own[:, :2] @ direction
    slopes = (own[:, 1] * direction[0] - own[:, 0] * direction[1]) / own_ahead
    behind = (
        (ahead > own_ahead.max())
        & (across > (slopes.min() - SHADOW_SLACK) * ahead)
        & (across < (slopes.max() + SHADOW_SLACK) * ahead)
    )
    # the ray to a point passes over the object where own_ahead.max() / ahead of its drop is done
    behind &= delta[:, 2] * own_ahead.max() < own[:, 2].max() * ahead
    behind |= points_inside(as_boxes(box[None]), points, margin_m=0.05)[0]
    return np.asarray(behind)
