"""What lies in a folder whose name can be guessed is trusted only where nobody else could have put it there."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest

from scanyard.errors import EnvironmentFault
from scanyard.fleet.graphics import AdapterLease
from scanyard.fleet.ports import FIRST_PORT, PORTS_PER_SERVER, PortLease, lease_folder
from scanyard.fleet.process_group import GroupName
from scanyard.fleet.scratch import scratch_folder
from scanyard.fleet.settings import Settings

NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="gives files to another user, which root alone may")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's folder will be; it is not there yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"scanyard-{os.getuid()}"


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077])
def test_nobody_else_may_write_where_leases_and_logs_lie(place: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        PortLease.take().release()
        AdapterLease.take([0], 1).release()
    finally:
        os.umask(before)
    assert Path(Settings("", "").logs).parent == place
    made = [place, *place.rglob("*")]
    assert len(made) == 5
    assert all(one.stat().st_mode & 0o077 == 0 for one in made)


def use_all(place: Path) -> None:
    """Each of those who use the folder refuses it, with the same words."""
    for use in (PortLease.take, lambda: AdapterLease.take([0], 1), lambda: Settings("", "")):
        with pytest.raises(EnvironmentFault, match=r"remove .*, or set TMPDIR to a folder of your own") as caught:
            use()
        assert str(place) in str(caught.value)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_in_which_others_may_write_is_refused(place: Path, mode: int) -> None:
    place.mkdir()
    place.chmod(mode)
    use_all(place)


def test_a_link_in_its_place_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    use_all(place)


@as_root
def test_a_folder_that_another_made_is_refused(place: Path) -> None:
    place.mkdir(mode=0o755)
    os.chown(place, NOBODY, NOBODY)
    use_all(place)


def test_the_folder_of_leases_is_looked_at_as_well(place: Path) -> None:
    lease_folder().mkdir()
    lease_folder().chmod(0o777)
    with pytest.raises(EnvironmentFault, match="others may write in it"):
        PortLease.take()
    assert scratch_folder() == place


def test_a_link_in_place_of_a_lease_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("thesis")
    folder = tmp_path / "leases"
    folder.mkdir(mode=0o700)
    (folder / f"{FIRST_PORT}.lease").symlink_to(precious)
    lease = PortLease.take(folder)
    assert lease.port > FIRST_PORT
    lease.release()
    assert precious.read_text() == "thesis"


@as_root
def test_a_group_that_another_s_lease_names_is_let_be(tmp_path: Path) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    note = json.dumps(asdict(GroupName.of_leader(sleeper.pid)))
    folder = tmp_path / "leases"
    folder.mkdir(mode=0o700)
    for number in range(3):
        lease = folder / f"{FIRST_PORT + number * PORTS_PER_SERVER}.lease"
        lease.write_text(note)
        os.chown(lease, NOBODY, NOBODY)
    PortLease.take(folder).release()
    assert sleeper.poll() is None
    sleeper.send_signal(signal.SIGKILL)
    sleeper.wait()
