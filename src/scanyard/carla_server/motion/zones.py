"""Boxes inside which tyres grip differently: CARLA's ``static.trigger.friction``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.chassis import friction_of
from scanyard.carla_server.motion.columns import Columns
from scanyard.carla_server.motion.table import Table
from scanyard.carla_server.protocol.poses import Floats, matrices


class FrictionZones(Columns):
    """Z zones in the order of spawning."""

    BLANK: ClassVar[Mapping[str, NDArray[Any]]] = {
        "actor": np.array(0, np.uint32),
        "extent": np.zeros(3),
        "friction": np.array(0.0),
    }
    actor: NDArray[np.uint32]
    """(Z,) the actor each zone is; it is where that is."""
    extent: Floats
    """(Z, 3) half sizes, m."""
    friction: Floats
    """(Z,) tyre friction inside."""

    def at(self, table: Table, places: Floats, otherwise: Floats) -> Floats:
        """(V, 2) coefficient of friction of vehicles at ``places`` (V, 3), ``otherwise`` (V, 2) outside all zones.

        Where zones overlap, the last one spawned counts.
        """
        found = otherwise
        world_from_zone = matrices(table.pose[np.searchsorted(table.ids, self.actor)])
        for zone in range(len(self)):
            offset = (places - world_from_zone[zone, :3, 3]) @ world_from_zone[zone, :3, :3]
            inside = (np.abs(offset) <= self.extent[zone]).all(axis=1)
            found = np.where(inside[:, None], friction_of(self.friction[zone]), found)
        return found
