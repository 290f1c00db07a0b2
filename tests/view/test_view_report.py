"""The report: one file, safe, honest about stand-ins and rights."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from scanyard.evaluation import Evaluation, Score
from scanyard.sequence import Domain, InMemorySequence
from scanyard.view import ArmStanding, Contrast, LossCurve, SourceCard, write_report
from scanyard.view.holdout import detectable_lines
from tests.view.street import street

HOSTILE = "</script><script>alert(1)</script><img src=x onerror='x'>\"'&"
STAND_IN = "stand-in, not real"


@dataclass(frozen=True)
class TableRow:
    """A row as the leaderboard would hand it over."""

    arm: str
    evaluation: Evaluation
    trained_on: dict[str, str]
    detector: str = "pillars"
    steps: int = 900
    seeds: tuple[int, ...] = (0,)
    single_run: bool = True
    evaluated_on: str = field(default="real_test")


def row(arm: str, *, domain: str = "real", low: float | None = 60.0, split: str = "real_test") -> TableRow:
    high = None if low is None else 83.25
    scores = (Score("bev", "car", "moderate", 0.7, 75.5, low, high, 90),)
    return TableRow(
        arm, Evaluation("kitti_r40", split, domain, 36, 16, 0.9, scores), {f"{arm}_train": domain}, evaluated_on=split
    )


def contrast(value: float, low: float | None, high: float | None, *, domain: str = "real") -> Contrast:
    return Contrast("mixed", "real", (0,), "real_test", domain, "car", "bev", 0.7, "moderate", value, low, high)


@cache
def report_of(domain: Domain = "real", *, name: str = "target", title: str = "Report") -> str:
    shown = {"synthetic": [street("s0"), street("s1", seed=1)], name: [street(f"r{i}", domain, seed=i) for i in (2, 3)]}
    frame = shown[name][0][0]
    assert frame.boxes is not None
    found = frame.boxes.replace(score=np.linspace(0.1, 0.9, len(frame.boxes)))
    folder = TemporaryDirectory()
    path = write_report(
        Path(folder.name) / "report.html",
        title=title,
        sequences=shown,
        entries=[row("mixed", domain=domain), row("real", domain=domain)],
        differences=[contrast(3.8, -2.3, 11.1, domain=domain)],
        curves=[LossCurve(name, 0, [1, 2, 3], [3.0, 2.0, 1.0])],
        detections={("r2", 0): found},
        shown_detector=name,
        sources=[SourceCard(name, domain, name, "cd" * 32, 2, 6, 2)],
        facts={name: name},
    )
    text = path.read_text(encoding="utf-8")
    folder.cleanup()
    return text


class Page(HTMLParser):
    """What a browser would see: tags with attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
            self._in_script = True

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def test_nothing_is_asked_for_outside_the_file() -> None:
    text = report_of()
    page = Page(text)
    addresses = [
        value or ""
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "action", "data", "srcset", "poster", "xlink:href")
    ]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert len(text) < 8_000_000


def test_the_content_policy_allows_exactly_the_one_script() -> None:
    page = Page(report_of())
    data, script = page.scripts
    (policy,) = (a["content"] or "" for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert json.loads(data)["clouds"]


def test_hostile_names_stay_text_everywhere() -> None:
    page = Page(report_of(name=HOSTILE, title=HOSTILE))
    assert len(page.scripts) == 2
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert all((a.get("src") or "").startswith("data:image/") for tag, a in page.tags if tag == "img")


def test_stand_in_is_said_beside_the_name_in_titles_tables_captions_and_charts() -> None:
    text = report_of("stand-in")
    head, body = text.split("<body>", 1)
    assert STAND_IN in head[head.index("<title>") :]
    for start, end in (
        ("<h1>", "</h1>"),
        ('<ul class="findings">', "</ul>"),
        ("<h3>Tested on", "</h3>"),
        ('<section id="scores">', "</section>"),
        ('<section id="differences">', "</section>"),
        ('<section id="camera">', "</section>"),
        ('<section id="above">', "</section>"),
        ('<section id="curves">', "</section>"),
        ('<section id="data">', "</section>"),
    ):
        part = body[body.index(start) :]
        assert STAND_IN in part[: part.index(end)], start
    clouds = json.loads(Page(text).scripts[0])["clouds"]
    assert [STAND_IN in cloud["name"] and STAND_IN in cloud["caption"] for cloud in clouds] == [False, True]
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", body)
    assert all(STAND_IN in caption for caption in captions if caption.startswith("target"))
    assert "Not for redistribution" not in text


def test_pictures_of_real_frames_may_not_be_passed_on_and_the_page_says_so() -> None:
    text = report_of("real")
    assert "Not for redistribution" in text
    assert STAND_IN not in text


def test_intervals_and_verdicts_are_shown() -> None:
    text = report_of()
    assert "[60.0, 83.2]" in text
    assert "left:60.00%;width:23.25%" in text
    assert "[-2.3, +11.1]" in text
    assert "no difference shown" in text
    assert "single run" in text


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.1, 9.0), "mixed is better"),
        ((-9.0, -0.1), "real is better"),
        ((-1.0, 9.0), "no difference shown"),
        ((0.0, 9.0), "no difference shown"),
        ((None, None), "too few drives to say"),
    ],
)
def test_a_difference_is_claimed_only_where_the_interval_leaves_zero_out(
    interval: tuple[float | None, float | None], verdict: str
) -> None:
    assert contrast(1.0, *interval).verdict == verdict


