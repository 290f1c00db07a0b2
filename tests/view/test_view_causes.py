"""The causes of a score on a page: every number, grey where there are few, and nothing that names could break."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanyard.evaluation import Evaluation, Score
from scanyard.metrics import Breakdown, Causes, Cost, SliceScore, Weighted
from scanyard.metrics.weights import WeightedScore
from scanyard.view import write_causes, write_report

HOSTILE = "<script>alert(1)</script>"


def score(value: float, num: int = 90, *, low: float | None = 40.0) -> Score:
    return Score("3d", "car", "hard", 0.7, value, low, None if low is None else 88.0, num)


def causes(name: str = "fog", *, domain: str = "real") -> Causes:
    return Causes(
        Evaluation("kitti_r40", "test", domain, 36, 16, 0.9, (score(61.25),), ("a note",)),
        slices=(SliceScore("weather", name, score(33.5), False), SliceScore("weather", "clear", score(71.5, 12), True)),
        breakdowns=(
            Breakdown(score(61.25), (Cost("translation", 7, 12.34, 9.9, 15.0), Cost("yaw", 1, -0.4, None, None))),
        ),
        weighted=Weighted((WeightedScore(score(61.25), score(55.5)),), 16, 3.2, 0.61, "few drives decide"),
        undetected=("pedestrian",),
    )


def test_causes_survive_json() -> None:
    assert Causes.from_dict(causes().to_dict()) == causes()
    plain = Causes(causes().evaluation)
    assert plain.to_dict() == plain.evaluation.to_dict()
    assert Causes.from_dict(plain.evaluation.to_dict()) == plain


def test_the_page_holds_every_number(tmp_path: Path) -> None:
    html = write_causes(tmp_path / "why.html", causes(), title="Why").read_text(encoding="utf-8")
    for expected in ("33.5", "71.5", "+12.3", "[+9.9, +15.0]", "-0.4", "no interval", "55.5", "3.2 effective", "61 %",
                     "few drives decide", "a note",
                     "Nothing was detected as pedestrian", '<tr class="grey">', "Grey: fewer than 30"):  # fmt: skip
        assert expected in html
    assert html.count('<tr class="grey">') == 1


def test_names_are_text(tmp_path: Path) -> None:
    html = write_causes(tmp_path / "why.html", causes(HOSTILE), title=HOSTILE).read_text(encoding="utf-8")
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("domain", ["real", "stand-in"])
def test_a_stand_in_is_called_so(domain: str, tmp_path: Path) -> None:
    html = write_causes(tmp_path / "why.html", causes(domain=domain), title="Why").read_text(encoding="utf-8")
    assert ("stand-in, not real" in html) == (domain == "stand-in")


def test_the_report_has_the_section_where_there_are_causes(tmp_path: Path) -> None:
    options = {"title": "T", "sequences": {}, "entries": ()}
    without = write_report(tmp_path / "a.html", **options).read_text(encoding="utf-8")
    within = write_report(tmp_path / "b.html", **options, causes={"arm mixed on test": causes()}).read_text("utf-8")
    assert 'id="causes"' not in without
    assert '<a href="#causes">' in within
    assert "arm mixed on test" in within
    assert within.count('id="causes"') == 1
