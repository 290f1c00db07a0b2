"""What is known of the CARLA versions this driver speaks to, and the handshake that lets no other in.

Client and server must be of one version: a mismatch only warns in CARLA, and then decodes one version's bytes by the
other's layout.  Facts are from CARLA's release notes and issue threads; only our own server, which says it is 0.9.16,
was ever connected to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scanyard.errors import ServerError


@dataclass(frozen=True)
class Quirks:
    """What one version does that the driver or whoever runs the server has to make up for."""

    walkers_need_collisions: bool = False
    """Walkers stay invisible to LiDARs until their collisions are switched on."""
    scenes_per_server: int = 100
    """Worlds loaded before the server is replaced: it was seen to die of signal 11 within about 127 loads (#3197)."""
    sensors_per_server: int = 1000
    """Sensors spawned before it is replaced: it was seen to die after 1,500 to 3,000 (#7987)."""


QUIRKS = {
    "0.9.14": Quirks(),
    "0.9.15": Quirks(walkers_need_collisions=True),
    "0.9.16": Quirks(),
}
"""By version.  Before 0.9.14 semantic tags are numbered differently; in 0.10 walkers and trucks are not hit (#9014)."""


def quirks_of(version: str) -> Quirks | None:
    """The quirks of ``version``, also of a build of one's own such as ``0.9.15-12-gabc``; None where it is unknown."""
    released = re.match(r"\d+\.\d+\.\d+", version)
    return QUIRKS.get(released.group()) if released else None


def shake_hands(address: str, server: str, client: str) -> Quirks:
    """The quirks of the server's version; ServerError where it is not the client's, or not one we know."""
    if server != client:
        raise ServerError(
            f"{address} speaks CARLA {server}, this client {client}; the two must be the same version: "
            f"pip install carla=={server}, or start a server of {client}",
            name="version_mismatch",
        )
    quirks = quirks_of(server)
    if quirks is None:
        raise ServerError(
            f"{address} speaks CARLA {server}; expected one of {', '.join(QUIRKS)}, whose tags and layouts are known",
            name="version_mismatch",
        )
    return quirks
