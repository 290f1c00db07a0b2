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
        Outcome(CALLED.get(name, name), part["trials"], part["failures"], part["notes"])
        for name, part in said.items()
        if isinstance(part, dict)
    ]


def server_faults(n: int, seed: int, on_progress: OnProgress) -> list[Outcome]:
    """``tools/server_faults``: every known fault under a supervisor alone, and with ``n`` = 2 once more under Ray."""
    del seed
    outcomes = []
    for name, options in (("server that fails in a known way", []), ("the same under Ray", ["--ray"]))[:n]:
        said = _run(TOOLS / "faulty_servers" / "matrix.py", options, on_progress)
        if isinstance(said, str):
            outcomes.append(Outcome(name, 0, 0, [said]))
            continue
        figures = {key: said[key] for key in ("kinds", "recovery_median_s", "recovery_worst_s")}
        notes = [f"{row['kind']}: {row['names_found']} {row['left']}" for row in said["details"] if not row["is_good"]]
        outcomes.append(Outcome(name, said["rows"], said["rows"] - said["good"], notes, figures))
    return outcomes


def _run(program: Path, options: Sequence[str], on_progress: OnProgress) -> dict[str, Any] | str:
    """What a tool says in its last line, or why there is nothing."""
    if not program.is_file():
        return f"not tried: {program.relative_to(TOOLS.parent)} is not here"
    line = ""
    with subprocess.Popen([sys.executable, program, *options], stdout=subprocess.PIPE, text=True) as tool:
        assert tool.stdout is not None
        try:
            for line in tool.stdout:  # the last one is what we want
                on_progress(0, line.strip()[:100])
        except BaseException:
            tool.terminate()
            raise
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        raise RuntimeError(f"{program} ended with {tool.returncode} and {line!r}; expected a line of JSON") from None
    return said
