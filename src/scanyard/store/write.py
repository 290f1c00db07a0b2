"""Writing a sequence: rows gather in staging, are read back, sealed, and appear to readers in one rename.

Nothing half-written is ever visible.  A second commit of the same name is dropped if its digest is the same, and is a
DeterminismError if it is not, so work may be done twice (Ray does) but not differently.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scanyard.errors import DeterminismError, ScanyardError, StoreError
from scanyard.frame import Frame
from scanyard.sequence import SequenceInfo
from scanyard.store.dataset import require_dataset
from scanyard.store.disk import DISK, PARTIAL, Disk, locked
from scanyard.store.layout import SEAL_FILE, SEQUENCES, STAGING, canonical_json, new_staging_folder, sequence_folder
from scanyard.store.place import local_folder
from scanyard.store.rows import FrameRows
from scanyard.store.seal import Seal, info_to_dict, read_seal

logger = logging.getLogger(__name__)

_PARTIAL_S = 600.0  # a header or seal is written in milliseconds: after ten minutes nobody is at it any more
_TRIES = 10  # a sweep takes a moment: it does not come between making and locking a folder again and again


def write_sequence(
    uri: str | Path,
    info: SequenceInfo,
    frames: Iterable[Frame],
    *,
    record: Mapping[str, Any] | None = None,
    disk: Disk = DISK,
) -> Seal:
    """Store ``frames`` as the sequence ``info.name`` of the dataset ``uri``; they are taken one at a time.

    ``record`` holds JSON values that may differ from run to run (server, durations); time, host and versions are
    added to it.  It lies in the seal beside the digest, not under it.

    Raises StoreError when the frames do not fit the rig or each other, or the disk is full; DeterminismError when
    the sequence is there already with other content.  Whatever happens, no reader sees a part of it.
    """
    root = local_folder(uri)
    require_dataset(root)
    target = sequence_folder(root, info.name)
    for what, value in (("info", info_to_dict(info)), ("record", dict(record or {}))):
        try:
            canonical_json(value)
        except (TypeError, ValueError) as error:  # better now than after an hour of recording
            raise StoreError(f"sequence {info.name!r}: its {what} cannot be written as JSON ({error})") from error
    started = time.perf_counter()
    with attempt(root, info.name, disk) as staging, FrameRows(staging, info, disk) as rows:
        for frame in frames:
            with explained(root, info.name):
                rows.append(frame)
        occasion = {**(record or {}), **_occasion(), "write_s": round(time.perf_counter() - started, 3)}
        with explained(root, info.name):
            seal = rows.close(occasion)
            disk.write(staging / SEAL_FILE, [seal.to_bytes()])
            for parent, _, _ in os.walk(staging, topdown=False):  # files are synced already: their names are left
                disk.sync(Path(parent))
            return commit(staging, target, seal, disk)


def sweep_staging(uri: str | Path, *, disk: Disk = DISK) -> list[Path]:
    """Remove what interrupted attempts left behind and return their folders; attempts in progress are let be."""
    root = local_folder(uri)
    require_dataset(root)
    swept = []
    with explained(root, STAGING):
        for attempted in [one for name in _inside(root / STAGING) for one in _inside(name)]:
            with suppress(FileNotFoundError), locked(attempted) as ours:  # it was committed or given up meanwhile
                if ours:
                    # On NFS another machine's lock is not seen: its commit shall then fail, and not lack files.
                    going = attempted.with_name(f"{PARTIAL}{attempted.name}")
                    disk.rename(attempted, going)
                    disk.remove_tree(going)
                    swept.append(attempted)
        for folder in _inside(root / STAGING):
            with suppress(OSError):  # not empty: an attempt is in progress
                folder.rmdir()
        for partial in [one for folder in (root, *_inside(root / SEQUENCES)) for one in _inside(folder, PARTIAL)]:
            with suppress(FileNotFoundError):  # it is in its place by now
                if time.time() - partial.stat().st_mtime > _PARTIAL_S:
                    disk.remove(partial)
                    swept.append(partial)
    if swept:
        logger.info("%s: removed %d interrupted attempts", root, len(swept))
    return swept


def _inside(folder: Path, beginning: str = "") -> list[Path]:
    """What is in a folder by now under a name with this beginning, sorted; nothing if it is gone or is none."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(path for path in folder.iterdir() if path.name.startswith(beginning))
    return []


@contextmanager
def attempt(root: Path, name: str, disk: Disk) -> Iterator[Path]:
    """A staging folder that is locked while we live and gone afterwards, unless it was renamed away."""
    with ExitStack() as held:
        with explained(root, name):
            staging = next((one for one in _staging_folders(root, name, disk) if _ours(one, held)), None)
            if staging is None:
                raise StoreError(f"{root}: {name} was swept away as often as it was made; run the same command again")
        try:
            yield staging
        finally:
            with suppress(OSError):  # it was renamed away; or the disk fails again, and a sweep will do it
                disk.remove_tree(staging)  # locked as yet, or a sweep would be at it too and both might stop half-way
            with suppress(OSError):  # another attempt at the same sequence is in progress
                disk.remove(staging.parent)


def _staging_folders(root: Path, name: str, disk: Disk) -> Iterator[Path]:
    """New folders, each made when it is asked for."""
    for _ in range(_TRIES):
        staging = new_staging_folder(root, name)
        disk.make_folders(staging)
        yield staging


def _ours(staging: Path, held: ExitStack) -> bool:
    """Lock a new folder; False if a sweep took it for one that was left, before it was locked."""
    try:
        return held.enter_context(locked(staging)) and staging.is_dir()
    except FileNotFoundError:
        return False


def commit(staging: Path, target: Path, seal: Seal, disk: Disk) -> Seal:
    """Rename into place, or compare with what is there already."""
    try:
        disk.rename(staging, target)  # the system refuses when a committed sequence is there
        ours = True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        ours = False
    disk.sync(target.parent)  # also for another's: who renamed it may have died before
    if ours:
        logger.info("%s: %d frames, digest %s", target, seal.num_frames, seal.digest[:12])
        return seal
    committed = read_seal(target)
    if committed.digest != seal.digest:
        raise DeterminismError(
            f"{target}: is committed with digest {committed.digest[:12]}, now the same work gave {seal.digest[:12]}; "
            f"what differs: {_differences(committed, seal)}. Find the cause before going on; to keep the new one, "
            "delete the folder and record again."
        )
    logger.info("%s: was committed before with the same digest; this attempt is dropped", target)
    return committed


def _differences(a: Seal, b: Seal) -> str:
    left, right = a.content(), b.content()
    parts = [key for key in sorted(left) if key != "arrays" and left[key] != right[key]]
    paths = sorted({*left["arrays"], *right["arrays"]})
    parts += [path for path in paths if left["arrays"].get(path) != right["arrays"].get(path)]
    return ", ".join(parts[:6]) + (", ..." if len(parts) > 6 else "")


def _occasion() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "written_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("scanyard", "numpy", "numcodecs")},
    }


@contextmanager
def explained(root: Path, name: str) -> Iterator[None]:
    """Turn what the disk says into one clear message."""
    try:
        yield
    except ScanyardError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(root).free
            raise StoreError(
                f"{root}: the disk is full, {free / 1e6:.0f} MB free; {name} was not stored and nothing of it is left. "
                "Make room and run the same command again: finished sequences are kept."
            ) from error
        raise StoreError(f"{root}: {name} cannot be written ({error.strerror}: {error.filename})") from error
