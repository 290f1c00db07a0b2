"""Removing a container by its id: it outlives the program that started it when that is killed."""

from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

from scanyard.fleet.process_group import MARK as GROUP_MARK
from scanyard.ray_guard import MARK as RAY_MARK

logger = logging.getLogger(__name__)

REMOVAL_S = 60.0


def start_removal(program: str, cid: Path) -> subprocess.Popen[bytes] | None:
    """Have the container removed whose id ``PROGRAM run --cidfile`` wrote; ``None`` if it did not come so far.

    Who removes it belongs to nobody's group: those who end what a killed worker left would end it as well.
    """
    container = cid.read_text(encoding="ascii").strip() if cid.exists() else ""
    if not container:
        return None
    unmarked = {name: value for name, value in os.environ.items() if name not in (GROUP_MARK, RAY_MARK)}
    return subprocess.Popen(
        [program, "rm", "--force", container],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=unmarked,
    )  # fmt: skip


def remove_container(program: str, cid: Path) -> None:
    """Remove it, and wait until it is gone; one that was gone is as good."""
    removal = start_removal(program, cid)
    if removal is None:
        return
    try:
        if removal.wait(REMOVAL_S):
            logger.info("%s rm ended with code %d: the container was gone already", program, removal.returncode)
    except subprocess.TimeoutExpired:
        logger.warning("the container of %s was not removed within %.0f s", cid, REMOVAL_S)