def test_a_report_without_pictures_labels_or_curves_can_still_be_written(tmp_path: Path) -> None:
    bare = street("bare", frames=2, image=False)
    unlabelled = InMemorySequence(bare.info, [frame.replace(boxes=None) for frame in bare])
    path = write_report(
        tmp_path / "report.html",
        title="Bare",
        sequences={"bare": [unlabelled], "empty": []},
        entries=[replace(row("real", low=None), single_run=False)],
    )
    text = path.read_text(encoding="utf-8")
    assert "no interval" in text
    assert '<section id="camera">' not in text


def test_detections_below_the_least_score_are_not_shown() -> None:
    clouds = json.loads(Page(report_of()).scripts[0])["clouds"]
    shown = clouds[1]["detections"]
    assert len(shown) == 4  # of scores 0.1, 0.3, 0.5, 0.7, 0.9
    assert min(box["score"] for box in shown) == 0.3
    assert clouds[0]["detections"] == []


def test_a_difference_is_claimed_where_corrected_p_and_interval_both_allow_it() -> None:
    one = contrast(5.0, 0.5, 9.0)
    assert replace(one, p_value=0.02, corrected_p=0.04).verdict == "mixed is better"
    assert replace(one, p_value=0.02, corrected_p=0.06).verdict == "no difference shown"
    assert replace(contrast(-5.0, -9.0, -0.5), p_value=0.02, corrected_p=0.02).verdict == "real is better"
    crosses = replace(contrast(1.2, -11.4, 5.6), p_value=0.01, corrected_p=0.01)
    assert crosses.verdict == "no difference shown"
    assert "mixed is not shown to beat real" in crosses.sentence


def test_a_report_says_p_what_was_drawn_and_what_could_be_told(tmp_path: Path) -> None:
    one = replace(
        contrast(5.0, 0.5, 9.0), p_value=0.012, corrected_p=0.036, compared=3, detectable=4.2,
        resampled="block of 24 frames",
    )  # fmt: skip
    path = write_report(
        tmp_path / "report.html",
        title="Compared",
        sequences={},
        entries=[row("real"), row("mixed")],
        differences=[one, replace(one, arm="synthetic", detectable=6.0)],
        standings=[ArmStanding("mixed", "real_test", "real", "car", "BEV at IoU 0.7", 75.5, 1, 2, "ab")],
    )
    text = path.read_text(encoding="utf-8")
    assert "0.036" in text
    assert "<td>1\N{EN DASH}2</td><th>mixed</th><td>ab</td>" in text
    assert "of 3; 0.012 alone" in text
    assert "by block of 24 frames; of other drives it says nothing" in text
    assert "this holdout can tell differences of at least 4.2 to 6.0 points, by the pair of arms" in text


def test_every_category_that_arms_are_compared_by_has_a_table_of_its_own(tmp_path: Path) -> None:
    scored = row("real")
    walkers = (Score("3d", "pedestrian", "moderate", 0.5, 41.5, 30.0, 50.0, 90),)
    scored = replace(scored, evaluation=replace(scored.evaluation, scores=(*scored.evaluation.scores, *walkers)))
    path = write_report(
        tmp_path / "report.html",
        title="Two",
        sequences={},
        entries=[scored],
        differences=[contrast(5.0, 0.5, 9.0), replace(contrast(1.0, 0.5, 9.0), category="pedestrian", iou=0.5)],
        standings=[ArmStanding("mixed", "real_test", "real", "pedestrian", "BEV at IoU 0.5", 75.5, 1, 2, "ab")],
        categories=["car", "pedestrian", "cyclist"],
    )
    text = path.read_text(encoding="utf-8")
    scores = text[text.index('<section id="scores">') : text.index("<details>")]
    assert re.findall(r"<th>([^<]*)</th>", scores) == [
        "Arm", "Trained on", "car BEV at IoU 0.7",
        "Arm", "Trained on", "pedestrian 3D at IoU 0.5",
        "Arm", "Trained on", "cyclist",
    ]  # fmt: skip
    assert re.findall(r"<b>([\d.]+)</b>", scores) == ["75.5", "41.5"]
    assert "nothing labelled that counts" in scores
    told = text[text.index('<ul class="findings">') : text.index("<nav>")]
    assert re.findall(r"· (\w+ BEV at IoU [\d.]+), moderate", told) == [
        "car BEV at IoU 0.7",
        "pedestrian BEV at IoU 0.5",
    ]
    compared = text[text.index('<section id="differences">') :]
    assert "<td>pedestrian BEV at IoU 0.5</td>\n" in compared
    assert '<td>pedestrian BEV at IoU 0.5</td><td class="number">75.5</td>' in compared  # arms in order
    assert "real_test, pedestrian BEV at IoU 0.5: this holdout" in compared


def test_a_holdout_too_small_for_any_difference_says_so() -> None:
    (line,) = detectable_lines([contrast(30.0, 10.0, 50.0)])
    assert line == "real_test, car BEV at IoU 0.7: this holdout is too small to show any difference at the 5 % level."
    assert detectable_lines([]) == []
