"""The scenario file's JSON Schema, for editors: completion, descriptions and red underlines while one types.

It is draft-07, the newest that editors' YAML support follows throughout.  It is weaker than the models: limits of
expressions, names of parameters and what behaviours need are checked by ``scanyard scenario check`` alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scanyard.scenario.model import RigFile, ScenarioFile

MODELINE = "# yaml-language-server: $schema={}"
"""First line of a YAML file that follows a schema; the path is relative to the file."""


def json_schema() -> dict[str, Any]:
    """The schema of scenario files, and of the partial files in ``base/`` that they extend."""
    return _draft_07(ScenarioFile)


def rig_json_schema() -> dict[str, Any]:
    """The schema of rig files."""
    return _draft_07(RigFile)


def write_schema(path: str | Path) -> None:
    """Write ``json_schema()`` to a file."""
    _write(Path(path), json_schema())


def write_rig_schema(path: str | Path) -> None:
    """Write ``rig_json_schema()`` to a file."""
    _write(Path(path), rig_json_schema())


def _write(path: Path, schema: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")


def _draft_07(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/definitions/{model}")
    body: dict[str, Any] = _without_noise(schema)
    definitions = body.pop("$defs")
    # A file that extends another may leave anything to it, and one without a name is there to be extended.
    complete = {"required": body.pop("required")}
    is_whole = {"required": ["name"], "not": {"required": ["extends"]}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **body,
        "if": is_whole,
        "then": complete,
        "definitions": definitions,
    }


def _without_noise(value: Any, *, names_follow: bool = False) -> Any:
    """Without the titles pydantic makes of field names, and without ``null`` defaults, which no file may say."""
    if isinstance(value, list):
        return [_without_noise(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_noise(item, names_follow=not names_follow and key in ("properties", "$defs"))
        for key, item in value.items()
        if names_follow or not (key == "title" or (key == "default" and item is None))
    }
