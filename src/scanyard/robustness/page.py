"""All of it as a page: the table with its intervals drawn, and the picture, in one file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from scanyard.robustness.figures import CorruptionFigures, Robustness, figure_text
from scanyard.view.contents import named
from scanyard.view.pages import rendered, style, write_page


def write_robustness(path: str | Path, found: Robustness, picture: str | Path, *, notes: tuple[str, ...] = ()) -> Path:
    """Write the page of ``found`` with the PNG that ``write_picture`` drew, and return its path.

    ``notes`` say what a reader must know beside those of the figures themselves.
    """
    severities = sorted({severity for one in found.corruptions for severity in one.severities})
    return write_page(
        path,
        rendered(
            "page.html",
            package=__package__,
            title=f"{found.detector} on worse days",
            found=found,
            split=named(found.split, found.domain),
            style=style(),
            severities=severities,
            rows=[_row(one, severities) for one in found.corruptions],
            notes=[*notes, *found.notes],
            text=figure_text,
            picture=base64.b64encode(Path(picture).read_bytes()).decode("ascii"),
        ),
    )


def _row(one: CorruptionFigures, severities: list[int]) -> dict[str, Any]:
    at = {
        severity: {"value": figure.value, "low": figure.low, "high": figure.high, "means": means}
        for severity, figure, means in zip(one.severities, one.precision, one.means, strict=True)
    }
    return {
        "name": one.name.replace("_", " "),
        "cells": [at.get(severity) for severity in severities],
        "resilience": one.resilience,
        "error": one.error,
    }
