"""Start the embedded server: ``python -m scanyard.carla_server -carla-rpc-port=2000 --map suburb``.

Takes the reference server's flags, so that whoever starts one can start the other.  Those that choose a window or a
graphics card are accepted and ignored.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from scanyard.carla_server.server import Server
from scanyard.carla_server.world.maps import Maps
from scanyard.errors import ScanyardError

logger = logging.getLogger(__name__)

OUR_MAPS = Path(__file__).resolve().parents[3] / "scenarios" / "maps"
PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a server until SIGTERM or SIGINT; returns the exit code, 2 where it could not start."""
    options, ignored = _parser().parse_known_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.INFO, format="%(levelname)s %(message)s")
    unknown = [flag for flag in ignored if not flag.startswith("-") or flag.startswith("--")]
    if unknown:
        return _complain(f"{' '.join(unknown)}: not a flag of this server; --help lists them")
    if ignored:
        logger.info("ignored, as they concern a window or a graphics card: %s", " ".join(ignored))
    if options.die_with_parent:
        _die_with_parent()
    maps = Maps([Path(folder) for folder in options.maps] or [OUR_MAPS])
    first_map = options.map or next(iter(maps.names()), "")
    if not first_map:
        return _complain(
            f"no .xodr map in {', '.join(options.maps) or OUR_MAPS}; name a folder that has some: --maps DIR"
        )
    return _serve(options, maps, first_map)


def _serve(options: argparse.Namespace, maps: Maps, first_map: str) -> int:
    # Blocked here, so that the wait below receives them; a thread that OpenBLAS started earlier may receive them too.
    asked_to_stop = threading.Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: asked_to_stop.set())
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    rpc_port = options.carla_rpc_port
    streaming_port = rpc_port + 1 if options.carla_streaming_port is None else options.carla_streaming_port
    try:
        server = Server(
            maps, host=options.host, rpc_port=rpc_port, streaming_port=streaming_port, assets=options.assets
        )
    except (OSError, OverflowError) as error:
        return _complain(
            f"cannot listen on {options.host}, ports {rpc_port} (calls) and {streaming_port} (streams): {error}; "
            "stop whoever holds them, or choose others with -carla-rpc-port=N"
        )
    server.start(first_map)
    try:
        announced = False
        while server.failure is None:
            if server.ready.is_set() and not announced:
                announced = True
                ports = f"port {server.rpc_port}, streams on {server.streaming_port}"
                print(f"ready: {first_map} on {options.host} {ports}", flush=True)  # noqa: T201 - what a launcher waits for
            waited = signal.sigtimedwait(STOP_SIGNALS, 1.0 if announced else 0.02)
            if waited is not None or asked_to_stop.is_set():
                return 0
        if isinstance(server.failure, ScanyardError):
            return _complain(str(server.failure))
        logger.error("the simulation failed", exc_info=server.failure)
        return 1
    finally:
        server.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scanyard.carla_server",
        description="A CARLA 0.9.16 server that needs no GPU: sensors are ray-cast on the processor.",
        epilog="example: python -m scanyard.carla_server -carla-rpc-port=2000 --map 'suburb?style=17&parked=0.6'",
        allow_abbrev=False,
    )
    parser.add_argument("-carla-rpc-port", type=int, default=2000, metavar="N", help="port for calls (2000; 0 = free)")
    parser.add_argument("-carla-streaming-port", type=int, metavar="N", help="port for streams (calls + 1; 0 = free)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--map", default="", metavar="NAME", help="map to load first, such as 'suburb?style=17&parked=0.6'"
    )
    parser.add_argument(
        "--maps", action="append", default=[], metavar="DIR", help="folder of .xodr maps; may be repeated"
    )
    parser.add_argument(
        "--assets", type=Path, metavar="DIR", help="folder of meshes (.glb, .gltf, .obj), each with a sidecar (.yaml)"
    )
    parser.add_argument(
        "--die-with-parent", action="store_true", help="be killed when the thread that started this ends"
    )
    parser.add_argument("--verbose", action="store_true", help="log every connection")
    return parser


def _die_with_parent() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        logger.warning("--die-with-parent: the system refused (errno %d)", ctypes.get_errno())


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)  # noqa: T201 - this is the front door of a program
    return 2


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # threads may be inside Open3D, where the interpreter's own end would wait or crash
