"""The report: one HTML file with everything in it, to be opened from a disk without a network.

The content policy in the page forbids every request and every script but the one written into it.  Wherever frames
only play the part of real ones, "stand-in, not real" stands beside their name; where pictures show real frames, the
page says that it may not be passed on.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image as Pillow

from scanyard.evaluation import Evaluation, Score
from scanyard.metrics import Causes
from scanyard.sequence import SensorSequence
from scanyard.view import palette
from scanyard.view.birdseye import Extent, draw_birdseye
from scanyard.view.causes import causes_section
from scanyard.view.charts import loss_chart, points_chart
from scanyard.view.cloud import pack_cloud
from scanyard.view.contents import (
    STAND_IN,
    ArmStanding,
    Contrast,
    Detections,
    LossCurve,
    Row,
    SourceCard,
    headlines,
    named,
    over_all_seeds,
)
from scanyard.view.findings import Findings
from scanyard.view.holdout import detectable_lines
from scanyard.view.laboratory import laboratory_section
from scanyard.view.overlay import draw_overlay
from scanyard.view.pages import rendered, style, write_page
from scanyard.view.survey import Glimpse, Survey, survey

_TILES = 6
_CLOUDS = 3


def write_report(
    path: str | Path,
    *,
    title: str,
    sequences: Mapping[str, Sequence[SensorSequence]],
    entries: Sequence[Row],
    differences: Sequence[Contrast] = (),
    findings: Findings | None = None,
    standings: Sequence[ArmStanding] = (),
    curves: Sequence[LossCurve] = (),
    detections: Detections | None = None,
    shown_detector: str = "",
    sources: Sequence[SourceCard] = (),
    facts: Mapping[str, str] | None = None,
    causes: Mapping[str, Causes] | None = None,
    categories: Sequence[str] = ("car",),
    difficulty: str = "moderate",
) -> Path:
    """Write the report and return its path.

    ``sequences`` holds the recordings to show by the name of their dataset or split; ``detections`` are those of
    ``shown_detector``, drawn where a shown frame has some.  Frames with detections are preferred in pictures.
    ``causes`` are what is behind scores, by what they are the scores of.  ``categories`` are those that arms are
    compared by; their scores get tables of their own.
    """
    found = detections or {}
    surveys = [survey(name, recordings, prefer=found) for name, recordings in sequences.items()]
    surveys = [one for one in surveys if one.glimpses]
    clouds = [_cloud(one, glimpse, found) for one in surveys[:_CLOUDS] for glimpse in one.choose(1)]
    script = resources.files(__package__).joinpath("report.js").read_text(encoding="utf-8")
    main, reach = over_all_seeds(differences), _reach(differences)
    html = rendered(
        "report.html",
        title=title,
        stand_in=STAND_IN,
        stand_in_anywhere=any(domain == "stand-in" for domain in _domains(surveys, entries, sources)),
        real_pictures=[one.name for one in surveys if one.domain in ("real", "mixed")],
        style=style(),
        script=Markup(script),  # our own files, not input
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        tests=_tests(entries, categories, difficulty),
        findings=headlines(main),
        laboratory=None if findings is None else laboratory_section(findings),
        contrasts=[_contrast(one, reach) for one in main],
        by_seed=[_contrast(one, reach) for one in differences if one not in main],
        reach=reach,
        detectable=detectable_lines(differences),
        standings=standings,
        difficulty=difficulty,
        clouds=clouds,
        viewer=_viewer(clouds),
        overlays=_overlays(surveys, found),
        tiles=_tiles(surveys, found),
        points_svg=Markup(points_chart([one.cars for one in surveys if len(one.cars.distance_m)])),
        any_cars=any(len(one.cars.distance_m) for one in surveys),
        surveys=surveys,
        loss_svg=Markup(loss_chart(curves)) if curves else None,  # drawn by us; matplotlib escapes names
        shown_detector=shown_detector,
        sources=sources,
        facts=dict(facts or {}),
        causes=causes_section(causes or {}),
        single_run=any(entry.single_run for entry in entries),
    )
    return write_page(path, html)


def _domains(surveys: Sequence[Survey], entries: Sequence[Row], sources: Sequence[SourceCard]) -> list[str]:
    trained = [domain for entry in entries for domain in entry.trained_on.values()]
    tested = [entry.evaluation.domain for entry in entries]
    return [*(one.domain for one in surveys), *trained, *tested, *(source.domain for source in sources)]


# --- numbers ---------------------------------------------------------------------------------------------------


def _tests(entries: Sequence[Row], categories: Sequence[str], difficulty: str) -> list[dict[str, Any]]:
    """The train-on × test-on tables, one block per test split, in it a table per category."""
    blocks: dict[str, list[Row]] = {}
    for entry in entries:
        blocks.setdefault(entry.evaluated_on, []).append(entry)
    return [
        {
            "split": split,
            "evaluation": rows[0].evaluation,
            "tables": [_table(rows, category, difficulty) for category in categories],
            "entries": rows,
        }
        for split, rows in blocks.items()
    ]


def _table(entries: Sequence[Row], category: str, difficulty: str) -> dict[str, Any]:
    columns = list(dict.fromkeys(at for entry in entries for at in entry.evaluation.precisions(category, difficulty)))
    return {
        "category": category,
        "columns": [f"{category} {metric.upper()} at IoU {iou:g}" for metric, iou in columns],
        "rows": [
            {
                "entry": entry,
                "cells": [_cell(entry.evaluation, metric, iou, difficulty, category) for metric, iou in columns],
            }
            for entry in entries
        ],
    }


def _cell(evaluation: Evaluation, metric: str, iou: float, difficulty: str, category: str) -> Score | None:
    try:
        return evaluation.score(metric, iou, difficulty, category)
    except KeyError:  # rows need not have been scored by one protocol
        return None


def _reach(differences: Sequence[Contrast]) -> float:
    """Half the length of an axis that all differences fit on, in points."""
    ends = [abs(end) for one in differences for end in (one.value, one.low, one.high) if end is not None]
    return max([5.0, *ends]) * 1.05


def _contrast(contrast: Contrast, reach: float) -> dict[str, Any]:
    """A contrast with its place on an axis from -reach to reach, in percent of its width; zero in the middle."""
    place = {
        name: None if value is None else 50 + 50 * value / reach
        for name, value in (("value", contrast.value), ("low", contrast.low), ("high", contrast.high))
    }
    return {"contrast": contrast, "place": place}


# --- pictures --------------------------------------------------------------------------------------------------


def _cloud(one: Survey, glimpse: Glimpse, detections: Detections) -> dict[str, Any]:
    frame, key = glimpse.sequence[glimpse.index], (glimpse.sequence.info.name, glimpse.index)
    packed = pack_cloud(frame, glimpse.sequence.info.rig, detections=detections.get(key))
    thinned = "" if packed["count"] == packed["total"] else f", {packed['count']:,} of them shown"
    caption = f"{named(one.name, one.domain)}: {_where(glimpse)}, {packed['total']:,} returns{thinned}"
    return {**packed, "name": named(one.name, one.domain), "caption": caption}


def _viewer(clouds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "clouds": list(clouds),
        "heightStops": palette.HEIGHT_STOPS,
        "background": palette.GROUND,
        "labelColor": palette.LABEL,
        "detectionColor": palette.DETECTION,
    }


def _overlays(surveys: Sequence[Survey], detections: Detections) -> list[dict[str, str]]:
    figures = []
    for one in surveys:
        for glimpse in one.choose(1, with_image=True):
            found = detections.get((glimpse.sequence.info.name, glimpse.index))
            picture = draw_overlay(glimpse.sequence[glimpse.index], glimpse.sequence.info.rig, detections=found)
            if picture is not None:
                caption = f"{named(one.name, one.domain)}: {_where(glimpse)}"
                figures.append({"src": _data_uri(picture, "JPEG"), "caption": caption})
    return figures


def _tiles(surveys: Sequence[Survey], detections: Detections) -> list[dict[str, str]]:
    share = -(-_TILES // max(1, len(surveys)))
    chosen = [(one, glimpse) for one in surveys for glimpse in one.choose(share)][:_TILES]
    figures = []
    for one, glimpse in chosen:
        found = detections.get((glimpse.sequence.info.name, glimpse.index))
        picture = draw_birdseye(
            glimpse.sequence[glimpse.index], glimpse.sequence.info.rig, detections=found, extent=Extent()
        )
        caption = f"{named(one.name, one.domain)}: {_where(glimpse)}"
        figures.append({"src": _data_uri(picture, "PNG"), "caption": caption})
    return figures


def _where(glimpse: Glimpse) -> str:
    return f"{glimpse.sequence.info.name}, frame {glimpse.index}"


def _data_uri(picture: Pillow.Image, kind: str) -> str:
    packed = io.BytesIO()
    options: dict[str, Any] = {"quality": 86} if kind == "JPEG" else {"optimize": True}
    picture.save(packed, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(packed.getvalue()).decode()}"
