"""``scanyard publish`` and ``fetch``: datasets into S3-compatible buckets and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli.exchange import Purpose, require_purpose, say_licences
from scanyard.cli.progress import progress

if TYPE_CHECKING:
    from scanyard.store import Brought

Endpoint = Annotated[
    str | None, typer.Option(help="URL of the service, instead of AWS_ENDPOINT_URL; Amazon's where neither is given.")
]


def publish(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.")],
    to: Annotated[
        str, typer.Argument(metavar="S3://BUCKET/PREFIX", help="Where in which bucket; a new prefix or ours.")
    ],
    endpoint: Endpoint = None,
    purpose: Purpose = "own use",
) -> None:
    """Bring the sealed sequences of a dataset into a bucket, one by one; run it again to go on or to add new ones.

    A sequence is there once its seal is, and nothing overwrites it. Credentials are those of the environment:
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION. Whatever reads a dataset takes s3://BUCKET/PREFIX as well:
    verify, train, detect, evaluate, diff, export.

    Example: scanyard publish out/synthetic s3://lab/synthetic --for "passing on"
    """
    from scanyard import store

    target = store.place_of(to, endpoint)
    opened = store.open_dataset(dataset)
    require_purpose(opened, purpose)
    with progress(f"publish {dataset.name}") as advance:
        brought = store.publish(dataset, target, on_progress=advance)
    print(f"{target}: {_told(brought)}, digest {opened.digest[:16]}")
    say_licences(sorted({sequence.info.licence for sequence in opened.sequences.values()}))


def fetch(
    source: Annotated[str, typer.Argument(metavar="S3://BUCKET/PREFIX", help="Where in which bucket.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Dataset folder to write; an existing one goes on.")],
    endpoint: Endpoint = None,
) -> None:
    """Bring a dataset from a bucket into a folder, every byte compared with its seal; run it again to go on.

    Example: scanyard fetch s3://lab/synthetic --out out/synthetic
    """
    from scanyard import store

    place = store.place_of(source, endpoint)
    if (out / "dataset.json").is_file():
        store.sweep_staging(out)
    with progress(f"fetch {source}") as advance:
        brought = store.fetch(place, out, on_progress=advance)
    opened = store.open_dataset(out)
    print(f"{out}: {_told(brought)}, digest {opened.digest[:16]}")
    say_licences(sorted({sequence.info.licence for sequence in opened.sequences.values()}))


def _told(brought: Brought) -> str:
    return (
        f"{len(brought.new)} sequences committed, {len(brought.known)} there already, {brought.size_bytes / 1e6:.1f} MB"
    )
