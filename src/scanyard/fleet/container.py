"""Removing a container by its id: it outlives the program that started it when that is killed."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

logger = logging.getLogger(__name__)

REMOVAL_S = 60.0


def remove_container(program: str, cid: Path) -> None:
    """Remove the container whose id ``PROGRAM run --cidfile`` wrote, if it came so far; one that is gone is as good."""
    container = cid.read_text(encoding="ascii").strip() if cid.exists() else ""
    if not container:
        return
    try:
        removed = subprocess.run(
            [program, "rm", "--force", container], capture_output=True, check=False, timeout=REMOVAL_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("container %s may live on: %s", container, error)
        return
    if removed.returncode:
        logger.info("container already gone: %s", removed.stderr.decode(errors="replace").strip())
