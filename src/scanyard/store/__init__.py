"""The store: recordings on disk as Zarr v3, sealed, so that what is read is what was written or an error.

What it is for: ``create_dataset``, ``write_sequence`` (atomic, idempotent), ``open_dataset`` and ``open_sequence``
(lazy; safe to pickle and fork), ``verify`` (every byte), ``sweep_staging``, ``seal_dataset``, ``difference`` between
two versions and ``migrate`` from earlier formats; ``publish`` into a bucket and ``fetch`` back.  ``layout`` describes
the tree, ``chunks`` the bytes, ``provenance`` the log, and ``disk`` is the seam at which ``tools/chaos_store`` kills
writers and cuts the power.  Whatever reads takes ``s3://BUCKET/PREFIX`` as well (``place``, ``bucket``).

What it leaves to others: where frames come from (``datasets``, ``fleet``), how precise they are (nothing is quantised
here), and which sequences a campaign still lacks (``fleet.plan``, from ``open_dataset``).

What was tried and turned down.  Writing and reading chunks through zarr-python: twice the CPU time, missing chunks read
as zeros (see ``arrays``).  Stored bytes under the digest: another zstd release would then break a resumed campaign, so
the digest covers decoded arrays, and file digests lie beside it.  A central ledger of commits: a rename is atomic
already, and a ledger would need a lock that outlives a killed worker.  Entering each commit in the log at once: all
writers would wait for one file; ``seal_dataset`` enters what is new, and until then the seals say it.  Text columns as
Zarr strings: no stable type.

For buckets: recording straight into one, behind ``Disk``: there is no rename and no lock to build on, a lost connection
would cost the recording, and the shards lie on disk for reading back anyway.  Payload under its final name before the
seal: a late writer would overwrite what an earlier one sealed.  A bucket mounted as a file system, or a local cache of
objects that fills itself: one more copy that may be stale; ``fetch`` makes a copy that is verified.
"""

from scanyard.store.dataset import create_dataset, require_nothing_lost, seal_dataset
from scanyard.store.difference import Difference, difference
from scanyard.store.migrate import migrate
from scanyard.store.place import BucketPath, Place, place_of
from scanyard.store.publish import Brought, fetch, publish
from scanyard.store.read import Dataset, StoredSequence, open_dataset, open_sequence
from scanyard.store.seal import Seal
from scanyard.store.verify import Finding, verify
from scanyard.store.write import sweep_staging, write_sequence

__all__ = [
    "Brought",
    "BucketPath",
    "Dataset",
    "Difference",
    "Finding",
    "Place",
    "Seal",
    "StoredSequence",
    "create_dataset",
    "difference",
    "fetch",
    "migrate",
    "open_dataset",
    "open_sequence",
    "place_of",
    "publish",
    "require_nothing_lost",
    "seal_dataset",
    "sweep_staging",
    "verify",
    "write_sequence",
]
