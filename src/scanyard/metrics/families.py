"""One door to the four families: their numbers under any mixture of drives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scanyard.metrics import argoverse2, nuscenes
from scanyard.metrics.argoverse2 import measure_argoverse2
from scanyard.metrics.kitti import measure_kitti
from scanyard.metrics.measured import Measured
from scanyard.metrics.nuscenes import measure_nuscenes
from scanyard.metrics.pool import IntArray, Pool, image_boxes
from scanyard.metrics.protocols import Argoverse2Protocol, KittiProtocol, NuscenesProtocol, Protocol
from scanyard.metrics.waymo import label_levels, measure_waymo


def measure(pool: Pool, protocol: Protocol, mixtures: IntArray, categories: Sequence[str] = ()) -> list[Measured]:
    """All numbers of a protocol that these frames have; ``categories`` narrows them, which saves time."""
    if isinstance(protocol, KittiProtocol):
        return measure_kitti(pool, protocol, mixtures, categories)
    if isinstance(protocol, NuscenesProtocol):
        return measure_nuscenes(pool, protocol, mixtures, categories)
    if isinstance(protocol, Argoverse2Protocol):
        return measure_argoverse2(pool, protocol, mixtures, categories)
    return measure_waymo(pool, protocol, mixtures, categories)


def counting_labels(pool: Pool, protocol: Protocol) -> NDArray[np.bool_]:
    """Labels (G,) that a protocol counts at any difficulty, or ignores: all that a detector may find."""
    if isinstance(protocol, NuscenesProtocol):
        return nuscenes.counting_codes(pool, protocol)[0] >= 0
    if isinstance(protocol, Argoverse2Protocol):
        return argoverse2.counting_codes(pool, protocol)[0] >= 0
    known = np.isin(pool.labels.category, known_categories(protocol))
    if isinstance(protocol, KittiProtocol):
        left, top, right, bottom = image_boxes(pool.labels).T
        return np.asarray(known & (right > left) & (bottom > top))  # what is outside the image nobody looks for
    return known & (label_levels(pool, protocol) > 0)


def known_categories(protocol: Protocol) -> tuple[str, ...]:
    """What a protocol scores, and what it ignores beside that."""
    if isinstance(protocol, KittiProtocol):
        return (*protocol.categories, *(name for rule in protocol.rules for name in rule.neighbours))
    return protocol.categories


def unscored(pool: Pool, protocol: Protocol) -> list[str]:
    """What a reader should know that the numbers do not show: categories and columns that are not there."""
    notes = []
    if isinstance(protocol, NuscenesProtocol | Argoverse2Protocol):
        absent = [name for name in protocol.categories if not np.isin(pool.labels.category, name).any()]
        if absent:
            notes.append(f"no label of {', '.join(absent)}: in the means they count as not found, as in the devkit")
    if isinstance(protocol, NuscenesProtocol):
        for error, missing in (
            ("ave", pool.labels.velocity is None or pool.detections.velocity is None),
            ("aae", pool.label_attributes is None),
        ):
            if missing:
                notes.append(f"labels or detections without what {error} needs: it counts as 1, as in the devkit")
    if isinstance(protocol, NuscenesProtocol | Argoverse2Protocol) and pool.labels.num_points is None:
        notes.append("labels do not say how many returns they hold: all count")
    return notes
