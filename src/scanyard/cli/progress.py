"""Progress for anything over two seconds: a bar with time left at a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Advance = Callable[[float, float, str], None]
"""Called with what is done, what there is to do, and a note."""
LINE_EVERY_S = 10.0


@contextlib.contextmanager
def progress(title: str) -> Iterator[Advance]:
    """A progress bar titled ``title``; where stderr is no terminal, a line every ten seconds."""
    if not sys.stderr.isatty():
        yield _lines(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as bar:
        task = bar.add_task(title, total=1.0, note="")

        def advance(done: float, total: float, note: str) -> None:
            bar.update(task, completed=done, total=max(total, 1e-9), note=note)

        yield advance


def _lines(title: str) -> Advance:
    started = last = time.monotonic()

    def advance(done: float, total: float, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_EVERY_S and done < total:
            return
        last = now
        left = (now - started) / done * (total - done) if done else None
        remaining = "" if left is None else f", {left:.0f} s left"
        print(f"{title}: {done:.0f}/{total:.0f}{remaining}{', ' + note if note else ''}", file=sys.stderr, flush=True)

    return advance
