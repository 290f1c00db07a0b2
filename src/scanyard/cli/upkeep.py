"""``scanyard seal``, ``gc``, ``diff`` and ``migrate``: looking after datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli.progress import progress

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DatasetFolder = Annotated[Path, typer.Argument(help="Dataset folder.")]

SigningKey = Annotated[
    Path | None,
    typer.Option(help="Ed25519 private key in PEM, without password, to sign the dataset's log with."),
]


def seal(
    dataset: DatasetFolder,
    signing_key: SigningKey = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A sealed sequence that is gone for good: the log says so; repeat for more."),
    ] = None,
) -> None:
    """List the sequences of a dataset in its own file and log, signed if there is a key; simulate and import do it too.

    A dataset that lost a sequence is not sealed until it is there again or is to be forgotten.

    Make a key with: openssl genpkey -algorithm ed25519 -out lab.pem; and what others verify with by:
    openssl pkey -in lab.pem -pubout -out lab.pub.pem

    Example: scanyard seal out/synthetic --signing-key lab.pem
    """
    from scanyard.store import seal_dataset

    key = load_signing_key(signing_key)
    digest = seal_dataset(dataset, key=key, forget=forget or ())
    print(f"{dataset}: sealed, {sealed_as(digest, key)}")


def load_signing_key(signing_key: Path | None) -> Ed25519PrivateKey | None:
    """The key in a file, if there is to be one."""
    from scanyard.store.provenance import load_key

    return None if signing_key is None else load_key(signing_key)


def sealed_as(digest: str, key: Ed25519PrivateKey | None) -> str:
    """The end of a line that says what was sealed: its digest, and the key it was signed with."""
    from scanyard.store.provenance import public_half

    public = public_half(key)
    return f"digest {digest[:16]}" + ("" if public is None else f"; signed with the key {public[:16]}")


def gc(dataset: DatasetFolder) -> None:
    """Remove what interrupted writers left in a dataset; writers at work and sealed sequences are let be.

    Example: scanyard gc out/synthetic
    """
    from scanyard.store import sweep_staging

    removed = sweep_staging(dataset)
    print(f"{dataset}: removed {len(removed)} leftovers of interrupted writers")


def migrate(dataset: DatasetFolder) -> None:
    """Bring a dataset of an earlier version to the present format; digests stay as they are.

    Example: scanyard migrate out/synthetic
    """
    from scanyard import store

    with progress(f"migrate {dataset.name}") as advance:
        names = store.migrate(dataset, on_progress=lambda done, total: advance(done, total, ""))
    print(f"{dataset}: {len(names)} sequences brought to the present format")


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="Dataset folder.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Dataset folder to compare it with.")],
) -> None:
    """Say what differs between two datasets: sequences, frames, labels by category, and labels that moved.

    Example: scanyard diff out/synthetic-1 out/synthetic-2
    """
    from scanyard.store import difference

    with progress("compare") as advance:
        found = difference(a, b, on_progress=lambda done, total: advance(done, total, ""))
    print(f"sequences: {found.same} the same, {len(found.changed)} changed, {len(found.only_a)} only in {a},", end=" ")
    print(f"{len(found.only_b)} only in {b}")
    for title, names in (("changed", found.changed), (f"only in {a}", found.only_a), (f"only in {b}", found.only_b)):
        for name in names:
            print(f"  {title}: {name}")
    print(f"{'':24}{'A':>9}{'B':>9}{'B - A':>9}")
    for name, (left, right) in {"frames": found.frames, **found.categories}.items():
        print(f"{name:24}{left:9}{right:9}{right - left:+9}")
    if found.changed:
        labels = found.labels
        print(
            f"labels in changed sequences: {labels.same} the same, {labels.moved} moved (at most "
            f"{labels.furthest_m:.2f} m), {labels.turned} turned, {labels.resized} resized, {labels.renamed} renamed, "
            f"{labels.added} added, {labels.removed} removed"
        )
