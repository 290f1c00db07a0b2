"""The vehicles of an episode: what drivers want, how each is built, how it stands.

Controls are latched: they hold until others come, unless the blueprint says ``sticky_control`` false, and then for one
frame.  What a stranger would get wrong: controls arrive one by one between two frames, a hundred at a time, so they are
kept aside and written into the arrays together; those of one batch are written at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion import ackermann
from scanyard.carla_server.motion.chassis import CHASSIS
from scanyard.carla_server.motion.columns import Columns
from scanyard.carla_server.motion.fleet import Fleet
from scanyard.carla_server.motion.table import Bools, Rows
from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.physics import AckermannControllerSettings
from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.protocol.wire import VehicleAckermannControl, VehicleControl

TOLD = np.dtype(
    {
        "names": [
            "throttle", "steer", "brake", "hand_brake", "reverse", "manual_gear_shift", "gear", "speed_limit",
            "light_state", "at_light", "light_id", "failure_state",
        ],
        "formats": ["<f4", "<f4", "<f4", "?", "?", "?", "<i4", "<f4", "u1", "?", "<u4", "u1"],
        "offsets": [0, 4, 8, 12, 13, 14, 15, 19, 23, 24, 25, 29],
        "itemsize": 54,
    }
)  # fmt: skip
"""A vehicle's part of a snapshot record: ``packets.VEHICLE_STATE`` as an array."""


def _blank_told() -> NDArray[Any]:
    told = np.zeros((), TOLD)
    told["speed_limit"], told["light_state"] = 30.0, packets.GREEN
    return told


