"""An S3 server on loopback for the tests: localbucket, and the faults that stores and networks have."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from itertools import count
from pathlib import Path

from localbucket import S3Error, S3Handler

from scanyard.store.bucket import Bucket
from scanyard.store.place import BucketPath

NAME = "lab"


class Server:
    """A running server; ``files`` is the folder in which objects of the bucket ``lab`` lie as plain files."""

    def __init__(self, folder: Path, url: str) -> None:
        self.files = folder / NAME
        self.url = url
        self.puts_left: int | None = None
        """How many puts are let through before all are refused."""
        self.unavailable_every = 0
        """Each so-manieth request is answered with 503."""
        self.cut_every = 0
        """Each so-manieth answer with a long body breaks off in its middle."""
        self.spoils_puts = False
        self.before_put: Callable[[str], None] = lambda _key: None
        """Called with the key before each put is done, in the thread that answers it."""
        self.ignores = ""
        """A header that it does not know."""
        self.matches = True
        """Whether a version that is named can ever be the right one."""
        self.writing = threading.Lock()
        self.numbers = count(1)

    def at(self, prefix: str = "d") -> BucketPath:
        return BucketPath(Bucket(NAME, self.url), prefix)

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.files)): path.read_bytes() for path in self.files.rglob("*") if path.is_file()
        }


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    (folder / NAME).mkdir(parents=True)

    class Handler(S3Handler):
        data_root = folder
        disable_nagle_algorithm = True  # which waits 40 ms for an answer to each half of an answer

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # a client that is done may hang up
                super().handle()

        def _dispatch(self, action: object) -> None:
            if server.unavailable_every and next(server.numbers) % server.unavailable_every == 0:
                self._read_body()
                self._send_error(S3Error(HTTPStatus.SERVICE_UNAVAILABLE, "SlowDown", "reduce your request rate"))
                return
            super()._dispatch(action)

        def _put(self, bucket: str, key: str) -> None:
            if server.puts_left is not None:
                server.puts_left -= 1
                if server.puts_left < 0:
                    self._read_body()
                    raise S3Error(HTTPStatus.FORBIDDEN, "AccessDenied", "no more puts")
            server.before_put(key)
            super()._put(bucket, key)
            if server.spoils_puts and key.endswith("/c.0.0"):
                path = server.files / key
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 1
                path.write_bytes(data)

        def _write_object(self, bucket: str, key: str, write: object) -> str:
            del self.headers[server.ignores]
            wanted = self.headers.get("If-Match")  # which S3 keeps to since 2024, and localbucket does not know
            with server.writing:
                if wanted is None:
                    return str(super()._write_object(bucket, key, write))
                path = server.files / key
                if not path.is_file():
                    raise S3Error(HTTPStatus.NOT_FOUND, "NoSuchKey", "no object to compare with")
                if not server.matches or wanted.strip('"') != hashlib.md5(path.read_bytes()).hexdigest():
                    raise self._precondition_failed_error()
                return str(super()._write_object(bucket, key, write))

        def _send_file(self, status, file, start, length, *rest) -> None:  # type: ignore[no-untyped-def]
            headers, include_body = rest
            long = include_body and length > 100
            if long and server.cut_every and next(server.numbers) % server.cut_every == 0:
                self._send_headers(status, length, headers)
                file.seek(start)
                self.wfile.write(file.read(length // 2))
                self.close_connection = True
            else:
                super()._send_file(status, file, start, length, *rest)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Server(folder, f"http://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
