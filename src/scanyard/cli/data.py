"""``scanyard verify``, ``import`` and ``export``: datasets in, out and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanyard.cli.exchange import Purpose, begin_import, require_any, require_purpose, say_licences, watched
from scanyard.cli.progress import progress
from scanyard.cli.upkeep import SigningKey, load_signing_key, sealed_as
from scanyard.errors import DamagedError

import_app = typer.Typer(help="Bring real data into a dataset of ours.", no_args_is_help=True)
export_app = typer.Typer(help="Write a dataset in another format.", no_args_is_help=True)


def verify(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder, or s3://BUCKET/PREFIX.")],
    public_key: Annotated[
        Path | None, typer.Option(help="Ed25519 public key in PEM: its holder must have signed the dataset.")
    ] = None,
) -> None:
    """Check every byte of a dataset against its seals and name what is damaged or missing.

    With a public key, also that the holder of the private one sealed the dataset: without one, somebody who may write
    to the folder can put other data there and seal it anew.

    Example: scanyard verify out/synthetic --public-key lab.pub.pem
    """
    from scanyard import store
    from scanyard.store.provenance import load_public_key

    key = None if public_key is None else load_public_key(public_key)
    with progress(f"verify {dataset.name}") as advance:
        findings = store.verify(dataset, lambda done, total: advance(done, total, ""), public_key=key)
    if findings:
        raise DamagedError("\n".join([f"{dataset}: {len(findings)} findings:", *(f"  {f}" for f in findings)]))
    opened = store.open_dataset(dataset)
    print(
        f"{dataset}: intact; {len(opened.sequences)} sequences, {opened.num_frames} frames, digest {opened.digest[:16]}"
        + ("" if key is None else f"; signed with the key {key[:16]}")
    )


@import_app.command("kitti")
def import_kitti(
    root: Annotated[Path, typer.Argument(help="KITTI folder: with training/, or itself holding velodyne/, label_2/.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Dataset folder to write.")],
    subset: Annotated[
        list[str] | None, typer.Option(help="Folders below ROOT to read; all that hold labelled frames by default.")
    ] = None,
    signing_key: SigningKey = None,
) -> None:
    """Read frames in KITTI's object layout, one sequence per drive.

    Example: scanyard import kitti ~/kitti --out out/real --subset training
    """
    bring_kitti(root, out, subset, signing_key)


def bring_kitti(root: Path, out: Path, subset: list[str] | None, signing_key: Path | None = None) -> None:
    """Import the KITTI frames under ``root`` into the dataset ``out``; nothing is imported by halves."""
    from scanyard.datasets.kitti_origin import read_dataset
    from scanyard.store import open_dataset, seal_dataset, write_sequence

    key = load_signing_key(signing_key)
    sequences = read_dataset(root, subset)
    licences = begin_import(out, sequences)
    total = sum(len(sequence) for sequence in sequences)
    done = 0
    with progress(f"import {root.name}") as advance:
        for sequence in sequences:
            write_sequence(out, sequence.info, sequence)
            done += len(sequence)
            advance(done, total, sequence.info.name)
    digest = seal_dataset(out, key=key)
    dataset = open_dataset(out)
    domains = " and ".join(sorted({sequence.info.domain for sequence in sequences}))
    print(f"{out}: {len(dataset.sequences)} drives, {dataset.num_frames} {domains} frames, {sealed_as(digest, key)}")
    say_licences(licences)


@export_app.command("kitti")
def export_kitti(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to write velodyne/, label_2/, calib/, image_2/ into.")
    ],
    purpose: Purpose = "own use",
) -> None:
    """Write a dataset in KITTI's object layout, a folder per sequence.

    Example: scanyard export kitti out/synthetic --out out/kitti
    """
    from scanyard.datasets.kitti_origin import write_dataset
    from scanyard.store import open_dataset

    opened = open_dataset(dataset)
    require_purpose(opened, purpose)
    require_any(opened, dataset)
    with progress(f"export {dataset.name}") as advance:
        sequences = watched(list(opened.sequences.values()), advance)
        write_dataset(out, sequences)
    print(f"{out}: {opened.num_frames} frames in KITTI's object layout, a folder per sequence")
    say_licences(sorted({sequence.info.licence for sequence in sequences}))
