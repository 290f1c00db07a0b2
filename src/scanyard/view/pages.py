"""Pages and sections from templates that escape everything, in one style, each a file that needs no network."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup


def rendered(template: str, *, package: str = "scanyard.view", **values: Any) -> str:
    """A template of ours that lies in ``package``, filled in; whatever it needs and is not given is an error."""
    source = resources.files(package).joinpath(template).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(**values)


def style() -> Markup:
    """The style sheet that all pages share."""
    return Markup(resources.files("scanyard.view").joinpath("report.css").read_text(encoding="utf-8"))


def write_page(path: str | Path, html: str) -> Path:
    """Write a page, and the folder where there is none, and return its path."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(html, encoding="utf-8")
    return target
