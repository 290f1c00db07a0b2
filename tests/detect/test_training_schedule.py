import numpy as np
import pytest
from toy_street import source, street

from scanyard.detect.batches import schedule
from scanyard.errors import InputError


def test_sources_get_exactly_their_share_of_the_samples() -> None:
    order = schedule([10, 3], [3.0, 1.0], 400, np.random.default_rng(0))
    assert np.bincount(order[:, 0]).tolist() == [300, 100]


def test_every_frame_is_used_before_any_is_used_again() -> None:
    order = schedule([10, 3], [1.0, 1.0], 60, np.random.default_rng(0))
    assert sorted(order[order[:, 0] == 0][:10, 1]) == list(range(10))
    assert np.bincount(order[order[:, 0] == 1, 1]).tolist() == [10, 10, 10]


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_a_source_without_weight_is_refused(weight: float) -> None:
    with pytest.raises(InputError, match="expected more than 0"):
        source(street(), weight=weight)
