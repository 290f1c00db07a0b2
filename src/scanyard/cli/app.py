"""The command tree, and what becomes of errors."""

from __future__ import annotations

import errno
import logging
import signal
import sys
from typing import Annotated

import typer

from scanyard import __version__
from scanyard.cli import (
    bucket,
    compare,
    data,
    demo,
    doctor,
    exchange,
    generate,
    order,
    results,
    robustness,
    scenarios,
    serve,
    upkeep,
)  # fmt: skip
from scanyard.errors import ScanyardError

app = typer.Typer(
    name="scanyard",
    help="Does synthetic LiDAR data make your detector better on real roads, by how much, and how sure are we?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help, in a third of the time
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(scenarios.app, name="scenario")
app.add_typer(data.import_app, name="import")
app.add_typer(data.export_app, name="export")
data.export_app.command("detections")(results.export_detections)
data.import_app.command("dataset")(exchange.import_dataset)
data.export_app.command("dataset")(exchange.export_dataset)
app.command("doctor")(doctor.doctor)
app.command("simulate")(generate.simulate)
app.command("serve")(serve.serve)
app.command("verify")(data.verify)
app.command("publish")(bucket.publish)
app.command("fetch")(bucket.fetch)
app.command("card")(exchange.write_card)
app.command("seal")(upkeep.seal)
app.command("gc")(upkeep.gc)
app.command("diff")(upkeep.diff)
app.command("migrate")(upkeep.migrate)
app.command("train")(compare.train)
app.command("detect")(compare.detect)
app.command("evaluate")(results.evaluate)
app.command("compare")(order.compare)
app.command("corrupt")(robustness.corrupt)
app.command("robustness")(robustness.robustness)
app.command("experiment")(compare.experiment)
app.command("leaderboard")(compare.leaderboard)
app.command("demo")(demo.demo)


INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM, as shells have it: 128 and the number of SIGINT."""


_TOLD = (
    errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
    errno.ENAMETOOLONG, errno.EPERM, errno.EFBIG, errno.EIO, errno.ESTALE, errno.ETIMEDOUT,
)  # fmt: skip
"""What the file system may answer that is the place's fault, not ours: one line instead of a traceback."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"scanyard {__version__}")
        raise typer.Exit


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more about what is going on.")] = False,
    version: Annotated[  # noqa: ARG001  # handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Configure logging for whatever command follows."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def run() -> None:
    """Run the command line; every expected error is one line on stderr and exit code 2."""
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: shells make background jobs ignore it
        signal.signal(number, _interrupt)
    try:
        app()
    except ScanyardError as error:
        _fail(str(error), 2)
    except OSError as error:
        if error.errno not in _TOLD:
            raise
        _fail(f"{error.filename or 'file system'}: {error.strerror}", 2)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("scanyard: what was sealed or finished is kept; run the same command to go on", file=sys.stderr)
        raise


def _interrupt(*_: object) -> None:
    """Leave by way of an exception, so that servers and workers are ended on the way out.

    KeyboardInterrupt and no other: it is what Ray's native code passes on, and typer makes exit code 130 of it.
    """
    raise KeyboardInterrupt


def _fail(message: str, code: int) -> None:
    print(f"scanyard: {message}", file=sys.stderr)
    sys.exit(code)
