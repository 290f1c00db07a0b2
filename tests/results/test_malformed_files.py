"""Damaged files of every format are refused by name and place, or still valid; the campaign that says so can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools" / "malformed"
sys.path.insert(0, str(TOOLS))
# ruff: noqa: E402  # tools are no package

import campaign
from subjects import Subject, subjects

from scanyard.errors import FormatError


@pytest.mark.slow
def test_hundreds_of_damaged_files_are_refused_or_still_valid() -> None:
    done = subprocess.run(
        [sys.executable, TOOLS / "campaign.py", "--mutations", "330", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["first_findings"] == []
    assert report["mutations"] == report["refused"] + report["still_valid"] == 330
    assert report["refused_with_place"] > 0.9 * report["refused"]
    assert done.returncode == 0


def subject(name: str, use: Callable[[Path], None]) -> Subject:
    return replace(next(one for one in subjects() if one.name == name), use=use)


def ends(one: Subject, folder: Path, numbers: range) -> set[str]:
    return {campaign.judged(3, number, folder, [one]).end for number in numbers}


def takes_anything(_: Path) -> None:
    pass


def stumbles(path: Path) -> None:
    json.loads(path.read_text())["frames"][0]["boxes"]["score"][0] + 0.5


def refuses_without_a_name(_: Path) -> None:
    raise FormatError("something is wrong")


def test_a_reader_that_takes_anything_is_found(tmp_path: Path) -> None:
    assert "accepted" in ends(subject("nuScenes JSON", takes_anything), tmp_path, range(20))


def test_an_error_that_is_not_ours_is_found(tmp_path: Path) -> None:
    assert "traceback" in ends(subject("own JSON", stumbles), tmp_path, range(20))


def test_a_refusal_that_names_no_file_is_found(tmp_path: Path) -> None:
    assert ends(subject("own JSON", refuses_without_a_name), tmp_path, range(3)) == {"nameless"}


def batch(script: str) -> str:
    """What a script says that has the campaign at hand, in a process of its own."""
    script = f"import os, pickle, sys; sys.path.insert(0, sys.argv[1]); import campaign\n{script}"
    done = subprocess.run(
        [sys.executable, "-c", script, TOOLS], capture_output=True, text=True, timeout=500, check=True
    )
    return done.stdout.strip()


def test_a_pickle_that_is_run_is_found() -> None:
    script = (
        "from dataclasses import replace\n"
        "one = next(one for one in campaign.subjects() if one.name == 'OpenPCDet pickle')\n"
        "loads = replace(one, use=lambda path: pickle.loads(path.read_bytes()) and None)\n"
        "print('ran' in {one.end for one in campaign.run_batch(3, range(120), [loads])})\n"
    )
    assert batch(script) == "True"


def test_a_process_that_dies_is_found_and_the_rest_goes_on() -> None:
    script = (
        "def dies(seed, number, *rest):\n"
        "    return os.abort() if number == 2 else campaign.Outcome(number, 's', 'h', 'valid', False, '')\n"
        "campaign.judged = dies\n"
        "print([one.end for one in campaign.run_batch(1, range(5))])\n"
    )
    assert batch(script) == "['valid', 'valid', 'died', 'valid', 'valid']"
