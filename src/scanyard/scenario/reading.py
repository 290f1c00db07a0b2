"""A YAML file as a checked model: ``extends`` followed, every complaint with its file, line and key.

``read_model`` serves scenarios, rigs, and any other settings file that has a strict model.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scanyard.errors import ScenarioError
from scanyard.scenario.concrete import SourceFile
from scanyard.scenario.distributions import DISTRIBUTION_NAMES
from scanyard.scenario.document import MAX_NODES, Entry, Node, complaint, key_path, read_document, shown
from scanyard.scenario.strict import FILE_PATH

MAX_EXTENDS = 8

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Reading(Generic[Model]):
    """A model, and where in which file each of its values was written."""

    model: Model
    document: Node
    files: tuple[SourceFile, ...]
    """What was read: the file, and what it extends, nearest first."""

    def complaint(self, path: Sequence[str | int], what: str) -> ScenarioError:
        """The error that says ``what`` is wrong at ``path``."""
        return complaint(*self.document.place(path), path, what)

    def folder(self, path: Sequence[str | int]) -> Path:
        """Folder of the file that says what is at ``path``: what relative paths in it start from."""
        return Path(self.document.place(path)[0]).parent


def read_model(path: str | Path, model: type[Model]) -> Reading[Model]:
    """Read a YAML file and what it extends; ScenarioError says file, line, key, what was found and expected."""
    files: list[SourceFile] = []
    document = _with_base(Path(path), (), files)
    if document.nodes > MAX_NODES:
        raise ScenarioError(f"{path}: {document.nodes} values with all it extends; expected at most {MAX_NODES}")
    try:
        checked = model.model_validate(document.plain())
    except ValidationError as error:
        raise _first_complaint(error, document, model) from None
    return Reading(checked, document, tuple(files))


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` when a known name is close to ``found``, else nothing."""
    known = list(known)
    without_unit = [name for name in known if name.startswith(f"{found}_")]
    close = without_unit or difflib.get_close_matches(found[:64], known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def listed(names: Iterable[str]) -> str:
    """Names as they read in a message."""
    return ", ".join(names) or "none at all"


def refuse_same_names(reading: Reading[Model], names: Mapping[tuple[str | int, ...], str]) -> None:
    """ScenarioError where two of the ``names``, given by key path, are the same."""
    first: dict[str, tuple[str | int, ...]] = {}
    for path, name in names.items():
        if name in first:
            raise reading.complaint(
                path, f"found {name!r}, which {key_path(first[name])} is called too; expected different names"
            )
        first[name] = path


# --- extends ------------------------------------------------------------------------------------------------------


def _with_base(path: Path, above: tuple[Path, ...], files: list[SourceFile]) -> Node:
    """The file's content merged over that of the file it extends, and so on down; ``files`` is added to."""
    document = read_document(path)
    files.append(SourceFile(document.source, document.line, document.sha256))
    content = document.content
    if not isinstance(content, dict) or "extends" not in content:
        return document
    entry = content["extends"]
    base = entry.value.content
    where = (entry.value.source, entry.key_line, "extends")
    if not isinstance(base, str) or not re.fullmatch(FILE_PATH, base):
        raise complaint(*where, f"found {shown(entry.value.plain())}; expected the path of a .yaml file")
    if PurePosixPath(base).is_absolute() or PureWindowsPath(base).is_absolute():
        raise complaint(*where, f"found the absolute path {shown(base)}; expected one relative to this file")
    target = path.parent / base
    chain = (*above, path.resolve())
    if target.resolve() in chain:
        names = " -> ".join(step.name for step in (*chain, target))
        raise complaint(*where, f"goes round in a circle: {names}; expected an end")
    if len(chain) > MAX_EXTENDS:
        raise complaint(*where, f"the file extended extends another, {MAX_EXTENDS} times over; expected fewer")
    if not target.is_file():
        known = sorted(file.name for file in target.parent.glob("*.yaml"))
        hint = did_you_mean(target.name, known)
        raise complaint(*where, f"found {shown(base)}, which is no file; expected one in {target.parent}{hint}")
    return _merged(_with_base(target, chain, files), document)


def _merged(base: Node, over: Node) -> Node:
    if not isinstance(base.content, dict) or not isinstance(over.content, dict):
        return over
    if _is_distribution(base) or _is_distribution(over):
        return over
    entries = dict(base.content)
    for key, entry in over.content.items():
        beneath = entries.get(key)
        entries[key] = entry if beneath is None else Entry(entry.key_line, _merged(beneath.value, entry.value))
    values = [entry.value for entry in entries.values()]
    return Node(
        over.source,
        over.line,
        entries,
        1 + sum(value.nodes for value in values),
        1 + max((value.depth for value in values), default=0),
    )


def _is_distribution(node: Node) -> bool:
    return isinstance(node.content, dict) and len(node.content) == 1 and next(iter(node.content)) in DISTRIBUTION_NAMES


# --- complaints ---------------------------------------------------------------------------------------------------


def _first_complaint(error: ValidationError, document: Node, model: type[BaseModel]) -> ScenarioError:
    problems: dict[tuple[str | int, ...], list[str]] = {}
    misspelt: set[tuple[str | int, ...]] = set()
    for detail in error.errors(include_url=False):
        if detail["type"] == "none_required":  # the branch of an optional key that stands for its absence
            continue
        path = _path(detail, document)
        if detail["type"] == "extra_forbidden":
            misspelt.add(path)
        problems.setdefault(path, []).append(_what(detail, path, model))
    places = {path: document.place(path) for path in problems}
    # A misspelt key is often why another is missing, so it is told first.
    first = min(problems, key=lambda path: (path not in misspelt, places[path][0] != document.source, places[path]))
    what = _joined(problems[first])
    more = len(problems) - 1
    if more:
        what += f" (and {more} more problem{'s' if more > 1 else ''} in this file)"
    return complaint(*places[first], first, what)


def _path(detail: ErrorDetails, document: Node) -> tuple[str | int, ...]:
    """The key path of an error: its location less the names of the union branches that were tried."""
    path: list[str | int] = []
    location = detail["loc"]
    for position, step in enumerate(location):
        content = document.find(path).content
        is_there = (isinstance(content, dict) and step in content) or (
            isinstance(content, tuple) and isinstance(step, int) and step < len(content)
        )
        is_missing = detail["type"] == "missing" and position == len(location) - 1
        if is_there or is_missing:
            path.append(step)
    return tuple(path)


def _what(  # noqa: PLR0911 - a case per kind of error
    detail: ErrorDetails, path: tuple[str | int, ...], model: type[BaseModel]
) -> str:
    """What was found and what was expected."""
    kind, found, context = detail["type"], shown(detail["input"]), detail.get("ctx", {})
    if kind == "missing":
        return "missing; expected " + _purpose(model, path)
    if kind == "extra_forbidden":
        inner = _model_at(model, path[:-1])
        return f"unknown key; expected {listed(inner.model_fields)}{did_you_mean(str(path[-1]), inner.model_fields)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        return f"found {found}; expected {listed(known)}{did_you_mean(str(detail['input']), known)}"
    if kind == "string_pattern_mismatch":
        return f"found {found}; expected {_PATTERNS.get(str(context['pattern']), context['pattern'])}"
    if kind == "float_type" and detail["loc"][-1] in _NUMBER_FORMS:
        return f"found {found}; expected {_NUMBER_FORMS[str(detail['loc'][-1])]}"
    if kind in ("too_short", "too_long"):
        limit = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"found {context['actual_length']} values; expected {limit}"
    if kind in _TYPES:
        return f"found {found}; expected {_TYPES[kind]}"
    expected = detail["msg"].removeprefix("Input should be ")
    return f"found {found}; expected {expected[:1].lower()}{expected[1:]}"


_NUMBER_FORMS = {  # tags of the unions in ``quantity``
    "number": "a number, a distribution or an expression",
    "parameter": "a number or a distribution",
}
_TYPES = {
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_PATTERNS = {
    r"^[a-z][a-z0-9_]*$": "small letters, digits and _, a letter first",
    r"^[A-Za-z][A-Za-z0-9_]*$": "letters, digits and _, a letter first",
    r"^\$[A-Za-z][A-Za-z0-9_]*$": "$parameter",
    r"^[A-Za-z0-9_.-]+$": "a word of letters, digits, _ . -",
    FILE_PATH: "the path of a .yaml file",
}


def _joined(whats: list[str]) -> str:
    """The complaints of several union branches about one value as one: found this; expected that, or that."""
    found, _, expected = whats[0].partition("; expected ")
    alternatives = [expected]
    for what in whats[1:]:
        other_found, _, other = what.partition("; expected ")
        if other_found == found and other and other not in alternatives:
            alternatives.append(other)
    alternatives.sort(key=lambda text: "did you mean" in text)
    return f"{found}; expected {' or '.join(alternatives)}" if expected else found


def _purpose(model: type[BaseModel], path: tuple[str | int, ...]) -> str:
    """What a missing key is for, from its description."""
    field = _model_at(model, path[:-1]).model_fields.get(str(path[-1]))
    description = (field.description if field is not None else None) or "a value"
    return description[:1].lower() + description[1:].rstrip(".")


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel]:
    """The model that says which keys may stand under ``path``."""
    is_free_key = False
    for step in path:
        field = model.model_fields.get(str(step))
        if isinstance(step, int) or is_free_key or field is None:
            is_free_key = False
            continue
        inner = _models(field.annotation)
        model = inner[0] if inner else model
        is_free_key = get_origin(field.annotation) is dict
    return model


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models(argument)]
