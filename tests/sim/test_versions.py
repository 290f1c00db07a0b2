"""Only servers of the client's own version, and of a version we know, are spoken to."""

import pytest

from scanyard.errors import ServerError
from scanyard.sim.versions import QUIRKS, quirks_of, shake_hands


@pytest.mark.parametrize("version", QUIRKS)
def test_equal_and_known_versions_shake_hands(version: str) -> None:
    assert shake_hands("here:2000", version, version) is QUIRKS[version]


def test_a_build_of_one_s_own_has_the_quirks_of_its_release() -> None:
    assert quirks_of("0.9.15-12-gabcdef") is QUIRKS["0.9.15"]
    assert QUIRKS["0.9.15"].walkers_need_collisions


def test_another_version_than_the_client_s_is_refused_and_said_what_to_install() -> None:
    with pytest.raises(ServerError, match=r"pip install carla==0.9.15") as caught:
        shake_hands("here:2000", "0.9.15", "0.9.16")
    assert caught.value.name == "version_mismatch"


@pytest.mark.parametrize("version", ["0.9.13", "0.10.0", "dev"])
def test_a_version_nobody_knows_is_refused(version: str) -> None:
    with pytest.raises(ServerError, match=r"expected one of 0.9.14, 0.9.15, 0.9.16"):
        shake_hands("here:2000", version, version)
