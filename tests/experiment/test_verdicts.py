from __future__ import annotations

from scanyard.experiment.verdicts import corrected
from scanyard.view import Contrast


def contrast(
    arm: str, p: float | None, *, category: str = "car", metric: str = "bev", seeds: tuple[int, ...] = (0, 1)
) -> Contrast:
    return Contrast(arm, "real", seeds, "test", "real", category, metric, 0.7, "moderate", 5.0, 1.0, 9.0, p_value=p)


def test_arms_compared_by_one_score_are_corrected_together() -> None:
    found = corrected([contrast("a", 0.01), contrast("b", 0.04), contrast("c", 0.03)])
    assert [one.corrected_p for one in found] == [0.03, 0.06, 0.06]
    assert [one.compared for one in found] == [3, 3, 3]
    assert [one.arm for one in found] == ["a", "b", "c"]


def test_other_scores_categories_and_single_seeds_are_other_questions() -> None:
    found = corrected(
        [
            contrast("a", 0.01),
            contrast("a", 0.02, metric="3d"),
            contrast("a", 0.03, seeds=(0,)),
            contrast("a", 0.04, category="pedestrian"),
        ]
    )
    assert [one.corrected_p for one in found] == [0.01, 0.02, 0.03, 0.04]
    assert [one.compared for one in found] == [1, 1, 1, 1]


def test_what_has_no_p_is_left_as_it_is() -> None:
    found = corrected([contrast("a", None), contrast("b", 0.04)])
    assert found[0].corrected_p is None
    assert found[1].corrected_p == 0.04
