"""YAML text as a tree that remembers its lines, read so that no text can harm the reader.

Text is untrusted: it may be a bomb of aliases, nest 100,000 deep, or be no YAML at all.  Size, depth, number of events
and aliases are counted while the pure-Python parser hands out events, and the size that aliases expand to is known
before anything is expanded.  Nothing here constructs objects: tags are refused, and plain scalars follow the YAML 1.2
core schema, so ``no`` is text and ``0777`` is 777.

What a stranger would get wrong: a C loader is faster, and dies with a segmentation fault on 100,000 times ``[``.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from scanyard.errors import ScenarioError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_EVENTS = 50_000
MAX_ALIASES = 64
MAX_NODES = 50_000
"""Nodes after every alias has been replaced by what it stands for."""
MAX_DIGITS = 40
"""Longest number; Python takes quadratic time over long ones."""

_HOPELESS = re.compile(rf"(?:[\[{{]\s*+){{{MAX_DEPTH + 1}}}")
"""So many brackets in a row: the parser would look 1,024 of them ahead before it hands out the first event."""

Scalar = bool | int | float | str | None


@dataclass(frozen=True)
class Node:
    """A scalar, list or mapping, and where it was written."""

    source: str
    """The file, as the user named it."""
    line: int
    """From 1."""
    content: Scalar | tuple[Node, ...] | dict[str, Entry]
    nodes: int = 1
    """How many nodes this expands to, itself included."""
    depth: int = 1
    """How deep it expands, itself included."""
    sha256: str = ""
    """Of the file's bytes, where this is its top."""

    def find(self, path: Sequence[str | int]) -> Node:
        """The node at ``path``, or the deepest one on the way there."""
        node = self
        for step in path:
            content = node.content
            if isinstance(content, dict) and isinstance(step, str) and step in content:
                node = content[step].value
            elif isinstance(content, tuple) and isinstance(step, int) and step < len(content):
                node = content[step]
            else:
                return node
        return node

    def place(self, path: Sequence[str | int]) -> tuple[str, int]:
        """File and line of the key at ``path``; of the deepest node on the way where it is missing."""
        if path:
            parent = self.find(path[:-1])
            if isinstance(parent.content, dict) and path[-1] in parent.content:
                entry = parent.content[str(path[-1])]
                return entry.value.source, entry.key_line
        node = self.find(path)
        return node.source, node.line

    def plain(self) -> object:
        """The same as plain dicts, lists and scalars."""
        if isinstance(self.content, dict):
            return {key: entry.value.plain() for key, entry in self.content.items()}
        if isinstance(self.content, tuple):
            return [node.plain() for node in self.content]
        return self.content


@dataclass(frozen=True)
class Entry:
    """The value of a mapping's key, and the key's own line."""

    key_line: int
    value: Node


def complaint(source: str, line: int, path: Sequence[str | int] | str, what: str) -> ScenarioError:
    """The error that says ``what`` is wrong at ``file:line: key path``."""
    key = path if isinstance(path, str) else key_path(path)
    return ScenarioError(f"{source}:{line}: {key}: {what}" if key else f"{source}:{line}: {what}")


def key_path(path: Sequence[str | int]) -> str:
    """``("actors", 0, "speed_mps")`` as ``actors[0].speed_mps``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if step.isprintable() else ascii(step)
            text += f".{name}" if text else name
    return text if len(text) <= 120 else text[:117] + "..."


def shown(value: object) -> str:
    """``value`` as a short, printable quotation for messages."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def read_document(path: Path) -> Node:
    """Read a YAML file whose top is a mapping; ScenarioError for anything else, with file and line."""
    source = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ScenarioError(f"{source}: no such file") from None
    except IsADirectoryError:
        raise ScenarioError(f"{source}: a folder; expected a YAML file") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character in it
        raise ScenarioError(f"{source}: cannot be read: {error}") from None
    return parse_document(raw, source)


def parse_document(raw: bytes, source: str) -> Node:
    """Parse the bytes of a YAML file whose top is a mapping; see ``read_document``."""
    if len(raw) > MAX_BYTES:
        raise ScenarioError(f"{source}: more than {MAX_BYTES // 1024} KiB; expected at most that much YAML")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise complaint(source, 1, "", "found UTF-16; expected UTF-8: save the file in that encoding")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise complaint(source, 1, "", "found a byte order mark; expected UTF-8 without one: save the file without it")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise complaint(source, line, "", f"found byte {raw[error.start]:#04x}; expected UTF-8") from None
    openers = _HOPELESS.search(text)
    if openers is not None:
        line = text.count("\n", 0, openers.start()) + 1
        raise complaint(source, line, "", f"nested more than {MAX_DEPTH} deep; expected less")
    root = _Builder(text, source).document()
    if not isinstance(root.content, dict):
        found = shown(root.plain()) if root.depth <= MAX_DEPTH else "a list"
        raise complaint(source, root.line, "", f"found {found} at the top; expected a mapping (key: value)")
    return replace(root, sha256=hashlib.sha256(raw).hexdigest())


