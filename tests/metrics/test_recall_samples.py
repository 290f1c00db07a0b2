from __future__ import annotations

import numpy as np
from kitti_devkit import thresholds_of

from scanyard.metrics.precision import recall_samples


def test_thresholds_are_the_development_kits_ties_and_rounding_included() -> None:
    sizes = [(hits, labels) for labels in range(1, 400) for hits in {1, labels // 3, labels - 1, labels} if hits > 0]
    num_hits, num_labels = np.array(sizes).T
    nth, used = recall_samples(num_hits, num_labels, 40)
    for (hits, labels), row, valid in zip(sizes, nth, used, strict=True):
        ranks = [-score for score in thresholds_of([-float(rank) for rank in range(hits)], labels)]
        assert row[valid].tolist() == ranks, f"{hits} of {labels}"
