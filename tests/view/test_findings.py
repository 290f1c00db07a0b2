"""Findings in words: a number where there is one, and an honest sentence where there is none."""

import json
import math
import re
from dataclasses import replace

import pytest

from scanyard.view import (
    Cell,
    Contrast,
    Equivalent,
    Findings,
    MixingCurve,
    MixPoint,
    SizePoint,
    at_strictest,
    headlines,
    over_all_seeds,
)
from scanyard.view.laboratory import laboratory_section

INSIDE = Equivalent(
    arm="synthetic", synthetic_frames=1200, real_frames=0.0, seeds=3, evaluated_on="real_test", domain="real",
    category="car", metric="bev", iou=0.7, score=71.0, frames=11.3, low=8.1, high=15.0, least=4.0, most=16.0,
    sizes=(SizePoint(4.0, "labels_4", 50.0, 40.0, 60.0), SizePoint(16.0, "real", 75.0, None, None)),
    curve=((4.0, 50.0, 40.0, 60.0), (8.0, 64.0, 55.0, 70.0), (16.0, 75.0, 66.0, 83.0)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {},
            "synthetic, car BEV precision at overlap 0.7 on real_test: 1,200 synthetic frames score what 11.3 real "
            "labelled frames alone would [8.1, 15.0].",
        ),
        ({"high": math.inf}, "11.3 real labelled frames alone would [8.1, more than 16]."),
        ({"frames": math.inf, "high": math.inf}, "what more than 16 real labelled frames alone would [8.1, more than"),
        ({"frames": math.inf, "low": math.inf, "high": math.inf}, "[all of the interval lies above what was tried]"),
        ({"frames": -math.inf, "low": -math.inf}, "what fewer than 4 real labelled frames alone would [fewer than 4,"),
        ({"real_frames": 8.5}, "1,200 synthetic frames beside 8.5 real ones score what"),
    ],
)
def test_an_equivalent_says_what_is_known_and_no_more(changes: dict[str, float], says: str) -> None:
    assert says in replace(INSIDE, **changes).sentence  # type: ignore[arg-type]


def test_what_synthetic_frames_add_is_said_only_where_it_is_known() -> None:
    beside = replace(INSIDE, real_frames=8.0)
    assert "worth +3.3 labelled frames [+0.1, +7.0]" in beside.gain
    assert "[+0.1, no bound]" in replace(beside, high=math.inf).gain
    assert not replace(beside, frames=math.inf, high=math.inf).gain
    assert not INSIDE.gain


def test_findings_survive_json_infinities_too() -> None:
    findings = Findings(equivalents=(INSIDE, replace(INSIDE, frames=math.inf, low=-math.inf, high=math.inf)))
    assert Findings.from_dict(json.loads(json.dumps(findings.to_dict(), allow_nan=False))) == findings


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (1.5, 9.0, "mixed beats real by 5.0 points of car BEV precision at overlap 0.7 [1.5, 9.0]"),
        (-9.0, -1.5, "mixed loses to real by 5.0 points"),
        (-0.1, 9.0, "mixed is not shown to beat real, nor to lose to it: +5.0 [-0.1, +9.0]"),
        (None, None, "too few drives"),
    ],
)
def test_a_difference_is_claimed_only_where_the_interval_excludes_zero(
    low: float | None, high: float | None, says: str
) -> None:
    value = -5.0 if high is not None and high < 0 else 5.0
    assert (
        says
        in Contrast(
            "mixed", "real", (0, 1, 2), "test", "real", "car", "bev", 0.7, "moderate", value, low, high
        ).sentence
    )


def test_a_difference_that_many_comparisons_may_show_by_chance_is_not_claimed() -> None:
    alone = Contrast("mixed", "real", (0,), "test", "real", "car", "bev", 0.7, "moderate", 5.0, 1.5, 9.0, p_value=0.03)
    among_four = replace(alone, corrected_p=0.12, compared=4)
    assert "beats real" in replace(alone, corrected_p=0.03).sentence
    assert "not shown to beat real" in among_four.sentence
    assert "(p 0.12 among 4 arms compared)." in among_four.sentence
    assert among_four.verdict == "no difference shown"