class _Builder:
    """Builds one tree from parser events, counting as it goes."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._events = self._guarded(text)
        self._anchors: dict[str, Node] = {}
        self._aliases = 0

    def document(self) -> Node:
        """The only document of the stream."""
        root = Node(self._source, 1, None)
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._complaint(event, "", "found a second document; expected one per file")
                if event.version is not None or event.tags:
                    raise self._complaint(event, "", "found a % directive; expected none")
                root = self._node(next(self._events), ())
        return root

    def _guarded(self, text: str) -> Iterator[Event]:
        """The parser's events, with its exceptions turned into ours and their number capped."""
        number = 0
        line = 1
        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                number += 1
                line = event.start_mark.line + 1
                if number > MAX_EVENTS:
                    raise complaint(self._source, line, "", f"more than {MAX_EVENTS} YAML events; expected fewer")
                yield event
                if isinstance(event, StreamEndEvent):
                    return
        except MarkedYAMLError as error:
            what = _one_line(error.problem or error.context)
            mark = error.problem_mark or error.context_mark
            if "end of stream" in what and error.context_mark is not None:  # say what was left open, and where
                mark, what = error.context_mark, f"{what} {_one_line(error.context)}"
            at = mark.line + 1 if mark is not None else line
            raise complaint(self._source, at, "", f"not YAML: {what}") from None
        except YAMLError as error:
            reason = getattr(error, "reason", None)  # a ReaderError: a character YAML does not allow
            at = text.count("\n", 0, error.position) + 1 if reason else line  # type: ignore[attr-defined]
            raise complaint(self._source, at, "", f"not YAML: {_one_line(reason or str(error))}") from None
        except (ValueError, OverflowError, IndexError, AttributeError, TypeError) as error:
            # The parser itself stumbles over a few malformed inputs, such as "\UFFFFFFFF" in double quotes.
            raise complaint(self._source, line, "", f"not YAML: {_one_line(str(error))}") from None

    def _node(self, event: Event, path: tuple[str | int, ...]) -> Node:
        if len(path) >= MAX_DEPTH:
            raise self._complaint(event, path[:3], f"nested more than {MAX_DEPTH} deep; expected less")
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if not isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
            raise self._complaint(event, path, "not YAML: a value is missing")
        if event.ctag is not None:
            raise self._complaint(event, path, f"found the tag {shown(str(event.ctag))}; expected plain values")
        if event.anchor is not None and event.anchor in self._anchors:
            raise self._complaint(event, path, f"found a second anchor &{event.anchor}; expected each once")
        line = event.start_mark.line + 1
        if isinstance(event, ScalarEvent):
            node = Node(self._source, line, self._scalar(event, path))
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(line, path)
        else:
            node = self._mapping(line, path)
        if node.nodes > MAX_NODES or len(path) + node.depth > MAX_DEPTH:
            raise self._complaint(
                event,
                path,
                f"aliases expand to {node.nodes} values, {len(path) + node.depth} deep; "
                f"expected at most {MAX_NODES}, {MAX_DEPTH} deep",
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: AliasEvent, path: tuple[str | int, ...]) -> Node:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise self._complaint(event, path, f"more than {MAX_ALIASES} aliases; expected fewer")
        if event.anchor not in self._anchors:
            raise self._complaint(
                event, path, f"found alias *{event.anchor}; expected an anchor &{event.anchor} before it"
            )
        return self._anchors[event.anchor]

    def _sequence(self, line: int, path: tuple[str | int, ...]) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return _container(self._source, line, tuple(items), items)

    def _mapping(self, line: int, path: tuple[str | int, ...]) -> Node:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self._complaint(event, path, "found a key that is not plain text; expected a name")
            key = self._text(event, path)
            if key in entries:
                first = entries[key].key_line
                raise self._complaint(event, (*path, key), f"found this key again; it is already on line {first}")
            entries[key] = Entry(event.start_mark.line + 1, self._node(next(self._events), (*path, key)))
        return _container(self._source, line, entries, [entry.value for entry in entries.values()])

    def _text(self, event: ScalarEvent, path: tuple[str | int, ...]) -> str:
        value = str(event.value)
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self._complaint(event, path, "found half a surrogate pair; expected whole characters")
        return value

    def _scalar(self, event: ScalarEvent, path: tuple[str | int, ...]) -> Scalar:
        text = self._text(event, path)
        if not event.implicit[0]:  # quoted or block text
            return text
        value = _core_schema(text)
        if value is None and text not in _NULLS:
            raise self._complaint(event, path, f"found a number of {len(text)} digits; expected at most {MAX_DIGITS}")
        if isinstance(value, float) and not math.isfinite(value):
            raise self._complaint(event, path, f"found {shown(text)}; expected a finite number")
        return value

    def _complaint(self, event: Event, path: Sequence[str | int], what: str) -> ScenarioError:
        return complaint(self._source, event.start_mark.line + 1, path, what)


def _container(source: str, line: int, content: tuple[Node, ...] | dict[str, Entry], children: Sequence[Node]) -> Node:
    nodes = 1 + sum(child.nodes for child in children)
    depth = 1 + max((child.depth for child in children), default=0)
    return Node(source, line, content, nodes, depth)


# YAML 1.2.2, section 10.3.2, "Tag resolution" of the core schema.
_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")


def _core_schema(text: str) -> Scalar:  # noqa: PLR0911 - a table of cases
    """The value of a plain scalar; ``None`` also for a number with too many digits."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _NOT_FINITE.fullmatch(text):
        return math.nan
    is_decimal, is_based = _DECIMAL.fullmatch(text), _BASED.fullmatch(text)
    if is_decimal or is_based or _FLOAT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            return None
        if is_based:
            return int(text, 0)
        return int(text) if is_decimal else float(text)
    return text


def _one_line(text: str | None) -> str:
    words = " ".join((text or "cannot be parsed").split())
    hint = "; expected spaces where there is a tab" if "'\\t'" in words else ""
    return words.encode("ascii", "backslashreplace").decode()[:160] + hint
