"""The leaderboard page: safe, self-contained, honest about stand-ins."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from scanyard.board import DataDeclaration, Entry, add_entries, write_page
from scanyard.evaluation import Evaluation, Score

HOSTILE = "<script>alert(1)</script><img src=x onerror='x'>\"'&"


def entry_named(name: str, *, domain: str = "real", low: float | None = 60.0) -> Entry:
    high = None if low is None else 83.25
    scores = (Score("bev", "car", "moderate", 0.7, 75.5, low, high, 90),)
    return Entry(
        detector=name,
        arm=name,
        trained_on={name: domain},
        evaluated_on=name,
        evaluation=Evaluation("kitti_r40", name, domain, 36, 16, 0.9, scores),
        steps=900,
        seeds=(0,),
        single_run=True,
        declaration=DataDeclaration((name,), 0.5, name, (name,), 75),
        datasets={name: "ab" * 32},
    )


def page_of(tmp_path: Path, *entries: Entry, title: str = "Leaderboard") -> str:
    add_entries(tmp_path / "board.sqlite", entries)
    return write_page(tmp_path / "board.sqlite", tmp_path / "board.html", title=title).read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Collects the tags and attributes a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    tags = Tags()
    tags.feed(page_of(tmp_path, entry_named(HOSTILE), title=HOSTILE))
    assert not {"script", "img"} & {tag for tag, _ in tags.found}
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)


def test_the_page_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    page = page_of(tmp_path, entry_named("pillars"))
    assert not re.search(r"(https?:)?//\w|url\(|@import|<link|<script", page)
    assert "default-src 'none'" in page


def test_the_interval_is_shown_as_numbers_and_as_a_band(tmp_path: Path) -> None:
    page = page_of(tmp_path, entry_named("pillars"))
    assert "<b>75.5</b>" in page
    assert "[60.0, 83.2]" in page
    assert "left:60.00%;width:23.25%" in page
    assert "single run" in page


def test_a_score_without_an_interval_says_so(tmp_path: Path) -> None:
    page = page_of(tmp_path, entry_named("pillars", low=None))
    assert "no interval" in page


def test_stand_in_is_said_beside_test_split_training_split_and_arm(tmp_path: Path) -> None:
    said = page_of(tmp_path, entry_named("pillars", domain="stand-in")).count("stand-in, not real")
    assert said == 3


def test_real_frames_are_not_called_stand_in(tmp_path: Path) -> None:
    assert "stand-in, not real" not in page_of(tmp_path, entry_named("pillars"))


def board_entry(arm: str, **values: float) -> Entry:
    """Scores of each category at KITTI's two overlaps for it, a loose one 10 points higher."""
    strict = {"car": 0.7, "pedestrian": 0.5, "cyclist": 0.5}
    loose = {"car": 0.5, "pedestrian": 0.25, "cyclist": 0.25}
    scores = tuple(
        Score(metric, category, "moderate", iou, value + 10 * (iou == loose[category] and value > 0), None, None, 90)
        for category, value in values.items()
        for metric in ("3d", "bev")
        for iou in (strict[category], loose[category])
    )
    entry = entry_named("test")
    return replace(entry, arm=arm, evaluation=replace(entry.evaluation, scores=scores))


def test_every_category_that_was_found_has_a_table_and_an_order_of_its_own(tmp_path: Path) -> None:
    page = page_of(
        tmp_path,
        board_entry("sees_people", pedestrian=60.0, car=50.0, cyclist=0.0),
        board_entry("sees_cars", pedestrian=0.0, car=80.0, cyclist=0.0),
    )
    assert re.findall(r"<h3>(.*)</h3>", page) == ["car", "pedestrian"]  # nobody looks for cyclists
    cars, people = page.split("<h3>pedestrian</h3>")
    assert cars.index("sees_cars") < cars.index("sees_people")
    assert people.index("sees_people") < people.index("sees_cars")
    assert re.findall(r"<th>(\w+ at IoU [\d.]+)</th>", cars) == [
        "BEV at IoU 0.7", "3D at IoU 0.7", "BEV at IoU 0.5", "3D at IoU 0.5",
    ]  # fmt: skip
    assert re.findall(r"<th>(\w+ at IoU [\d.]+)</th>", people) == [
        "BEV at IoU 0.5", "3D at IoU 0.5", "BEV at IoU 0.25", "3D at IoU 0.25",
    ]  # fmt: skip
    assert "Average precision in percent, moderate." in page


def test_a_page_of_one_category_says_which_in_its_first_line(tmp_path: Path) -> None:
    for category, values in (
        ("car", {"car": 50.0, "pedestrian": 0.0}),
        ("pedestrian", {"car": 0.0, "pedestrian": 9.0}),
    ):
        (tmp_path / category).mkdir()
        page = page_of(tmp_path / category, board_entry("one", **values), board_entry("two", **values))
        assert f"Average precision in percent, {category}, moderate." in page
        assert "<h3>" not in page


def test_where_nothing_is_found_at_all_cars_are_shown_as_they_are(tmp_path: Path) -> None:
    page = page_of(tmp_path, board_entry("hopeless", pedestrian=0.0, car=0.0))
    assert "Average precision in percent, car, moderate." in page
    assert page.count("<b>0.0</b>") == 4


def test_a_split_without_labels_that_count_says_so(tmp_path: Path) -> None:
    entry = entry_named("test")
    hard = replace(entry.evaluation.scores[0], difficulty="hard")
    page = page_of(tmp_path, replace(entry, evaluation=replace(entry.evaluation, scores=(hard,))))
    assert "Nothing that counts as moderate is labelled here." in page


def test_rows_come_best_first_with_their_range_of_ranks(tmp_path: Path) -> None:
    better = entry_named("test")
    score = replace(better.evaluation.scores[0], value=80.0)
    better = replace(better, arm="better", evaluation=replace(better.evaluation, scores=(score,)))
    page = page_of(tmp_path, replace(entry_named("test"), arm="worse"), better)
    assert page.index("better") < page.index("worse")
    assert page.count("1\u20132") == 2
