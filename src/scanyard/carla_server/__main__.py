"""Start the embedded server: ``python -m scanyard.carla_server -carla-rpc-port=2000 --map suburb``.

Takes the reference server's flags, so that whoever starts one can start the other.  Those that choose a window or a
graphics card are accepted, named in the log, and ignored; so is every other flag with one dash, as Unreal takes
hundreds.  A word beginning with ``/Game/`` is the map to load, as it is there.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from scanyard.carla_server.server import Server
from scanyard.carla_server.world.maps import Maps
from scanyard.errors import ScanyardError

logger = logging.getLogger(__name__)

OUR_MAPS = Path(__file__).resolve().parents[1] / "maps"
PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
OF_A_WINDOW = (
    "-renderoffscreen", "-quality-level", "-windowed", "-fullscreen", "-resx", "-resy", "-opengl", "-vulkan",
    "-nosound", "-prefernvidia", "-graphicsadapter", "-benchmark", "-fps", "-notexturestreaming", "-nullrhi", "--ros2",
)  # fmt: skip
"""What those who start the reference server are used to say, and what needs no saying here."""

Welcome = Callable[[str, int, str], str]
"""What to print once the server is ready, for a host, a port and a map."""


def main(arguments: Sequence[str] | None = None, *, welcome: Welcome | None = None) -> int:
    """Run a server until SIGTERM or SIGINT; returns the exit code, 2 where it could not start."""
    options, others = _parser().parse_known_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO, format="%(levelname)s %(message)s", force=True
    )
    places = [word for word in others if word.startswith("/Game/")]
    ignored = [flag for flag in others if flag.lower().split("=")[0] in OF_A_WINDOW]
    strange = [flag for flag in others if flag not in ignored and flag not in places]
    unknown = [flag for flag in strange if not flag.startswith("-") or flag.startswith("--")]
    if unknown:
        return _complain(f"{' '.join(unknown)}: not a flag of this server; --help lists them")
    if ignored:
        logger.info("ignored, as they concern a window, a graphics card or ROS: %s", " ".join(ignored))
    if strange:
        logger.warning("unknown, and ignored: %s", " ".join(strange))
    if options.die_with_parent is not None and not _die_with_parent(options.die_with_parent):
        return _complain(f"--die-with-parent: {options.die_with_parent}, who started this, is gone already")
    maps = Maps([Path(folder) for folder in options.maps] or [OUR_MAPS], stand_ins=options.stand_in_towns)
    if options.stand_in_towns:
        logger.info("towns of ours answer to the names %s, and these with _Opt", ", ".join(maps.stand_in_names()))
    first_map = options.map or next(iter(places), "") or maps.default()
    if not first_map:
        return _complain(
            f"no .xodr map in {', '.join(options.maps) or OUR_MAPS}; name a folder that has some: --maps DIR"
        )
    return _serve(options, maps, first_map, welcome)


def leave(code: int) -> NoReturn:
    """End the process at once: threads may be in native code, where the interpreter's own end would wait or crash."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _serve(options: argparse.Namespace, maps: Maps, first_map: str, welcome: Welcome | None) -> int:
    # Blocked here, so that the wait below receives them; a thread that OpenBLAS started earlier may receive them too.
    asked_to_stop = threading.Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: asked_to_stop.set())
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    rpc_port = options.carla_rpc_port
    streaming_port = rpc_port + 1 if options.carla_streaming_port is None else options.carla_streaming_port
    try:
        server = Server(
            maps,
            host=options.host,
            rpc_port=rpc_port,
            streaming_port=streaming_port,
            assets=options.assets,
            recordings=options.recordings,
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
                # What a launcher waits for, or what a person reads.
                ready = f"ready: {first_map} on {options.host} {ports}"
                print(welcome(options.host, server.rpc_port, first_map) if welcome else ready, flush=True)  # noqa: T201
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
        "--stand-in-towns", action="store_true", help="let maps of ours answer to the names of CARLA's towns"
    )
    parser.add_argument(
        "--assets", type=Path, metavar="DIR", help="folder of meshes (.glb, .gltf, .obj), each with a sidecar (.yaml)"
    )
    parser.add_argument(
        "--recordings", type=Path, metavar="DIR", help="folder of recordings (scanyard/recordings in $XDG_STATE_HOME)"
    )
    parser.add_argument(
        "--die-with-parent",
        type=int,
        nargs="?",
        const=0,
        metavar="PID",
        help="be killed when the thread that started this ends; PID is its process, which may end before we can see it",
    )
    parser.add_argument("--verbose", action="store_true", help="log every connection")
    return parser


def _die_with_parent(parent: int) -> bool:
    """Ask to be killed when whoever started this ends; False when that has happened: no signal comes for the past."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        logger.warning("--die-with-parent: the system refused (errno %d)", ctypes.get_errno())
    return parent in (0, os.getppid())


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)  # noqa: T201 - this is the front door of a program
    return 2


if __name__ == "__main__":
    leave(main())
