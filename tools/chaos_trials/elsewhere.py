"""Trials that have tools of their own: of the store, and of servers that fail in every known way.

They are run as programs, a tenth of them or all, and speak in their last line; where a tool is missing, its trials are
not made, which is said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from outcome import OnProgress, Outcome

TOOLS = Path(__file__).resolve().parents[1]
TENTHS = 10
"""Of the trials of the store: what ``n`` counts."""
CALLED = {
    "killed": "SIGKILL of a writer at every point of a commit",
    "power_cuts": "power cut at every moment of a commit",
    "rivals": "eight writers of one sequence",
    "late_writers": "writer that comes back late",
    "damage": "file of a dataset damaged",
    "full_disk": "writer on a full disk",
}


def store_trials(n: int, seed: int, on_progress: OnProgress) -> list[Outcome]:
    """``tools/chaos_store``: whole, or a tenth."""
    program = TOOLS / "store_trials" / "chaos_store.py"
    options = ["--seed", str(seed), *["--quick"] * (n < TENTHS)]
    said = _run(program, options, on_progress)
    if isinstance(said, str):
        return [Outcome("the store, broken on purpose", 0, 0, [said])]
    return [
        Outcome(CALLED.get(name, name), part["trials"], part["failures"])
        for name, part in said.items()
        if isinstance(part, dict)
    ]


def server_faults(n: int, seed: int, on_progress: OnProgress) -> list[Outcome]:
    """``tools/server_faults``: every known fault once; ``n`` and the seed change nothing."""
    del n, seed
    said = _run(TOOLS / "faulty_servers" / "matrix.py", [], on_progress)
    if isinstance(said, str):
        return [Outcome("server that fails in a known way", 0, 0, [said])]
    figures = {name: said[name] for name in ("kinds", "recovery_median_s", "recovery_worst_s")}
    return [Outcome("server that fails in a known way", said["rows"], said["rows"] - said["good"], (), figures)]


def _run(program: Path, options: Sequence[str], on_progress: OnProgress) -> dict[str, Any] | str:
    """What a tool says in its last line, or why there is nothing."""
    if not program.is_file():
        return f"not tried: {program.relative_to(TOOLS.parent)} is not here"
    line = ""
    with subprocess.Popen([sys.executable, program, *options], stdout=subprocess.PIPE, text=True) as tool:
        assert tool.stdout is not None
        for line in tool.stdout:  # the last one is what we want
            on_progress(0, line.strip()[:100])
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        raise RuntimeError(f"{program} ended with {tool.returncode} and {line!r}; expected a line of JSON") from None
    return said