def test_every_sentence_about_a_difference_says_of_what_it_is() -> None:
    one = Contrast("mixed", "real", (0,), "test", "real", "pedestrian", "bev", 0.5, "moderate", 5.0, 1.5, 9.0)
    assert "by 5.0 points of pedestrian BEV precision at overlap 0.5 [1.5, 9.0]" in one.sentence
    assert "[-1.0, +9.0] points of pedestrian BEV precision at overlap 0.5" in replace(one, low=-1.0).sentence
    assert "mixed and real, pedestrian on test: too few drives" in replace(one, low=None).sentence


def test_headlines_are_seen_from_above_at_the_strictest_overlap_of_each_category() -> None:
    car = Contrast("mixed", "real", (0,), "test", "real", "car", "bev", 0.7, "moderate", 5.0, 1.5, 9.0)
    walker = replace(car, category="pedestrian", iou=0.5)
    loose = [replace(car, iou=0.5), replace(walker, iou=0.25)]
    in_space = [replace(car, metric="3d"), replace(walker, metric="3d")]
    assert headlines([*loose, *in_space, car, walker]) == [car, walker]
    assert at_strictest([*loose, *in_space, car, walker]) == [*in_space, car, walker]
    assert headlines([]) == []


def test_every_category_has_a_matrix_and_charts_of_its_own() -> None:
    cells = [
        Cell("real", "test", "real", category, metric, iou, 50.0, None, None)
        for category, overlaps in (("car", (0.7, 0.5)), ("pedestrian", (0.5, 0.25)))
        for iou in overlaps
        for metric in ("bev", "3d")
    ]
    mixing = MixingCurve(
        "ratio", "real", "test", "real", "pedestrian", "bev", 0.5, (MixPoint(0.5, "a", 50, None, None),)
    )
    worth = replace(INSIDE, category="pedestrian", iou=0.5)
    html = laboratory_section(Findings(matrix=tuple(cells), mixing=(mixing,), equivalents=(INSIDE, worth)))
    assert re.findall(r"<br>(\S+ \S+ at [\d.]+)</th>", html) == [
        "car BEV at 0.7", "car 3D at 0.7", "car BEV at 0.5",
        "pedestrian BEV at 0.5", "pedestrian 3D at 0.5", "pedestrian BEV at 0.25",
    ]  # fmt: skip
    assert html.count('<table class="matrix">') == 2
    titles = re.findall(r"<h3>Tested on (.*?)</h3>", html)
    assert titles == ["real_test, car BEV at 0.7", "real_test, pedestrian BEV at 0.5", "test, pedestrian BEV at 0.5"]
    axes = re.findall(r">(\w+ BEV precision at overlap [\d.]+, %)<", html)
    assert axes == [f"{what}, %" for what in (
        "car BEV precision at overlap 0.7", *["pedestrian BEV precision at overlap 0.5"] * 2,
    )]  # fmt: skip


def test_names_from_a_recipe_cannot_write_html() -> None:
    html = laboratory_section(Findings(equivalents=(replace(INSIDE, arm="<b>x"),), notes=("<script>",)))
    assert "<b>x" not in html
    assert "<script>" not in html


def test_single_seeds_speak_for_an_arm_only_where_there_is_no_mean_of_several() -> None:
    one = Contrast("mixed", "real", (0,), "test", "real", "car", "bev", 0.7, "moderate", 5.0, 1.5, 9.0)
    mean = replace(one, seeds=(0, 1, 2))
    assert over_all_seeds([one, mean, replace(one, seeds=(1,))]) == [mean]
    assert over_all_seeds([one]) == [one]
