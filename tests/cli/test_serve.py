"""``scanyard serve``: it says how to connect, does what it says, and ends on Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scanyard.cli.serve import first_map

pytestmark = pytest.mark.slow


def test_what_it_prints_connects_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scanyard", "serve", "--port", "0", "--map", "Town07_Opt", "--stand-in-towns"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            printed = []
            while not printed or "Ctrl-C" not in printed[-1]:
                printed.append(server.stdout.readline())
                assert printed[-1], server.stderr and server.stderr.read()
            snippet = re.findall(r"(?m)^    (.*)$", "".join(printed))
            assert len(snippet) == 3
            script = "\n".join([*snippet[:2], "client.set_timeout(30.0)", snippet[2], "print(world.get_map().name)"])
            done = subprocess.run(
                [sys.executable, "-c", script], capture_output=True, text=True, timeout=60.0, check=False,
                env={**os.environ, "CARLA_CACHE_DIR": str(tmp_path)},
            )  # fmt: skip
            assert done.stdout == "Town07_Opt\n", done.stderr
            server.send_signal(signal.SIGINT)
            _, log = server.communicate(timeout=20.0)
            assert server.returncode == 0
            assert "our town village stands in for it" in log
        finally:
            server.kill()


def test_without_a_wish_a_town_of_ours_is_loaded_and_with_folders_theirs() -> None:
    assert first_map(None, False) == "downtown"
    assert first_map([Path("mine")], False) == ""
    assert first_map(None, True) == ""
