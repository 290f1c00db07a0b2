"""The front door at a terminal: ``scanyard COMMAND``.

Commands are thin: they read arguments, call the rooms, show progress and print.  Rooms are imported inside the
commands, so that ``scanyard --help`` answers at once.  This is the only package that prints or configures logging, and
the only place where an error becomes an exit code: 2 for anything scanyard raises on purpose, 130 for Ctrl-C.
"""


def main() -> None:
    """Run the command line."""
    from scanyard.cli.app import run

    run()
