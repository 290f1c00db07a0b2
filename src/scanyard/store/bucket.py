"""A bucket of an S3-compatible store, request by request: ``Bucket``.

Credentials, region and endpoint are those of the environment (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``,
``AWS_REGION``, ``AWS_ENDPOINT_URL``), or the role of the machine.  What a stranger gets wrong: a bucket has no folders
and no renames.  All it can do in one step is to put one object: ``create`` puts it only where there is none,
``replace`` only over the version that was looked at.

The client (obstore) runs threads of its own, which do not live on in a fork: whoever forks after the first request and
asks again in the child would wait for ever, and gets a StoreError here.  Spawned processes are free to read.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from scanyard.errors import EnvironmentFault, StoreError

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

_RETRY_S = 60.0  # a store that restarts is waited for; a wrong address is told of within a minute


@dataclass(frozen=True)
class Bucket:
    """One bucket; every error is a StoreError that names bucket and key, a missing object a FileNotFoundError."""

    name: str
    endpoint: str | None = None
    """URL of the service; ``None`` for the one that the environment names, and without that Amazon's."""
    retries: int = 6
    """How often a request is made again that was not answered, or with an error of the service's own."""

    def read(self, key: str) -> bytes:
        """All bytes of an object."""
        with self._explained(key) as store:
            return bytes(_obstore().get(store, key).bytes())

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        """Bytes ``start`` to ``stop`` of an object."""
        with self._explained(key) as store:
            return bytes(_obstore().get_range(store, key, start=start, end=stop))

    def size(self, key: str) -> int:
        """Bytes of an object."""
        with self._explained(key) as store:
            return int(_obstore().head(store, key)["size"])

    def sizes(self, prefix: str) -> dict[str, int]:
        """Bytes of every object below ``prefix``, by its key from there on."""
        with self._explained(prefix) as store:
            found = [one for page in _obstore().list(store, prefix or None) for one in page]
        cut = len(prefix) + 1 if prefix else 0
        return {one["path"][cut:]: one["size"] for one in found}

    def put(self, key: str, data: bytes) -> None:
        """Put an object in place, whole or not at all, over one that is there."""
        with self._explained(key) as store:
            _obstore().put(store, key, data, use_multipart=False)

    def create(self, key: str, data: bytes) -> bool:
        """Put an object where there is none (``If-None-Match: *``); False, and nothing done, where there is one."""
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415  # see _obstore

        with self._explained(key) as store:
            try:
                _obstore().put(store, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def version(self, key: str) -> str | None:
        """Tag of the object as it is now, for ``replace``; ``None`` if there is none."""
        with self._explained(key) as store:
            try:
                return str(_obstore().head(store, key)["e_tag"])
            except FileNotFoundError:
                return None

    def replace(self, key: str, data: bytes, version: str | None) -> bool:
        """Put an object over this ``version`` (``If-Match``) or over none; False, and nothing done, over another."""
        if version is None:
            return self.create(key, data)
        from obstore.exceptions import PreconditionError  # noqa: PLC0415  # see _obstore

        with self._explained(key) as store:
            try:
                _obstore().put(store, key, data, mode={"e_tag": version}, use_multipart=False)
            except (PreconditionError, FileNotFoundError):
                if self.version(key) == version:  # it would say no for ever
                    raise StoreError(
                        f"s3://{self.name}/{key}: {self.service} refuses to put over the version that it names itself, "
                        "so it does not do If-Match as S3 does; use another store, or fetch the dataset and work there"
                    ) from None
                return False
        return True

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone is as good."""
        with self._explained(key) as store:
            _obstore().delete(store, key)

    def client(self, prefix: str = "") -> S3Store:
        """The client that makes the requests, with keys from ``prefix`` on; one for each bucket."""
        _require_unforked()
        return _client(self.name, prefix, self.endpoint or _endpoint_of_environment(), self.retries)

    @property
    def service(self) -> str:
        """Where the bucket is, for messages."""
        return self.endpoint or _endpoint_of_environment() or "Amazon S3"

    @contextmanager
    def _explained(self, key: str) -> Iterator[S3Store]:
        """The client, and its errors in our words."""
        client, uri = self.client(), f"s3://{self.name}/{key}"
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError  # noqa: PLC0415

        try:
            yield client
        except (OSError, BaseError) as error:
            said = str(error)
            if "NoSuchBucket" in said:
                raise StoreError(
                    f"{uri}: {self.service} has no bucket {self.name!r}; make it, or correct the name"
                ) from error
            if isinstance(error, FileNotFoundError):
                raise FileNotFoundError(errno.ENOENT, "no such object", uri) from error
            if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or "credential" in said.lower():
                raise StoreError(
                    f"{uri}: {self.service} refuses access ({_first_line(said)}); set AWS_ACCESS_KEY_ID, "
                    "AWS_SECRET_ACCESS_KEY and AWS_REGION to those of somebody who may use the bucket"
                ) from error
            raise StoreError(
                f"{uri}: {self.service} did not do as asked ({_first_line(said)}); check AWS_ENDPOINT_URL and the "
                "network and run the same command again: what was committed is kept"
            ) from error


@cache
def _client(bucket: str, prefix: str, endpoint: str | None, retries: int) -> S3Store:
    _obstore()
    from obstore.store import S3Store  # noqa: PLC0415  # see _obstore

    config: S3Config = {"disable_bulk_delete": True}  # one by one is what every store knows, and all we ask
    if endpoint:  # where it is not named it is Amazon's; None is refused
        config["endpoint"] = endpoint
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,
        client_options={"allow_http": (endpoint or "").startswith("http://"), "connect_timeout": "5s"},
        retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=_RETRY_S)},
    )


def _endpoint_of_environment() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT")


def _require_unforked() -> None:
    if _first_used_in() != os.getpid():
        raise StoreError(
            "a bucket was read before this process was forked, and cannot be read in it: start workers with 'spawn' "
            "(DataLoader: multiprocessing_context='spawn'), or run scanyard fetch and read the folder"
        )


@cache
def _first_used_in() -> int:
    """The process that made the first request; a fork inherits the answer."""
    return os.getpid()


def _obstore() -> Any:
    try:
        import obstore  # noqa: PLC0415  # an extra: most datasets lie in folders
    except ImportError as error:
        raise EnvironmentFault("s3:// needs the package obstore: pip install 'scanyard[s3]'") from error
    return obstore


def _first_line(said: str) -> str:
    line = said.strip().splitlines()[0] if said.strip() else "no reason given"
    return line.removeprefix("Generic S3 error: ")
