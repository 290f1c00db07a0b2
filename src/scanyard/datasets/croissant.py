"""A dataset's card in Croissant 1.0, the JSON-LD by which dataset searches and loaders know one another's data.

Everything in it is read from seals, nothing is asked: names, counts, digests, the licence that the sources leave
together, whom to cite, and the columns of the preview with their units.  What a stranger gets wrong: the card describes
the tables beside it, which any Croissant loader opens, not the Zarr shards, for which Croissant 1.0 has no words; where
these lie is said by its ``url`` and which they are by the digests.

The format: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanyard.datasets.origin import CITATIONS, LICENCE_FILE, licence_text, require_new_folder
from scanyard.datasets.preview import TABLES, Column, write_preview
from scanyard.errors import StoreError
from scanyard.store import Dataset

CARD_FILE = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float"}
_KEYS = {
    "sequences": ("sequence",),
    "frames": ("sequence", "frame"),
}
"""Columns that name one row; of boxes there may be two alike."""
_CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "samplingRate": "cr:samplingRate",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field",
    "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key",
    "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip
"""Word for word that of the specification."""


@dataclass(frozen=True)
class Card:
    """What was written."""

    path: Path
    rows: dict[str, int]
    """By table."""


def write_card(
    dataset: Dataset, out: Path, *, url: str | None = None, on_progress: Callable[[int, int], None] | None = None
) -> Card:
    """Write ``croissant.json``, the tables it describes and ``LICENCE.md`` into the new folder ``out``.

    StoreError for a dataset that is not sealed: it may still grow, and a card has its digest.
    """
    if dataset.header.sequences is None:
        raise StoreError(
            f"dataset {dataset.name!r} is not sealed, and a card names its digest; run scanyard seal first"
        )
    require_new_folder(out)
    try:
        rows = write_preview(dataset, out, on_progress)
        infos = [sequence.info for sequence in dataset.sequences.values()]
        out.joinpath(LICENCE_FILE).write_text(licence_text("Croissant and Parquet", infos), encoding="utf-8")
        files = {f"{table}.parquet": hashlib.sha256((out / f"{table}.parquet").read_bytes()) for table in TABLES}
        said = card(dataset, {name: digest.hexdigest() for name, digest in files.items()}, rows, url)
        out.joinpath(CARD_FILE).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({error.strerror}: {error.filename})") from error
    return Card(out / CARD_FILE, rows)


def card(dataset: Dataset, files: dict[str, str], rows: dict[str, int], url: str | None = None) -> dict[str, Any]:
    """The card as JSON-LD; ``files`` holds the SHA-256 of each table's file by its name."""
    infos = [sequence.info for sequence in dataset.sequences.values()]
    sources = sorted({str(info.provenance.get("format", "scanyard")) for info in infos})
    cited = sorted({CITATIONS[word] for source in sources if (word := source.split("-")[0]) in CITATIONS})
    said: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": dataset.name,
        "description": _description(dataset, rows, sources),
        "license": dataset.licence,
        "identifier": f"sha256:{dataset.digest}",
        "isLiveDataset": False,
        "keywords": sorted({"LiDAR", "object detection", *(info.domain for info in infos)}),
        "rai:dataCollection": _collection(dataset),
        "distribution": [_file_object(name, sha256) for name, sha256 in files.items()],
        "recordSet": [_record_set(table, columns) for table, columns in TABLES.items()],
    }
    if cited:
        said["citeAs"] = "; ".join(cited)
    if url is not None:
        said["url"] = url
    return said


def _description(dataset: Dataset, rows: dict[str, int], sources: list[str]) -> str:
    return (
        f"{rows['sequences']} LiDAR recordings ({dataset.domain}; from {', '.join(sources)}) with {rows['frames']} "
        f"frames and {rows['boxes']} labelled boxes, sealed by scanyard: digest {dataset.digest}, Merkle root "
        f"{dataset.header.merkle_root}, head of the log {dataset.header.log_head}. Right-handed axes, x forward, y "
        "left, z up; metres and radians; boxes in the ego frame. Recordings are Zarr v3 groups; the tables here are a "
        "preview without points and images."
    )


def _collection(dataset: Dataset) -> str:
    """Where frames come from, by scenario or source, with numbers."""
    counts = Counter(
        str(one.info.provenance.get("scenario") or one.info.provenance.get("format") or one.info.domain)
        for one in dataset.sequences.values()
    )
    return "Recordings by scenario or source: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _file_object(name: str, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": "application/x-parquet",
        "sha256": sha256,
    }


def _record_set(table: str, columns: tuple[Column, ...]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": f"A row per {table.removesuffix('s') if table != 'boxes' else 'box'}.",
        "field": [_field(table, column) for column in columns],
    }
    if table in _KEYS:
        said["key"] = [{"@id": f"{table}/{name}"} for name in _KEYS[table]]
    return said


def _field(table: str, column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": column.name,
        "description": column.said,
        "dataType": _TYPES[column.kind],
        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": column.name}},
    }
    if column.name == "sequence" and table != "sequences":
        said["references"] = {"field": {"@id": "sequences/sequence"}}
    return said
