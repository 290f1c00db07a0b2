"""``scanyard doctor``: what this machine lacks, and the line that mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    folder: Annotated[Path, typer.Argument(help="Where datasets are going to be written.")] = Path(),
) -> None:
    """Check Python, libraries, ray casting, disk, ports and the store; say the fix for each finding.

    Example: scanyard doctor
    """
    from scanyard.doctor import examine

    checks = examine(folder)
    for check in checks:
        mark = "ok  " if check.ok else ("FAIL" if check.required else "warn")
        print(f"{mark}  {check.name}: {check.found}{'; fix: ' + check.fix if check.fix and not check.ok else ''}")
    casting = [check for check in checks if check.name in ("packets", "open3d")]
    if not any(check.ok for check in casting):
        print("FAIL  ray casting: neither backend works; the embedded server cannot see")
    if any(not check.ok and check.required for check in checks) or not any(check.ok for check in casting):
        raise typer.Exit(2)