class Vehicles(Columns):
    """V vehicles in the order of spawning."""

    BLANK: ClassVar[Mapping[str, NDArray[Any]]] = {
        "rows": np.array(0, np.int64),
        "chassis": np.zeros((), CHASSIS),
        "told": _blank_told(),
        "orders": np.array(0, np.int64),
        "sticky": np.array(True),
        "friction": np.zeros(2),
        "gear": np.array(1, np.int64),
        "since_shift_s": np.array(10.0),
        "steered": np.array(0.0),
        "pressed": np.zeros(2),
        "wheel_angle": np.array(0.0),
        "grounded": np.array(False),
        "slope": np.zeros(2),
        "pull": np.array(0.0),
        "axle_load": np.zeros(2),
        "along": np.zeros(2),
        "across": np.zeros(2),
        "lean": np.array(0.0),
        "constant": np.array(False),
        "constant_velocity": np.zeros(3),
        "by_ackermann": np.array(False),
        "wants": np.zeros(len(ackermann.WANTS)),
        "gains": np.array(AckermannControllerSettings()),
        "memory": np.zeros(len(ackermann.MEMORY)),
    }
    rows: Rows
    """(V,) row in the table of all actors."""
    chassis: NDArray[Any]
    """(V,) of dtype ``CHASSIS``."""
    told: NDArray[Any]
    """(V,) of dtype ``TOLD``: the latched control, and what the snapshot says besides."""
    orders: Rows
    """(V,) how many controls each was given."""
    sticky: Bools
    friction: Floats
    """(V, 2) coefficient of the front and rear tyres where they now are."""
    gear: Rows
    """(V,) -1 reverse, 0 neutral."""
    since_shift_s: Floats
    steered: Floats
    """(V,) -1 to 1: where the steering wheel is, which follows what is wanted."""
    pressed: Floats
    """(V, 2) 0 to 1: throttle and brake, likewise."""
    wheel_angle: Floats
    """(V,) rad to the right, of the front axle."""
    grounded: Bools
    slope: Floats
    """(V, 2) rise of the ground per metre forward and right."""
    pull: Floats
    """(V,) m/s², forward acceleration in the last step."""
    axle_load: Floats
    """(V, 2) N."""
    along: Floats
    """(V, 2) N, longitudinal tyre forces of the axles."""
    across: Floats
    """(V, 2) N, lateral ones, to the right."""
    lean: Floats
    """(V,) degrees that a two-wheeler leans into its turn."""
    constant: Bools
    constant_velocity: Floats
    """(V, 3) m/s in the vehicle's frame, held where ``constant``."""
    by_ackermann: Bools
    wants: Floats
    """(V, 5) as ``ackermann.WANTS``."""
    gains: Floats
    """(V, 6) as ``ackermann.GAINS``."""
    memory: Floats
    """(V, 6) as ``ackermann.MEMORY``."""

    def __init__(self) -> None:
        super().__init__()
        self._given: dict[int, VehicleControl] = {}
        self._fleet: tuple[tuple[int, bytes], Fleet] | None = None

    def append(self, **known: Any) -> int:
        """Add a vehicle."""
        self.settle_controls()
        return super().append(**known)

    def remove(self, row: int) -> None:
        """Take a vehicle out."""
        self.settle_controls()
        super().remove(row)

    # --- what drivers want -------------------------------------------------------------------------------------------

    def control(self, index: int, control: VehicleControl) -> None:
        """Latch a control."""
        self._given[index] = control
        self.orders[index] += 1

    def control_all(self, at: Rows, controls: Floats) -> None:
        """Latch controls (M, 7), fields as in ``VehicleControl``; of two for the same vehicle ``at`` (M,) the later."""
        self.settle_controls()
        self.orders[at] += 1
        self._latch(at, controls)

    def control_ackermann(self, index: int, control: VehicleAckermannControl) -> None:
        """Let the controllers work the pedals from now on, until another control comes."""
        self.settle_controls()
        if not self.by_ackermann[index]:
            self.memory[index] = 0.0
        self.by_ackermann[index] = True
        self.wants[index] = np.nan_to_num(np.array(control), posinf=0.0, neginf=0.0)

    def settle_controls(self) -> None:
        """Write the controls that came since into the arrays."""
        if not self._given:
            return
        at = np.fromiter(self._given, np.int64, len(self._given))
        given = np.nan_to_num(np.array(list(self._given.values()), dtype=np.float64), posinf=0.0, neginf=0.0)
        self._given.clear()
        self._latch(at, given)

    def _latch(self, at: Rows, controls: Floats) -> None:
        for name, column in zip(VehicleControl._fields, controls.T, strict=True):
            self.told[name][at] = column
        self.by_ackermann[at] = False

    def work_pedals(self, speed: Floats, delta_s: float) -> None:
        """Let Ackermann controllers work; ``speed`` (V,) forward."""
        self.settle_controls()
        at = np.flatnonzero(self.by_ackermann)
        if not len(at):
            return
        found = ackermann.work_pedals(
            self.wants[at], self.gains[at], self.memory[at], speed=speed[at], pull=self.pull[at], delta_s=delta_s
        )
        most = np.maximum(self.chassis["steer"][at], 1e-3)
        self.memory[at] = found.memory
        told = self.told
        told["throttle"][at], told["brake"][at], told["reverse"][at] = found.throttle, found.brake, found.reverse
        told["steer"][at] = np.clip(found.steer_rad / most, -1.0, 1.0)
        told["hand_brake"][at], told["manual_gear_shift"][at] = False, False

    def expire_controls(self) -> None:
        """Forget controls that were given for one frame."""
        if self.sticky.all():
            return
        fleeting = ~self.sticky
        for name in ("throttle", "steer", "brake", "hand_brake", "reverse", "manual_gear_shift"):
            self.told[name][fleeting] = 0

    # --- driving -----------------------------------------------------------------------------------------------------

    def fleet_of(self, at: Rows) -> Fleet:
        """The chassis of the vehicles ``at`` (M,), kept while neither they nor their parameters change."""
        key = (self.version, at.tobytes())
        if self._fleet is None or self._fleet[0] != key:
            self._fleet = key, Fleet.of(self.chassis[at])
        return self._fleet[1]

    def rebuild(self, index: int, chassis: NDArray[Any]) -> None:
        """Give a vehicle other physics parameters, a row of dtype ``CHASSIS``."""
        self.chassis[index] = chassis
        self.friction[index] = chassis["friction"]
        self.version += 1
